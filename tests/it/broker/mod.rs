//! Messages through a genuine RabbitMQ: nothing lost, nothing done twice, every refusal explained.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "these are tests; the lint only sees the functions marked so"
)]

mod connection;
mod fairness;
mod messages;
mod rig;
mod topology;

use serde_json::{Value, json};

use crate::support::rows::text;
use crate::support::{Database, eventually, rows};

/// How many jobs have ended.
async fn ended(database: &Database) -> usize {
    jobs(database).await.iter().filter(|job| !job["finished_at"].is_null()).count()
}

/// The rows of the jobs table.
async fn jobs(database: &Database) -> Vec<rows::Row> {
    let all = rows::all(database).await;
    all.into_iter().filter(|((table, _), _)| table == "jobs").map(|(_, row)| row).collect()
}

/// Waits until so many jobs have ended.
async fn until_ended(database: &Database, count: usize) {
    let what = format!("{count} ended jobs");
    eventually(&what, async || (ended(database).await >= count).then_some(())).await;
}

/// State, attempts and kind of each job, sorted.
async fn outcomes(database: &Database) -> Vec<String> {
    let told = |job: &rows::Row| format!("{} {} after {}", text(&job["kind"]), text(&job["state"]), job["attempt"]);
    let mut outcomes: Vec<String> = jobs(database).await.iter().map(told).collect();
    outcomes.sort();
    outcomes
}

/// A native job.
fn job(id: &str, kind: &str, tenant: &str) -> Value {
    json!({"id": id, "kind": kind, "tenant": tenant})
}
