//! `/api/schedules/`: what is done when.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::links::{Links, hex};
use super::paging::{Page, PageQuery};
use super::path::Path;
use super::query::Query;
use super::refusal::{Detail, Refusal};
use super::view::stamp_if;
use crate::config::Schedule;
use crate::intake::objective::standing;
use crate::intake::schedule::{now_request, ticks};
use crate::jobs::kind;
use crate::model::token::Role;
use crate::store::StoreError;
use crate::store::schedules::ScheduleState;

/// A schedule.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ScheduleView {
    url: String,
    name: String,
    /// Second, minute, hour, day of month, month, day of week.
    cron: Option<String>,
    timezone: String,
    /// How old what is known of a tenant may become, in seconds, where that says when instead of `cron`.
    max_age_seconds: Option<u64>,
    /// The kind of its jobs.
    job: String,
    params: Value,
    /// Its cloud; null: every cloud.
    cloud: Option<String>,
    /// `all`, or one tenant.
    tenants: String,
    /// When it runs next; with `max_age_seconds`, when the next tenant is due.
    #[serde(serialize_with = "stamp_if")]
    next_tick: Option<DateTime<Utc>>,
    #[serde(serialize_with = "stamp_if")]
    last_tick: Option<DateTime<Utc>>,
    #[serde(serialize_with = "stamp_if")]
    last_success_at: Option<DateTime<Utc>>,
    /// The address of its last job.
    last_job: Option<String>,
    /// With `max_age_seconds`: of how many tenants what is known is older.
    overdue: Option<usize>,
}

/// A job that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobMade {
    detail: String,
    /// The job's address.
    job: String,
}

impl ScheduleView {
    async fn of(
        api: &Api,
        schedule: &Schedule,
        state: Option<&ScheduleState>,
        links: &Links,
    ) -> Result<Self, StoreError> {
        let context = &api.view.context;
        let (live, now) = (context.live(), context.clock().now());
        let standing = standing(context.store(), &live.names(), schedule, now).await?;
        let ticks = || ticks(schedule).and_then(|ticks| ticks.next_after(now));
        Ok(Self {
            url: links.to("schedules", &schedule.name),
            name: schedule.name.clone(),
            cron: schedule.cron.clone(),
            timezone: schedule.timezone.clone(),
            job: schedule.job.clone(),
            params: Value::Object(schedule.params.clone()),
            cloud: schedule.cloud.clone(),
            tenants: schedule.tenants.clone(),
            max_age_seconds: schedule.max_age.map(|it| it.0.as_secs()),
            next_tick: standing.map_or_else(ticks, |it| it.next),
            last_tick: state.map(|it| it.last_tick),
            last_success_at: state.and_then(|it| it.last_success_at),
            last_job: state.and_then(|it| it.last_job).map(|id| links.to("jobs", &hex(id))),
            overdue: standing.map(|it| it.overdue),
        })
    }
}

/// Schedules
#[utoipa::path(
    get,
    path = "/api/schedules/",
    operation_id = "schedules_list",
    tag = "schedules",
    params(("job" = Option<String>, Query, description = "Of jobs of this kind"), PageQuery),
    responses(
        (status = 200, body = [ScheduleView], headers(
            ("X-Result-Count" = i64, description = "How many there are on all pages"),
            ("Link" = String, description = "The other pages")
        )),
        (status = 400, description = "A filter makes no sense", body = Value),
        (status = 404, description = "There is no such page", body = Detail)
    )
)]
pub(super) async fn list(State(api): State<Arc<Api>>, links: Links, query: Query) -> Result<Response, Refusal> {
    let page = Page::of(&query)?;
    let states = api.view.context.store().schedules().await?;
    let schedules = api.view.schedules.borrow().clone();
    let wanted = schedules.iter().filter(|it| query.last("job").is_none_or(|job| it.job == job));
    let wanted: Vec<&Schedule> = wanted.collect();
    let total = i64::try_from(wanted.len()).unwrap_or(i64::MAX);
    let mut views = Vec::new();
    for schedule in page.cut(wanted) {
        let state = states.iter().find(|state| state.name == schedule.name);
        views.push(ScheduleView::of(&api, schedule, state, &links).await?);
    }
    page.show(&views, total, &links)
}

/// A schedule
#[utoipa::path(
    get,
    path = "/api/schedules/{name}/",
    operation_id = "schedules_retrieve",
    tag = "schedules",
    params(("name" = String, Path, description = "The schedule's name")),
    responses((status = 200, body = ScheduleView), (status = 404, body = Detail))
)]
pub(super) async fn retrieve(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    links: Links,
) -> Result<Json<ScheduleView>, Refusal> {
    let schedule = schedule(&api, &name)?;
    let state = api.view.context.store().schedule(&schedule.name).await?;
    Ok(Json(ScheduleView::of(&api, &schedule, state.as_ref(), &links).await?))
}

/// Do now what a schedule does at its times
///
/// Needs the role that asking for its job needs.
#[utoipa::path(
    post,
    path = "/api/schedules/{name}/run/",
    operation_id = "schedules_run",
    tag = "schedules",
    params(("name" = String, Path, description = "The schedule's name")),
    responses((status = 202, body = JobMade), (status = 403, body = Detail), (status = 404, body = Detail))
)]
pub(super) async fn run(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(name): Path<String>,
    links: Links,
) -> Result<(StatusCode, Json<JobMade>), Refusal> {
    caller.must_be(Role::Operator)?;
    let schedule = schedule(&api, &name)?;
    caller.must_be(kind(&schedule.job).map_or(Role::Operator, |kind| kind.role))?;
    let context = &api.view.context;
    let mut request = now_request(&schedule, "http", context.clock().now());
    request.producer = Some(caller.name);
    let mut tx = context.store().begin().await?;
    tx.insert_job(&request, None).await?;
    context.tell(tx.commit().await?);
    let made = JobMade { detail: "The job was made.".to_owned(), job: links.to("jobs", &hex(request.id)) };
    Ok((StatusCode::ACCEPTED, Json(made)))
}

fn schedule(api: &Api, name: &str) -> Result<Schedule, Refusal> {
    api.view.schedules.borrow().iter().find(|it| it.name == name).cloned().ok_or_else(Refusal::not_found)
}
