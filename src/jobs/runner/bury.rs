//! What nobody could do: a dead letter in the records and, where there is a broker, on its way to the dead queue.

use chrono::{DateTime, Duration, Utc};
use serde_json::json;
use uuid::Uuid;

use crate::jobs::context::Context;
use crate::jobs::normalise::storable;
use crate::model::body::hex_digest;
use crate::model::ids::{named_id, new_id};
use crate::model::job::Request;
use crate::store::dead_letters::DeadLetter;
use crate::store::outbox::Outgoing;
use crate::store::{StoreError, Tx};

/// The longest error text that travels with a dead letter, in bytes.
const ERROR_LIMIT: usize = 2048;
/// How long after its first death the same message may be delivered again.
const REDELIVERY: Duration = Duration::hours(1);

/// A message that is no job.
#[derive(Debug, Clone, Default)]
pub struct Unfit {
    /// Why, in one word.
    pub reason: &'static str,
    /// Why.
    pub error: String,
    /// The kind, as far as it could be read.
    pub kind: Option<String>,
    /// The tenant, as far as it could be read.
    pub tenant: Option<String>,
    /// Its media type.
    pub content_type: String,
    /// The message.
    pub body: Vec<u8>,
    /// The producer's id of the message.
    pub message_id: Option<String>,
    /// Whether the broker delivered it before.
    pub redelivered: bool,
}

/// Records a dead letter, and for the broker what tells it; whether it was not known.
pub(super) async fn bury(context: &Context, tx: &mut Tx, letter: &DeadLetter) -> Result<bool, StoreError> {
    if !tx.insert_dead_letter(letter).await? {
        return Ok(false);
    }
    let Some(exchanges) = context.exchanges() else { return Ok(true) };
    let headers = json!({
        "x-tenantd-reason": letter.reason,
        "x-tenantd-attempts": letter.attempts,
        "x-tenantd-error": letter.error,
    });
    tx.enqueue_outgoing(Outgoing {
        id: letter.id,
        exchange: exchanges.dead.clone(),
        // A producer's own text may be longer than AMQP lets a routing key be.
        routing_key: letter.kind.as_deref().and_then(crate::jobs::kind).map_or("", |kind| kind.name).to_owned(),
        content_type: letter.content_type.clone(),
        headers,
        body: letter.body.clone(),
        created_at: letter.died_at,
    });
    Ok(true)
}

/// Records a message that is no job, once however often it is delivered.
pub(super) async fn bury_message(context: &Context, message: Unfit) -> Result<(), StoreError> {
    let now = context.clock().now();
    let digest = hex_digest(&message.body);
    let mut tx = context.store().begin().await?;
    // A producer's own id tells its messages apart; without one, only the broker says that it is the same again.
    let id = match &message.message_id {
        Some(message_id) => named_id(message_id, &digest),
        None if message.redelivered && tx.message_died(&digest, now - REDELIVERY).await? => return Ok(()),
        None => new_id(now),
    };
    let letter = DeadLetter {
        id,
        job: None,
        kind: message.kind.map(storable),
        tenant: message.tenant.map(storable),
        reason: message.reason.to_owned(),
        error: storable(limited(&message.error)),
        attempts: 0,
        died_at: now,
        content_type: storable(message.content_type),
        body: message.body,
        requeued_as: None,
        digest: Some(digest),
    };
    bury(context, &mut tx, &letter).await?;
    context.tell(tx.commit().await?);
    Ok(())
}

/// The letter of a job that nobody could do.
pub(super) fn dead_letter(id: Uuid, request: &Request, reason: &str, error: &str, now: DateTime<Utc>) -> DeadLetter {
    DeadLetter {
        id,
        job: Some(request.id),
        kind: Some(request.kind.clone()),
        tenant: request.subject.clone(),
        reason: reason.to_owned(),
        error: limited(error),
        attempts: request.attempt,
        died_at: now,
        content_type: "application/json".to_owned(),
        body: request.to_native().to_string().into_bytes(),
        requeued_as: None,
        digest: None,
    }
}

/// At most [`ERROR_LIMIT`] bytes, cut between characters.
pub(super) fn limited(text: &str) -> String {
    let end = (0..=ERROR_LIMIT.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text[..end].to_owned()
}
