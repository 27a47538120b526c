//! Cron schedules. tokio-cron-scheduler only says "look now"; which tick is due is computed here from what was
//! recorded, and becomes a job whose id contains the tick: a lost or doubled call of the library changes nothing.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio_cron_scheduler::{Job, JobScheduler};
use uuid::Uuid;

use super::objective;
use super::ticks::Ticks;
use crate::config::Schedule;
use crate::jobs::context::Context;
use crate::lifecycle::Lifecycle;
use crate::model::ids::{named_id, new_id};
use crate::model::job::{JobState, Outcome, PRIORITY_PERSON, PRIORITY_SCHEDULE, Request};
use crate::store::jobs::Ending;
use crate::store::{StoreError, in_time};

/// A look without being told to, should the library miss one.
const LOOK: Duration = Duration::from_secs(15);
/// Missed ticks are counted up to here.
const MOST_COUNTED: usize = 1000;

/// What becomes of a look at a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fired {
    /// Nothing was due.
    NotDue,
    /// This job was made.
    Job(Uuid),
    /// So many tenants or clouds are to be looked at, each by a job.
    Jobs(usize),
    /// An earlier run is still on its way, so this tick is recorded and left out.
    Skipped(DateTime<Utc>),
}

/// The moments of a schedule, if it has any.
pub fn ticks(schedule: &Schedule) -> Option<Ticks> {
    Some(Ticks::new(schedule.times().ok()??, schedule.zone().ok()?))
}

/// The newest tick after `after` and until `now`: older ones are not caught up.
pub fn due(ticks: &Ticks, after: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    ticks.newest_until(now).filter(|newest| *newest > after)
}

/// Spreads jobs evenly: always the same delay for the same tick, so that every replica computes it alike.
fn jitter(schedule: &Schedule, tick: DateTime<Utc>) -> chrono::Duration {
    let mut hasher = DefaultHasher::new();
    (&schedule.name, tick.timestamp()).hash(&mut hasher);
    let most = u64::try_from(schedule.jitter.0.as_millis()).unwrap_or(u64::MAX);
    let delay = if most == 0 { 0 } else { hasher.finish() % most };
    chrono::Duration::milliseconds(i64::try_from(delay).unwrap_or(0))
}

/// The job of a schedule, asked for by a person beside its times.
pub fn now_request(schedule: &Schedule, source: &str, now: DateTime<Utc>) -> Request {
    Request {
        cloud: schedule.cloud.clone(),
        subject: schedule.tenant().map(str::to_owned),
        params: Value::Object(schedule.params.clone()),
        priority: PRIORITY_PERSON,
        ..Request::new(new_id(now), schedule.job.clone(), source, now)
    }
}

/// The job of a tick.
fn request(schedule: &Schedule, tick: DateTime<Utc>, now: DateTime<Utc>) -> Request {
    let id = named_id(&format!("schedule:{}", schedule.name), &tick.timestamp().to_string());
    Request {
        cloud: schedule.cloud.clone(),
        subject: schedule.tenant().map(str::to_owned),
        params: Value::Object(schedule.params.clone()),
        priority: PRIORITY_SCHEDULE,
        not_before: tick + jitter(schedule, tick),
        ..Request::new(id, schedule.job.clone(), format!("schedule:{}", schedule.name), now)
    }
}

/// Looks whether a schedule is due, and makes its job, or one for each look that its objective asks for.
///
/// # Errors
/// When the database is away: the tick is made up for at the next look.
pub async fn look(context: &Context, schedule: &Schedule) -> Result<Fired, StoreError> {
    if schedule.max_age.is_some() {
        return objective::look(context, schedule).await;
    }
    let Some(ticks) = ticks(schedule) else { return Ok(Fired::NotDue) };
    let now = context.clock().now();
    let store = context.store();
    let Some(state) = store.schedule(&schedule.name).await? else {
        // A new schedule begins with its next tick.
        let mut tx = store.begin().await?;
        tx.schedule_ticked(&schedule.name, now, None).await?;
        tx.commit().await?;
        return Ok(Fired::NotDue);
    };
    let Some(tick) = due(&ticks, state.last_tick, now) else { return Ok(Fired::NotDue) };
    let busy = is_busy(context, schedule).await?;
    let request = request(schedule, tick, now);
    let mut tx = store.begin().await?;
    let job = if busy { state.last_job } else { Some(request.id) };
    if !tx.schedule_ticked(&schedule.name, tick, job).await? {
        return Ok(Fired::NotDue);
    }
    let missed = ticks.between(state.last_tick, tick, MOST_COUNTED);
    if missed > 0 {
        let many = if missed == MOST_COUNTED { format!("{missed} or more") } else { missed.to_string() };
        let why =
            format!("{many} ticks since {} went by while nobody looked; the newest is made up for", state.last_tick);
        let id = named_id(&format!("schedule:{}", schedule.name), &format!("missed before {}", tick.timestamp()));
        let missed = Request { id, ..request.clone() };
        tx.end_job(&missed, &left_out("missed", &why, now), context.instance()).await?;
        tracing::warn!(schedule = schedule.name, %tick, missed = many, "ticks went by while nobody looked");
    }
    if busy {
        let why = "the run before was not done yet";
        tx.end_job(&request, &left_out("skipped", why, now), context.instance()).await?;
    } else {
        tx.insert_job(&request, None).await?;
    }
    tx.commit().await?;
    if busy {
        tracing::info!(schedule = schedule.name, %tick, "a tick is skipped: the run before is not done yet");
        return Ok(Fired::Skipped(tick));
    }
    context.ring();
    Ok(Fired::Job(request.id))
}

/// Whether an earlier run is still on its way: the job itself, or its parts for every cloud. A part of one cloud alone
/// keeps the others from nothing.
async fn is_busy(context: &Context, schedule: &Schedule) -> Result<bool, StoreError> {
    let jobs = context.store().active(&format!("schedule:{}", schedule.name)).await?;
    let active: Vec<Option<String>> = jobs.into_iter().map(|(cloud, _)| cloud).collect();
    if active.contains(&schedule.cloud) || (schedule.tenant().is_some() && !active.is_empty()) {
        return Ok(true);
    }
    let live = context.live();
    let names = live.names();
    let works_on = |name: &str| active.iter().any(|cloud| cloud.as_deref() == Some(name));
    Ok(!names.is_empty() && names.into_iter().all(works_on))
}

/// How a tick is written down that becomes no job.
const fn left_out<'a>(reason: &'a str, why: &'a str, now: DateTime<Utc>) -> Ending<'a> {
    Ending {
        tenant: None,
        state: JobState::Cancelled,
        outcome: Some(Outcome::Cancelled),
        started_at: None,
        finished_at: Some(now),
        reason: Some(reason),
        error: Some(why),
    }
}

/// Fires the schedules for as long as this instance leads; a new list takes the place of the old one.
pub async fn run(
    context: Context,
    lifecycle: Lifecycle,
    mut schedules: watch::Receiver<Vec<Schedule>>,
    mut leads: watch::Receiver<bool>,
) {
    while !lifecycle.stop.is_cancelled() {
        let now = schedules.borrow_and_update().clone();
        let pause = objective::pace(&now).map_or(LOOK, |pace| pace.min(LOOK));
        let (look_now, mut looks) = mpsc::channel(1);
        let library = match alarms(&now, &look_now).await {
            Ok(library) => Some(library),
            Err(error) => {
                tracing::error!(%error, "the cron library does not start; schedules are looked at now and then");
                None
            }
        };
        loop {
            lifecycle.pulse("schedules");
            if *leads.borrow_and_update() {
                look_at_all(&context, &now).await;
            }
            tokio::select! {
                _ = looks.recv() => {}
                () = context.clock().sleep(pause) => {}
                _ = leads.changed() => {}
                changed = schedules.changed() => {
                    if changed.is_ok() { break }
                    lifecycle.stop.cancelled().await;
                }
                () = lifecycle.stop.cancelled() => break,
            }
        }
        if let Some(mut library) = library
            && let Err(error) = library.shutdown().await
        {
            tracing::debug!(%error, "the cron library did not stop");
        }
    }
}

async fn look_at_all(context: &Context, schedules: &[Schedule]) {
    for schedule in schedules {
        if let Err(error) = in_time(look(context, schedule)).await {
            tracing::warn!(schedule = schedule.name, %error, "a schedule cannot be looked at now");
        }
    }
}

/// Lets the library say when to look.
async fn alarms(
    schedules: &[Schedule],
    look_now: &mpsc::Sender<()>,
) -> Result<JobScheduler, tokio_cron_scheduler::JobSchedulerError> {
    let library = JobScheduler::new().await?;
    for schedule in schedules {
        let (Some(cron), Ok(zone)) = (&schedule.cron, schedule.zone()) else { continue };
        let look_now = look_now.clone();
        let alarm = Job::new_async_tz(cron.as_str(), zone, move |_, _| {
            // A full channel means that a look is about to happen anyway.
            let _ = look_now.try_send(());
            Box::pin(async {})
        })?;
        library.add(alarm).await?;
    }
    library.start().await?;
    Ok(library)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::HumanDuration;
    use proptest::prelude::*;

    fn schedule(cron: &str, timezone: &str) -> Schedule {
        Schedule {
            name: "s".into(),
            cron: Some(cron.into()),
            max_age: None,
            timezone: timezone.into(),
            job: "pull".into(),
            tenants: "all".into(),
            cloud: None,
            params: serde_json::Map::new(),
            enabled: true,
            jitter: HumanDuration::seconds(30),
        }
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn only_the_newest_missed_tick_is_caught_up() {
        let ticks = ticks(&schedule("0 */10 * * * *", "UTC")).unwrap();
        let due = |after, now| due(&ticks, at(after), at(now));
        assert_eq!(due("2026-01-01T00:00:00Z", "2026-01-01T00:09:59Z"), None);
        assert_eq!(due("2026-01-01T00:00:00Z", "2026-01-01T00:10:00Z"), Some(at("2026-01-01T00:10:00Z")));
        assert_eq!(due("2026-01-01T00:00:00Z", "2026-01-01T00:10:00.7Z"), Some(at("2026-01-01T00:10:00Z")));
        assert_eq!(due("2026-01-01T00:10:00Z", "2026-01-01T00:10:00.9Z"), None);
        assert_eq!(due("2026-01-01T00:00:00Z", "2026-01-01T07:33:00Z"), Some(at("2026-01-01T07:30:00Z")));
    }

    #[test]
    fn a_local_time_keeps_its_hour_when_the_clocks_change() {
        let ticks = ticks(&schedule("0 30 4 * * *", "Europe/Tallinn")).unwrap();
        let due = |after, now| due(&ticks, at(after), at(now));
        // Clocks go forward on 2026-03-29 at 03:00 local time.
        assert_eq!(due("2026-03-28T00:00:00Z", "2026-03-28T12:00:00Z"), Some(at("2026-03-28T02:30:00Z")));
        assert_eq!(due("2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z"), Some(at("2026-03-29T01:30:00Z")));
    }

    proptest! {
        #[test]
        fn a_tick_always_has_the_same_job_and_delay(seconds in 0_i64..2_000_000_000) {
            let (schedule, tick) = (schedule("0 * * * * *", "UTC"), DateTime::from_timestamp(seconds, 0).unwrap());
            let (one, other) = (request(&schedule, tick, tick), request(&schedule, tick, tick + chrono::Duration::hours(1)));
            prop_assert_eq!((one.id, one.not_before), (other.id, other.not_before));
            prop_assert!(one.not_before >= tick && one.not_before < tick + chrono::Duration::seconds(30));
        }
    }
}
