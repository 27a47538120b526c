//! One supervisor for the broker: connect, declare, consume and publish until something breaks, wait, again.
//!
//! First start and reconnection are the same path. A delivery is acknowledged only after its result or its parking is
//! committed; whatever was not acknowledged when a connection broke comes back by itself.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, Connection, ConnectionProperties};
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::envelope::{Properties, Terms, decode};
use super::publisher::publish;
use super::topology::Topology;
use crate::config::Broker;
use crate::jobs::context::Context;
use crate::jobs::runner::{Origin, Runner};
use crate::lifecycle::Lifecycle;
use crate::retry::{Backoff, Retryable};
use crate::store::StoreError;
use crate::telemetry::metrics;

const RECONNECT: Backoff = Backoff { base: Duration::from_secs(1), max: Duration::from_secs(30) };
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
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
        Self { settings, topology, context, runner, lifecycle, hold, state, leads }
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

    /// One connection from its beginning to its end; fine only when the daemon stops.
    async fn session(this: &Arc<Self>) -> anyhow::Result<()> {
        let name = format!("tenantd {}", this.context.instance());
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let url = this.settings.current_url();
        let connect = Connection::connect(url.expose(), properties);
        let connection = tokio::time::timeout(CONNECT_LIMIT, connect)
            .await
            .map_err(|_| anyhow::anyhow!("no connection within {CONNECT_LIMIT:?}"))??;
        if this.settings.declare {
            this.topology.declare(&connection.create_channel().await?).await?;
        }
        let publishing = connection.create_channel().await?;
        let watching = connection.create_channel().await?;
        let consuming = connection.create_channel().await?;
        metrics::broker_connected(true);
        this.state.send_replace(BrokerState::Connected);
        tracing::info!(queue = %this.topology.jobs, "connected to the broker");
        let ended = tokio::select! {
            ended = Self::consume(this, &consuming) => ended,
            ended = publish(&this.context, &connection, &publishing, this.leads.clone()) => ended,
            ended = this.watch_depth(&watching) => ended,
        };
        if ended.is_ok() {
            // Deliveries in flight are acknowledged on this channel before it closes.
            this.lifecycle.spawn(async move { drop(connection) });
        }
        ended
    }

    /// Takes deliveries until the daemon stops.
    async fn consume(this: &Arc<Self>, channel: &Channel) -> anyhow::Result<()> {
        channel.basic_qos(this.settings.prefetch, BasicQosOptions::default()).await?;
        let tag = format!("tenantd-{}", this.context.instance());
        let (queue, options) = (this.topology.jobs.as_str().into(), BasicConsumeOptions::default());
        let mut deliveries = channel.basic_consume(queue, tag.into(), options, FieldTable::default()).await?;
        let in_flight = tokio_util::task::TaskTracker::new();
        loop {
            let delivery = tokio::select! {
                delivery = deliveries.next() => delivery,
                () = this.lifecycle.stop.cancelled() => break,
            };
            match delivery {
                Some(delivery) => {
                    let task = Arc::clone(this).serve(delivery?);
                    this.lifecycle.spawn(in_flight.track_future(task));
                }
                None => anyhow::bail!("the broker ended the consumer of {}", this.topology.jobs),
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

    async fn serve(self: Arc<Self>, delivery: Delivery) {
        let handled = match self.handle(&delivery).await {
            Err(error) if !error.is_retryable() => self.give_up(&delivery, &error).await,
            handled => handled,
        };
        let acknowledged = match handled {
            Ok(()) => delivery.acker.ack(BasicAckOptions::default()).await,
            Err(error) => {
                tracing::warn!(%error, "a delivery goes back: it could not be recorded");
                tokio::select! {
                    () = self.context.clock().sleep(Duration::from_secs(1)) => {}
                    () = self.lifecycle.interrupt.cancelled() => {}
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
        let properties = properties(delivery);
        let (about, reply) = match decode(&properties, &delivery.data, self.terms(), self.context.clock().now()) {
            Ok(request) => ((Some(request.kind), request.subject), request.reply),
            Err(refusal) => ((refusal.kind, refusal.tenant), refusal.reply.map(|reply| *reply)),
        };
        let message = kept(properties, delivery);
        self.runner.bury_message("database", &error.to_string(), about, message, reply.as_ref()).await
    }

    /// Brings a delivery to its record: once this is fine, it may be acknowledged.
    async fn handle(self: &Arc<Self>, delivery: &Delivery) -> Result<(), StoreError> {
        let properties = properties(delivery);
        let now = self.context.clock().now();
        let request = match decode(&properties, &delivery.data, self.terms(), now) {
            Ok(request) => request,
            Err(refusal) => {
                tracing::warn!(reason = refusal.reason, error = refusal.error, "a message is no job");
                let (about, message) = ((refusal.kind, refusal.tenant), kept(properties, delivery));
                let reply = refusal.reply.as_deref();
                return self.runner.bury_message(refusal.reason, &refusal.error, about, message, reply).await;
            }
        };
        let held = self.context.clock().sleep(self.hold);
        tokio::pin!(held);
        // What waits too long for a place waits in the table, with its priority, and not in this process.
        let place = tokio::select! {
            place = self.runner.place_for_delivery() => place,
            () = &mut held => return self.runner.park_delivery(&request).await,
        };
        let runner = self.runner.clone();
        let work = request.clone();
        let mut running = self.lifecycle.spawn(async move {
            let _place = place;
            runner.run(work, Origin::Delivery).await
        });
        tokio::select! {
            ended = &mut running => match ended {
                Ok(ended) => ended.map(drop),
                Err(error) => {
                    tracing::error!(%error, "the task of a delivery ended badly");
                    self.runner.outlive_delivery(&request).await
                }
            },
            () = &mut held => self.runner.outlive_delivery(&request).await,
        }
    }

    /// What the configuration says of messages.
    fn terms(&self) -> Terms<'_> {
        Terms::of(&self.settings, self.context.live().retries.attempts)
    }

    /// Asks now and then how many messages wait.
    async fn watch_depth(&self, channel: &Channel) -> anyhow::Result<()> {
        loop {
            let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::durable() };
            let queue =
                channel.queue_declare(self.topology.jobs.as_str().into(), options, FieldTable::default()).await?;
            metrics::broker_messages_ready(queue.message_count());
            self.context.clock().sleep(DEPTH_INTERVAL).await;
        }
    }
}

/// What a dead letter keeps of a message.
fn kept(properties: Properties, delivery: &Delivery) -> (String, Map<String, Value>, Vec<u8>) {
    let content_type = properties.content_type.unwrap_or_else(|| "application/json".to_owned());
    (content_type, properties.headers, delivery.data.clone())
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
