//! `/api/openstack-tenants/`: tenants as recorded. No cloud is asked.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde_json::Value;
use utoipa::IntoParams;
use uuid::Uuid;

use super::Api;
use super::auth::Caller;
use super::filter::{TenantQuery, wanted};
use super::links::Links;
use super::paging::{Page, PageQuery};
use super::path::Path;
use super::query::Query;
use super::refusal::{Detail, Refusal};
use super::view::{TenantView, sparse};
use crate::store::directory::{Entry, Part};

/// Which fields of an object.
#[expect(dead_code, reason = "the document is made from it; the query is read by `sparse`")]
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FieldQuery {
    /// Only these fields; unknown ones are passed over.
    field: Option<Vec<String>>,
}

/// Tenants
#[utoipa::path(
    get,
    path = "/api/openstack-tenants/",
    operation_id = "openstack_tenants_list",
    tag = "openstack-tenants",
    params(TenantQuery, FieldQuery, PageQuery),
    responses(
        (status = 200, body = [TenantView], headers(
            ("X-Result-Count" = i64, description = "How many there are on all pages"),
            ("Link" = String, description = "The other pages")
        )),
        (status = 400, description = "A filter makes no sense", body = Value),
        (status = 404, description = "There is no such page", body = Detail)
    )
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    links: Links,
    query: Query,
) -> Result<Response, Refusal> {
    let page = Page::of(&query)?;
    let part = entries(&api, &caller, &query, page).await?;
    let live = api.view.context.live();
    let show = |entry| sparse(&TenantView::of(entry, &links, &live), &query);
    page.show(&part.items.into_iter().map(show).collect::<Vec<_>>(), part.total, &links)
}

/// A tenant
#[utoipa::path(
    get,
    path = "/api/openstack-tenants/{uuid}/",
    operation_id = "openstack_tenants_retrieve",
    tag = "openstack-tenants",
    params(("uuid" = Uuid, Path, description = "The tenant"), FieldQuery),
    responses(
        (status = 200, body = TenantView),
        (status = 400, description = "The query makes no sense", body = Value),
        (status = 404, body = Detail)
    )
)]
pub(super) async fn retrieve(
    State(api): State<Arc<Api>>,
    Path(uuid): Path<String>,
    links: Links,
    query: Query,
) -> Result<Json<Value>, Refusal> {
    let entry = entry(&api, &uuid).await?;
    Ok(Json(sparse(&TenantView::of(entry, &links, &api.view.context.live()), &query)))
}

/// The page that a query asks for.
pub(super) async fn entries(api: &Api, caller: &Caller, query: &Query, page: Page) -> Result<Part<Entry>, Refusal> {
    match wanted(query, api, caller)? {
        Some(wanted) => Ok(api.view.context.store().directory(&wanted, page.window()).await?),
        None => Ok(Part { items: Vec::new(), total: 0 }),
    }
}

/// The tenant that a path names.
pub(super) async fn entry(api: &Api, uuid: &str) -> Result<Entry, Refusal> {
    let uuid = Uuid::parse_str(uuid).map_err(|_| Refusal::not_found())?;
    api.view.context.store().directory_entry(uuid).await?.ok_or_else(Refusal::not_found)
}
