//! What comes and goes is told until it flaps, counted while it does, and told again when it has held still.

use chrono::DateTime;
use serde_json::json;

use super::*;
use crate::drift::lifecycle::plan;
use crate::drift::rules::Rules;
use crate::model::{Change, FindingState};

const GUARD: FlapGuard = FlapGuard { flips: 4, window: Duration::from_hours(1), quiet: Duration::from_mins(10) };

/// One finding on its way through looks, as the records would keep it.
#[derive(Default)]
struct Life {
    standing: Option<Standing>,
    told: Vec<(i64, String)>,
}

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + chrono::Duration::minutes(minute)
}

fn limit(observed: u64) -> Difference {
    Difference {
        object: "vcpu".to_owned(),
        object_name: "vcpu".to_owned(),
        field: "limit".to_owned(),
        change: Change::Limit,
        expected: json!(10),
        observed: json!(observed),
    }
}

impl Life {
    /// A look in that minute that saw this limit; 10 is expected.
    fn look(&mut self, minute: i64, observed: u64) {
        let now = at(minute);
        let since = GUARD.since(now).unwrap();
        let recent: Vec<_> = self.told.iter().filter(|(minute, _)| at(*minute) > since).collect();
        let mut history = History::new();
        if let Some((first, _)) = recent.first() {
            let past = Past { flips: u32::try_from(recent.len()).unwrap(), since: at(*first) };
            history.insert(("vcpu".to_owned(), "limit".to_owned()), past);
        }
        let standing: Vec<Standing> = self.standing.iter().cloned().collect();
        let differences = if observed == 10 { Vec::new() } else { vec![limit(observed)] };
        let plan = plan(differences, &standing, &[], &Rules::default(), now);
        self.carry_out(minute, damp(plan, &standing, &history, GUARD, now));
    }

    fn carry_out(&mut self, minute: i64, plan: Plan) {
        for (difference, severity) in plan.open {
            self.told.push((minute, format!("opened at {}", difference.observed)));
            let (state, opened_at) = (FindingState::Open, at(minute));
            self.standing = Some(Standing { id: Uuid::nil(), difference, severity, state, opened_at, flapping: None });
        }
        for changed in plan.change {
            self.told.push((minute, format!("changed to {}", changed.difference.observed)));
            self.standing.as_mut().unwrap().difference = changed.difference;
        }
        for flap in plan.flap {
            self.told.extend(flap.told.map(|told| (minute, told)));
            let standing = self.standing.as_mut().unwrap();
            (standing.difference, standing.flapping) = (flap.difference, flap.flapping);
        }
        if !plan.resolve.is_empty() {
            self.told.push((minute, "resolved".to_owned()));
            self.standing = None;
        }
    }

    fn told(&self) -> Vec<String> {
        self.told.iter().map(|(minute, what)| format!("{minute}: {what}")).collect()
    }

    fn flips(&self) -> Option<(u32, bool)> {
        self.standing.as_ref()?.flapping.as_ref().map(|it| (it.flips, it.differs))
    }
}

const BEGUN: &str = "it flaps: 4 flips since 1970-01-01T00:00:00Z; more are counted, not told, until it holds still";

#[test]
fn what_comes_and_goes_stays_and_says_so_until_it_is_gone_for_a_while() {
    let mut life = Life::default();
    for (minute, observed) in [(0, 12), (1, 10), (2, 12), (3, 10), (4, 12), (5, 10), (14, 10)] {
        life.look(minute, observed);
    }
    let told = ["0: opened at 12", "1: resolved", "2: opened at 12"].map(str::to_owned);
    assert_eq!(life.told(), [&told[..], &[format!("3: {BEGUN}")]].concat());
    assert_eq!(life.flips(), Some((6, false)));
    life.look(15, 10);
    assert_eq!((life.told().last().unwrap().as_str(), life.standing), ("15: resolved", None));
}

#[test]
fn what_differs_ever_anew_is_told_again_when_it_holds_still() {
    let mut life = Life::default();
    for (minute, observed) in [(0, 12), (1, 13), (2, 14), (3, 15), (4, 16), (5, 10), (6, 16), (15, 16)] {
        life.look(minute, observed);
    }
    let told = ["0: opened at 12", "1: changed to 13", "2: changed to 14"].map(str::to_owned);
    assert_eq!(life.told(), [&told[..], &[format!("3: {BEGUN}")]].concat());
    assert_eq!(life.flips(), Some((7, true)));
    assert_eq!(life.standing.as_ref().unwrap().difference, limit(16));
    life.look(16, 16);
    assert_eq!(life.told().last().unwrap(), "16: it has held still for 10m");
    assert_eq!(life.flips(), None);
}

#[test]
fn slow_changes_are_each_told() {
    let mut life = Life::default();
    for (minute, observed) in [(0, 12), (30, 10), (60, 12), (90, 10), (120, 12), (150, 10)] {
        life.look(minute, observed);
    }
    let told =
        ["0: opened at 12", "30: resolved", "60: opened at 12", "90: resolved", "120: opened at 12", "150: resolved"];
    assert_eq!(life.told(), told);
}

#[test]
fn another_expectation_and_a_worse_severity_are_told_while_it_flaps() {
    let flapping = Flapping { since: at(0), flips: 4, last_at: at(3), differs: true };
    let (severity, state) = (Severity::Warning, FindingState::Open);
    let finding = Standing {
        id: Uuid::nil(),
        difference: limit(12),
        severity,
        state,
        opened_at: at(0),
        flapping: Some(flapping),
    };
    let after = |difference: Difference, severity| {
        let plan = Plan { change: vec![Changed::of(&finding, difference, severity)], ..Plan::default() };
        let plan = damp(plan, std::slice::from_ref(&finding), &History::new(), GUARD, at(4));
        (plan.change.len(), plan.flap.len())
    };
    assert_eq!(after(limit(13), Severity::Info), (0, 1));
    assert_eq!(after(limit(13), Severity::Critical), (1, 0));
    assert_eq!(after(Difference { expected: json!(11), ..limit(12) }, Severity::Warning), (1, 0));
}

#[test]
fn a_mass_disappearance_and_a_guard_that_is_off_are_never_damped() {
    let (severity, state) = (Severity::Critical, FindingState::Open);
    let damped = |object: &str, guard: FlapGuard| {
        let difference = Difference { object: object.to_owned(), ..limit(12) };
        let finding = Standing { id: Uuid::nil(), difference, severity, state, opened_at: at(0), flapping: None };
        let history = [((object.to_owned(), "limit".to_owned()), Past { flips: 9, since: at(0) })].into();
        let plan = Plan { resolve: vec![finding.id], ..Plan::default() };
        damp(plan, &[finding], &history, guard, at(4)).flap.len()
    };
    let off = FlapGuard { flips: 0, ..GUARD };
    assert_eq!([damped("vcpu", GUARD), damped(EVERYTHING, GUARD), damped("vcpu", off)], [1, 0, 0]);
    assert_eq!(off.since(at(4)), None);
}
