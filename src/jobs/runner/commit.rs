//! The record of an attempt: effects, the job's row, its event, and its dead letter, in one transaction.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use tracing::Instrument;

use super::{Attempt, Ended, Runner, StoreError, state_of};
use crate::jobs::effects::{Tally, apply};
use crate::jobs::events::Events;
use crate::jobs::normalise::storable;
use crate::jobs::reply;
use crate::jobs::verdict::{Verdict, verdict};
use crate::jobs::{Effect, JobError};
use crate::model::ids::new_id;
use crate::model::job::{Outcome, Reply, Request};
use crate::retry::Retryable;
use crate::store::Tx;
use crate::store::dead_letters::DeadLetter;
use crate::store::jobs::Ending;
use crate::store::outbox::{Outgoing, PROPERTIES};
use crate::telemetry::metrics;

/// Effects committed together; a fleet's worth in one transaction would keep other writers waiting.
const GROUP: usize = 500;
/// The longest error text that travels with a dead letter, in bytes.
const ERROR_LIMIT: usize = 2048;

/// What an attempt comes to.
struct Settled {
    outcome: Option<Outcome>,
    dead: bool,
    again_at: Option<DateTime<Utc>>,
    reason: Option<&'static str>,
    error: Option<String>,
}

impl Runner {
    /// Records an attempt, waiting for the database as long as there is time.
    pub(super) async fn settle(&self, mut attempt: Attempt) -> Result<Ended, StoreError> {
        let mut tries = 0;
        loop {
            let span = tracing::debug_span!("store.commit", effects = attempt.report.effects.len());
            match self.commit(&mut attempt).instrument(span).await {
                Ok(ended) => return Ok(ended),
                Err(error) if error.is_retryable() => {
                    tries += 1;
                    self.wait_for_database(error, tries).await?;
                }
                Err(error) if attempt.report.effects.is_empty() => return Err(error),
                Err(error) => {
                    tracing::error!(%error, "a result cannot be recorded; the others are recorded one by one");
                    self.record_singly(&mut attempt).await?;
                }
            }
        }
    }

    /// Records what is left of an attempt, group by group, the last together with the job's own row.
    async fn commit(&self, attempt: &mut Attempt) -> Result<Ended, StoreError> {
        while attempt.report.effects.len() > GROUP {
            self.record(attempt, GROUP).await?;
        }
        let mut tx = self.context.store().begin().await?;
        let mut tally = Tally::default();
        apply(&self.context, &attempt.live, &mut tx, &attempt.report.effects, &mut tally).await?;
        tally.changed |= attempt.tally.changed;
        let now = self.context.clock().now();
        let settled = settled(attempt, tally.changed, now);
        if !self.write_job(&mut tx, attempt, &settled, now).await? {
            tracing::warn!("the job ended elsewhere meanwhile; this attempt leaves no trace");
            return Ok(Ended::Duplicate);
        }
        tx.commit().await?;
        self.context.ring();
        tally.count();
        Ok(Self::tell(attempt, settled, now))
    }

    /// Records the first effects of an attempt in a transaction of their own.
    async fn record(&self, attempt: &mut Attempt, count: usize) -> Result<(), StoreError> {
        let mut tally = Tally::default();
        let mut tx = self.context.store().begin().await?;
        apply(&self.context, &attempt.live, &mut tx, &attempt.report.effects[..count], &mut tally).await?;
        tx.commit().await?;
        tally.count();
        attempt.tally.changed |= tally.changed;
        attempt.report.effects.drain(..count);
        Ok(())
    }

    /// Records each effect by itself and leaves out those that the database refuses: one tenant's odd object must not
    /// cost the others theirs.
    async fn record_singly(&self, attempt: &mut Attempt) -> Result<(), StoreError> {
        let (mut refused, mut tries) = (Vec::new(), 0);
        while !attempt.report.effects.is_empty() {
            match self.record(attempt, 1).await {
                Ok(()) => {}
                Err(error) if error.is_retryable() => {
                    tries += 1;
                    self.wait_for_database(error, tries).await?;
                }
                Err(error) => {
                    refused.push(error.to_string());
                    attempt.report.effects.remove(0);
                }
            }
        }
        if let Some(first) = refused.first() {
            let left_out = format!("{} results could not be recorded; the first: {first}", refused.len());
            attempt.report.left_out = Some(left_out);
        }
        Ok(())
    }

    async fn write_job(
        &self,
        tx: &mut Tx,
        attempt: &Attempt,
        settled: &Settled,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut request = attempt.request.clone();
        request.not_before = settled.again_at.unwrap_or(request.not_before);
        if attempt.report.failure.as_ref().is_some_and(JobError::is_no_attempt) {
            request.attempt -= 1;
        }
        let ending = Ending {
            tenant: attempt.tenant.as_ref().map(|tenant| tenant.uuid),
            state: state_of(settled.outcome),
            outcome: settled.outcome,
            started_at: Some(attempt.started_at),
            finished_at: settled.outcome.map(|_| now),
            reason: settled.reason,
            error: settled.error.as_deref(),
        };
        if !tx.end_job(&request, &ending, self.context.instance()).await? {
            return Ok(false);
        }
        let Some(outcome) = settled.outcome else { return Ok(true) };
        if let Some(schedule) = request.source.strip_prefix("schedule:")
            && outcome.state() == crate::model::job::JobState::Succeeded
            && !attempt.report.effects.iter().any(|effect| matches!(effect, Effect::Enqueue(_)))
        {
            // What only made other jobs has read nothing: they tell the schedule's success.
            tx.schedule_succeeded(schedule, now).await?;
        }
        if settled.dead {
            let error = settled.error.as_deref().unwrap_or_default();
            let letter = dead_letter(&request, settled.reason.unwrap_or("failed"), error, now);
            self.bury(tx, &letter).await?;
        }
        let data = json!({
            "id": request.id, "kind": request.kind, "cloud": attempt.cloud(), "tenant": request.subject,
            "outcome": outcome, "attempts": request.attempt, "reason": settled.reason, "error": settled.error,
            "enqueued_at": request.enqueued_at, "started_at": attempt.started_at, "finished_at": now,
        });
        reply::send(&self.context, tx, request.reply.as_ref(), (outcome, &data), now).await?;
        let routing_key = format!("job.{}.{outcome}", request.kind);
        Events::new(&self.context, now).emit(tx, &routing_key, &request.id.to_string(), data).await?;
        Ok(true)
    }

    /// Moves the counters, writes the log line, and says how it ended.
    fn tell(attempt: &Attempt, settled: Settled, now: DateTime<Utc>) -> Ended {
        let request = &attempt.request;
        let kind = crate::jobs::kind(&request.kind).map_or("unknown", |kind| kind.name);
        let took = attempt.took(now);
        let error = settled.error.as_deref().unwrap_or_default();
        if let Some(reason) = settled.reason
            && !attempt.report.failure.as_ref().is_some_and(JobError::is_no_attempt)
        {
            metrics::job_failed(attempt.cloud(), kind, reason, settled.again_at.is_some());
        }
        let Some(outcome) = settled.outcome else {
            tracing::warn!(error, again_at = ?settled.again_at, "job waits for another attempt");
            return Ended::Parked { error: settled.error };
        };
        metrics::job_ended(attempt.cloud(), kind, outcome, took);
        tracing::Span::current().record("job.outcome", outcome.as_str());
        let took = humantime::format_duration(took).to_string();
        match outcome {
            Outcome::Failed | Outcome::Expired => tracing::warn!(took, error, "job failed"),
            Outcome::Partial => tracing::warn!(took, error, "job ended with something left out"),
            _ => tracing::info!(took, outcome = outcome.as_str(), "job ended"),
        }
        if settled.dead {
            let reason = settled.reason.unwrap_or("failed").to_owned();
            return Ended::Dead { reason, error: settled.error.unwrap_or_default() };
        }
        Ended::Done { outcome, left_out: settled.error }
    }

    /// Records a dead letter, and for the broker what tells it.
    pub(super) async fn bury(&self, tx: &mut Tx, letter: &DeadLetter) -> Result<(), StoreError> {
        tx.insert_dead_letter(letter).await?;
        let Some(exchanges) = self.context.exchanges() else { return Ok(()) };
        let mut headers = letter.headers.clone().unwrap_or_else(|| json!({}));
        headers["x-tenantd-reason"] = json!(letter.reason);
        headers["x-tenantd-attempts"] = json!(letter.attempts);
        headers["x-tenantd-error"] = json!(letter.error);
        let message = Outgoing {
            id: letter.id,
            exchange: exchanges.dead.clone(),
            // A producer's own text may be longer than AMQP lets a routing key be.
            routing_key: letter.kind.as_deref().and_then(crate::jobs::kind).map_or("", |kind| kind.name).to_owned(),
            content_type: letter.content_type.clone(),
            headers,
            body: letter.body.clone(),
            created_at: letter.died_at,
        };
        tx.enqueue_outgoing(&message).await
    }

    /// A request whose id was used for another job is dead; the other job stays as it is.
    pub(super) async fn bury_reused(&self, request: &Request, error: &str) -> Result<Ended, StoreError> {
        let letter = dead_letter(request, "id_reused", error, self.context.clock().now());
        let mut tx = self.context.store().begin().await?;
        self.bury(&mut tx, &letter).await?;
        self.answer_refusal(&mut tx, request.reply.as_ref(), &letter).await?;
        tx.commit().await?;
        self.context.ring();
        tracing::warn!(error, "job refused");
        Ok(Ended::Dead { reason: letter.reason, error: letter.error })
    }

    /// Records a message that is no request at all, and tells whoever waits for its answer.
    ///
    /// # Errors
    /// When the database is away: then the message must not be acknowledged.
    pub async fn bury_message(
        &self,
        reason: &str,
        error: &str,
        (kind, tenant): (Option<String>, Option<String>),
        (content_type, headers, body): (String, Map<String, Value>, Vec<u8>),
        reply: Option<&Reply>,
    ) -> Result<(), StoreError> {
        let now = self.context.clock().now();
        let letter = DeadLetter {
            id: new_id(now),
            job: None,
            kind: kind.map(storable),
            tenant: tenant.map(storable),
            reason: reason.to_owned(),
            error: storable(limited(error)),
            attempts: 0,
            died_at: now,
            content_type: storable(content_type),
            headers: (!headers.is_empty()).then(|| storable_headers(headers)),
            body,
            requeued_as: None,
        };
        let mut tx = self.context.store().begin().await?;
        self.bury(&mut tx, &letter).await?;
        self.answer_refusal(&mut tx, reply, &letter).await?;
        tx.commit().await?;
        self.context.ring();
        Ok(())
    }

    /// The answer to a message that became no job.
    async fn answer_refusal(&self, tx: &mut Tx, reply: Option<&Reply>, letter: &DeadLetter) -> Result<(), StoreError> {
        let facts = json!({
            "id": letter.job, "kind": letter.kind, "cloud": null, "tenant": letter.tenant, "outcome": Outcome::Failed,
            "attempts": letter.attempts, "reason": letter.reason, "error": letter.error, "enqueued_at": null,
            "started_at": null, "finished_at": letter.died_at,
        });
        reply::send(&self.context, tx, reply, (Outcome::Failed, &facts), letter.died_at).await
    }
}

fn settled(attempt: &Attempt, changed: bool, now: DateTime<Utc>) -> Settled {
    let report = &attempt.report;
    let Some(error) = &report.failure else {
        let outcome = match (&report.left_out, changed) {
            (Some(_), _) => Outcome::Partial,
            (None, true) => Outcome::Succeeded,
            (None, false) => Outcome::Unchanged,
        };
        let error = report.left_out.clone();
        return Settled { outcome: Some(outcome), dead: false, again_at: None, reason: None, error };
    };
    let made = u32::try_from(attempt.request.attempt).unwrap_or(u32::MAX);
    let verdict = verdict(error, made, attempt.live.retries, now, &mut rand::rng());
    let (outcome, again_at) = match verdict {
        Verdict::Again(at) => (None, Some(at)),
        Verdict::PutBack => (None, Some(now)),
        Verdict::Dead if error.reason() == "expired" => (Some(Outcome::Expired), None),
        Verdict::Dead => (Some(Outcome::Failed), None),
    };
    let dead = outcome == Some(Outcome::Failed);
    Settled { outcome, dead, again_at, reason: Some(error.reason()), error: Some(limited(&error.to_string())) }
}

fn dead_letter(request: &Request, reason: &str, error: &str, now: DateTime<Utc>) -> DeadLetter {
    DeadLetter {
        id: new_id(now),
        job: Some(request.id),
        kind: Some(request.kind.clone()),
        tenant: request.subject.clone(),
        reason: reason.to_owned(),
        error: limited(error),
        attempts: request.attempt,
        died_at: now,
        content_type: "application/json".to_owned(),
        headers: None,
        body: request.to_native().to_string().into_bytes(),
        requeued_as: None,
    }
}

/// Headers as every database keeps them, and as a dead letter may carry them beside its own.
fn storable_headers(headers: Map<String, Value>) -> Value {
    let kept = headers.into_iter().filter(|(name, _)| name != PROPERTIES);
    let storable_value = |value| match value {
        Value::String(text) => Value::String(storable(text)),
        other => other,
    };
    kept.map(|(name, value)| (storable(name), storable_value(value))).collect()
}

/// At most [`ERROR_LIMIT`] bytes, cut between characters.
fn limited(text: &str) -> String {
    let end = (0..=ERROR_LIMIT.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text[..end].to_owned()
}
