//! `/api/jobs/`: what waits, runs, and ended.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
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
use crate::jobs::cancel::{self, Cancelled};
use crate::jobs::kind;
use crate::model::Invalid;
use crate::model::job::{Job, JobState, Outcome, scrub};
use crate::model::token::Role;
use crate::store::jobs::Filter;

/// Which jobs.
#[expect(dead_code, reason = "the document is made from it; the query is read by `list`")]
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct JobQuery {
    /// `queued`, `running`, `succeeded`, `failed` or `cancelled`.
    state: Option<String>,
    /// Of this kind.
    kind: Option<String>,
    /// Of this cloud.
    cloud: Option<String>,
    /// Of this tenant, by tenantd's id.
    tenant: Option<Uuid>,
    /// Asked for since then.
    since: Option<DateTime<Utc>>,
    /// The parts of this job; without it, jobs that are no parts.
    part_of: Option<Uuid>,
}

/// A job.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobView {
    url: String,
    #[schema(pattern = "^[0-9a-f]{32}$")]
    uuid: String,
    kind: String,
    cloud: Option<String>,
    /// Whom it is for, as the asker named them.
    subject: Option<String>,
    /// The tenant's address, once it is known.
    tenant: Option<String>,
    params: Value,
    /// `queued`, `running`, `succeeded`, `failed` or `cancelled`.
    state: &'static str,
    /// `succeeded`, `unchanged`, `partial`, `failed`, `expired` or `cancelled`, once it has ended.
    outcome: Option<&'static str>,
    attempt: i64,
    priority: i64,
    /// The job that it is a part of, and which part; null for most jobs.
    part: Option<Value>,
    /// Where it came from: amqp, schedule:…, cli, http, look-again.
    source: String,
    /// Who asked.
    producer: Option<String>,
    /// Why the last attempt failed, in one word.
    reason: Option<String>,
    /// Why the last attempt failed.
    error: Option<String>,
    #[serde(serialize_with = "stamp")]
    enqueued_at: DateTime<Utc>,
    #[serde(serialize_with = "stamp")]
    not_before: DateTime<Utc>,
    #[serde(serialize_with = "stamp_if")]
    deadline: Option<DateTime<Utc>>,
    #[serde(serialize_with = "stamp_if")]
    started_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "stamp_if")]
    finished_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "stamp_if")]
    cancel_asked_at: Option<DateTime<Utc>>,
}

impl JobView {
    fn of(job: Job, links: &Links) -> Self {
        let mut request = job.request;
        scrub(&mut request.params);
        Self {
            url: links.to("jobs", &hex(request.id)),
            uuid: hex(request.id),
            kind: request.kind,
            cloud: request.cloud,
            subject: request.subject,
            tenant: job.tenant.map(|uuid| links.to("openstack-tenants", &hex(uuid))),
            params: request.params,
            state: job.state.as_str(),
            outcome: job.outcome.map(Outcome::as_str),
            attempt: request.attempt,
            priority: request.priority,
            part: request.part.map(|part| json!({ "of": hex(part.of), "number": part.number, "count": part.count, "resource_type": part.resource_type })),
            source: request.source,
            producer: request.producer,
            reason: job.reason,
            error: job.error,
            enqueued_at: request.enqueued_at,
            not_before: request.not_before,
            deadline: request.deadline,
            started_at: job.started_at,
            finished_at: job.finished_at,
            cancel_asked_at: job.cancel_asked_at,
        }
    }
}

/// Jobs, the newest first
#[utoipa::path(
    get,
    path = "/api/jobs/",
    operation_id = "jobs_list",
    tag = "jobs",
    params(JobQuery, PageQuery),
    responses(
        (status = 200, body = [JobView], headers(
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
        state: query.words::<JobState>("state", &mut wrong).pop(),
        kind: query.last("kind"),
        cloud: query.last("cloud"),
        tenant: query.uuid("tenant", &mut wrong),
        since: query.read("since", &mut wrong),
        part_of: query.uuid("part_of", &mut wrong),
        limit: 0,
    };
    let part = api.view.context.store().job_page(wrong.or(filter)?, page.window()).await?;
    let views: Vec<JobView> = part.items.into_iter().map(|job| JobView::of(job, &links)).collect();
    page.show(&views, part.total, &links)
}

/// A job
#[utoipa::path(
    get,
    path = "/api/jobs/{uuid}/",
    operation_id = "jobs_retrieve",
    tag = "jobs",
    params(("uuid" = Uuid, Path, description = "The job")),
    responses((status = 200, body = JobView), (status = 404, body = Detail))
)]
pub(super) async fn retrieve(
    State(api): State<Arc<Api>>,
    Path(uuid): Path<String>,
    links: Links,
) -> Result<Json<JobView>, Refusal> {
    let uuid = Uuid::parse_str(&uuid).map_err(|_| Refusal::not_found())?;
    let job = api.view.context.store().job(uuid).await?.ok_or_else(Refusal::not_found)?;
    Ok(Json(JobView::of(job, &links)))
}

/// End a job
///
/// One that waits ends at once, one that runs as soon as who holds it sees it. Needs the role that asking for it needs.
#[utoipa::path(
    post,
    path = "/api/jobs/{uuid}/cancel/",
    operation_id = "jobs_cancel",
    tag = "jobs",
    params(("uuid" = Uuid, Path, description = "The job")),
    responses(
        (status = 202, body = Detail),
        (status = 403, body = Detail),
        (status = 404, body = Detail),
        (status = 409, description = "It has ended already", body = Detail)
    )
)]
pub(super) async fn cancel(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(uuid): Path<String>,
) -> Result<(axum::http::StatusCode, Json<Detail>), Refusal> {
    caller.must_be(Role::Operator)?;
    let uuid = Uuid::parse_str(&uuid).map_err(|_| Refusal::not_found())?;
    let context = &api.view.context;
    let job = context.store().job(uuid).await?.ok_or_else(Refusal::not_found)?;
    caller.must_be(kind(&job.request.kind).map_or(Role::Operator, |kind| kind.role))?;
    let mut tx = context.store().begin().await?;
    let done = cancel::cancel(context, &mut tx, uuid, &format!("cancelled by {}", caller.name)).await?;
    context.tell(tx.commit().await?);
    let detail = match done {
        Cancelled::Now => "The job was cancelled.",
        Cancelled::Asked => "The job runs; whoever holds it ends it.",
        Cancelled::Over(state) => return Err(Refusal::conflict(format!("The job has ended already: {state}."))),
        Cancelled::Unknown => return Err(Refusal::not_found()),
    };
    Ok((axum::http::StatusCode::ACCEPTED, Json(Detail { detail: detail.to_owned() })))
}
