//! What the differences of one observation mean for the findings that exist: opened once, resolved once.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use super::flapping::Flap;
use super::rules::Rules;
use super::{Difference, usage};
use crate::model::{Change, FindingState, Flapping, Severity};

/// An unresolved finding, as far as its life depends on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Its id.
    pub id: Uuid,
    /// The difference as last recorded.
    pub difference: Difference,
    /// Its severity as last recorded.
    pub severity: Severity,
    /// Whether somebody knows of it.
    pub state: FindingState,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// That it comes and goes.
    pub flapping: Option<Flapping>,
}

/// A finding whose values or severity are others now.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed {
    /// Its id.
    pub id: Uuid,
    /// The difference as it is now.
    pub difference: Difference,
    /// How urgent it is now.
    pub severity: Severity,
    /// Why it is open again, where somebody knew of it as it was.
    pub reopened: Option<&'static str>,
}

/// A difference that was seen, but not often enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspicion {
    /// The difference as last seen.
    pub difference: Difference,
    /// How many spaced observations agreed.
    pub count: u32,
    /// When it was first seen.
    pub since: DateTime<Utc>,
    /// When an observation last counted.
    pub counted_at: DateTime<Utc>,
}

/// What to do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// Findings to open.
    pub open: Vec<(Difference, Severity)>,
    /// Findings whose values or severity changed.
    pub change: Vec<Changed>,
    /// Findings that come and go.
    pub flap: Vec<Flap>,
    /// Findings that stand as they are.
    pub keep: Vec<Uuid>,
    /// Findings whose difference is gone.
    pub resolve: Vec<Uuid>,
    /// Suspicions to write.
    pub suspect: Vec<Suspicion>,
    /// Suspicions (object, field) to forget.
    pub forget: Vec<(String, String)>,
    /// When the next observation would count.
    pub look_again_at: Option<DateTime<Utc>>,
}

impl Plan {
    /// Whether the next look must count, for a counter to be believed wrong.
    pub fn counts_again(&self) -> bool {
        self.suspect.iter().any(|suspicion| suspicion.difference.change == Change::Usage)
    }
}

/// A look that a policy's patience asks for is asked for when it is so near: until then the looks that come anyway tell as
/// much, and a job would lie in the queue for days.
const SOON: Duration = Duration::hours(1);

/// Decides what an observation made at `now` means.
pub fn plan(
    differences: Vec<Difference>,
    standing: &[Standing],
    suspicions: &[Suspicion],
    rules: &Rules,
    now: DateTime<Utc>,
) -> Plan {
    let mut plan = Plan::default();
    let standing_by_key: BTreeMap<_, _> = standing.iter().map(|finding| (finding.difference.key(), finding)).collect();
    let suspected: BTreeMap<_, _> =
        suspicions.iter().map(|suspicion| (suspicion.difference.key(), suspicion)).collect();
    let seen: BTreeSet<_> =
        differences.iter().map(|difference| (difference.object.clone(), difference.field.clone())).collect();
    let is_seen = |(object, field): (&str, &str)| seen.contains(&(object.to_owned(), field.to_owned()));

    let gone = standing.iter().filter(|finding| !is_seen(finding.difference.key()));
    plan.resolve.extend(gone.map(|finding| finding.id));
    let dispelled = suspicions.iter().filter(|suspicion| !is_seen(suspicion.difference.key()));
    plan.forget.extend(dispelled.map(|suspicion| owned(suspicion.difference.key())));

    for difference in differences {
        let severity = rules.severity(&difference);
        if let Some(finding) = standing_by_key.get(&difference.key()) {
            if finding.difference == difference && finding.severity == severity {
                plan.keep.push(finding.id);
            } else {
                plan.change.push(Changed::of(finding, difference, severity));
            }
            continue;
        }
        let earlier = suspected.get(&difference.key()).copied();
        let suspicion = counted(difference, earlier, rules, now);
        let lasts_at = lasts_at(&suspicion, rules);
        if suspicion.count >= rules.needed(&suspicion.difference) && lasts_at <= now {
            if earlier.is_some() {
                plan.forget.push(owned(suspicion.difference.key()));
            }
            plan.open.push((suspicion.difference, severity));
        } else {
            let counts_at = lasts_at.max(suspicion.counted_at + spacing(rules));
            if lasts_at <= now + SOON {
                plan.look_again_at = Some(plan.look_again_at.map_or(counts_at, |earliest| earliest.min(counts_at)));
            }
            plan.suspect.push(suspicion);
        }
    }
    plan
}

impl Changed {
    /// A finding with other values than it had.
    pub fn of(finding: &Standing, difference: Difference, severity: Severity) -> Self {
        let reopened = reopened(finding, &difference, severity);
        Self { id: finding.id, difference, severity, reopened }
    }
}

/// Why a finding that somebody knew of is open again: they knew of other values. Less that is used beyond a limit, a
/// counter that is no more wrong than it was, or another name, is no news to them.
fn reopened(finding: &Standing, difference: &Difference, severity: Severity) -> Option<&'static str> {
    if finding.state != FindingState::Acknowledged {
        return None;
    }
    let was = &finding.difference;
    if let (Some(before), Some(now)) = (usage::gap(was), usage::gap(difference)) {
        let is_no_more = now.signum() == before.signum() && now.abs() <= before.abs();
        return (!is_no_more).then_some("another value was observed");
    }
    let is_less = difference.change == Change::OverLimit && difference.observed.as_u64() <= was.observed.as_u64();
    if difference.observed != was.observed && !is_less {
        return Some("another value was observed");
    }
    if difference.expected != was.expected {
        return Some("another value is expected");
    }
    (severity > finding.severity).then_some("it is more urgent than it was")
}

fn owned((object, field): (&str, &str)) -> (String, String) {
    (object.to_owned(), field.to_owned())
}

fn spacing(rules: &Rules) -> Duration {
    Duration::from_std(rules.confirm.spacing).unwrap_or(Duration::MAX)
}

/// When it has lasted for as long as a policy has patience.
fn lasts_at(suspicion: &Suspicion, rules: &Rules) -> DateTime<Utc> {
    let patience = Duration::from_std(rules.patience(&suspicion.difference)).unwrap_or(Duration::MAX);
    suspicion.since.checked_add_signed(patience).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// The suspicion after one more look: agreeing and far enough apart counts, another value starts anew.
fn counted(difference: Difference, earlier: Option<&Suspicion>, rules: &Rules, now: DateTime<Utc>) -> Suspicion {
    match earlier {
        Some(earlier) if agrees(&earlier.difference, &difference) => {
            let counts = now - earlier.counted_at >= spacing(rules);
            Suspicion {
                difference,
                count: earlier.count + u32::from(counts),
                since: earlier.since,
                counted_at: if counts { now } else { earlier.counted_at },
            }
        }
        _ => Suspicion { difference, count: 1, since: now, counted_at: now },
    }
}

fn agrees(earlier: &Difference, now: &Difference) -> bool {
    let is_same = match now.change {
        Change::Usage => usage::gap(earlier) == usage::gap(now),
        _ => earlier.observed == now.observed,
    };
    earlier.change == now.change && is_same
}
