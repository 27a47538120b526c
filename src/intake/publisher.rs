//! Empties the outbox: what the broker has confirmed is forgotten, everything else is sent again under the same id.

use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Connection};
use serde_json::Value;
use tokio::sync::watch;
use uuid::Uuid;

use crate::jobs::context::Context;
use crate::store::in_time;
use crate::store::outbox::{Outgoing, PROPERTIES};

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
    connection: &Connection,
    channel: &Channel,
    mut leads: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let mut replies = Replies { connection, channel: None };
    let mut post = context.listen_for_post();
    loop {
        leads.wait_for(|leads| *leads).await?;
        post.borrow_and_update();
        let sent = match in_time(context.store().outgoing(BATCH)).await {
            Ok(messages) => {
                let (answers, news): (Vec<_>, Vec<_>) = messages.into_iter().partition(|it| it.exchange.is_empty());
                let answered = replies.send(context, &answers).await?;
                let sent = send(context, channel, &news).await?;
                Sent { confirmed: answered + sent.confirmed, ..sent }
            }
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
    forget(context, &confirmed).await?;
    Ok(Sent { confirmed: confirmed.len(), refused })
}

async fn forget(context: &Context, sent: &[Uuid]) -> anyhow::Result<()> {
    if sent.is_empty() {
        return Ok(());
    }
    in_time(async {
        let mut tx = context.store().begin().await?;
        tx.outgoing_sent(sent).await?;
        tx.commit().await
    })
    .await?;
    Ok(())
}

/// Answers to producers, through the default exchange and a channel of their own: where an answer goes is what a
/// producer wrote, and one that the broker refuses (by closing the channel) must hold up neither events nor others.
struct Replies<'a> {
    connection: &'a Connection,
    channel: Option<Channel>,
}

impl Replies<'_> {
    /// Sends answers; what the broker refuses is given up, for its producer waits in vain anyway. How many are done.
    async fn send(&mut self, context: &Context, messages: &[Outgoing]) -> anyhow::Result<usize> {
        let mut done = self.send_together(messages).await?;
        for message in messages {
            if done.contains(&message.id) {
                continue;
            }
            if self.send_together(std::slice::from_ref(message)).await?.is_empty() {
                let to = &message.routing_key;
                tracing::warn!(to, "an answer is given up: the broker lets tenantd publish none to this queue");
            }
            done.push(message.id);
        }
        forget(context, &done).await?;
        Ok(done.len())
    }

    /// Those that the broker took; an error only when the connection is lost.
    async fn send_together(&mut self, messages: &[Outgoing]) -> anyhow::Result<Vec<Uuid>> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let channel = if let Some(channel) = self.channel.take() {
            channel
        } else {
            let channel = self.connection.create_channel().await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            channel
        };
        let (mut pending, mut taken, mut broken) = (Vec::with_capacity(messages.len()), Vec::new(), None);
        for message in messages {
            // A queue that is gone takes nothing: nobody waits there any more.
            let (key, options) = (short(&message.routing_key), BasicPublishOptions::default());
            match channel.basic_publish("".into(), key, options, &message.body, properties(message)).await {
                Ok(confirmation) => pending.push((message.id, confirmation)),
                Err(error) => broken = Some(error),
            }
        }
        for (id, confirmation) in pending {
            match confirmation.await {
                Ok(Confirmation::Nack(_)) => {}
                Ok(_) => taken.push(id),
                Err(error) => broken = Some(error),
            }
        }
        match broken {
            None => self.channel = Some(channel),
            Some(error) if !self.connection.status().connected() => return Err(error.into()),
            Some(error) => tracing::debug!(%error, "the channel of answers is closed"),
        }
        Ok(taken)
    }
}

/// A text of AMQP's short kind; what is longer than it may be is cut, never a reason to stop.
fn short(text: &str) -> ShortString {
    let end = (0..=text.len().min(255)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    ShortString::from(&text[..end])
}

fn properties(message: &Outgoing) -> BasicProperties {
    let mut headers = FieldTable::default();
    for (name, value) in message.headers.as_object().into_iter().flatten().filter(|(name, _)| *name != PROPERTIES) {
        let value = match value {
            Value::Number(number) if number.is_f64() => AMQPValue::Double(number.as_f64().unwrap_or_default()),
            Value::Number(number) => AMQPValue::LongLongInt(number.as_i64().unwrap_or_default()),
            Value::Bool(truth) => AMQPValue::Boolean(*truth),
            Value::String(text) => AMQPValue::LongString(text.as_str().into()),
            other => AMQPValue::LongString(other.to_string().into()),
        };
        headers.insert(short(name), value);
    }
    let own = |name: &str| message.headers.get(PROPERTIES)?.get(name)?.as_str().map(short);
    let mut properties = BasicProperties::default();
    if let Some(id) = own("correlation_id") {
        properties = properties.with_correlation_id(id);
    }
    if let Some(encoding) = own("content_encoding") {
        properties = properties.with_content_encoding(encoding);
    }
    properties
        .with_message_id(message.id.to_string().into())
        .with_content_type(short(&message.content_type))
        .with_delivery_mode(PERSISTENT)
        .with_timestamp(u64::try_from(message.created_at.timestamp()).unwrap_or_default())
        .with_app_id("tenantd".into())
        .with_headers(headers)
}
