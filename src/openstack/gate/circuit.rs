//! A service that fails again and again is left alone for a while, then asked by exactly one request.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::until;

/// When a service is left alone, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fuse {
    /// Failures in a row; 0: never.
    pub failures: u32,
    /// The first time; twice as long each time that it still fails.
    pub first: Duration,
    pub longest: Duration,
}

/// The state of one service.
#[derive(Debug)]
pub(crate) struct Circuit {
    fuse: Fuse,
    state: State,
    failures: u32,
    last: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    /// Nothing is asked before `until`; it is the `times`-th time in a row.
    Open {
        until: DateTime<Utc>,
        times: u32,
    },
    /// One request is on its way to find out.
    Tried {
        times: u32,
    },
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It goes.
    Free,
    /// It goes, as the only one.
    Trial,
    /// It does not, and may ask again after so long.
    Barred(Duration),
}

/// What a request's end has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Opened(Duration),
    Closed,
}

impl Circuit {
    /// Closed: everything goes.
    pub(crate) const fn new(fuse: Fuse) -> Self {
        Self { fuse, state: State::Closed, failures: 0, last: String::new() }
    }

    /// How often in a row the service failed, and how it did last.
    pub(crate) fn told(&self) -> (u32, &str) {
        (self.failures, &self.last)
    }

    /// Whether the last request was answered.
    pub(crate) fn is_answering(&self) -> bool {
        self.failures == 0 && self.state == State::Closed
    }

    /// What would become of a request now.
    pub(crate) fn way(&self, now: DateTime<Utc>) -> Way {
        match self.state {
            State::Closed => Way::Free,
            State::Open { until: end, .. } => until(end, now, self.fuse.longest).map_or(Way::Trial, Way::Barred),
            State::Tried { .. } => Way::Barred(self.fuse.first),
        }
    }

    /// A request leaves on the way that is open now.
    pub(crate) fn leave(&mut self, now: DateTime<Utc>) -> Way {
        let way = self.way(now);
        if let (Way::Trial, State::Open { times, .. }) = (way, self.state) {
            self.state = State::Tried { times };
        }
        way
    }

    /// The service answered, whatever it said.
    pub(crate) fn answered(&mut self) -> Option<Change> {
        self.failures = 0;
        let open = self.state != State::Closed;
        self.state = State::Closed;
        open.then_some(Change::Closed)
    }

    /// The service failed. While it is left alone only the trial counts: the others left before.
    pub(crate) fn failed(&mut self, trial: bool, now: DateTime<Utc>, why: &str) -> Option<Change> {
        let times = match self.state {
            State::Closed => {
                self.failures = self.failures.saturating_add(1);
                if self.fuse.failures == 0 || self.failures < self.fuse.failures {
                    return None;
                }
                0
            }
            State::Tried { times } if trial => {
                self.failures = self.failures.saturating_add(1);
                times + 1
            }
            State::Open { .. } | State::Tried { .. } => return None,
        };
        let pause = self.fuse.first.saturating_mul(1 << times.min(20)).min(self.fuse.longest);
        let until = now + chrono::Duration::from_std(pause).unwrap_or_default();
        self.state = State::Open { until, times };
        why.clone_into(&mut self.last);
        Some(Change::Opened(pause))
    }

    /// The trial was never sent, or was given up: the next request is one.
    pub(crate) fn untried(&mut self, now: DateTime<Utc>) {
        if let State::Tried { times } = self.state {
            self.state = State::Open { until: now, times };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + chrono::Duration::seconds(seconds)
    }

    fn circuit(failures: u32) -> Circuit {
        Circuit::new(Fuse { failures, first: SECOND, longest: 5 * SECOND })
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_lets_exactly_one_request_try() {
        let mut circuit = circuit(3);
        assert_eq!(circuit.failed(false, at(0), "refused"), None);
        assert_eq!(circuit.failed(false, at(0), "refused"), None);
        assert_eq!(circuit.answered(), None);
        assert_eq!(circuit.failed(false, at(0), "refused"), None);
        assert_eq!(circuit.failed(false, at(0), "refused"), None);
        assert_eq!(circuit.failed(false, at(0), "timeout"), Some(Change::Opened(SECOND)));
        assert_eq!(circuit.told(), (3, "timeout"));
        assert_eq!(circuit.failed(false, at(0), "refused"), None, "it left before");
        assert_eq!(circuit.leave(at(0)), Way::Barred(SECOND));
        assert_eq!(circuit.leave(at(1)), Way::Trial);
        assert_eq!(circuit.leave(at(1)), Way::Barred(SECOND), "one is enough");
        assert_eq!(circuit.answered(), Some(Change::Closed));
        assert_eq!(circuit.leave(at(1)), Way::Free);
        assert_eq!(circuit.failed(false, at(1), "refused"), None, "it counts anew");
    }

    #[test]
    fn the_pause_doubles_up_to_its_bound() {
        let mut circuit = circuit(1);
        let (mut now, mut pauses) = (0, Vec::new());
        let mut change = circuit.failed(false, at(now), "refused");
        for _ in 0..5 {
            let Some(Change::Opened(pause)) = change else { panic!("it is open") };
            pauses.push(pause.as_secs());
            now += i64::try_from(pause.as_secs()).unwrap();
            assert_eq!(circuit.leave(at(now)), Way::Trial);
            assert_eq!(circuit.failed(false, at(now), "refused"), None, "only the trial counts");
            change = circuit.failed(true, at(now), "refused");
        }
        assert_eq!(pauses, [1, 2, 4, 5, 5]);
    }

    #[test]
    fn a_trial_that_was_given_up_is_followed_by_another() {
        let mut circuit = circuit(1);
        circuit.failed(false, at(0), "refused");
        assert_eq!(circuit.leave(at(1)), Way::Trial);
        circuit.untried(at(1));
        assert_eq!(circuit.leave(at(1)), Way::Trial);
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_bar_for_longer() {
        let mut circuit = circuit(1);
        circuit.failed(false, at(100_000), "refused");
        assert_eq!(circuit.leave(at(0)), Way::Trial);
    }

    #[test]
    fn it_can_be_switched_off() {
        let mut circuit = circuit(0);
        assert!((0..100).all(|_| circuit.failed(false, at(0), "refused").is_none()));
        assert_eq!(circuit.leave(at(0)), Way::Free);
    }
}
