//! What an attempt comes to for one job: a pure function of how it went and what the job allows.

use chrono::{DateTime, Utc};

use super::attempt::{Attempt, Member};
use super::bury::limited;
use crate::jobs::context::Retries;
use crate::jobs::verdict::{Verdict, verdict};
use crate::jobs::{JobError, pulls};
use crate::model::ResourceType;
use crate::model::job::{Outcome, Request};

/// Attempts at a part of a larger job.
const PART_ATTEMPTS: u32 = 3;

/// What an attempt comes to.
#[derive(Debug)]
pub(super) struct Settled {
    /// None when the job waits again.
    pub outcome: Option<Outcome>,
    pub dead: bool,
    pub again_at: Option<DateTime<Utc>>,
    pub reason: Option<&'static str>,
    pub error: Option<String>,
    /// Whether it neither counts nor failed.
    pub is_no_attempt: bool,
}

/// What `attempt` comes to for `member`; `changed` tells whether anything was different from before.
pub(super) fn settled(attempt: &Attempt, member: &Member, changed: bool, now: DateTime<Utc>) -> Settled {
    let Some(error) = attempt.failure(member) else {
        let left_out = attempt.report.left_out.clone();
        let outcome = match (&left_out, changed) {
            (Some(_), _) => Outcome::Partial,
            (None, true) => Outcome::Succeeded,
            (None, false) => Outcome::Unchanged,
        };
        let (dead, again_at, reason, is_no_attempt) = (false, None, None, false);
        return Settled { outcome: Some(outcome), dead, again_at, reason, error: left_out, is_no_attempt };
    };
    let made = u32::try_from(member.request.attempt).unwrap_or(u32::MAX);
    let retries = retries(attempt.live.retries, &member.request);
    let (mut outcome, mut again_at) = match verdict(error, made, retries, now, &mut rand::rng()) {
        Verdict::Again(at) => (None, Some(at)),
        Verdict::PutBack => (None, Some(now)),
        Verdict::Over => (Some(Outcome::Cancelled), None),
        Verdict::Dead if error.reason() == "expired" => (Some(Outcome::Expired), None),
        Verdict::Dead => (Some(Outcome::Failed), None),
    };
    let (mut reason, mut text) = (error.reason(), error.to_string());
    if let (Some(deadline), Some(at)) = (member.request.deadline, again_at)
        && at > deadline
        && !matches!(error, JobError::Interrupted | JobError::Parted(_))
    {
        text = format!("its deadline passes before another attempt; the last one: {text}");
        (outcome, again_at, reason) = (Some(Outcome::Expired), None, "expired");
    }
    let is_no_attempt = error.is_no_attempt();
    let dead = outcome == Some(Outcome::Failed) && !is_made_again(&member.request);
    Settled { outcome, dead, again_at, reason: Some(reason), error: Some(limited(&text)), is_no_attempt }
}

/// How often a job is tried. The other parts of a larger job, and the next tick, wait for the last of them: a service that
/// is away must not keep the rest from being looked at.
fn retries(retries: Retries, request: &Request) -> Retries {
    let attempts = if request.part.is_some() { retries.attempts.min(PART_ATTEMPTS) } else { retries.attempts };
    Retries { attempts, ..retries }
}

/// Whether nobody needs to take up a job that failed for good: what became of a part is told by the whole, and a schedule
/// looks at a tenant again by itself.
fn is_made_again(request: &Request) -> bool {
    let looks = ResourceType::ALL.into_iter().any(|it| pulls(&request.kind, it));
    request.part.is_some() || (looks && request.subject.is_some() && request.source.starts_with("schedule:"))
}
