//! What becomes of a failed attempt: a pure function of the error, the attempts so far, and the limits.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rand::Rng;

use super::JobError;
use super::context::Retries;

/// What becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It waits until then and is tried again.
    Again(DateTime<Utc>),
    /// It waits, and the attempt does not count.
    PutBack,
    /// Nobody could do it.
    Dead,
    /// Nobody wants it any more.
    Over,
}

/// The shortest wait of a job whose cloud has its share already, or whose tenant is being changed.
const CROWDED_WAIT: Duration = Duration::from_secs(1);

/// After so long, a job looks after its parts by itself.
const PARTED_WAIT: Duration = Duration::from_secs(30);

/// Decides after the `attempt`-th attempt (counted from 1) failed at `now`.
pub fn verdict(error: &JobError, attempt: u32, retries: Retries, now: DateTime<Utc>, random: &mut impl Rng) -> Verdict {
    match error {
        JobError::Interrupted => Verdict::PutBack,
        JobError::Cancelled => Verdict::Over,
        JobError::Crowded | JobError::Leased => {
            let delay = CROWDED_WAIT + CROWDED_WAIT.mul_f64(random.random::<f64>());
            Verdict::Again(now + chrono::Duration::from_std(delay).unwrap_or_default())
        }
        // The last of its parts wakes it; this is for when that goes amiss.
        JobError::Parted(_) => Verdict::Again(now + PARTED_WAIT),
        JobError::GiveUp { .. } => Verdict::Dead,
        JobError::Retry { .. } if attempt >= retries.attempts => Verdict::Dead,
        JobError::Retry { after, .. } => {
            let own = retries.backoff.delay(attempt, random);
            // Everyone was told the same moment: a little jitter on top keeps them from coming back at once.
            let delay = after.map_or(own, |asked| asked.saturating_add(own.min(Duration::from_secs(1))));
            let delay = chrono::Duration::from_std(delay).unwrap_or(chrono::Duration::MAX);
            Verdict::Again(now.checked_add_signed(delay).unwrap_or(DateTime::<Utc>::MAX_UTC))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    fn decide(error: &JobError, attempt: u32) -> Verdict {
        verdict(error, attempt, Retries::default(), DateTime::UNIX_EPOCH, &mut StdRng::seed_from_u64(7))
    }

    #[test]
    fn the_type_of_an_error_decides() {
        let retry = JobError::retry("unavailable", "nova is away");
        let refused = JobError::give_up("forbidden", "not allowed");
        assert!(matches!(decide(&retry, 1), Verdict::Again(_)));
        assert_eq!(decide(&retry, Retries::default().attempts), Verdict::Dead);
        assert_eq!(decide(&refused, 1), Verdict::Dead);
        assert_eq!(decide(&JobError::Interrupted, 99), Verdict::PutBack);
    }

    #[test]
    fn the_servers_delay_wins() {
        let after = Some(Duration::from_secs(20));
        let error = JobError::Retry { reason: "rate_limited", message: String::new(), after, source: None };
        let Verdict::Again(at) = decide(&error, 1) else { panic!("it is to be tried again") };
        assert!((20..=21).contains(&at.timestamp()), "{at}");
    }
}
