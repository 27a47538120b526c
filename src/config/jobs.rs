//! `[jobs]`: how jobs are run.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HumanDuration, Problems};

/// How jobs are run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Jobs {
    /// Jobs that run at the same time at most.
    pub workers: usize,
    /// Attempts before a job is dead.
    pub attempts: u32,
    /// The first delay before a retry, at most; it doubles with each attempt, with full jitter.
    pub retry_base: HumanDuration,
    /// The longest delay before a retry.
    pub retry_max: HumanDuration,
    /// A delivery that takes longer is parked in the jobs table and acknowledged.
    pub hold: HumanDuration,
    /// At a stop, running jobs may take so long to end.
    pub grace: HumanDuration,
    /// A pull of a cloud with more tenants than this is done in parts of so many, which replicas share; each resource type
    /// with a listing is one part.
    pub batch: usize,
    /// The folder whose files `upload_image_data` may send to Glance; not set: none.
    pub image_folder: Option<PathBuf>,
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            workers: 64,
            attempts: 12,
            retry_base: HumanDuration::seconds(5),
            retry_max: HumanDuration::seconds(600),
            hold: HumanDuration::seconds(30),
            grace: HumanDuration::seconds(20),
            batch: 250,
            image_folder: None,
        }
    }
}

impl Jobs {
    pub(super) fn validate(&self, problems: &mut Problems) {
        if self.workers == 0 {
            problems.add("jobs.workers", "must be at least 1");
        }
        if self.batch == 0 {
            problems.add("jobs.batch", "must be at least 1");
        }
        if self.attempts == 0 {
            problems.add("jobs.attempts", "must be at least 1");
        }
        if self.retry_max < self.retry_base {
            problems.add("jobs.retry_max", "must not be shorter than jobs.retry_base");
        }
        if self.image_folder.as_deref().is_some_and(|folder| !folder.is_absolute()) {
            problems.add("jobs.image_folder", "must be an absolute path");
        }
        if self.hold.0.is_zero() {
            problems.add("jobs.hold", "must be longer than nothing");
        }
    }
}
