//! `digest`: tell once a day what came of drift, and what stands. It asks no cloud.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::{Call, Effect, Job, JobError, Report};
use crate::drift::digest::Digest;

/// The furthest back that a digest looks: no records are older.
const LONGEST: chrono::Duration = chrono::Duration::days(36_500);

/// Counts findings that were opened and that ended, and those that stand, and publishes that as `drift.digest`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TellDigest {
    /// How far back it looks, such as `24h`.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "String")]
    since: Duration,
}

impl Default for TellDigest {
    fn default() -> Self {
        Self { since: Duration::from_hours(24) }
    }
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text).map_err(|error| {
        serde::de::Error::custom(format!("`{text}` is no duration ({error}); write it like \"24h\" or \"7d\""))
    })
}

impl Job for TellDigest {
    const KIND: &'static str = "digest";
    const ABOUT: &'static str = "publish what drift was opened and ended in the last day, and what stands";
    const LOCAL: bool = true;
    const TIMEOUT: Duration = Duration::from_mins(5);

    async fn run(self, call: Call) -> Report {
        if call.request.subject.is_some() {
            let message = "digest is for the records as a whole or for one cloud: leave the tenant out";
            return Report::failed(JobError::give_up("invalid_params", message));
        }
        // From tick to tick, however late one runs: each finding is in one digest, and none is left out.
        let until = call.request.not_before.min(call.context.clock().now());
        let cloud = call.request.cloud.as_deref();
        let long = chrono::Duration::from_std(self.since).unwrap_or(LONGEST).min(LONGEST);
        let since = until.checked_sub_signed(long).unwrap_or_default();
        match call.context.store().findings_since(cloud, since).await {
            Ok(entries) => {
                let digest = Digest::of(&entries, (since, until), cloud);
                Report { effects: vec![Effect::Digest(digest)], ..Report::default() }
            }
            Err(error) => Report::failed(error.into()),
        }
    }
}
