//! One run of one job or of several equal ones, from its start to its record.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::flights::Flight;
use super::lease::Lease;
use crate::jobs::context::Live;
use crate::jobs::effects::Tally;
use crate::jobs::{JobError, Report};
use crate::model::Tenant;
use crate::model::job::Request;

/// One job among those that a run serves.
#[derive(Debug)]
pub(super) struct Member {
    pub request: Request,
    pub flight: Flight,
    /// Why it ends whatever the run brought.
    pub over: Option<JobError>,
}

impl Member {
    /// Notes what became of it while the run that `started_at` went on; what happens later comes too late.
    pub fn settle(&mut self, started_at: DateTime<Utc>) {
        if self.flight.end.is_cancelled() {
            self.over = Some(JobError::Cancelled);
        } else if self.request.deadline.is_some_and(|deadline| deadline < started_at) {
            self.over = Some(JobError::give_up("expired", "its deadline has passed"));
        }
    }
}

/// Whom a job concerns, once that is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Target {
    pub tenant: Option<Tenant>,
    /// The only cloud there is, when the request names none.
    pub only_cloud: Option<String>,
}

/// One run with what it brought.
#[derive(Debug)]
pub(super) struct Attempt {
    pub members: Vec<Member>,
    pub target: Target,
    pub live: Arc<Live>,
    pub started_at: DateTime<Utc>,
    pub report: Report,
    /// What was recorded of it so far.
    pub tally: Tally,
    /// The right to change the tenant, where it did.
    pub lease: Option<Arc<Lease>>,
}

impl Target {
    /// The cloud for metrics and events: `all` when a request is for every one.
    pub fn cloud<'a>(&'a self, request: &'a Request) -> &'a str {
        let of_tenant = self.tenant.as_ref().map(|it| it.cloud.as_str());
        self.only_cloud.as_deref().or(of_tenant).or(request.cloud.as_deref()).unwrap_or("all")
    }
}

impl Attempt {
    /// How long it took.
    pub fn took(&self, now: DateTime<Utc>) -> Duration {
        (now - self.started_at).to_std().unwrap_or_default()
    }

    /// The job that it ran for; of several, the first.
    pub fn job(&self) -> Option<Uuid> {
        self.members.first().map(|member| member.request.id)
    }

    /// Why it failed for one of its members.
    pub fn failure<'a>(&'a self, member: &'a Member) -> Option<&'a JobError> {
        member.over.as_ref().or(self.report.failure.as_ref())
    }
}
