//! Damping: what comes and goes again and again is one finding that says so, until it has held still.
//!
//! A flip is a step that would be told: a finding that opens, has other values, or resolves. From the n-th within a window
//! on, the finding stays and says that it flaps; further flips are counted and not told. It is over when nothing flipped
//! for a while: then it resolves, or stands as any other.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use uuid::Uuid;

use super::Difference;
use super::lifecycle::{Changed, Plan, Standing};
use super::vanish::EVERYTHING;
use crate::model::{Flapping, Severity};

/// When a finding counts as flapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlapGuard {
    /// So many flips; 0: never.
    pub flips: u32,
    /// Within this time.
    pub window: Duration,
    /// For so long it must hold still.
    pub quiet: Duration,
}

/// What was told of an object's field within the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    /// How many flips.
    pub flips: u32,
    /// When the first of them was.
    pub since: DateTime<Utc>,
}

/// By object and field.
pub type History = BTreeMap<(String, String), Past>;

/// What becomes of a finding that flaps, or does not any more.
#[derive(Debug, Clone, PartialEq)]
pub struct Flap {
    /// Its id.
    pub id: Uuid,
    /// The difference, as last seen.
    pub difference: Difference,
    /// How urgent it is; while it flaps, as it was at its worst.
    pub severity: Severity,
    /// What is known of its flapping; none: it has held still.
    pub flapping: Option<Flapping>,
    /// What is to be told of it.
    pub told: Option<String>,
    /// Why it is open again, where somebody knew of it as it was.
    pub reopened: Option<&'static str>,
}

impl FlapGuard {
    /// When the window of flips began; none: nothing counts as flapping.
    pub fn since(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        (self.flips > 0).then(|| now.checked_sub_signed(signed(self.window)).unwrap_or(DateTime::<Utc>::MIN_UTC))
    }

    fn is_quiet(&self, flapping: &Flapping, now: DateTime<Utc>) -> bool {
        now - flapping.last_at >= signed(self.quiet)
    }

    /// What it is from here on, if this flip makes it flap.
    fn begins(&self, finding: &Standing, history: &History, differs: bool, now: DateTime<Utc>) -> Option<Flapping> {
        let (object, field) = finding.difference.key();
        let past = history.get(&(object.to_owned(), field.to_owned()))?;
        let flips = past.flips.saturating_add(1);
        (flips >= self.flips.max(1) && self.flips > 0 && object != EVERYTHING).then_some(Flapping {
            since: past.since,
            flips,
            last_at: now,
            differs,
        })
    }
}

/// The plan with what flaps taken out of what is told.
pub fn damp(plan: Plan, standing: &[Standing], history: &History, guard: FlapGuard, now: DateTime<Utc>) -> Plan {
    let by_id: BTreeMap<Uuid, &Standing> = standing.iter().map(|finding| (finding.id, finding)).collect();
    let Plan { change, keep, resolve, .. } = plan;
    let mut damped = Plan { change: Vec::new(), keep: Vec::new(), resolve: Vec::new(), ..plan };
    for id in keep {
        let finding = by_id.get(&id).and_then(|finding| Some((*finding, finding.flapping.as_ref()?)));
        match finding {
            Some((finding, flapping)) if !flapping.differs => damped.flap.push(flip(finding, flapping, true, now)),
            Some((finding, flapping)) if guard.is_quiet(flapping, now) => damped.flap.push(settled(finding, guard)),
            _ => damped.keep.push(id),
        }
    }
    for changed in change {
        match by_id.get(&changed.id) {
            Some(finding) => damp_change(&mut damped, finding, changed, history, guard, now),
            None => damped.change.push(changed),
        }
    }
    for id in resolve {
        match by_id.get(&id) {
            Some(finding) => damp_end(&mut damped, finding, history, guard, now),
            None => damped.resolve.push(id),
        }
    }
    damped
}

fn damp_change(
    damped: &mut Plan,
    finding: &Standing,
    changed: Changed,
    history: &History,
    guard: FlapGuard,
    now: DateTime<Utc>,
) {
    let is_flip = changed.difference.observed != finding.difference.observed;
    match &finding.flapping {
        Some(flapping) if is_flip && changed.severity <= finding.severity => {
            let difference = changed.difference;
            damped.flap.push(Flap { difference, ..flip(finding, flapping, true, now) });
        }
        // What is expected, or how urgent it is, is news whatever flaps.
        Some(_) => damped.change.push(changed),
        None => match guard.begins(finding, history, true, now).filter(|_| is_flip) {
            Some(flapping) => {
                let Changed { id, difference, severity, reopened } = changed;
                let told = Some(begun(&flapping));
                damped.flap.push(Flap { id, difference, severity, flapping: Some(flapping), told, reopened });
            }
            None => damped.change.push(changed),
        },
    }
}

fn damp_end(damped: &mut Plan, finding: &Standing, history: &History, guard: FlapGuard, now: DateTime<Utc>) {
    match &finding.flapping {
        Some(flapping) if flapping.differs => damped.flap.push(flip(finding, flapping, false, now)),
        Some(flapping) if !guard.is_quiet(flapping, now) => {}
        Some(_) => damped.resolve.push(finding.id),
        None => match guard.begins(finding, history, false, now) {
            Some(flapping) => {
                let told = Some(begun(&flapping));
                damped.flap.push(Flap { flapping: Some(flapping), told, ..as_it_is(finding) });
            }
            None => damped.resolve.push(finding.id),
        },
    }
}

fn as_it_is(finding: &Standing) -> Flap {
    let (id, difference, severity) = (finding.id, finding.difference.clone(), finding.severity);
    Flap { id, difference, severity, flapping: finding.flapping.clone(), told: None, reopened: None }
}

fn flip(finding: &Standing, flapping: &Flapping, differs: bool, now: DateTime<Utc>) -> Flap {
    let flips = flapping.flips.saturating_add(1);
    let flapping = Some(Flapping { flips, last_at: now, differs, ..flapping.clone() });
    Flap { flapping, ..as_it_is(finding) }
}

fn settled(finding: &Standing, guard: FlapGuard) -> Flap {
    let told = format!("it has held still for {}", humantime::format_duration(guard.quiet));
    Flap { flapping: None, told: Some(told), ..as_it_is(finding) }
}

fn begun(flapping: &Flapping) -> String {
    let since = flapping.since.to_rfc3339_opts(SecondsFormat::Secs, true);
    format!("it flaps: {} flips since {since}; more are counted, not told, until it holds still", flapping.flips)
}

fn signed(duration: Duration) -> chrono::Duration {
    chrono::Duration::from_std(duration).unwrap_or(chrono::Duration::MAX)
}

#[cfg(test)]
mod tests;
