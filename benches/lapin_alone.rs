//! How fast lapin alone takes messages from a queue and acknowledges them: the bound of what any consumer built on it can
//! reach. `benches/throughput/run` fills the queue and names it; without a queue there is nothing to measure.
#![expect(clippy::print_stdout, reason = "the figure is its result")]

use std::time::Instant;

use futures::StreamExt;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Messages held unacknowledged at most.
const PREFETCH: u16 = 500;

#[tokio::main]
async fn main() -> Outcome<()> {
    let setting = |name: &str| std::env::var(format!("TENANTD_BENCH_{name}"));
    let (Ok(url), Ok(queue), Ok(messages)) = (setting("AMQP_URL"), setting("QUEUE"), setting("MESSAGES")) else {
        println!("lapin alone: see benches/throughput/run");
        return Ok(());
    };
    let messages: u32 = messages.parse()?;
    let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let options = BasicConsumeOptions::default();
    let mut deliveries =
        channel.basic_consume(queue.as_str().into(), "lapin-alone".into(), options, FieldTable::default()).await?;
    let mut began = None;
    for _ in 0..messages {
        let delivery = deliveries.next().await.ok_or("the queue ended before the messages did")??;
        began.get_or_insert_with(Instant::now);
        delivery.acker.ack(BasicAckOptions::default()).await?;
    }
    // The broker answers the closing after it has taken every acknowledgement.
    channel.close(200, "done".into()).await?;
    let seconds = began.unwrap_or_else(Instant::now).elapsed().as_secs_f64();
    println!("{messages} messages in {seconds:.3} s: {:.0} a second", f64::from(messages) / seconds);
    Ok(())
}
