//! `/api/openstack-marketplace-tenants/`: the same tenants, by name alone.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::filter::TenantQuery;
use super::links::{Links, hex};
use super::paging::{Page, PageQuery};
use super::path::Path;
use super::query::Query;
use super::refusal::{Detail, Refusal};
use super::tenants::{entries, entry};
use crate::store::directory::Entry;

/// A tenant, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NameView {
    url: String,
    /// tenantd's id, 32 hex digits.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    uuid: String,
    name: String,
}

impl NameView {
    fn of(entry: Entry, links: &Links) -> Self {
        let uuid = hex(entry.tenant.uuid);
        Self { url: links.to("openstack-marketplace-tenants", &uuid), uuid, name: entry.tenant.name }
    }
}

/// Tenants, by name
#[utoipa::path(
    get,
    path = "/api/openstack-marketplace-tenants/",
    operation_id = "openstack_marketplace_tenants_list",
    tag = "openstack-marketplace-tenants",
    params(TenantQuery, PageQuery),
    responses(
        (status = 200, body = [NameView], headers(
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
    let views: Vec<NameView> = part.items.into_iter().map(|entry| NameView::of(entry, &links)).collect();
    page.show(&views, part.total, &links)
}

/// A tenant, by name
#[utoipa::path(
    get,
    path = "/api/openstack-marketplace-tenants/{uuid}/",
    operation_id = "openstack_marketplace_tenants_retrieve",
    tag = "openstack-marketplace-tenants",
    params(("uuid" = Uuid, Path, description = "The tenant")),
    responses((status = 200, body = NameView), (status = 404, body = Detail))
)]
pub(super) async fn retrieve(
    State(api): State<Arc<Api>>,
    Path(uuid): Path<String>,
    links: Links,
) -> Result<Json<NameView>, Refusal> {
    Ok(Json(NameView::of(entry(&api, &uuid).await?, &links)))
}
