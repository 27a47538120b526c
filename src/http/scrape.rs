//! `/metrics`: what this instance counted, and, from the leader, what the records say.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::View;
use super::addresses::{Addresses, Counted};
use super::api::Peer;
use crate::config::Schedule;
use crate::intake::schedule::ticks;
use crate::jobs;
use crate::model::quota::{Limit, Quotas, Unit};
use crate::model::{Body, FindingState, ResourceType, Severity, Tenant};
use crate::store::StoreError;
use crate::store::directory::Owner;
use crate::store::resources::Age;
use crate::telemetry::exposition::Exposition;
use crate::telemetry::metrics;

/// How long a scrape waits for the database; Prometheus gives up after ten seconds by default.
const LIMIT: Duration = Duration::from_secs(5);
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers that are under way at once: each may be long, and is held until its client has read it.
const UNDER_WAY: usize = 16;
/// Those to one address: more than a Prometheus has, and too few to keep everybody else waiting.
const OF_ADDRESS: usize = 4;
/// Bytes of an answer that go out at once.
const PIECE: usize = 64 << 10;

/// What the route needs.
#[derive(Debug)]
struct Scrapes {
    view: Arc<View>,
    places: Arc<Semaphore>,
    addresses: Arc<Addresses>,
}

/// The route.
pub(super) fn router(view: &Arc<View>) -> Router {
    let (places, addresses) = (Arc::new(Semaphore::new(UNDER_WAY)), Arc::new(Addresses::default()));
    let scrapes = Scrapes { view: Arc::clone(view), places, addresses };
    Router::new().route("/metrics", get(show)).with_state(Arc::new(scrapes))
}

async fn show(State(scrapes): State<Arc<Scrapes>>, ConnectInfo(peer): ConnectInfo<Peer>) -> Response {
    let Some(counted) = scrapes.addresses.take(peer, OF_ADDRESS) else {
        let why = format!("{OF_ADDRESS} answers to this address are under way already\n");
        return (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    };
    let clock = scrapes.view.context.clock();
    let page = async {
        let place = Arc::clone(&scrapes.places).acquire_owned().await.map_err(|closed| closed.to_string())?;
        Ok((page(&scrapes.view).await?, place))
    };
    let page: Result<_, String> = tokio::select! {
        page = page => page,
        () = clock.sleep(LIMIT) => Err(format!("no answer within {LIMIT:?}")),
    };
    match page {
        Ok((text, place)) => ([(CONTENT_TYPE, FORMAT)], in_pieces(text, (place, counted))).into_response(),
        // Half an answer would end every alert on drift; a scrape that failed ends none.
        Err(error) => {
            tracing::warn!(error, "the stored metrics cannot be read");
            (StatusCode::SERVICE_UNAVAILABLE, format!("the stored metrics cannot be read: {error}\n")).into_response()
        }
    }
}

async fn page(view: &View) -> Result<String, String> {
    let stored =
        if *view.leads.borrow() { stored(view).await.map_err(|error| error.to_string())? } else { String::new() };
    view.recorder.run_upkeep();
    Ok(view.recorder.render() + &stored)
}

/// A body that keeps its place until the last of it is taken.
fn in_pieces(text: String, place: (OwnedSemaphorePermit, Counted)) -> axum::body::Body {
    let pieces = stream::unfold((Bytes::from(text), place), async |(mut left, place)| {
        let piece = left.split_to(left.len().min(PIECE));
        (!piece.is_empty()).then_some((Ok::<_, Infallible>(piece), (left, place)))
    });
    axum::body::Body::from_stream(pieces)
}

async fn stored(view: &View) -> Result<String, StoreError> {
    let store = view.context.store();
    let (tenants, ages, counts) = tokio::try_join!(store.tenants(None), store.ages(), store.finding_counts())?;
    let (waiting, schedules, owners) = tokio::try_join!(store.waiting(), store.schedules(), store.owners())?;
    let (outbox, dead) = tokio::try_join!(store.outgoing_count(), store.dead_letter_count())?;
    let clouds: Vec<String> = view.context.live().names().into_iter().map(str::to_owned).collect();
    let mut exposition = Exposition::default();
    let is_here = |tenant: &&Tenant| tenant.vanished_at.is_none() && tenant.project().is_some();
    let here: BTreeMap<Uuid, &Tenant> = tenants.iter().filter(is_here).map(|tenant| (tenant.uuid, tenant)).collect();
    for tenant in here.values() {
        info(&mut exposition, tenant, owners.get(&tenant.uuid));
    }
    let mut lost: BTreeMap<(String, ResourceType, String), u32> = BTreeMap::new();
    for age in ages {
        // A disabled project is not read any more; its age would only grow.
        let Some(tenant) = here.get(&age.tenant).filter(|tenant| tenant.enabled) else { continue };
        if let Some(reason) = &age.error_reason {
            *lost.entry((tenant.cloud.clone(), age.resource_type, reason.clone())).or_default() += 1;
        }
        of_resource_type(&mut exposition, tenant, &age);
    }
    for ((cloud, resource_type, reason), count) in lost {
        let labels = [("cloud", cloud.as_str()), ("resource_type", resource_type.as_str()), ("reason", &reason)];
        exposition.add("tenantd_coverage_lost", &labels, f64::from(count));
    }
    drift(&mut exposition, &clouds, &counts);
    promises(&mut exposition, &clouds, &view.schedules.borrow(), view.context.clock().now());
    let mut oldest: BTreeMap<String, DateTime<Utc>> = BTreeMap::new();
    for row in waiting {
        let cloud = row.cloud.unwrap_or_else(|| "all".to_owned());
        exposition.add("tenantd_jobs_parked", &[("cloud", &cloud), ("kind", &row.kind)], number(row.count));
        let since = oldest.entry(cloud).or_insert(row.oldest);
        *since = (*since).min(row.oldest);
    }
    for (cloud, since) in oldest {
        exposition.add("tenantd_job_oldest_waiting_timestamp_seconds", &[("cloud", &cloud)], seconds(since));
    }
    for schedule in schedules {
        if let Some(at) = schedule.last_success_at {
            let labels = [("schedule", schedule.name.as_str())];
            exposition.add("tenantd_schedule_last_success_timestamp_seconds", &labels, seconds(at));
        }
    }
    exposition.add("tenantd_outbox_pending", &[], number(outbox));
    exposition.add("tenantd_dead_letters", &[], number(dead));
    let (text, dropped) = exposition.render(view.max_series);
    metrics::series_dropped(dropped);
    Ok(text)
}

/// The names of a tenant, with those of the portal where one was asked.
fn info(exposition: &mut Exposition, tenant: &Tenant, owner: Option<&Owner>) {
    let mut labels = vec![
        ("cloud", tenant.cloud.as_str()),
        ("tenant", &tenant.backend_id),
        ("tenant_name", &tenant.name),
        ("domain", &tenant.domain),
    ];
    if let Some(owner) = owner {
        labels.extend([("customer_name", owner.customer_name.as_str()), ("project_name", &owner.project_name)]);
    }
    exposition.add("tenantd_tenant_info", &labels, 1.0);
}

fn of_resource_type(exposition: &mut Exposition, tenant: &Tenant, age: &Age) {
    let resource_type = age.resource_type.as_str();
    let labels = [("cloud", tenant.cloud.as_str()), ("tenant", &tenant.backend_id), ("resource_type", resource_type)];
    if let Some(at) = age.last_success_at {
        exposition.add("tenantd_snapshot_last_success_timestamp_seconds", &labels, seconds(at));
    }
    let body = age.body.as_ref().and_then(|body| Body::from_json(age.resource_type, body).ok());
    let Some(body) = body else { return };
    if let Body::Quotas(quotas) = &body {
        return of_quotas(exposition, tenant, quotas);
    }
    let mut by_status: BTreeMap<&str, u32> = BTreeMap::new();
    for status in body.statuses() {
        *by_status.entry(status).or_default() += 1;
    }
    for (status, count) in by_status {
        let labels = [labels[0], labels[1], labels[2], ("status", status)];
        exposition.add_optional("tenantd_resources", &labels, f64::from(count));
    }
}

fn of_quotas(exposition: &mut Exposition, tenant: &Tenant, quotas: &Quotas) {
    for (name, quota) in quotas {
        let labels = [("cloud", tenant.cloud.as_str()), ("tenant", &tenant.backend_id), ("resource", name)];
        let (limit_family, usage_family, factor) = match Unit::of(name).bytes() {
            None => ("tenantd_quota_limit", "tenantd_quota_usage", 1),
            Some(bytes) => ("tenantd_quota_limit_bytes", "tenantd_quota_usage_bytes", bytes),
        };
        // Only what is at least half used can come near an alert.
        let near = matches!((quota.limit, quota.usage), (Some(Limit::Of(limit)), Some(usage)) if usage >= limit / 2);
        let mut add = |family, value| {
            if near { exposition.add(family, &labels, value) } else { exposition.add_optional(family, &labels, value) }
        };
        match quota.limit {
            Some(Limit::Of(limit)) => add(limit_family, amount(limit, factor)),
            Some(Limit::Unlimited) => add("tenantd_quota_unlimited", 1.0),
            None => {}
        }
        if let Some(usage) = quota.usage {
            add(usage_family, amount(usage, factor));
        }
    }
}

fn drift(exposition: &mut Exposition, clouds: &[String], counts: &[crate::store::findings::Count]) {
    let mut of_cloud: BTreeMap<(&str, ResourceType, Severity), i64> = BTreeMap::new();
    let everything = clouds.iter().flat_map(|cloud| ResourceType::ALL.map(|it| (cloud.as_str(), it)));
    for (cloud, resource_type) in everything {
        for severity in Severity::ALL {
            of_cloud.insert((cloud, resource_type, *severity), 0);
        }
    }
    let mut oldest: BTreeMap<(&str, &str, ResourceType), DateTime<Utc>> = BTreeMap::new();
    for count in counts {
        // What somebody knows of is neither open nor overdue.
        if count.state == FindingState::Open {
            *of_cloud.entry((&count.cloud, count.resource_type, count.severity)).or_default() += count.count;
            let since = oldest.entry((&count.cloud, &count.backend_id, count.resource_type)).or_insert(count.oldest);
            *since = (*since).min(count.oldest);
        }
        let labels = [
            ("cloud", count.cloud.as_str()),
            ("tenant", &count.backend_id),
            ("resource_type", count.resource_type.as_str()),
            ("severity", count.severity.as_str()),
            ("state", count.state.as_str()),
        ];
        exposition.add("tenantd_drift_open", &labels, number(count.count));
    }
    for ((cloud, resource_type, severity), count) in of_cloud {
        let labels = [("cloud", cloud), ("resource_type", resource_type.as_str()), ("severity", severity.as_str())];
        exposition.add("tenantd_cloud_drift_open", &labels, number(count));
    }
    for ((cloud, tenant, resource_type), since) in oldest {
        let labels = [("cloud", cloud), ("tenant", tenant), ("resource_type", resource_type.as_str())];
        exposition.add("tenantd_drift_oldest_open_timestamp_seconds", &labels, seconds(since));
    }
}

/// The age that the schedules promise: two of their longest gaps, so that one missed run is no alarm.
fn promises(exposition: &mut Exposition, clouds: &[String], schedules: &[Schedule], now: DateTime<Utc>) {
    let mut promised: BTreeMap<(&str, ResourceType), Duration> = BTreeMap::new();
    for schedule in schedules.iter().filter(|schedule| schedule.tenant().is_none()) {
        let Some(gap) = ticks(schedule).and_then(|ticks| ticks.longest_gap(now)) else { continue };
        let age = gap * 2 + schedule.jitter.0;
        let concerned = clouds.iter().filter(|cloud| schedule.cloud.as_ref().is_none_or(|only| only == *cloud));
        for cloud in concerned {
            let types = ResourceType::ALL.into_iter();
            for it in types.filter(|it| jobs::pulls(&schedule.job, *it)) {
                let promise = promised.entry((cloud, it)).or_insert(age);
                *promise = (*promise).min(age);
            }
        }
    }
    for ((cloud, resource_type), age) in promised {
        let labels = [("cloud", cloud), ("resource_type", resource_type.as_str())];
        exposition.add("tenantd_snapshot_max_age_seconds", &labels, age.as_secs_f64());
    }
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus has doubles; what is lost beyond 2^53 is nobody's")]
fn amount(value: u64, factor: u64) -> f64 {
    value as f64 * factor as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts of rows")]
fn number(count: i64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 fit 52 bits for two centuries")]
fn seconds(at: DateTime<Utc>) -> f64 {
    at.timestamp_micros() as f64 / 1e6
}
