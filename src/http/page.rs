//! `/`: what a person wants to know at a glance.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::View;
use crate::drift::{self, EXISTENCE};
use crate::intake::amqp::BrokerState;
use crate::model::job::Job;
use crate::model::{Change, Finding, FindingState};
use crate::store::StoreError;
use crate::store::findings::{Filter, Listed};
use crate::store::jobs;

const SHOWN: usize = 100;

#[derive(Template)]
#[template(path = "status.html")]
struct Page {
    version: &'static str,
    instance: String,
    broker: String,
    engine: &'static str,
    leads: bool,
    clouds: Vec<CloudRow>,
    drift: Vec<DriftRow>,
    drift_count: usize,
    /// Of which somebody knows.
    known_count: usize,
    ended: Vec<DriftRow>,
    jobs: Vec<JobRow>,
    schedules: Vec<ScheduleRow>,
    now: String,
}

struct CloudRow {
    name: String,
    tenants: usize,
    vanished: usize,
    drift: usize,
}

struct DriftRow {
    severity: &'static str,
    tenant: String,
    /// Whose it is, as a portal says.
    owner: String,
    resource_type: &'static str,
    object: String,
    what: String,
    state: &'static str,
    /// Who knows of it, until when and why.
    known: String,
    since: String,
}

struct JobRow {
    kind: String,
    about: String,
    outcome: String,
    source: String,
    ended: String,
    error: String,
}

struct ScheduleRow {
    name: String,
    cron: String,
    job: String,
    last_success: String,
}

pub(super) async fn show(State(view): State<Arc<View>>) -> Response {
    let page = match page(&view).await {
        Ok(page) => page,
        Err(error) => return (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    };
    match page.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

async fn page(view: &View) -> Result<Page, StoreError> {
    let store = view.context.store();
    let now = view.context.clock().now();
    let (tenants, mut open) = tokio::try_join!(store.tenants(None), store.findings(Filter::default()))?;
    // What nobody has spoken for comes first.
    open.sort_by_key(|it| !is_open(it));
    let week = Filter { ended: true, since: Some(now - chrono::Duration::days(7)), ..Filter::default() };
    let (recent, jobs) =
        tokio::try_join!(store.findings(week), store.jobs(jobs::Filter { limit: 20, ..Default::default() }))?;
    let states = store.schedules().await?;
    let live = view.context.live();
    let clouds = live.clouds.keys().cloned().map(|name| CloudRow {
        tenants: tenants.iter().filter(|it| it.cloud == name && it.vanished_at.is_none()).count(),
        vanished: tenants.iter().filter(|it| it.cloud == name && it.vanished_at.is_some()).count(),
        drift: open.iter().filter(|it| it.cloud == name && is_open(it)).count(),
        name,
    });
    let configured = view.schedules.borrow().clone();
    let schedules = configured.iter().map(|schedule| {
        let state = states.iter().find(|state| state.name == schedule.name);
        ScheduleRow {
            name: schedule.name.clone(),
            cron: format!("{} {}", schedule.cron, schedule.timezone),
            job: schedule.job.clone(),
            last_success: state.and_then(|state| state.last_success_at).map_or("never".to_owned(), |at| ago(at, now)),
        }
    });
    let broker = match &*view.broker.borrow() {
        BrokerState::Off => "not configured".to_owned(),
        BrokerState::Connected => "connected".to_owned(),
        BrokerState::Away(why) => format!("away: {why}"),
    };
    Ok(Page {
        version: env!("CARGO_PKG_VERSION"),
        instance: view.context.instance().to_owned(),
        broker,
        engine: store.engine(),
        leads: *view.leads.borrow(),
        clouds: clouds.collect(),
        drift_count: open.len(),
        known_count: open.iter().filter(|it| !is_open(it)).count(),
        drift: open.iter().take(SHOWN).map(|listed| drift_row(listed, listed.finding.opened_at, now)).collect(),
        ended: ended(&recent, now),
        jobs: jobs.iter().map(|job| job_row(job, now)).collect(),
        schedules: schedules.collect(),
        now: now.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
    })
}

/// Whether nobody has spoken for it.
fn is_open(listed: &Listed) -> bool {
    listed.finding.state == FindingState::Open
}

/// `acknowledged by olga until 2026-01-08 12:00 UTC: ticket 7`.
fn known(listed: &Listed) -> String {
    let finding = &listed.finding;
    let Some(known) = finding.acknowledgement.as_ref().filter(|_| finding.state == FindingState::Acknowledged) else {
        return String::new();
    };
    let until = known.until.map_or_else(|| "it resolves".to_owned(), |at| at.format("%Y-%m-%d %H:%M UTC").to_string());
    format!("acknowledged by {} until {until}: {}", known.by, known.reason)
}

fn ended(recent: &[Listed], now: DateTime<Utc>) -> Vec<DriftRow> {
    let mut ended: Vec<_> = recent.iter().filter_map(|listed| Some((listed.finding.resolved_at?, listed))).collect();
    ended.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    ended.into_iter().take(20).map(|(at, listed)| drift_row(listed, at, now)).collect()
}

fn drift_row(listed: &Listed, since: DateTime<Utc>, now: DateTime<Utc>) -> DriftRow {
    let finding = &listed.finding;
    DriftRow {
        severity: finding.severity.as_str(),
        tenant: format!("{}/{}", listed.cloud, listed.tenant_name),
        owner: owner(&listed.customer_name, &listed.project_name),
        resource_type: finding.resource_type.as_str(),
        object: finding.object_name.clone(),
        what: what(finding),
        state: finding.state.as_str(),
        known: known(listed),
        since: ago(since, now),
    }
}

/// `University, Genomics`, as far as it is known.
fn owner(customer: &str, project: &str) -> String {
    [customer, project].into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(", ")
}

fn job_row(job: &Job, now: DateTime<Utc>) -> JobRow {
    let request = &job.request;
    let about = match (&request.subject, &request.cloud) {
        (Some(subject), _) => subject.clone(),
        (None, Some(cloud)) => format!("all of {cloud}"),
        (None, None) => "all".to_owned(),
    };
    JobRow {
        kind: request.kind.clone(),
        about,
        outcome: job.outcome.map_or(job.state.as_str(), |outcome| outcome.as_str()).to_owned(),
        source: request.source.clone(),
        ended: job.finished_at.map_or("-".to_owned(), |at| ago(at, now)),
        error: job.error.clone().unwrap_or_default(),
    }
}

/// What differs and, where that does not say it by itself, what it means.
fn what(finding: &Finding) -> String {
    let values = (&finding.expected, &finding.observed);
    let described = describe(&finding.field, values.0, values.1);
    match drift::meaning(finding.change, values, ToString::to_string) {
        Some(meaning) if finding.change == Change::Usage => meaning,
        Some(meaning) => format!("{described}: {meaning}"),
        None => described,
    }
}

/// `limit: 20 → 40`.
fn describe(field: &str, expected: &Value, observed: &Value) -> String {
    let short = |value: &Value| match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string().chars().take(120).collect(),
    };
    if field.starts_with("rule ") {
        return format!("{field} {}", if expected.is_null() { "was added" } else { "is gone" });
    }
    if field == EXISTENCE {
        return if expected.is_null() { "is there, but not expected" } else { "is gone" }.to_owned();
    }
    format!("{field}: {} → {}", short(expected), short(observed))
}

fn ago(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let seconds = (now - at).num_seconds().max(0);
    match seconds {
        0..=119 => format!("{seconds}s ago"),
        120..=7_199 => format!("{}m ago", seconds / 60),
        7_200..=172_799 => format!("{}h ago", seconds / 3_600),
        _ => format!("{}d ago", seconds / 86_400),
    }
}
