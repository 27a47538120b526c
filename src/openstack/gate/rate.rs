//! So many requests a second at most: evenly spaced but for a twentieth of a second's worth, by which what left late
//! catches up, and never more in any second.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::until;

const SECOND: Duration = Duration::from_secs(1);
/// How far ahead of even spacing a request may leave.
const AHEAD: Duration = Duration::from_millis(50);

/// The ceiling of one service.
#[derive(Debug)]
pub(crate) struct Rate {
    /// Requests a second; 0: no ceiling.
    most: usize,
    /// When the next one leaves if they are evenly spaced.
    even: DateTime<Utc>,
    /// When the latest ones left, as many as a second may see.
    left: VecDeque<DateTime<Utc>>,
}

impl Rate {
    /// So many requests a second at most; 0: no ceiling.
    pub(crate) fn new(per_second: u32) -> Self {
        Self { most: per_second as usize, even: DateTime::UNIX_EPOCH, left: VecDeque::new() }
    }

    /// Whether there is a ceiling at all.
    pub(crate) const fn is_set(&self) -> bool {
        self.most > 0
    }

    /// Lets a request leave now, or says how long it must wait.
    pub(crate) fn leave(&mut self, now: DateTime<Utc>) -> Result<(), Duration> {
        if !self.is_set() {
            return Ok(());
        }
        let oldest = self.left.front().filter(|_| self.left.len() == self.most);
        let full = oldest.and_then(|oldest| until(*oldest + SECOND, now, SECOND));
        let early = until(self.even - AHEAD, now, SECOND);
        if let Some(wait) = full.max(early) {
            return Err(wait);
        }
        let interval = Duration::from_nanos(1_000_000_000_u64.div_ceil(self.most as u64));
        self.even = self.even.clamp(now, now + SECOND) + interval;
        if self.left.len() == self.most {
            self.left.pop_front();
        }
        self.left.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// When requests leave that all want to leave at once and wake up so many microseconds late.
    fn leaving(per_second: u32, late: &[u64]) -> Vec<DateTime<Utc>> {
        let (mut rate, mut now, mut left) = (Rate::new(per_second), DateTime::UNIX_EPOCH, Vec::new());
        for late in late {
            while let Err(wait) = rate.leave(now) {
                now += wait.max(Duration::from_micros(1)) + Duration::from_micros(*late);
            }
            left.push(now);
        }
        left
    }

    proptest! {
        #[test]
        fn no_second_sees_more(per_second in 1_u32..3_000, late in prop::collection::vec(0_u64..50_000, 1..400)) {
            let left = leaving(per_second, &late);
            for (at, first) in left.iter().enumerate() {
                let second = left[at..].iter().take_while(|it| **it < *first + SECOND).count();
                prop_assert!(second <= per_second as usize);
            }
        }
    }

    #[test]
    fn the_ceiling_is_made_use_of() {
        for per_second in [1, 7, 100, 900] {
            let requests = per_second as usize * 5 + 1;
            let left = leaving(per_second, &vec![1_000; requests]);
            let took = (*left.last().unwrap() - left[0]).as_seconds_f64();
            assert!((4.9..5.2).contains(&took), "{per_second} a second: {took} s for five seconds' worth");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_stops_nobody() {
        let mut rate = Rate::new(1);
        assert!(rate.leave(DateTime::UNIX_EPOCH + chrono::Duration::days(1)).is_ok());
        assert!(rate.leave(DateTime::UNIX_EPOCH).is_ok());
        assert!(rate.leave(DateTime::UNIX_EPOCH).is_err());
    }

    #[test]
    fn without_a_ceiling_nobody_waits() {
        assert!(leaving(0, &[0; 1_000]).iter().all(|left| *left == DateTime::UNIX_EPOCH));
    }
}
