//! The life of a finding: what happened to it, when, by whom, and what brought it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::finding::{Finding, FindingState};
use super::request_id::RequestId;
use super::words::words;

words! {
    /// One step in the life of a finding.
    Step {
        /// The difference lasted.
        Opened = "opened",
        /// Its values are others now.
        Changed = "changed",
        /// Somebody knows of it.
        Acknowledged = "acknowledged",
        /// It is not known any more: the acknowledgement is over, or was for other values.
        Reopened = "reopened",
        /// Somebody said something of it.
        Noted = "noted",
        /// What is there became what is expected.
        Accepted = "accepted",
        /// The difference is gone.
        Resolved = "resolved",
    }
}

/// A step with what is known of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// What happened.
    pub step: Step,
    /// When it was recorded.
    pub at: DateTime<Utc>,
    /// Who did it; none: tenantd by itself.
    pub by: Option<String>,
    /// Why, or what was said.
    pub reason: Option<String>,
    /// Until when an acknowledgement lasts.
    pub until: Option<DateTime<Utc>>,
    /// What was expected and observed before.
    pub before: Option<Value>,
    /// What is expected and observed since.
    pub after: Option<Value>,
    /// When the earliest request of the observation that brought it left.
    pub observed_at: Option<DateTime<Utc>>,
    /// The snapshot in which it was seen.
    pub snapshot: Option<Uuid>,
    /// The job that brought it.
    pub job: Option<Uuid>,
    /// The requests of that observation, as the services' logs know them.
    pub request_ids: Vec<RequestId>,
}

impl Event {
    /// A step of which no more is known than when it happened.
    pub const fn new(step: Step, at: DateTime<Utc>) -> Self {
        Self {
            step,
            at,
            by: None,
            reason: None,
            until: None,
            before: None,
            after: None,
            observed_at: None,
            snapshot: None,
            job: None,
            request_ids: Vec::new(),
        }
    }
}

/// The whole life of a finding: the events that were written down, and at both ends what only its row tells, for the
/// version before wrote nothing down.
pub fn whole(finding: &Finding, mut events: Vec<Event>) -> Vec<Event> {
    if events.first().is_none_or(|first| first.step != Step::Opened) {
        // What it was opened with is what the first change began from, or what it still is.
        let first = events.iter().find_map(|event| event.before.clone());
        let after = Some(first.unwrap_or_else(|| finding.values()));
        events.insert(0, Event { after, ..Event::new(Step::Opened, finding.opened_at) });
    }
    let end = match finding.state {
        FindingState::Resolved => Step::Resolved,
        FindingState::Accepted => Step::Accepted,
        FindingState::Open | FindingState::Acknowledged => return events,
    };
    if let Some(at) = finding.resolved_at
        && !events.iter().any(|event| event.step == end)
    {
        let place = events.iter().position(|event| event.at > at).unwrap_or(events.len());
        events.insert(place, Event::new(end, at));
    }
    events
}
