//! A prefix of its own in the RabbitMQ of the tests, and a daemon's broker side on it.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use lapin::message::BasicGetMessage;
use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeleteOptions, QueueBindOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use serde_json::{Value, json};
use tenantd::intake::amqp::{Amqp, BrokerState};
use tenantd::intake::table;
use tenantd::intake::topology::Topology;
use tenantd::lifecycle::Lifecycle;
use tokio::sync::watch;
use uuid::Uuid;

use crate::support::{Database, Engine, Setup, TestApp, database, eventually};

/// A test's side of the broker.
pub struct Rig {
    pub url: String,
    pub prefix: String,
    pub topology: Topology,
    pub channel: Channel,
    _connection: Connection,
}

/// Runs `test` with a broker of its own and a database.
pub async fn with<F: Future<Output = ()>>(test: impl FnOnce(Rig, Database) -> F) {
    alone(async |rig| database::with(Engine::Sqlite, |database| test(rig, database)).await).await;
}

/// Runs `test` with a broker of its own, as far as names go, and removes what it made.
pub async fn alone<F: Future<Output = ()>>(test: impl FnOnce(Rig) -> F) {
    let Some(url) = std::env::var("TENANTD_TEST_AMQP_URL").ok().filter(|url| !url.is_empty()) else {
        println!("skipped: TENANTD_TEST_AMQP_URL is not set");
        return;
    };
    let prefix = format!("t{}", Uuid::new_v4().simple());
    let rig = Rig::connect(url.clone(), prefix.clone()).await;
    let ended = AssertUnwindSafe(test(rig)).catch_unwind().await;
    Rig::connect(url, prefix).await.remove().await;
    if let Err(panic) = ended {
        std::panic::resume_unwind(panic);
    }
}

impl Rig {
    async fn connect(url: String, prefix: String) -> Self {
        let connection = Connection::connect(&url, ConnectionProperties::default()).await.expect("a broker");
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        let topology = Topology::new(&prefix);
        Self { url, prefix, topology, channel, _connection: connection }
    }

    async fn remove(self) {
        let topology = &self.topology;
        for queue in [&topology.jobs, &topology.dead, &self.news()] {
            self.channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
        }
        for exchange in [&topology.jobs, &topology.dead, &topology.events] {
            self.channel.exchange_delete(exchange.as_str().into(), ExchangeDeleteOptions::default()).await.unwrap();
        }
    }

    /// The daemon's parts, which tell their news below this prefix.
    pub async fn app(&self, database: &Database, setup: Setup) -> TestApp {
        TestApp::with(database, Setup { prefix: Some(self.prefix.clone()), ..setup }).await
    }

    /// The name of the queue that gets every event.
    fn news(&self) -> String {
        format!("{}.news", self.prefix)
    }

    /// Declares everything, and a queue that gets every event.
    pub async fn declare(&self) {
        self.topology.declare(&self.channel).await.unwrap();
        let (news, events) = (self.news(), self.topology.events.clone());
        self.channel
            .queue_declare(news.as_str().into(), QueueDeclareOptions::default(), FieldTable::default())
            .await
            .unwrap();
        let bound = (QueueBindOptions::default(), FieldTable::default());
        self.channel.queue_bind(news.into(), events.into(), "#".into(), bound.0, bound.1).await.unwrap();
    }

    /// Publishes a native job.
    pub async fn enqueue(&self, job: &Value) {
        let key = job["kind"].as_str().unwrap_or("unknown").to_owned();
        self.publish(&key, "application/json", job.to_string().as_bytes()).await;
    }

    /// Publishes a message, and waits until the broker has it.
    pub async fn publish(&self, key: &str, content_type: &str, body: &[u8]) {
        let properties = BasicProperties::default().with_content_type(content_type.into());
        let (exchange, options) = (self.topology.jobs.as_str().into(), BasicPublishOptions::default());
        let sent = self.channel.basic_publish(exchange, key.into(), options, body, properties).await.unwrap();
        assert!(sent.await.unwrap().is_ack());
    }

    /// How many messages lie in the queue of jobs, ready to be delivered.
    pub async fn ready(&self) -> u32 {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let queue = self.channel.queue_declare(self.topology.jobs.as_str().into(), options, FieldTable::default());
        queue.await.unwrap().message_count()
    }

    /// Takes `count` dead letters.
    pub async fn dead(&self, count: usize) -> Vec<BasicGetMessage> {
        self.take(&self.topology.dead, count).await
    }

    /// Takes events until `enough` of them have come, each once: the broker may get one twice, under the same id.
    pub async fn events(&self, enough: impl Fn(&[Event]) -> bool) -> Vec<Event> {
        let mut events: Vec<Event> = Vec::new();
        while !enough(&events) {
            let message = self.take(&self.news(), 1).await.remove(0);
            let routing_key = message.delivery.routing_key.to_string();
            let body: Value = serde_json::from_slice(&message.delivery.data).unwrap();
            if events.iter().all(|known| known.body["id"] != body["id"]) {
                events.push(Event { routing_key, body });
            }
        }
        events
    }

    async fn take(&self, queue: &str, count: usize) -> Vec<BasicGetMessage> {
        let mut taken = Vec::new();
        while taken.len() < count {
            let get = async || {
                let options = BasicGetOptions { no_ack: true };
                self.channel.basic_get(queue.into(), options).await.unwrap()
            };
            taken.push(eventually(&format!("message {} of {count} in {queue}", taken.len() + 1), get).await);
        }
        taken
    }
}

/// An event as a subscriber gets it.
#[derive(Debug)]
pub struct Event {
    pub routing_key: String,
    pub body: Value,
}

/// A running broker side, with whatever takes parked jobs.
pub struct Daemon {
    pub lifecycle: Lifecycle,
    pub state: watch::Receiver<BrokerState>,
    _leads: watch::Sender<bool>,
}

/// A delivery that takes longer is parked.
pub const HOLD: Duration = Duration::from_secs(30);

impl Daemon {
    /// Starts it on `url`, and waits for the connection.
    pub async fn start(app: &TestApp, url: &str, prefix: &str) -> Self {
        let mut lifecycle = Lifecycle::default();
        lifecycle.interrupt = app.interrupt.clone();
        let settings = serde_json::from_value(json!({"url": url, "prefix": prefix, "prefetch": 16})).unwrap();
        let (state, mut watched) = watch::channel(BrokerState::Off);
        let (leads, led) = watch::channel(true);
        let parts = (app.context.clone(), app.runner.clone(), lifecycle.clone());
        lifecycle.spawn(Amqp::new(settings, parts, HOLD, state, led).run());
        lifecycle.spawn(table::run(app.context.clone(), app.runner.clone(), lifecycle.clone()));
        let connected = watched.wait_for(|state| *state == BrokerState::Connected);
        tokio::time::timeout(Duration::from_secs(20), connected).await.expect("a connection").unwrap();
        Self { lifecycle, state: watched, _leads: leads }
    }

    /// Stops politely.
    pub async fn stop(self) {
        self.lifecycle.end(Duration::from_secs(20), std::future::pending()).await;
    }
}
