//! `prune`: forget what is older than anybody wants to look back. It asks no cloud.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Call, Effect, Job, JobError, Report};
use crate::store::StoreError;
use crate::store::prune::Records;

/// Records that go in one transaction: few enough that nobody waits for them.
const BATCH: u16 = 1000;

const DAY: Duration = Duration::from_hours(24);

/// How long what is over is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Jobs, counted from their end: as long as a job is kept, its id is not worked on a second time.
    pub jobs: Duration,
    /// Snapshots, counted from when they were last seen; the newest of each resource type stays.
    pub snapshots: Duration,
    /// Findings, counted from their end.
    pub findings: Duration,
    /// Dead letters.
    pub dead_letters: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self { jobs: 30 * DAY, snapshots: 90 * DAY, findings: 365 * DAY, dead_letters: 90 * DAY }
    }
}

/// Forgets ended jobs, replaced snapshots, ended findings and dead letters that are older than `[retention]` says.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Prune {}

impl Job for Prune {
    const KIND: &'static str = "prune";
    const ABOUT: &'static str =
        "forget jobs, snapshots, findings and dead letters that are older than [retention] says";
    const LOCAL: bool = true;
    const TIMEOUT: Duration = Duration::from_hours(1);

    async fn run(self, call: Call) -> Report {
        if call.request.subject.is_some() {
            let message = "prune is for the records as a whole: leave the tenant out";
            return Report::failed(JobError::give_up("invalid_params", message));
        }
        match prune(&call).await {
            Ok(0) => Report::default(),
            Ok(_) => Report { effects: vec![Effect::Pruned], ..Report::default() },
            // What went is gone all the same; the next attempt goes on from there.
            Err(error) => Report::failed(error.into()),
        }
    }
}

/// How many records went.
async fn prune(call: &Call) -> Result<u64, StoreError> {
    let keep = call.live.retention;
    let jobs = prune_all(call, Records::Jobs, keep.jobs).await?;
    let snapshots = prune_all(call, Records::Snapshots, keep.snapshots).await?;
    let findings = prune_all(call, Records::Findings, keep.findings).await?;
    let dead_letters = prune_all(call, Records::DeadLetters, keep.dead_letters).await?;
    tracing::info!(jobs, snapshots, findings, dead_letters, "old records were forgotten");
    Ok(jobs + snapshots + findings + dead_letters)
}

/// Forgets one sort of records, batch by batch.
async fn prune_all(call: &Call, records: Records, keep: Duration) -> Result<u64, StoreError> {
    let keep = chrono::Duration::from_std(keep).unwrap_or(chrono::Duration::MAX);
    let Some(before) = call.context.clock().now().checked_sub_signed(keep) else { return Ok(0) };
    let mut all = 0;
    loop {
        let gone = call.context.store().prune(records, before, BATCH.into()).await?;
        all += gone;
        if gone < BATCH.into() {
            return Ok(all);
        }
        // Whoever waits to write comes first.
        tokio::task::yield_now().await;
    }
}
