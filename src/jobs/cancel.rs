//! Ending a job that nobody wants any more: one that waits ends at once, one that runs is ended by who holds it.

use serde_json::json;
use uuid::Uuid;

use super::context::Context;
use super::events::Events;
use super::reply;
use super::runner::parts::part_over;
use super::runner::walk;
use crate::model::job::{Job, JobState, Outcome, Request};
use crate::store::{StoreError, Tx};

/// What became of the wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It waited, and has ended.
    Now,
    /// It runs; whoever holds it ends it.
    Asked,
    /// It had ended before, like this.
    Over(JobState),
    /// There is no such job.
    Unknown,
}

/// Ends a job with its parts, or asks for its end, in the caller's transaction.
///
/// # Errors
/// When the database is away.
pub async fn cancel(context: &Context, tx: &mut Tx, id: Uuid, why: &str) -> Result<Cancelled, StoreError> {
    // Parts first, as one that ends comes to its whole: in another order two could wait for each other.
    cancel_parts(context, tx, id, why).await?;
    let cancelled = cancel_one(context, tx, id, why).await?;
    if matches!(cancelled, Cancelled::Now | Cancelled::Asked) {
        // It may have been shared out meanwhile.
        cancel_parts(context, tx, id, why).await?;
    }
    if cancelled == Cancelled::Now
        && let Some(Job { request: Request { part: Some(part), .. }, .. }) = tx.job(id).await?
    {
        part_over(tx, &part, context.clock().now()).await?;
    }
    Ok(cancelled)
}

/// Ends the parts of a job, or asks for their ends.
///
/// # Errors
/// When the database is away.
pub(super) async fn cancel_parts(context: &Context, tx: &mut Tx, of: Uuid, why: &str) -> Result<(), StoreError> {
    for part in tx.parts_left(of).await? {
        cancel_one(context, tx, part, why).await?;
    }
    Ok(())
}

async fn cancel_one(context: &Context, tx: &mut Tx, id: Uuid, why: &str) -> Result<Cancelled, StoreError> {
    let now = context.clock().now();
    match tx.cancel_job(id, why, now).await? {
        Some(JobState::Cancelled) => {
            if let Some(job) = tx.job(id).await? {
                if let Some(left) = job.request.without_secrets() {
                    tx.forget_params(id, &left).await?;
                }
                if super::kind(&job.request.kind).is_some_and(super::Kind::walks) {
                    walk::release(tx, &job.request, why, now).await?;
                }
                announce(context, tx, &job);
            }
            Ok(Cancelled::Now)
        }
        Some(_) => Ok(Cancelled::Asked),
        None => Ok(tx.job(id).await?.map_or(Cancelled::Unknown, |job| Cancelled::Over(job.state))),
    }
}

/// Tells the end of a job like every other ending.
fn announce(context: &Context, tx: &mut Tx, job: &Job) {
    let (request, outcome) = (&job.request, Outcome::Cancelled);
    let mut data = json!({
        "id": request.id, "kind": request.kind, "cloud": request.cloud.as_deref().unwrap_or("all"),
        "tenant": request.subject, "outcome": outcome, "attempts": request.attempt, "reason": job.reason,
        "error": job.error, "enqueued_at": request.enqueued_at, "started_at": job.started_at,
        "finished_at": job.finished_at,
    });
    if let Some(part) = &request.part {
        data["part"] = json!(part);
    }
    reply::send(context, tx, request.reply.as_ref(), (outcome, &data), context.clock().now());
    let routing_key = format!("job.{}.{outcome}", request.kind);
    Events::new(context, context.clock().now()).emit(tx, &routing_key, &request.id.to_string(), &data);
}
