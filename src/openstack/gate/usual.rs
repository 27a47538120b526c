//! What each call takes usually, and whether it takes much longer now.
//!
//! A page of a thousand groups and the quotas of one project are never compared: each call has its own measure, and one
//! about a single project another than one about all. The measure is a median of several answers, and only what takes
//! several times as long and a good while longer is called slow: a busy machine is no busy service. What stays slow
//! becomes usual, for then it has nothing to do with us.

use std::collections::HashMap;
use std::time::Duration;

/// Answers that are looked at together.
const WINDOW: usize = 16;
/// How many times as long as usual is slow,
const TIMES: u32 = 3;
/// and how much longer at least.
const SLACK: Duration = Duration::from_millis(200);
/// What is usual follows what gets slower only by so much a window.
const DRIFT: f64 = 1.25;

/// A call, and whether it is about one project.
pub(crate) type Call = (&'static str, bool);

/// The measures of one service.
#[derive(Debug, Default)]
pub(crate) struct Usual {
    calls: HashMap<Call, Measure>,
}

#[derive(Debug, Default)]
struct Measure {
    usual: Option<Duration>,
    lately: Vec<Duration>,
}

impl Usual {
    /// A call took so long. Whether calls like it are slow now.
    pub(crate) fn slow(&mut self, call: Call, took: Duration) -> bool {
        self.calls.entry(call).or_default().slow(took)
    }
}

impl Measure {
    fn slow(&mut self, took: Duration) -> bool {
        self.lately.push(took);
        if self.lately.len() < WINDOW {
            return false;
        }
        self.lately.sort_unstable();
        let median = self.lately[WINDOW / 2];
        self.lately.clear();
        let Some(usual) = self.usual else {
            self.usual = Some(median);
            return false;
        };
        let slow = median > (usual * TIMES).max(usual + SLACK);
        let drifted = usual.mul_f64(DRIFT).max(usual + Duration::from_millis(1));
        self.usual = Some(median.min(drifted));
        slow
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTAS: Call = ("quota_show", true);
    const GROUPS: Call = ("security_group_list", false);

    /// How many windows were slow.
    fn windows(usual: &mut Usual, call: Call, milliseconds: u64, count: usize) -> usize {
        (0..count * WINDOW).filter(|_| usual.slow(call, Duration::from_millis(milliseconds))).count()
    }

    #[test]
    fn what_takes_several_times_as_long_is_slow_until_it_is_usual() {
        let mut usual = Usual::default();
        assert_eq!(windows(&mut usual, QUOTAS, 100, 5), 0);
        assert_eq!(windows(&mut usual, QUOTAS, 290, 5), 0, "less than three times");
        let mut usual = Usual::default();
        assert_eq!(windows(&mut usual, QUOTAS, 100, 5), 0);
        let slow = windows(&mut usual, QUOTAS, 1_000, 50);
        assert!((2..=8).contains(&slow), "{slow} windows until a second is usual");
        assert_eq!(windows(&mut usual, QUOTAS, 100, 5), 0);
        assert!(windows(&mut usual, QUOTAS, 1_000, 1) == 1, "what got faster is usual at once");
    }

    #[test]
    fn a_fast_service_on_a_busy_machine_is_not_slow() {
        let mut usual = Usual::default();
        assert_eq!(windows(&mut usual, QUOTAS, 2, 5), 0);
        assert_eq!(windows(&mut usual, QUOTAS, 150, 5), 0);
    }

    #[test]
    fn single_slow_answers_are_none() {
        let mut usual = Usual::default();
        let slow = (0..1_000).filter(|number| {
            let took = if number % 3 == 0 { 30_000 } else { 20 };
            usual.slow(QUOTAS, Duration::from_millis(took))
        });
        assert_eq!(slow.count(), 0);
    }

    #[test]
    fn a_long_listing_is_not_compared_with_a_short_question() {
        let mut usual = Usual::default();
        for _ in 0..10 {
            assert_eq!(windows(&mut usual, QUOTAS, 10, 1), 0);
            assert_eq!(windows(&mut usual, GROUPS, 5_000, 1), 0);
            assert_eq!(windows(&mut usual, ("security_group_list", true), 20, 1), 0);
        }
    }
}
