//! A drift finding: a lasting difference between what is expected and what is there.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::resource_type::ResourceType;
use super::words::words;

words! {
    /// What kind of difference it is.
    Change {
        /// A limit differs.
        Limit = "limit",
        /// A limit differs, and is the one that the service gives where nobody set any.
        Default = "default",
        /// The service's own counter differs from the objects counted.
        Usage = "usage",
        /// More is used than allowed.
        OverLimit = "over_limit",
        /// There, but not expected.
        Added = "added",
        /// Expected, but not there.
        Removed = "removed",
        /// There as expected, with another value.
        Changed = "changed",
        /// Against a declared rule.
        Policy = "policy",
    }
}

words! {
    /// How urgent it is.
    Severity {
        /// Worth knowing.
        Info = "info",
        /// Worth a look in working hours.
        Warning = "warning",
        /// Worth waking someone.
        Critical = "critical",
    }
}

words! {
    /// Where a finding stands in its life.
    FindingState {
        /// It lasts, and nobody has spoken for it.
        Open = "open",
        /// It lasts, and someone knows of it.
        Acknowledged = "acknowledged",
        /// The difference is gone.
        Resolved = "resolved",
        /// The difference became the expectation.
        Accepted = "accepted",
    }
}

impl FindingState {
    /// Whether the difference is still there.
    pub const fn lasts(self) -> bool {
        matches!(self, Self::Open | Self::Acknowledged)
    }
}

/// One finding of one tenant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// Its id, for `drift show` and `drift accept`.
    pub id: Uuid,
    /// tenantd's id of the tenant.
    pub tenant: Uuid,
    /// The resource type that differs.
    pub resource_type: ResourceType,
    /// The object that differs: a quota's name, or an id in the cloud.
    pub object: String,
    /// The object's name for people.
    pub object_name: String,
    /// The field of the object.
    pub field: String,
    /// The kind of difference.
    pub change: Change,
    /// What should be there; null when nothing should.
    pub expected: Value,
    /// What is there; null when nothing is.
    pub observed: Value,
    /// How urgent it is.
    pub severity: Severity,
    /// Where it stands.
    pub state: FindingState,
    /// Where the expectation came from.
    pub source: String,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// When an observation last showed it.
    pub last_seen_at: DateTime<Utc>,
    /// When it ended.
    pub resolved_at: Option<DateTime<Utc>>,
    /// Who knows of it; of one that has ended, who knew of it then.
    pub acknowledgement: Option<Acknowledgement>,
    /// That it comes and goes; of one that has ended, that it did.
    pub flapping: Option<Flapping>,
}

/// That a finding comes and goes again and again: its flips are counted and not told, until it holds still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flapping {
    /// When the first of the flips was.
    pub since: DateTime<Utc>,
    /// How often it was seen to change since then.
    pub flips: u32,
    /// When it last did.
    pub last_at: DateTime<Utc>,
    /// Whether it differs at the moment.
    pub differs: bool,
}

/// That somebody knows of a finding, and that it may stay as it is for now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Acknowledgement {
    /// Why it may.
    pub reason: String,
    /// Who says so.
    pub by: String,
    /// Since when.
    pub at: DateTime<Utc>,
    /// Until when; none: until it is resolved.
    pub until: Option<DateTime<Utc>>,
}

impl Finding {
    /// What stands in its life as its values.
    pub fn values(&self) -> Value {
        values(&self.expected, &self.observed, self.severity)
    }
}

/// The values of a finding as they stand in its life.
pub fn values(expected: &Value, observed: &Value, severity: Severity) -> Value {
    serde_json::json!({ "expected": expected, "observed": observed, "severity": severity })
}
