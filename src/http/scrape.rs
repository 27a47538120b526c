//! `/metrics`: what this instance counted, and, from the leader, what the records say.

mod gist;
mod series;
mod table;
mod totals;

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
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

use super::View;
use super::addresses::{Addresses, Counted};
use super::api::Peer;
use crate::config::Schedule;
use crate::intake::schedule::ticks;
use crate::jobs;
use crate::model::{FindingState, ResourceType, Severity};
use crate::store::StoreError;
use crate::telemetry::exposition::Exposition;
use crate::telemetry::metrics;
use gist::Memory;
use series::{PIECE, Pieces, Table};

/// How long a scrape waits for the database; Prometheus gives up after ten seconds by default.
const LIMIT: Duration = Duration::from_secs(5);
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers that are under way at once: each may be long, and is held until its client has read it.
const UNDER_WAY: usize = 16;
/// Those to one address: more than a Prometheus has, and too few to keep everybody else waiting.
const OF_ADDRESS: usize = 4;

/// What the route needs.
#[derive(Debug)]
struct Scrapes {
    view: Arc<View>,
    places: Arc<Semaphore>,
    addresses: Arc<Addresses>,
    /// What earlier scrapes read.
    memory: Mutex<Memory>,
}

/// The route.
pub(super) fn router(view: &Arc<View>) -> Router {
    let (places, addresses) = (Arc::new(Semaphore::new(UNDER_WAY)), Arc::new(Addresses::default()));
    let scrapes = Scrapes { view: Arc::clone(view), places, addresses, memory: Mutex::default() };
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
        Ok((page(&scrapes).await?, place))
    };
    let page: Result<_, String> = tokio::select! {
        page = page => page,
        () = clock.sleep(LIMIT) => Err(format!("no answer within {LIMIT:?}")),
    };
    match page {
        Ok((page, place)) => ([(CONTENT_TYPE, FORMAT)], in_pieces(page, (place, counted))).into_response(),
        // Half an answer would end every alert on drift; a scrape that failed ends none.
        Err(error) => {
            tracing::warn!(error, "the stored metrics cannot be read");
            (StatusCode::SERVICE_UNAVAILABLE, format!("the stored metrics cannot be read: {error}\n")).into_response()
        }
    }
}

async fn page(scrapes: &Scrapes) -> Result<Page, String> {
    let view = &scrapes.view;
    let (mut text, mut table) = (String::new(), Table::default());
    if *view.leads.borrow() {
        (text, table) = stored(scrapes).await.map_err(|error| error.to_string())?;
    } else {
        // Another replica tells of the records; this one need not remember them.
        *scrapes.memory.lock().await = Memory::default();
    }
    view.recorder.run_upkeep();
    Ok(Page { head: view.recorder.render() + &text, tenants: Pieces::new(table) })
}

/// An answer: what is short, and what is written as it is taken.
struct Page {
    head: String,
    tenants: Pieces,
}

/// A body that keeps its place until the last of it is taken.
fn in_pieces(page: Page, place: (OwnedSemaphorePermit, Counted)) -> axum::body::Body {
    let head = Bytes::from(page.head);
    let pieces = stream::unfold((head, page.tenants, place), async |(mut head, mut tenants, place)| {
        let piece = if head.is_empty() { Bytes::from(tenants.next()?) } else { head.split_to(head.len().min(PIECE)) };
        Some((Ok::<_, Infallible>(piece), (head, tenants, place)))
    });
    axum::body::Body::from_stream(pieces)
}

/// What the records say: of clouds, jobs and schedules as text, of each tenant as what its text is made from. All of it
/// is read before the first byte goes out.
async fn stored(scrapes: &Scrapes) -> Result<(String, Table), StoreError> {
    let (view, store) = (&scrapes.view, scrapes.view.context.store());
    let (projects, ages, counts) = tokio::try_join!(store.projects(), store.ages(), store.finding_counts())?;
    let (waiting, schedules) = tokio::try_join!(store.waiting(), store.schedules())?;
    let (outbox, dead) = tokio::try_join!(store.outgoing_count(), store.dead_letter_count())?;
    let clouds: Vec<String> = view.context.live().names().into_iter().map(str::to_owned).collect();
    let mut exposition = Exposition::default();
    let mut memory = scrapes.memory.lock().await;
    memory.refresh(store, &ages).await?;
    let (mut table, lost) = table::of(&projects, &ages, &counts, &memory);
    drop(memory);
    for ((cloud, resource_type, reason), count) in lost {
        let labels = [("cloud", cloud), ("resource_type", resource_type.as_str()), ("reason", reason)];
        exposition.add("tenantd_coverage_lost", &labels, f64::from(count));
    }
    totals::add(&mut exposition, &table, &clouds);
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
    metrics::series_dropped(table.cut(view.max_series.saturating_sub(exposition.len())));
    Ok((exposition.render(), table))
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

/// The age that a schedule promises: the one that it is to keep, or two of its longest gaps, so that one missed run is no
/// alarm.
fn promise(schedule: &Schedule, now: DateTime<Utc>) -> Option<Duration> {
    match schedule.max_age {
        Some(age) => Some(age.0),
        None => Some(ticks(schedule)?.longest_gap(now)? * 2 + schedule.jitter.0),
    }
}

fn promises(exposition: &mut Exposition, clouds: &[String], schedules: &[Schedule], now: DateTime<Utc>) {
    let mut promised: BTreeMap<(&str, ResourceType), Duration> = BTreeMap::new();
    for schedule in schedules.iter().filter(|schedule| schedule.tenant().is_none()) {
        let Some(age) = promise(schedule, now) else { continue };
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

#[expect(clippy::cast_precision_loss, reason = "counts of rows")]
fn number(count: i64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 fit 52 bits for two centuries")]
fn seconds(at: DateTime<Utc>) -> f64 {
    at.timestamp_micros() as f64 / 1e6
}
