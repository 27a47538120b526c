//! `/api/drift/`: what differs from what is expected.

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
use super::auth::Caller;
use super::links::{Links, hex};
use super::paging::{Page, PageQuery};
use super::path::Path;
use super::query::Query;
use super::refusal::{Detail, Refusal};
use super::view::{stamp, stamp_if};
use crate::jobs::accept::{self, AcceptError};
use crate::model::life::{self, Event};
use crate::model::token::Role;
use crate::model::{FindingState, Flapping, Invalid, RequestId, ResourceType, Severity};
use crate::store::findings::Listed;
use crate::store::pages::Findings;

/// Which findings.
#[expect(dead_code, reason = "the document is made from it; the query is read by `list`")]
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DriftQuery {
    /// `open`, `acknowledged`, `resolved` or `accepted`; default: those that last.
    state: Option<Vec<String>>,
    /// Of this cloud.
    cloud: Option<String>,
    /// Of this tenant, by tenantd's id.
    tenant: Option<Uuid>,
    /// `quotas`, `security_groups`, `floating_ips`, `server_groups`, `networks`, `ports`, `instances`, `volumes` or
    /// `volume_snapshots`.
    resource_type: Option<String>,
    /// `info`, `warning` or `critical`.
    severity: Option<String>,
    /// Opened since then.
    since: Option<DateTime<Utc>>,
}

/// A finding.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FindingView {
    url: String,
    #[schema(pattern = "^[0-9a-f]{32}$")]
    uuid: String,
    cloud: String,
    /// The tenant's address.
    tenant: String,
    #[schema(pattern = "^[0-9a-f]{32}$")]
    tenant_uuid: String,
    tenant_name: String,
    /// Whose the tenant is, as a portal says; empty while none was asked.
    customer_name: String,
    /// The portal's project that it belongs to; empty while none was asked.
    project_name: String,
    /// The project's id in the cloud.
    backend_id: String,
    resource_type: &'static str,
    /// A quota's name, or an id in the cloud.
    object: String,
    object_name: String,
    field: String,
    /// `limit`, `default`, `usage`, `over_limit`, `added`, `removed`, `changed` or `policy`.
    change: &'static str,
    /// What should be there; null: nothing.
    expected: Value,
    /// What is there; null: nothing.
    observed: Value,
    severity: &'static str,
    state: &'static str,
    /// Where the expectation came from.
    source: String,
    #[serde(serialize_with = "stamp")]
    opened_at: DateTime<Utc>,
    #[serde(serialize_with = "stamp")]
    last_seen_at: DateTime<Utc>,
    #[serde(serialize_with = "stamp_if")]
    resolved_at: Option<DateTime<Utc>>,
    /// Why it may stay as it is, where somebody knows of it, or did at its end.
    ack_reason: Option<String>,
    /// Who says so.
    ack_by: Option<String>,
    /// Until when; null: until it resolves.
    #[serde(serialize_with = "stamp_if")]
    ack_until: Option<DateTime<Utc>>,
    /// That it comes and goes, where it does: its flips are counted and not told, until it holds still.
    flapping: Option<FlappingView>,
}

/// How a finding comes and goes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FlappingView {
    /// When the first of the flips was.
    #[serde(serialize_with = "stamp")]
    since: DateTime<Utc>,
    /// How often it was seen to change since then.
    flips: u32,
    /// When it last did.
    #[serde(serialize_with = "stamp")]
    last_at: DateTime<Utc>,
    /// Whether it differs at the moment.
    differs: bool,
}

impl From<Flapping> for FlappingView {
    fn from(Flapping { since, flips, last_at, differs }: Flapping) -> Self {
        Self { since, flips, last_at, differs }
    }
}

/// A finding with its life.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FindingLife {
    #[serde(flatten)]
    finding: FindingView,
    /// What happened to it, in its order.
    life: Vec<StepView>,
}

/// A step in the life of a finding.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StepView {
    /// `opened`, `changed`, `acknowledged`, `reopened`, `noted`, `accepted` or `resolved`.
    step: &'static str,
    #[serde(serialize_with = "stamp")]
    at: DateTime<Utc>,
    /// Who took it; null: tenantd by itself.
    by: Option<String>,
    /// Why, or what was noted.
    reason: Option<String>,
    /// Until when it is acknowledged; null: until it resolves.
    #[serde(serialize_with = "stamp_if")]
    until: Option<DateTime<Utc>>,
    /// `expected`, `observed` and `severity` before a change.
    before: Option<Value>,
    /// The same since then.
    after: Option<Value>,
    /// When the first request of the observation that brought it was sent.
    #[serde(serialize_with = "stamp_if")]
    observed_at: Option<DateTime<Utc>>,
    /// The snapshot in which it was seen.
    snapshot: Option<String>,
    /// The job that brought it.
    job: Option<String>,
    /// The requests of that observation.
    request_ids: Vec<RequestIdView>,
}

/// A request, as the log of its service knows it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RequestIdView {
    /// Whose log: `nova`, `neutron` or `cinder`.
    service: String,
    /// The `X-Openstack-Request-Id` that it answered with.
    id: String,
    /// When the request was sent.
    #[serde(serialize_with = "stamp")]
    at: DateTime<Utc>,
}

impl From<RequestId> for RequestIdView {
    fn from(RequestId { service, id, at }: RequestId) -> Self {
        Self { service: service.into_owned(), id: id.as_ref().to_owned(), at }
    }
}

impl From<Event> for StepView {
    fn from(event: Event) -> Self {
        Self {
            step: event.step.as_str(),
            at: event.at,
            by: event.by,
            reason: event.reason,
            until: event.until,
            before: event.before,
            after: event.after,
            observed_at: event.observed_at,
            snapshot: event.snapshot.map(hex),
            job: event.job.map(hex),
            request_ids: event.request_ids.into_iter().map(Into::into).collect(),
        }
    }
}

impl FindingView {
    fn of(listed: Listed, links: &Links) -> Self {
        let finding = listed.finding;
        let (known, until) = match finding.acknowledgement {
            Some(it) => (Some((it.reason, it.by)), it.until),
            None => (None, None),
        };
        let (ack_reason, ack_by) = known.unzip();
        Self {
            url: links.to("drift", &hex(finding.id)),
            uuid: hex(finding.id),
            cloud: listed.cloud,
            tenant: links.to("openstack-tenants", &hex(finding.tenant)),
            tenant_uuid: hex(finding.tenant),
            tenant_name: listed.tenant_name,
            customer_name: listed.customer_name,
            project_name: listed.project_name,
            backend_id: listed.backend_id,
            resource_type: finding.resource_type.as_str(),
            object: finding.object,
            object_name: finding.object_name,
            field: finding.field,
            change: finding.change.as_str(),
            expected: finding.expected,
            observed: finding.observed,
            severity: finding.severity.as_str(),
            state: finding.state.as_str(),
            source: finding.source,
            opened_at: finding.opened_at,
            last_seen_at: finding.last_seen_at,
            resolved_at: finding.resolved_at,
            ack_reason,
            ack_by,
            ack_until: until,
            flapping: finding.flapping.map(Into::into),
        }
    }
}

/// Findings, the newest first
#[utoipa::path(
    get,
    path = "/api/drift/",
    operation_id = "drift_list",
    tag = "drift",
    params(DriftQuery, PageQuery),
    responses(
        (status = 200, body = [FindingView], headers(
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
    let mut states: Vec<FindingState> = query.words("state", &mut wrong);
    if states.is_empty() {
        states = vec![FindingState::Open, FindingState::Acknowledged];
    }
    let wanted = Findings {
        cloud: query.last("cloud"),
        tenant: query.uuid("tenant", &mut wrong),
        resource_type: query.words::<ResourceType>("resource_type", &mut wrong).pop(),
        severity: query.words::<Severity>("severity", &mut wrong).pop(),
        states,
        since: query.read("since", &mut wrong),
        ..Findings::default()
    };
    let part = api.view.context.store().finding_page(&wrong.or(wanted)?, page.window()).await?;
    let views: Vec<FindingView> = part.items.into_iter().map(|it| FindingView::of(it, &links)).collect();
    page.show(&views, part.total, &links)
}

/// A finding
#[utoipa::path(
    get,
    path = "/api/drift/{uuid}/",
    operation_id = "drift_retrieve",
    tag = "drift",
    params(("uuid" = Uuid, Path, description = "The finding")),
    responses((status = 200, body = FindingLife), (status = 404, body = Detail))
)]
pub(super) async fn retrieve(
    State(api): State<Arc<Api>>,
    Path(uuid): Path<String>,
    links: Links,
) -> Result<Json<FindingLife>, Refusal> {
    show(&api, id(&uuid)?, &links).await
}

/// Accept a finding
///
/// What is there becomes what is expected.
#[utoipa::path(
    post,
    path = "/api/drift/{uuid}/accept/",
    operation_id = "drift_accept",
    tag = "drift",
    params(("uuid" = Uuid, Path, description = "The finding")),
    responses(
        (status = 200, body = FindingLife),
        (status = 403, body = Detail),
        (status = 404, body = Detail),
        (status = 409, description = "It has ended, or cannot be accepted", body = Detail)
    )
)]
pub(super) async fn accept(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(uuid): Path<String>,
    links: Links,
) -> Result<Json<FindingLife>, Refusal> {
    caller.must_be(Role::Operator)?;
    let id = id(&uuid)?;
    match accept::accept(&api.view.context, id, &caller.name).await {
        Ok(_) => show(&api, id, &links).await,
        Err(AcceptError::Store(error)) => Err(error.into()),
        Err(AcceptError::Unknown(_)) => Err(Refusal::not_found()),
        Err(error @ (AcceptError::Ended(..) | AcceptError::Refused { .. })) => {
            Err(Refusal::conflict(error.to_string()))
        }
    }
}

/// The id that a path names.
pub(super) fn id(uuid: &str) -> Result<Uuid, Refusal> {
    Uuid::parse_str(uuid).map_err(|_| Refusal::not_found())
}

/// A finding as it is now, with its life.
pub(super) async fn show(api: &Api, id: Uuid, links: &Links) -> Result<Json<FindingLife>, Refusal> {
    let store = api.view.context.store();
    let listed = store.finding(id).await?.ok_or_else(Refusal::not_found)?;
    let life = life::whole(&listed.finding, store.life(id).await?);
    let life = life.into_iter().map(Into::into).collect();
    Ok(Json(FindingLife { finding: FindingView::of(listed, links), life }))
}
