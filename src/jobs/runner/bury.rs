//! What nobody could do: a dead letter in the records and, where there is a broker, on its way to the dead queue.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::jobs::context::Context;
use crate::jobs::normalise::storable;
use crate::jobs::reply;
use crate::model::body::hex_digest;
use crate::model::ids::{named_id, new_id};
use crate::model::job::{Outcome, REMOVED, Reply, Request, scrub, tells_secret};
use crate::store::dead_letters::DeadLetter;
use crate::store::outbox::{Outgoing, PROPERTIES};
use crate::store::{StoreError, Tx};

/// The longest error text that travels with a dead letter, in bytes.
const ERROR_LIMIT: usize = 2048;
/// The most of a message's headers that a dead letter keeps, in bytes as JSON.
const HEADERS_LIMIT: usize = 32 * 1024;

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
    /// Its headers, as far as they tell its format.
    pub headers: Map<String, Value>,
    /// Who waits for an answer.
    pub reply: Option<Reply>,
    /// Whether the broker delivered it before.
    pub redelivered: bool,
    /// When it was delivered here.
    pub received_at: DateTime<Utc>,
}

/// Records a dead letter, and for the broker what tells it; whether it was not known.
pub(super) async fn bury(context: &Context, tx: &mut Tx, letter: &DeadLetter) -> Result<bool, StoreError> {
    if !tx.insert_dead_letter(letter).await? {
        return Ok(false);
    }
    let Some(exchanges) = context.exchanges() else { return Ok(true) };
    let mut headers = letter.headers.clone().unwrap_or_else(|| json!({}));
    headers["x-tenantd-reason"] = json!(letter.reason);
    headers["x-tenantd-attempts"] = json!(letter.attempts);
    headers["x-tenantd-error"] = json!(letter.error);
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

/// Records what never became a job, and tells whoever waits for its answer; whether it was not known.
pub(super) async fn refuse(
    context: &Context,
    tx: &mut Tx,
    letter: &DeadLetter,
    reply: Option<&Reply>,
) -> Result<bool, StoreError> {
    let is_new = bury(context, tx, letter).await?;
    if is_new {
        let facts = json!({
            "id": letter.job, "kind": letter.kind, "cloud": null, "tenant": letter.tenant, "outcome": Outcome::Failed,
            "attempts": letter.attempts, "reason": letter.reason, "error": letter.error, "enqueued_at": null,
            "started_at": null, "finished_at": letter.died_at,
        });
        reply::send(context, tx, reply, (Outcome::Failed, &facts), letter.died_at);
    }
    Ok(is_new)
}

/// Headers as every database keeps them, and as a dead letter may carry them beside its own: without those that the
/// broker adds, which differ each time that it delivers the same.
fn storable_headers(headers: Map<String, Value>) -> Option<Value> {
    let tells = |value: &Value| value.as_str().is_some_and(tells_secret);
    let kept = headers.into_iter().filter(|(name, value)| {
        // Celery repeats the arguments of a task in its headers.
        name != PROPERTIES && !name.starts_with("x-") && !tells(value)
    });
    let storable_value = |value| match value {
        Value::String(text) => Value::String(storable(text)),
        other => other,
    };
    let kept: Map<String, Value> = kept.map(|(name, value)| (storable(name), storable_value(value))).collect();
    // Headers that hardly fit a frame once would not fit it with those of a dead letter beside them.
    let fits = !kept.is_empty() && Value::Object(kept.clone()).to_string().len() <= HEADERS_LIMIT;
    fits.then_some(Value::Object(kept))
}

/// Records a message that is no job, once however often it is delivered.
pub(super) async fn bury_message(context: &Context, message: Unfit) -> Result<(), StoreError> {
    let now = context.clock().now();
    let headers = storable_headers(message.headers);
    let body = without_secrets(message.body);
    // The body of a task or of a binary event says little of it.
    let written = headers.as_ref().map(Value::to_string).unwrap_or_default().into_bytes();
    let digest = hex_digest([written.as_slice(), &body].concat());
    let mut tx = context.store().begin().await?;
    // A producer's own id tells its messages apart; without one, only the broker says that it is the same again.
    let id = named_id(message.message_id.as_deref().unwrap_or("message"), &digest);
    let mut letter = DeadLetter {
        id,
        job: None,
        kind: message.kind.map(storable),
        tenant: message.tenant.map(storable),
        reason: message.reason.to_owned(),
        error: storable(limited(&message.error)),
        attempts: 0,
        died_at: now,
        content_type: storable(message.content_type),
        headers,
        body,
        requeued_as: None,
        digest: Some(digest),
    };
    let is_new = refuse(context, &mut tx, &letter, message.reply.as_ref()).await?;
    if !is_new && message.message_id.is_none() && !message.redelivered {
        // Somebody sent the same words again, unless another instance just buried this very message.
        let digest = letter.digest.as_deref().unwrap_or_default();
        if !tx.message_died(digest, message.received_at).await? {
            letter.id = new_id(now);
            refuse(context, &mut tx, &letter, message.reply.as_ref()).await?;
        }
    }
    context.tell(tx.commit().await?);
    Ok(())
}

/// The body of a message as it may be kept: without the secrets of a job that it was meant to be.
fn without_secrets(body: Vec<u8>) -> Vec<u8> {
    let Ok(mut message) = serde_json::from_slice::<Value>(&body) else {
        // Nobody can tell where in it the secret ends.
        return if tells_secret(&String::from_utf8_lossy(&body)) { REMOVED.as_bytes().to_vec() } else { body };
    };
    if scrub(&mut message) { message.to_string().into_bytes() } else { body }
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
        headers: None,
        body: request.to_native().to_string().into_bytes(),
        requeued_as: None,
        digest: None,
    }
}

/// At most [`ERROR_LIMIT`] bytes, cut between characters.
pub(super) fn limited(text: &str) -> String {
    let text = &storable(text.to_owned());
    let end = (0..=ERROR_LIMIT.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::VirtualClock;
    use crate::jobs::context::Live;
    use crate::store::Store;
    use crate::store::dead_letters::Filter;

    #[tokio::test]
    async fn a_message_delivered_again_is_one_letter_and_another_task_is_a_second() {
        let store = Store::open("sqlite::memory:", 1).await.unwrap();
        store.migrate().await.unwrap();
        let clock = Arc::new(VirtualClock::at(DateTime::UNIX_EPOCH));
        let context = Context::new(store, clock, "test".into(), Live::default(), None);
        let message = |headers: Value, redelivered| Unfit {
            reason: "unknown_kind",
            body: b"[[], {}, {}]".to_vec(),
            headers: headers.as_object().cloned().unwrap_or_default(),
            redelivered,
            // The letters before are older than this delivery.
            received_at: DateTime::UNIX_EPOCH + chrono::Duration::seconds(1),
            ..Unfit::default()
        };
        for (headers, redelivered, letters) in [
            (json!({}), false, 1),
            (json!({"x-delivery-count": 1}), true, 1),
            (json!({"task": "a", "id": "1"}), true, 2),
            (json!({"task": "a", "id": "1", "x-delivery-count": 2}), true, 2),
            (json!({"task": "a", "id": "2"}), true, 3),
            (json!({"task": "a", "id": "2"}), false, 4),
        ] {
            bury_message(&context, message(headers.clone(), redelivered)).await.unwrap();
            assert_eq!(context.store().dead_letter_count().await.unwrap(), letters, "{headers}");
        }
        let kept = context.store().dead_letters(&Filter { limit: 9, ..Filter::default() }).await.unwrap();
        assert_eq!(kept.iter().filter(|letter| letter.headers.is_none()).count(), 1);
    }
}
