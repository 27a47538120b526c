//! What tenantd needs of the broker: two topic exchanges, a fanout, two quorum queues. Declaring twice changes nothing.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};

/// Put-backs before the broker gives up on a message. RabbitMQ 4 defaults to 20 and counts every put-back of a stop;
/// attempts are counted in the jobs table, so the broker's count is only the last resort.
const DELIVERY_LIMIT: i64 = 1_000_000;

/// The names of it all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    /// The exchange and the queue of jobs.
    pub jobs: String,
    /// The exchange and the queue of what nobody could do.
    pub dead: String,
    /// The exchange of what happened.
    pub events: String,
}

impl Topology {
    /// The names that begin with `prefix`.
    pub fn new(prefix: &str) -> Self {
        Self { jobs: format!("{prefix}.jobs"), dead: format!("{prefix}.dead"), events: format!("{prefix}.events") }
    }

    /// Declares everything.
    ///
    /// # Errors
    /// What the broker refuses; its text names the argument that differs.
    pub async fn declare(&self, channel: &Channel) -> lapin::Result<()> {
        self.exchange(channel, &self.jobs, ExchangeKind::Topic).await?;
        self.exchange(channel, &self.dead, ExchangeKind::Fanout).await?;
        self.exchange(channel, &self.events, ExchangeKind::Topic).await?;
        let mut arguments = quorum();
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(DELIVERY_LIMIT));
        arguments.insert("x-dead-letter-exchange".into(), AMQPValue::LongString(self.dead.as_str().into()));
        self.queue(channel, &self.jobs, "#", arguments).await?;
        self.queue(channel, &self.dead, "", quorum()).await
    }

    async fn exchange(&self, channel: &Channel, name: &str, kind: ExchangeKind) -> lapin::Result<()> {
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        channel.exchange_declare(name.into(), kind, options, FieldTable::default()).await
    }

    async fn queue(&self, channel: &Channel, name: &str, key: &str, arguments: FieldTable) -> lapin::Result<()> {
        channel.queue_declare(name.into(), QueueDeclareOptions::durable(), arguments).await?;
        channel
            .queue_bind(name.into(), name.into(), key.into(), QueueBindOptions::default(), FieldTable::default())
            .await
    }
}

fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments
}
