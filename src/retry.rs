//! What may be tried again, and when: the class of an error follows from its type, never from the call site.

use std::time::Duration;

use rand::Rng;

/// An error that knows whether trying again can help.
pub trait Retryable {
    /// Whether the same request may succeed later without anyone changing anything.
    fn is_retryable(&self) -> bool;

    /// The delay that the other side asked for; it wins over our own backoff.
    fn retry_after(&self) -> Option<Duration> {
        None
    }
}

/// Exponential backoff with full jitter: a delay between zero and `base * 2^(attempt - 1)`, at most `max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Upper bound of the first delay.
    pub base: Duration,
    /// Upper bound of every delay.
    pub max: Duration,
}

impl Backoff {
    /// The upper bound of the delay after the `attempt`-th failure, counted from 1.
    pub fn ceiling(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        self.base.saturating_mul(1_u32 << doublings).min(self.max)
    }

    /// A delay after the `attempt`-th failure, drawn from `random`.
    pub fn delay(&self, attempt: u32, random: &mut impl Rng) -> Duration {
        self.ceiling(attempt).mul_f64(random.random::<f64>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;

    proptest! {
        #[test]
        fn a_delay_never_passes_its_ceiling(attempt in 0_u32..1_000, seed in any::<u64>()) {
            let backoff = Backoff { base: Duration::from_secs(1), max: Duration::from_mins(5) };
            let delay = backoff.delay(attempt, &mut rand::rngs::StdRng::seed_from_u64(seed));
            prop_assert!(delay <= backoff.ceiling(attempt));
            prop_assert!(backoff.ceiling(attempt) <= backoff.max);
            prop_assert!(backoff.ceiling(attempt) <= backoff.ceiling(attempt + 1));
        }
    }
}
