//! Empties the outbox: what the broker has confirmed is forgotten, everything else is sent again under the same id.

use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation};
use serde_json::Value;
use tokio::sync::watch;

use crate::jobs::context::Context;
use crate::store::outbox::Outgoing;

/// Messages sent before their confirmations are awaited.
const BATCH: i64 = 500;
/// How long a look at an empty outbox lasts; other instances write into it too.
const IDLE: Duration = Duration::from_secs(1);
/// How long to wait before what the broker refused is sent again.
const REFUSED: Duration = Duration::from_secs(5);
const PERSISTENT: u8 = 2;

/// Publishes what the outbox holds, for as long as the channel lives and this instance leads.
pub(super) async fn publish(
    context: &Context,
    channel: &Channel,
    mut leads: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let mut post = context.listen_for_post();
    loop {
        leads.wait_for(|leads| *leads).await?;
        post.borrow_and_update();
        let sent = match context.store().outgoing(BATCH).await {
            Ok(messages) => send(context, channel, &messages).await?,
            Err(error) => {
                tracing::debug!(%error, "the outbox cannot be read");
                Sent { confirmed: 0, refused: None }
            }
        };
        if let Some(why) = sent.refused {
            tracing::warn!(error = why, "the broker does not take everything; it is sent again");
            context.clock().sleep(REFUSED).await;
        } else if sent.confirmed == 0 {
            tokio::select! {
                _ = post.changed() => {}
                () = context.clock().sleep(IDLE) => {}
            }
        }
    }
}

/// What became of some messages.
struct Sent {
    /// How many the broker confirmed.
    confirmed: usize,
    /// Why it did not take one of the others.
    refused: Option<String>,
}

/// Sends messages, and forgets those that the broker confirmed; what it refuses stays.
async fn send(context: &Context, channel: &Channel, messages: &[Outgoing]) -> anyhow::Result<Sent> {
    let dead = context.exchanges().map(|exchanges| exchanges.dead.as_str());
    let mut pending = Vec::with_capacity(messages.len());
    for message in messages {
        // A dead letter must land in a queue; an event that nobody wants may vanish.
        let options = BasicPublishOptions { mandatory: dead == Some(message.exchange.as_str()), ..Default::default() };
        let (exchange, key) = (short(&message.exchange), short(&message.routing_key));
        pending.push(channel.basic_publish(exchange, key, options, &message.body, properties(message)).await?);
    }
    let (mut confirmed, mut refused) = (Vec::with_capacity(messages.len()), None);
    for (message, confirmation) in messages.iter().zip(pending) {
        match confirmation.await? {
            Confirmation::Ack(None) | Confirmation::NotRequested => confirmed.push(message.id),
            Confirmation::Ack(Some(_)) => {
                refused = Some(format!("the exchange {} leads to no queue", message.exchange));
            }
            Confirmation::Nack(_) => refused = Some(format!("a message to {} was not taken", message.exchange)),
        }
    }
    if !confirmed.is_empty() {
        let mut tx = context.store().begin().await?;
        tx.outgoing_sent(&confirmed).await?;
        tx.commit().await?;
    }
    Ok(Sent { confirmed: confirmed.len(), refused })
}

/// A text of AMQP's short kind; what is longer than it may be is cut, never a reason to stop.
fn short(text: &str) -> ShortString {
    let end = (0..=text.len().min(255)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    ShortString::from(&text[..end])
}

fn properties(message: &Outgoing) -> BasicProperties {
    let mut headers = FieldTable::default();
    for (name, value) in message.headers.as_object().into_iter().flatten() {
        let value = match value {
            Value::Number(number) => AMQPValue::LongLongInt(number.as_i64().unwrap_or_default()),
            Value::String(text) => AMQPValue::LongString(text.as_str().into()),
            other => AMQPValue::LongString(other.to_string().into()),
        };
        headers.insert(short(name), value);
    }
    BasicProperties::default()
        .with_message_id(message.id.to_string().into())
        .with_content_type(short(&message.content_type))
        .with_delivery_mode(PERSISTENT)
        .with_timestamp(u64::try_from(message.created_at.timestamp()).unwrap_or_default())
        .with_app_id("tenantd".into())
        .with_headers(headers)
}
