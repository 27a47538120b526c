//! `/api/snapshots/`: what was seen, and from when to when.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::Api;
use super::links::{Links, hex};
use super::paging::{Page, PageQuery};
use super::path::Path;
use super::query::Query;
use super::refusal::{Detail, Refusal};
use super::view::stamp;
use crate::model::{Invalid, ResourceType};
use crate::store::snapshots::{Filter, Snapshot};

/// Which snapshots.
#[expect(dead_code, reason = "the document is made from it; the query is read by `list`")]
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SnapshotQuery {
    /// Of this cloud.
    cloud: Option<String>,
    /// Of this tenant, by tenantd's id.
    tenant: Option<Uuid>,
    /// `quotas`, `security_groups`, `floating_ips`, `server_groups`, `networks`, `ports`, `instances`, `volumes` or
    /// `volume_snapshots`.
    resource_type: Option<String>,
}

/// A snapshot.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SnapshotView {
    url: String,
    #[schema(pattern = "^[0-9a-f]{32}$")]
    uuid: String,
    cloud: String,
    /// The tenant's address.
    tenant: String,
    #[schema(pattern = "^[0-9a-f]{32}$")]
    tenant_uuid: String,
    tenant_name: String,
    /// The project's id in the cloud.
    backend_id: String,
    resource_type: &'static str,
    /// SHA-256 of the content.
    digest: String,
    #[serde(serialize_with = "stamp")]
    first_seen_at: DateTime<Utc>,
    #[serde(serialize_with = "stamp")]
    last_seen_at: DateTime<Utc>,
    /// What was seen; not in listings.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
}

impl SnapshotView {
    fn of(snapshot: Snapshot, links: &Links, whole: bool) -> Self {
        Self {
            url: links.to("snapshots", &hex(snapshot.id)),
            uuid: hex(snapshot.id),
            cloud: snapshot.cloud,
            tenant: links.to("openstack-tenants", &hex(snapshot.tenant)),
            tenant_uuid: hex(snapshot.tenant),
            tenant_name: snapshot.tenant_name,
            backend_id: snapshot.backend_id,
            resource_type: snapshot.resource_type.as_str(),
            digest: snapshot.digest,
            first_seen_at: snapshot.first_seen_at,
            last_seen_at: snapshot.last_seen_at,
            body: whole.then(|| snapshot.body.to_json()),
        }
    }
}

/// Snapshots, the newest first
#[utoipa::path(
    get,
    path = "/api/snapshots/",
    operation_id = "snapshots_list",
    tag = "snapshots",
    params(SnapshotQuery, PageQuery),
    responses(
        (status = 200, body = [SnapshotView], headers(
            ("X-Result-Count" = i64, description = "How many there are on all pages"),
            ("Link" = String, description = "The other pages")
        )),
        (status = 400, description = "A filter makes no sense", body = Value),
        (status = 404, description = "There is no such page", body = Detail)
    )
)]
pub(super) async fn list(State(api): State<Arc<Api>>, links: Links, query: Query) -> Result<Response, Refusal> {
    let page = Page::of(&query)?;
    let mut wrong = Invalid::default();
    let filter = Filter {
        cloud: query.last("cloud"),
        tenant: query.uuid("tenant", &mut wrong),
        resource_type: query.words::<ResourceType>("resource_type", &mut wrong).pop(),
        limit: 0,
    };
    let part = api.view.context.store().snapshot_page(wrong.or(filter)?, page.window()).await?;
    let views: Vec<SnapshotView> = part.items.into_iter().map(|it| SnapshotView::of(it, &links, false)).collect();
    page.show(&views, part.total, &links)
}

/// A snapshot with what was seen
#[utoipa::path(
    get,
    path = "/api/snapshots/{uuid}/",
    operation_id = "snapshots_retrieve",
    tag = "snapshots",
    params(("uuid" = Uuid, Path, description = "The snapshot")),
    responses((status = 200, body = SnapshotView), (status = 404, body = Detail))
)]
pub(super) async fn retrieve(
    State(api): State<Arc<Api>>,
    Path(uuid): Path<String>,
    links: Links,
) -> Result<Json<SnapshotView>, Refusal> {
    let id = Uuid::parse_str(&uuid).map_err(|_| Refusal::not_found())?;
    let snapshot = api.view.context.store().snapshot(id).await?.ok_or_else(Refusal::not_found)?;
    Ok(Json(SnapshotView::of(snapshot, &links, true)))
}
