//! `[retention]`: how long what is over is kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HumanDuration, Problems};

/// The least that makes sense of anything. For jobs it is a promise: a message may be delivered again as long as a
/// producer, the broker or an outage holds it back, and it is known to be done only as long as its job is kept.
const LEAST: HumanDuration = HumanDuration::days(1);

/// How long what is over is kept; `prune` forgets the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Jobs that ended. As long as a job is kept, the same message is not done twice.
    pub jobs: HumanDuration,
    /// Snapshots that a newer one has replaced; the newest of each resource type is always kept.
    pub snapshots: HumanDuration,
    /// Findings that are resolved or accepted.
    pub findings: HumanDuration,
    /// Dead letters, requeued or not.
    pub dead_letters: HumanDuration,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            jobs: HumanDuration::days(30),
            snapshots: HumanDuration::days(90),
            findings: HumanDuration::days(365),
            dead_letters: HumanDuration::days(90),
        }
    }
}

impl Retention {
    pub(super) fn validate(&self, problems: &mut Problems) {
        if self.jobs < LEAST {
            let why = "a message that is delivered again after its job was forgotten would be done twice";
            problems.add("retention.jobs", format!("must be at least {LEAST}: {why}"));
        }
        let others = [("snapshots", self.snapshots), ("findings", self.findings), ("dead_letters", self.dead_letters)];
        for (key, _) in others.into_iter().filter(|(_, keep)| *keep < LEAST) {
            problems.add(format!("retention.{key}"), format!("must be at least {LEAST}"));
        }
    }
}
