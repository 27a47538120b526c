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
use crate::store::directory::Window;
use crate::store::findings::Listed;
use crate::store::pages::Findings;
use crate::store::{Store, StoreError, jobs};

/// Findings that stand and are shown.
const SHOWN: i64 = 100;
/// Findings that ended and are shown.
const ENDED: i64 = 20;

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
    drift_count: i64,
    /// Of which somebody knows.
    known_count: i64,
    /// Whether not all of it is shown.
    more_drift: bool,
    ended: Vec<DriftRow>,
    jobs: Vec<JobRow>,
    schedules: Vec<ScheduleRow>,
    now: String,
}

struct CloudRow {
    name: String,
    tenants: i64,
    vanished: i64,
    drift: i64,
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
    when: String,
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
    let (populations, standing, counts) =
        tokio::try_join!(store.populations(), standing(store), store.finding_counts())?;
    let (ended, jobs) = tokio::try_join!(
        store.ended_findings(now - chrono::Duration::days(7), ENDED),
        store.jobs(jobs::Filter { limit: 20, ..Default::default() })
    )?;
    let states = store.schedules().await?;
    let count = |cloud: Option<&str>, state: FindingState| {
        let counts = counts.iter().filter(|it| it.state == state && cloud.is_none_or(|cloud| it.cloud == cloud));
        counts.map(|it| it.count).sum::<i64>()
    };
    let known_count = count(None, FindingState::Acknowledged);
    let live = view.context.live();
    let clouds = live.clouds.keys().cloned().map(|name| CloudRow {
        tenants: populations.iter().find(|it| it.cloud == name).map_or(0, |it| it.present),
        vanished: populations.iter().find(|it| it.cloud == name).map_or(0, |it| it.vanished),
        drift: count(Some(&name), FindingState::Open),
        name,
    });
    let configured = view.schedules.borrow().clone();
    let schedules = configured.iter().map(|schedule| {
        let state = states.iter().find(|state| state.name == schedule.name);
        ScheduleRow {
            name: schedule.name.clone(),
            when: schedule.when(),
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
        drift_count: count(None, FindingState::Open) + known_count,
        known_count,
        more_drift: count(None, FindingState::Open) + known_count > SHOWN,
        drift: standing.iter().map(|listed| drift_row(listed, listed.finding.opened_at, now)).collect(),
        ended: ended.iter().map(|it| drift_row(it, it.finding.resolved_at.unwrap_or(now), now)).collect(),
        jobs: jobs.iter().map(|job| job_row(job, now)).collect(),
        schedules: schedules.collect(),
        now: now.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
    })
}

/// The newest of what stands; what nobody has spoken for comes first.
async fn standing(store: &Store) -> Result<Vec<Listed>, StoreError> {
    let mut standing = Vec::new();
    for state in [FindingState::Open, FindingState::Acknowledged] {
        let window = Window { limit: SHOWN - i64::try_from(standing.len()).unwrap_or(SHOWN), offset: 0 };
        standing
            .extend(store.finding_page(&Findings { states: vec![state], ..Findings::default() }, window).await?.items);
    }
    Ok(standing)
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
