//! Time as a dependency: everything that waits or stamps takes a [`Clock`], so a test decides what time it is.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound, Utc};
use tokio::sync::watch;

/// A boxed future that waits for a moment.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tells the time and waits for it.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The time now, UTC, in whole microseconds (what both databases can store).
    fn now(&self) -> DateTime<Utc>;

    /// Completes when `duration` has passed by this clock.
    fn sleep(&self, duration: Duration) -> Sleep;
}

/// The clock of whoever runs the daemon.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(6)
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// The time of the database that several daemons share, so that their times can be compared. Between two questions it
/// goes on by itself: a step of this host's clock changes nothing.
#[derive(Debug)]
pub struct SharedClock {
    anchor: RwLock<(Instant, DateTime<Utc>)>,
}

impl Default for SharedClock {
    fn default() -> Self {
        Self { anchor: RwLock::new((Instant::now(), SystemClock.now())) }
    }
}

impl SharedClock {
    /// The shared time at a moment.
    pub fn at(&self, moment: Instant) -> DateTime<Utc> {
        let (anchor, shown) = *self.anchor.read().unwrap_or_else(PoisonError::into_inner);
        let passed = chrono::Duration::from_std(moment.saturating_duration_since(anchor)).unwrap_or_default();
        (shown + passed).trunc_subsecs(6)
    }

    /// Takes over the shared time, which was read as `shared` between `asked` and `answered`. A difference that the way
    /// there and back explains is none. By how much the clock was set.
    pub fn set(&self, asked: Instant, shared: DateTime<Utc>, answered: Instant) -> chrono::Duration {
        let uncertain = answered.saturating_duration_since(asked) / 2;
        let middle = asked + uncertain;
        let wrong = shared - self.at(middle);
        if wrong.abs() <= chrono::Duration::from_std(uncertain).unwrap_or_default() {
            return chrono::Duration::zero();
        }
        *self.anchor.write().unwrap_or_else(PoisonError::into_inner) = (middle, shared);
        wrong
    }
}

impl Clock for SharedClock {
    fn now(&self) -> DateTime<Utc> {
        self.at(Instant::now())
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        SystemClock.sleep(duration)
    }
}

/// A clock that stands still until a test moves it; sleepers wake when their moment is reached.
#[derive(Debug, Clone)]
pub struct VirtualClock {
    time: Arc<watch::Sender<DateTime<Utc>>>,
    sleeping: Arc<Mutex<usize>>,
}

impl VirtualClock {
    /// A clock that shows `start`.
    pub fn at(start: DateTime<Utc>) -> Self {
        Self { time: Arc::new(watch::Sender::new(start.trunc_subsecs(6))), sleeping: Arc::default() }
    }

    /// Moves the clock forward and wakes whoever waited for the time in between.
    pub fn advance(&self, by: Duration) {
        let by = chrono::Duration::from_std(by).unwrap_or(chrono::Duration::MAX);
        self.time.send_modify(|time| *time += by);
    }

    /// Puts the clock back; whoever sleeps, sleeps longer.
    pub fn put_back(&self, by: Duration) {
        let by = chrono::Duration::from_std(by).unwrap_or(chrono::Duration::MAX);
        self.time.send_modify(|time| *time -= by);
    }

    /// How many sleepers wait at this moment.
    pub fn sleepers(&self) -> usize {
        *self.sleeping.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.time.borrow()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let until = self.now() + chrono::Duration::from_std(duration).unwrap_or(chrono::Duration::MAX);
        let mut time = self.time.subscribe();
        let count = SleepCount::new(Arc::clone(&self.sleeping));
        Box::pin(async move {
            let _count = count;
            // An error means that the clock is gone, and with it whoever could move it.
            let _ = time.wait_for(|now| *now >= until).await;
        })
    }
}

/// Counts a sleeper for as long as it exists.
struct SleepCount(Arc<Mutex<usize>>);

impl SleepCount {
    fn new(count: Arc<Mutex<usize>>) -> Self {
        *count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Self(count)
    }
}

impl Drop for SleepCount {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_clock_follows_what_the_way_does_not_explain() {
        let clock = SharedClock::default();
        let asked = Instant::now();
        let (middle, answered) = (asked + Duration::from_millis(10), asked + Duration::from_millis(20));
        let shown = clock.at(middle);
        let milliseconds = chrono::Duration::milliseconds;
        assert_eq!(clock.set(asked, shown + milliseconds(9), answered), milliseconds(0), "it took 20 ms to ask");
        assert_eq!(clock.at(middle), shown);
        assert_eq!(clock.set(asked, shown + milliseconds(3_000), answered), milliseconds(3_000));
        assert_eq!(clock.at(middle + Duration::from_secs(1)), shown + milliseconds(4_000));
    }

    #[tokio::test]
    async fn a_sleeper_wakes_when_its_moment_is_reached() {
        let clock = VirtualClock::at(DateTime::UNIX_EPOCH);
        let sleep = clock.sleep(Duration::from_secs(10));
        assert_eq!(clock.sleepers(), 1);
        clock.advance(Duration::from_secs(10));
        sleep.await;
        assert_eq!(clock.sleepers(), 0);
        assert_eq!(clock.now().timestamp(), 10);
    }
}
