//! One supervisor for the broker: connect, declare, consume and publish until something breaks, wait, again.
//!
//! First start and reconnection are the same path. A delivery is acknowledged only after its result or its parking is
//! committed; whatever was not acknowledged when a connection broke comes back by itself.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::envelope::{Properties, Terms, decode};
use super::publisher::publish;
use super::topology::Topology;
use crate::config::Broker;
use crate::jobs::context::Context;
use crate::jobs::runner::{Kept, Runner, Unfit};
use crate::lifecycle::Lifecycle;
use crate::retry::{Backoff, Retryable};
use crate::store::{StoreError, in_time};
use crate::telemetry::metrics;

const RECONNECT: Backoff = Backoff { base: Duration::from_secs(1), max: Duration::from_secs(30) };
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// A broker that does not answer for so long is away, even if the connection looks sound.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);
/// How often each side shows that it lives, where the URL does not say it.
const HEARTBEAT: Duration = Duration::from_secs(15);
const DEPTH_INTERVAL: Duration = Duration::from_secs(10);

/// How the broker is, for health and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokerState {
    /// None is configured.
    Off,
    /// The connection stands.
    Connected,
    /// There is none, and why.
    Away(String),
}

/// The broker's side of the daemon.
#[derive(Debug)]
pub struct Amqp {
    settings: Broker,
    topology: Topology,
    context: Context,
    runner: Runner,
    lifecycle: Lifecycle,
    hold: Duration,
    state: watch::Sender<BrokerState>,
    leads: watch::Receiver<bool>,
    /// Whether the database could be used when it was last tried.
    database: watch::Sender<bool>,
}

impl Amqp {
    /// The supervisor; nothing happens before [`Amqp::run`].
    pub fn new(
        settings: Broker,
        (context, runner, lifecycle): (Context, Runner, Lifecycle),
        hold: Duration,
        state: watch::Sender<BrokerState>,
        leads: watch::Receiver<bool>,
    ) -> Self {
        let topology = Topology::new(&settings.prefix);
        let database = watch::Sender::new(true);
        Self { settings, topology, context, runner, lifecycle, hold, state, leads, database }
    }

    /// Keeps a connection for as long as the daemon lives.
    pub async fn run(self) {
        let this = Arc::new(self);
        let mut failures = 0;
        while !this.lifecycle.stop.is_cancelled() {
            let began = this.context.clock().now();
            let Err(error) = Self::session(&this).await else { break };
            metrics::broker_connected(false);
            let lasted = this.context.clock().now() - began;
            failures = if lasted > chrono::Duration::seconds(60) { 1 } else { failures + 1 };
            let why = error.to_string();
            if *this.state.borrow() != BrokerState::Away(why.clone()) {
                tracing::warn!(error = %why, "the broker is away; schedules and waiting jobs go on, events are kept");
            }
            this.state.send_replace(BrokerState::Away(why));
            let delay = RECONNECT.delay(failures, &mut rand::rng());
            tokio::select! {
                () = this.context.clock().sleep(delay) => {}
                () = this.lifecycle.stop.cancelled() => {}
            }
        }
    }

    /// One session from its beginning to its end; fine only when the daemon stops. It has two connections: the broker
    /// reads nothing more from one that publishes while it is short of memory or disk, and that must not hold up
    /// acknowledgements.
    async fn session(this: &Arc<Self>) -> anyhow::Result<()> {
        let (incoming, outgoing) = (this.connect("takes jobs").await?, this.connect("publishes").await?);
        if this.settings.declare {
            this.topology.declare(&incoming.create_channel().await?).await?;
        }
        let publishing = outgoing.create_channel().await?;
        let watching = incoming.create_channel().await?;
        let consuming = incoming.create_channel().await?;
        metrics::broker_connected(true);
        this.state.send_replace(BrokerState::Connected);
        tracing::info!(queue = %this.topology.jobs, "connected to the broker");
        let ended = tokio::select! {
            ended = Self::consume(this, &consuming) => ended,
            ended = publish(&this.context, &outgoing, &publishing, this.leads.clone()) => ended,
            ended = this.watch(&watching, &outgoing) => ended,
        };
        if ended.is_ok() {
            // Deliveries in flight are acknowledged on this channel before it closes.
            this.lifecycle.spawn(async move { drop((incoming, outgoing)) });
        }
        ended
    }

    async fn connect(&self, purpose: &str) -> anyhow::Result<Connection> {
        let name = format!("tenantd {}: {purpose}", self.context.instance());
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let mut uri: AMQPUri = self.settings.current_url().expose().parse().map_err(anyhow::Error::msg)?;
        uri.query.heartbeat.get_or_insert(u16::try_from(HEARTBEAT.as_secs()).unwrap_or(u16::MAX));
        let connect = Connection::connect_uri(uri, properties);
        let connected = tokio::time::timeout(CONNECT_LIMIT, connect).await;
        Ok(connected.map_err(|_| anyhow::anyhow!("no connection within {CONNECT_LIMIT:?}"))??)
    }

    /// Takes deliveries until the daemon stops; none while the database is away, for nothing could be kept.
    async fn consume(this: &Arc<Self>, channel: &Channel) -> anyhow::Result<()> {
        channel.basic_qos(this.settings.prefetch, BasicQosOptions::default()).await?;
        let in_flight = TaskTracker::new();
        let mut database = this.database.subscribe();
        while !this.lifecycle.stop.is_cancelled() {
            if *database.borrow_and_update() {
                this.take(channel, &in_flight, &mut database).await?;
            } else {
                this.wait_for_database().await;
            }
        }
        // The channel must outlive its deliveries, or their acknowledgements are lost and they are done again.
        in_flight.close();
        tokio::select! {
            () = in_flight.wait() => {}
            () = this.lifecycle.interrupt.cancelled() => {
                let _ = tokio::time::timeout(Duration::from_secs(3), in_flight.wait()).await;
            }
        }
        Ok(())
    }

    /// Takes deliveries until the daemon stops or the database is away.
    async fn take(
        self: &Arc<Self>,
        channel: &Channel,
        in_flight: &TaskTracker,
        database: &mut watch::Receiver<bool>,
    ) -> anyhow::Result<()> {
        let tag = format!("tenantd-{}", self.context.owner());
        let (queue, options) = (self.topology.jobs.as_str().into(), BasicConsumeOptions::default());
        let mut deliveries = channel.basic_consume(queue, tag.as_str().into(), options, FieldTable::default()).await?;
        loop {
            let delivery = tokio::select! {
                delivery = deliveries.next() => delivery,
                () = self.lifecycle.stop.cancelled() => break,
                _ = database.wait_for(|usable| !usable) => break,
            };
            match delivery {
                Some(delivery) => {
                    let task = Arc::clone(self).serve(channel.clone(), delivery?);
                    self.lifecycle.spawn(in_flight.track_future(task));
                }
                None => anyhow::bail!("the broker ended the consumer of {}", self.topology.jobs),
            }
        }
        channel.basic_cancel(tag.as_str().into(), BasicCancelOptions::default()).await?;
        // What was on its way already goes back.
        while let Some(delivery) = deliveries.next().await {
            delivery?.acker.nack(BasicNackOptions { requeue: true, ..BasicNackOptions::default() }).await?;
        }
        Ok(())
    }

    async fn wait_for_database(&self) {
        tokio::select! {
            () = self.context.clock().sleep(Duration::from_secs(1)) => {}
            () = self.lifecycle.stop.cancelled() => return,
        }
        if in_time(self.context.store().ping()).await.is_ok() {
            tracing::info!("the database is back; messages are taken again");
            self.database.send_replace(true);
        }
    }

    async fn serve(self: Arc<Self>, channel: Channel, delivery: Delivery) {
        let handled = match self.handle(&channel, &delivery).await {
            Err(error) if !error.is_retryable() => self.give_up(&delivery, &error).await,
            handled => handled,
        };
        let acknowledged = match handled {
            Ok(()) => delivery.acker.ack(BasicAckOptions::default()).await,
            Err(error) => {
                // That one delivery took too long says nothing of the database.
                let is_away = !matches!(error, StoreError::NotRecorded(_));
                if is_away && self.database.send_replace(false) {
                    tracing::warn!(%error, "a delivery cannot be recorded and goes back; none is taken until the database is back");
                }
                delivery.acker.nack(BasicNackOptions { requeue: true, ..BasicNackOptions::default() }).await
            }
        };
        if let Err(error) = acknowledged {
            tracing::debug!(%error, "the connection broke before an acknowledgement; the delivery comes again");
        }
    }

    /// What the database will never take is dead: put back, it would come again for ever.
    async fn give_up(&self, delivery: &Delivery, error: &StoreError) -> Result<(), StoreError> {
        tracing::error!(%error, "a delivery cannot be recorded");
        let now = self.context.clock().now();
        let (kind, tenant, reply) = match decode(&properties(delivery), &delivery.data, self.terms(), now) {
            Ok(request) => (Some(request.kind), request.subject, request.reply),
            Err(refusal) => (refusal.kind, refusal.tenant, refusal.reply.map(|reply| *reply)),
        };
        let message = Unfit { kind, tenant, reply, ..unfit(delivery, now, "database", error.to_string()) };
        in_time(self.runner.bury_message(message)).await
    }

    /// Brings a delivery to its record: once this is fine, it may be acknowledged.
    async fn handle(self: &Arc<Self>, channel: &Channel, delivery: &Delivery) -> Result<(), StoreError> {
        let now = self.context.clock().now();
        let request = match decode(&properties(delivery), &delivery.data, self.terms(), now) {
            Ok(request) => request,
            Err(refusal) => {
                tracing::warn!(reason = refusal.reason, error = refusal.error, "a message is no job");
                let (kind, tenant, reply) = (refusal.kind, refusal.tenant, refusal.reply.map(|reply| *reply));
                let message = Unfit { kind, tenant, reply, ..unfit(delivery, now, refusal.reason, refusal.error) };
                if message.message_id.is_none() && !message.redelivered {
                    self.must_be_ours(channel).await?;
                }
                return in_time(self.runner.bury_message(message)).await;
            }
        };
        let held = self.context.clock().sleep(self.hold);
        tokio::pin!(held);
        let kept = tokio::select! {
            kept = self.runner.keep(request) => kept?,
            () = &mut held => return Err(StoreError::NotRecorded("the database did not answer in time".to_owned())),
        };
        let Kept::Held(work) = kept else { return Ok(()) };
        // From here on the job is a row of the table, which outlives this delivery and this process.
        let runner = self.runner.clone();
        let running = self.lifecycle.spawn(async move { runner.finish(work).await });
        tokio::select! {
            ended = running => match ended {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::warn!(%error, "a job stays as it was taken, for its end could not be recorded"),
                Err(error) => tracing::error!(%error, "the task of a job ended badly; the job is taken up again"),
            },
            () = &mut held => {}
        }
        Ok(())
    }

    /// Asks the broker anything: while it answers, what it delivered on this channel is nobody else's. A process that
    /// stood still may hold deliveries of a connection that the broker closed long ago, and gave to another.
    async fn must_be_ours(&self, channel: &Channel) -> Result<(), StoreError> {
        let asked = channel.basic_qos(self.settings.prefetch, BasicQosOptions::default());
        match tokio::time::timeout(ANSWER_LIMIT, asked).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(StoreError::NotRecorded(format!("its delivery is void: {error}"))),
            Err(_) => Err(StoreError::NotRecorded("its delivery may be void: the broker does not answer".to_owned())),
        }
    }

    /// What the configuration says of messages.
    fn terms(&self) -> Terms<'_> {
        Terms::of(&self.settings, self.context.live().retries.attempts)
    }

    /// Asks now and then how many messages wait, and says when the broker takes none.
    async fn watch(&self, channel: &Channel, outgoing: &Connection) -> anyhow::Result<()> {
        let mut blocked = false;
        loop {
            let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::durable() };
            let queue = channel.queue_declare(self.topology.jobs.as_str().into(), options, FieldTable::default());
            let queue = tokio::time::timeout(ANSWER_LIMIT, queue);
            let queue = queue.await.map_err(|_| anyhow::anyhow!("no answer within {ANSWER_LIMIT:?}"))??;
            metrics::broker_messages_ready(queue.message_count());
            if outgoing.status().blocked() != blocked {
                blocked = !blocked;
                if blocked {
                    tracing::warn!("the broker is short of memory or disk and takes no messages; events are kept");
                } else {
                    tracing::info!("the broker takes messages again");
                }
            }
            self.context.clock().sleep(DEPTH_INTERVAL).await;
        }
    }
}

/// A message that is no job.
fn unfit(delivery: &Delivery, received_at: DateTime<Utc>, reason: &'static str, error: String) -> Unfit {
    let Properties { content_type, message_id, headers, .. } = properties(delivery);
    Unfit {
        reason,
        error,
        content_type: content_type.unwrap_or_else(|| "application/json".to_owned()),
        body: delivery.data.clone(),
        message_id,
        headers,
        redelivered: delivery.redelivered,
        received_at,
        ..Unfit::default()
    }
}

fn properties(delivery: &Delivery) -> Properties {
    let text = |value: &Option<ShortString>| value.as_ref().map(ToString::to_string);
    let headers = delivery.properties.headers().iter().flat_map(|headers| headers.inner().iter());
    Properties {
        content_type: text(delivery.properties.content_type()),
        content_encoding: text(delivery.properties.content_encoding()),
        message_id: text(delivery.properties.message_id()),
        correlation_id: text(delivery.properties.correlation_id()),
        reply_to: text(delivery.properties.reply_to()),
        user_id: text(delivery.properties.user_id()),
        app_id: text(delivery.properties.app_id()),
        headers: headers.filter_map(|(name, value)| Some((name.to_string(), scalar(value)?))).collect(),
    }
}

/// A header's value, if it is a text, a number or a truth value.
fn scalar(value: &AMQPValue) -> Option<Value> {
    Some(match value {
        AMQPValue::Boolean(it) => json!(it),
        AMQPValue::ShortShortInt(it) => json!(it),
        AMQPValue::ShortShortUInt(it) => json!(it),
        AMQPValue::ShortInt(it) => json!(it),
        AMQPValue::ShortUInt(it) => json!(it),
        AMQPValue::LongInt(it) => json!(it),
        AMQPValue::LongUInt(it) => json!(it),
        AMQPValue::LongLongInt(it) => json!(it),
        AMQPValue::Float(it) => json!(it),
        AMQPValue::Double(it) => json!(it),
        AMQPValue::Timestamp(it) => json!(it),
        AMQPValue::ShortString(it) => json!(it.to_string()),
        AMQPValue::LongString(it) => json!(it.to_string()),
        _ => return None,
    })
}
