//! A drift finding: a lasting difference between what is expected and what is there.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::resource_type::ResourceType;
use super::words::words;

words! {
    /// What kind of difference it is.
    Change {
        /// A limit differs.
        Limit = "limit",
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
}
