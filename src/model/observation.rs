//! What one pull saw, and how far it can be trusted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::body::Body;
use super::quota::Limit;
use super::request_id::RequestId;

/// A complete look at one resource type of one tenant.
///
/// It exists only when its listing was paged to the end with a role and scope that see the tenant: what cannot prove
/// that is an error, never an observation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// When the earliest request that contributed to it left.
    pub asked_at: DateTime<Utc>,
    /// When the last answer that contributed to it had arrived. Another look that was asked for before this moment may
    /// be the older one, for its parts.
    pub answered_at: DateTime<Utc>,
    /// What was seen.
    pub body: Body,
    /// Objects that the cloud listed but that could not be read: neither there nor gone.
    pub unreadable: BTreeSet<String>,
    /// Whether an object without a readable id was listed: then nothing counts as gone.
    pub absence_unknown: bool,
    /// Objects that the job that looked had removed itself: that they are gone is no surprise.
    pub removed: BTreeSet<String>,
    /// Why a part of it is missing, in one word and in words: one of several services did not answer.
    pub trouble: Option<(&'static str, String)>,
    /// How many objects there are of what quotas limit, by the quota's name and in its unit; only of those that could
    /// be counted for certain. None: nobody counted. It is no part of the body: a look that counts and one that does
    /// not see the same.
    pub counted: Option<BTreeMap<String, u64>>,
    /// Why some of it could not be counted, or is not known to be in use.
    pub uncounted: Option<String>,
    /// Whether something uses a security group, by the group's id; of those that are missing nobody knows. None: nobody
    /// asked. It is no part of the body either.
    pub in_use: Option<BTreeMap<String, bool>>,
    /// The limits that the services give where nobody set one, by the quota's name. None: nobody knows.
    pub defaults: Option<Arc<BTreeMap<String, Limit>>>,
    /// The requests whose answers it rests on: of each service a few, however many pages a listing had.
    pub requests: Vec<RequestId>,
}

/// Whether a time that was recorded lies further ahead than clocks of replicas differ: a clock went back since.
pub fn is_ahead(at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    at - now > TimeDelta::minutes(1)
}

impl Observation {
    /// An observation in which everything could be read.
    pub fn clean(asked_at: DateTime<Utc>, body: Body) -> Self {
        Self {
            asked_at,
            answered_at: asked_at,
            body: body.sorted(),
            unreadable: BTreeSet::new(),
            absence_unknown: false,
            removed: BTreeSet::new(),
            trouble: None,
            counted: None,
            uncounted: None,
            in_use: None,
            defaults: None,
            requests: Vec::new(),
        }
    }

    /// Whether it was asked for after the newest one was asked for and had been answered. One that overlaps it could
    /// be older in a part, and the next look tells anyway. What lies ahead of `now` was written before a clock went back:
    /// that it is newer, it does not tell.
    pub fn is_later_than(
        &self,
        asked_at: Option<DateTime<Utc>>,
        answered_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> bool {
        let [asked_at, answered_at] = [asked_at, answered_at].map(|at| at.filter(|at| !is_ahead(*at, now)));
        asked_at.is_none_or(|newest| newest < self.asked_at) && answered_at.is_none_or(|newest| newest <= self.asked_at)
    }

    /// Whether some object could not be read.
    pub fn is_partial(&self) -> bool {
        self.absence_unknown || !self.unreadable.is_empty()
    }

    /// What is known after it: what was seen, and of what could not be read or was not asked for, what was known
    /// `before`.
    #[must_use]
    pub fn completed_by(&self, before: Option<&Body>) -> Body {
        let Some(before) = before else { return self.body.clone() };
        let of_quotas = matches!(self.body, Body::Quotas(_));
        self.body.clone().with_objects_of(before, |id| {
            // Sizes cost two listings and are not asked for each time.
            self.absence_unknown || self.unreadable.contains(id) || (of_quotas && id.ends_with("s_size"))
        })
    }
}
