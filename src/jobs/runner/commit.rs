//! The record of attempts: effects, the jobs' rows, their events, replies and dead letters. What is ready together
//! shares one transaction; a group that fails is recorded one by one, so that one odd result costs nobody else theirs.

use std::borrow::Cow;
use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Ended;
use super::attempt::{Attempt, Member};
use super::bury::{bury, dead_letter};
use super::parts::{GROUP, Share, part_over};
use super::settle::{Settled, settled};
use super::walk;
use crate::jobs::cancel::cancel_parts;
use crate::jobs::context::Context;
use crate::jobs::effects::{Tally, apply};
use crate::jobs::events::Events;
use crate::jobs::reply;
use crate::jobs::settled::pass_over;
use crate::jobs::{Effect, JobError, Report};
use crate::model::ids::new_id;
use crate::model::job::{JobState, Outcome, Part, Request};
use crate::retry::Retryable;
use crate::store::jobs::Ending;
use crate::store::{StoreError, Tx, in_time};
use crate::telemetry::metrics;

/// Writes attempts down.
#[derive(Debug, Clone)]
pub(super) struct Scribe {
    pub context: Context,
    /// Cancelled when there is no time left to wait for the database.
    pub interrupt: CancellationToken,
}

/// How each member of an attempt ended.
pub(super) type Endings = Vec<Ended>;

enum Failure {
    Store(StoreError),
    /// A job of a group is someone else's now, and nothing that its run brought may stay.
    Lost,
    /// Somebody else may change the tenant now.
    LeaseLost,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Scribe {
    /// Records attempts, together as far as they are small, waiting for the database as long as there is time.
    pub async fn record(&self, attempts: Vec<Attempt>) -> Vec<Result<Endings, StoreError>> {
        let mut results: Vec<Option<Result<Endings, StoreError>>> = Vec::new();
        results.resize_with(attempts.len(), || None);
        let mut groups: Vec<Vec<(usize, Attempt)>> = vec![Vec::new()];
        let mut effects = 0;
        for (place, attempt) in attempts.into_iter().enumerate() {
            effects += attempt.report.effects.len();
            if effects > GROUP {
                effects = attempt.report.effects.len();
                groups.push(Vec::new());
            }
            if let Some(group) = groups.last_mut() {
                group.push((place, attempt));
            }
        }
        for group in groups {
            let (places, attempts): (Vec<usize>, Vec<Attempt>) = group.into_iter().unzip();
            for (place, result) in places.into_iter().zip(self.record_group(attempts).await) {
                results[place] = Some(result);
            }
        }
        let missing = || Err(StoreError::NotRecorded("it was not answered".to_owned()));
        results.into_iter().map(|result| result.unwrap_or_else(missing)).collect()
    }

    async fn record_group(&self, mut attempts: Vec<Attempt>) -> Vec<Result<Endings, StoreError>> {
        let mut tries = 0;
        while attempts.len() > 1 {
            match self.commit(&attempts).await {
                Ok(endings) => return endings.into_iter().map(Ok).collect(),
                Err(Failure::Store(error)) if error.is_retryable() => {
                    tries += 1;
                    if let Err(error) = self.wait_for_database(error, tries).await {
                        let why = error.to_string();
                        return attempts.iter().map(|_| Err(StoreError::NotRecorded(why.clone()))).collect();
                    }
                }
                Err(Failure::Store(error)) => {
                    tracing::warn!(%error, jobs = attempts.len(), "a group of results is recorded one by one");
                    break;
                }
                Err(Failure::Lost | Failure::LeaseLost) => break,
            }
        }
        let mut results = Vec::with_capacity(attempts.len());
        for attempt in attempts.drain(..) {
            results.push(self.record_alone(attempt).await);
        }
        results
    }

    async fn record_alone(&self, mut attempt: Attempt) -> Result<Endings, StoreError> {
        let mut tries = 0;
        loop {
            match self.commit_in_parts(&mut attempt).await {
                Ok(endings) => return Ok(endings),
                Err(Failure::Lost) => {
                    tracing::warn!("the job is someone else's meanwhile; this attempt leaves no trace");
                    return Ok(attempt.members.iter().map(|_| Ended::Duplicate).collect());
                }
                Err(Failure::LeaseLost) => {
                    tracing::warn!("another job may change the tenant meanwhile; this one waits and looks again");
                    attempt.lease = None;
                    attempt.report = Report::failed(JobError::Interrupted);
                }
                Err(Failure::Store(error)) if error.is_retryable() => {
                    tries += 1;
                    self.wait_for_database(error, tries).await?;
                }
                Err(Failure::Store(error)) if attempt.report.effects.is_empty() => return Err(error),
                Err(Failure::Store(error)) => {
                    tracing::error!(%error, "a result cannot be recorded; the others are recorded one by one");
                    let share = Share { live: &attempt.live, job: attempt.job() };
                    let written = self.record_singly(share, &mut attempt.report.effects).await?;
                    attempt.tally.changed |= written.changed;
                    attempt.report.leave_out(written.left_out());
                }
            }
        }
    }

    /// Records what is left of an attempt, part by part, the last together with the jobs' own rows.
    async fn commit_in_parts(&self, attempt: &mut Attempt) -> Result<Endings, Failure> {
        // The parts of a job are made all at once: whoever finds some takes them for all.
        while attempt.report.effects.len() > GROUP && !is_shared_out(&attempt.report) {
            let share = Share { live: &attempt.live, job: attempt.job() };
            attempt.tally.changed |= self.record_part(share, &attempt.report.effects[..GROUP]).await?;
            attempt.report.effects.drain(..GROUP);
        }
        let mut endings = self.commit(std::slice::from_ref(attempt)).await?;
        Ok(endings.pop().unwrap_or_default())
    }

    /// Records attempts in one transaction, or says soon that it cannot.
    async fn commit(&self, attempts: &[Attempt]) -> Result<Vec<Endings>, Failure> {
        in_time(async { Ok(self.commit_all(attempts).await) }).await?
    }

    async fn commit_all(&self, attempts: &[Attempt]) -> Result<Vec<Endings>, Failure> {
        let Some(first) = attempts.first() else { return Ok(Vec::new()) };
        let mut tallies = Vec::with_capacity(attempts.len());
        let effects: Vec<&Effect> = attempts.iter().flat_map(|attempt| &attempt.report.effects).collect();
        let (mut tx, passed) = pass_over(&self.context, &first.live.rules, &effects).await?;
        let mut passed = passed.into_iter();
        for attempt in attempts {
            if let Some(lease) = &attempt.lease
                && !lease.is_held(&mut tx).await?
            {
                return Err(Failure::LeaseLost);
            }
            let mut tally = Tally::default();
            let effects = attempt.report.effects.iter().zip(passed.by_ref());
            let left: Vec<&Effect> =
                effects.filter_map(|(it, passed)| (!passed.into_done(&mut tally)).then_some(it)).collect();
            apply(&self.context, &attempt.live, &mut tx, attempt.job(), left, &mut tally).await?;
            tally.changed |= attempt.tally.changed | attempt.report.did;
            tallies.push(tally);
        }
        let now = self.context.clock().now();
        let settled = self.write_jobs(&mut tx, attempts, &tallies, now).await?;
        self.context.tell(tx.commit().await?);
        tallies.iter().for_each(Tally::count);
        let tell = |(attempt, settled): (&Attempt, Vec<Option<Settled>>)| {
            let told = attempt.members.iter().zip(settled).map(|(member, settled)| match settled {
                Some(settled) => tell(attempt, member, settled, now),
                None => Ended::Duplicate,
            });
            told.collect()
        };
        Ok(attempts.iter().zip(settled).map(tell).collect())
    }

    /// Writes down what became of each member; none for one that is someone else's meanwhile.
    async fn write_jobs(
        &self,
        tx: &mut Tx,
        attempts: &[Attempt],
        tallies: &[Tally],
        now: DateTime<Utc>,
    ) -> Result<Vec<Vec<Option<Settled>>>, Failure> {
        let owner = self.context.owner();
        let mut all = Vec::with_capacity(attempts.len());
        for (attempt, tally) in attempts.iter().zip(tallies) {
            let settle = |member| {
                let settled = settled(attempt, member, tally.changed, now);
                (attempt, member, as_recorded(member, &settled), settled)
            };
            all.push(attempt.members.iter().map(settle).collect::<Vec<_>>());
        }
        let over = all.iter().flatten().filter(|(.., settled)| settled.outcome.is_some());
        let over: Vec<(&Request, Ending<'_>)> =
            over.map(|(attempt, _, request, settled)| (&**request, ending(attempt, settled, now))).collect();
        // Parts before their whole, as a part that ends comes to its whole last. That the whole is not wanted any more stays
        // true whoever has it by now.
        for (_, _, request, settled) in all.iter().flatten().filter(|(.., it)| it.outcome == Some(Outcome::Cancelled)) {
            cancel_parts(&self.context, tx, request.id, settled.error.as_deref().unwrap_or_default()).await?;
        }
        let mut ours: BTreeSet<Uuid> = tx.finish_jobs(&over, owner, now).await?.into_iter().collect();
        for (attempt, member, request, settled) in all.iter().flatten().filter(|(.., it)| it.outcome.is_none()) {
            if tx.park_job(request, &ending(attempt, settled, now), owner).await? {
                ours.insert(request.id);
                if matches!(attempt.failure(member), Some(JobError::Parted(_))) {
                    // Its last part may have ended while it looked after them.
                    tx.wake_whole(request.id, now).await?;
                }
            }
        }
        if all.iter().any(|members| !members.iter().any(|(_, _, request, _)| ours.contains(&request.id))) {
            return Err(Failure::Lost);
        }
        let mut succeeded = BTreeSet::new();
        for (attempt, _, request, settled) in all.iter().flatten().filter(|(_, _, it, _)| ours.contains(&it.id)) {
            let Some(outcome) = settled.outcome else { continue };
            walk::end(tx, request, outcome, settled.error.as_deref(), now).await?;
            self.publish(tx, attempt, request, settled, outcome, now).await?;
            let only_made_jobs = attempt.report.effects.iter().any(|effect| matches!(effect, Effect::Enqueue(_)));
            // What only made other jobs has read nothing: they tell the schedule's success; a part leaves it to the whole.
            let is_whole = !only_made_jobs && request.part.is_none();
            if outcome.state() == JobState::Succeeded && is_whole {
                succeeded.extend(request.source.strip_prefix("schedule:").map(str::to_owned));
            }
        }
        let parts =
            all.iter().flatten().filter(|(_, _, it, settled)| settled.outcome.is_some() && ours.contains(&it.id));
        let mut parts: Vec<&Part> = parts.filter_map(|(_, _, request, _)| request.part.as_ref()).collect();
        // Two that bring parts of the same jobs come to those in the same order.
        parts.sort_by_key(|part| part.of);
        for part in parts {
            part_over(tx, part, now).await?;
        }
        for schedule in succeeded {
            tx.schedule_succeeded(&schedule, now).await?;
        }
        let kept =
            |(_, _, request, settled): (_, _, Cow<'_, Request>, Settled)| ours.contains(&request.id).then_some(settled);
        Ok(all.into_iter().map(|members| members.into_iter().map(kept).collect()).collect())
    }

    /// The event of an ended job, and its dead letter.
    async fn publish(
        &self,
        tx: &mut Tx,
        attempt: &Attempt,
        request: &Request,
        settled: &Settled,
        outcome: Outcome,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if settled.dead {
            let error = settled.error.as_deref().unwrap_or_default();
            let letter = dead_letter(new_id(now), request, settled.reason.unwrap_or("failed"), error, now);
            bury(&self.context, tx, &letter).await?;
        }
        let data = Facts {
            attempts: request.attempt,
            cloud: attempt.target.cloud(request),
            enqueued_at: request.enqueued_at,
            error: settled.error.as_deref(),
            finished_at: now,
            id: request.id,
            kind: &request.kind,
            outcome,
            part: request.part.as_ref(),
            reason: settled.reason,
            started_at: attempt.started_at,
            tenant: request.subject.as_deref(),
        };
        reply::send(&self.context, tx, request.reply.as_ref(), (outcome, &data), now);
        let routing_key = format!("job.{}.{outcome}", request.kind);
        Events::new(&self.context, now).emit(tx, &routing_key, &request.id.to_string(), &data);
        Ok(())
    }

    /// Waits a little before the database is tried again; an error when there is no time left for it.
    pub(super) async fn wait_for_database(&self, error: StoreError, tries: u32) -> Result<(), StoreError> {
        if tries == 1 {
            tracing::warn!(%error, "results wait for the database");
        }
        tokio::select! {
            () = self.context.clock().sleep(std::time::Duration::from_secs(u64::from(tries.clamp(1, 10)))) => Ok(()),
            () = self.interrupt.cancelled() => Err(error),
        }
    }
}

/// What the event of an ended job says, in the order of the names.
#[derive(Serialize)]
struct Facts<'a> {
    attempts: i64,
    cloud: &'a str,
    enqueued_at: DateTime<Utc>,
    error: Option<&'a str>,
    finished_at: DateTime<Utc>,
    id: Uuid,
    kind: &'a str,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<&'a Part>,
    reason: Option<&'static str>,
    started_at: DateTime<Utc>,
    tenant: Option<&'a str>,
}

/// Whether a job did nothing but share itself out.
fn is_shared_out(report: &Report) -> bool {
    report.effects.iter().all(|effect| matches!(effect, Effect::Enqueue(_)))
}

/// The request as its row is to have it: where it is to run, and when.
fn as_recorded<'a>(member: &'a Member, settled: &Settled) -> Cow<'a, Request> {
    if settled.again_at.is_none() && !settled.is_no_attempt {
        return Cow::Borrowed(&member.request);
    }
    let mut request = member.request.clone();
    request.not_before = settled.again_at.unwrap_or(request.not_before);
    if settled.is_no_attempt {
        request.attempt -= 1;
    }
    Cow::Owned(request)
}

fn ending<'a>(attempt: &'a Attempt, settled: &'a Settled, now: DateTime<Utc>) -> Ending<'a> {
    Ending {
        tenant: attempt.target.tenant.as_ref().map(|tenant| tenant.uuid),
        state: settled.outcome.map_or(JobState::Queued, Outcome::state),
        outcome: settled.outcome,
        started_at: Some(attempt.started_at),
        finished_at: settled.outcome.map(|_| now),
        reason: settled.reason,
        error: settled.error.as_deref(),
    }
}

/// Moves the counters, writes the log line, and says how it ended.
fn tell(attempt: &Attempt, member: &Member, settled: Settled, now: DateTime<Utc>) -> Ended {
    let request = &member.request;
    let cloud = attempt.target.cloud(request);
    let kind = crate::jobs::kind(&request.kind).map_or("unknown", |kind| kind.name);
    let took = attempt.took(now);
    let error = settled.error.as_deref().unwrap_or_default();
    if let Some(reason) = settled.reason
        && !settled.is_no_attempt
    {
        metrics::job_failed(cloud, kind, reason, settled.again_at.is_some());
    }
    let (id, tenant) = (request.id, request.subject.as_deref());
    let Some(outcome) = settled.outcome else {
        if settled.is_no_attempt {
            tracing::debug!(job.id = %id, job.kind = kind, tenant, error, again_at = ?settled.again_at, "job is parked");
        } else {
            tracing::warn!(job.id = %id, job.kind = kind, tenant, error, again_at = ?settled.again_at, "job waits for another attempt");
        }
        return Ended::Parked { error: settled.error };
    };
    metrics::job_ended(cloud, kind, outcome, took);
    let took = humantime::format_duration(took).to_string();
    match outcome {
        Outcome::Failed | Outcome::Expired => {
            tracing::warn!(job.id = %id, job.kind = kind, tenant, took, error, "job failed");
        }
        Outcome::Partial => {
            tracing::warn!(job.id = %id, job.kind = kind, tenant, took, error, "job ended with something left out");
        }
        Outcome::Unchanged => {
            tracing::debug!(job.id = %id, job.kind = kind, tenant, took, "job ended, nothing changed");
        }
        Outcome::Succeeded | Outcome::Cancelled => {
            tracing::info!(job.id = %id, job.kind = kind, tenant, took, outcome = outcome.as_str(), "job ended");
        }
    }
    if settled.dead {
        let reason = settled.reason.unwrap_or("failed").to_owned();
        return Ended::Dead { reason, error: settled.error.unwrap_or_default() };
    }
    Ended::Done { outcome, left_out: settled.error }
}
