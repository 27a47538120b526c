//! How many parts of larger jobs run here at once: enough that a cloud always has something to answer, and few enough that
//! other replicas find some, and that what a person waits for finds a place.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Parts of one cloud at once: while one ends, the others keep its services busy, and listings need not wait for quotas.
const OF_A_CLOUD: usize = 8;

/// The parts that run here.
#[derive(Debug)]
pub(super) struct Shares {
    most: usize,
    running: Mutex<HashMap<String, usize>>,
}

/// A part that runs, until it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    shares: Arc<Shares>,
    cloud: String,
}

impl Shares {
    /// Those of a runner with so many places: a quarter, at least one.
    pub fn new(places: usize) -> Self {
        Self { most: places.div_ceil(4).max(1), running: Mutex::default() }
    }

    /// How many more there is room for, and the clouds of which there are enough.
    pub fn room(&self) -> (usize, Vec<String>) {
        let running = self.lock();
        let taken: usize = running.values().sum();
        let (full, some): (Vec<_>, Vec<_>) = running.iter().partition(|(_, count)| **count >= OF_A_CLOUD);
        // All that are taken may be of the cloud that has most.
        let most = some.into_iter().map(|(_, count)| *count).max().unwrap_or_default();
        let room = self.most.saturating_sub(taken).min(OF_A_CLOUD - most);
        (room, full.into_iter().map(|(name, _)| name.clone()).collect())
    }

    /// How many of the `count` parts of one job run at once at most.
    pub fn at_once(&self, count: usize) -> usize {
        count.min(self.most).clamp(1, OF_A_CLOUD)
    }

    /// Counts one that was taken.
    pub fn take(self: &Arc<Self>, cloud: Option<&str>) -> Share {
        let cloud = cloud.unwrap_or_default().to_owned();
        *self.lock().entry(cloud.clone()).or_default() += 1;
        Share { shares: Arc::clone(self), cloud }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, usize>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut running = self.shares.lock();
        if let Some(count) = running.get_mut(&self.cloud) {
            *count -= 1;
            if *count == 0 {
                running.remove(&self.cloud);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cloud_has_eight_and_all_have_a_quarter() {
        let shares = Arc::new(Shares::new(36));
        assert_eq!(shares.room(), (8, Vec::new()));
        let mut running: Vec<Share> = (0..8).map(|_| shares.take(Some("one"))).collect();
        assert_eq!(shares.room(), (1, vec!["one".to_owned()]));
        running.push(shares.take(Some("other")));
        assert_eq!(shares.room(), (0, vec!["one".to_owned()]));
        running.remove(0);
        assert_eq!(shares.room(), (1, Vec::new()), "one more of the first makes eight");
        running.truncate(1);
        assert_eq!(shares.room(), (7, Vec::new()));
        assert_eq!(Shares::new(1).room(), (1, Vec::new()));
    }

    #[test]
    fn of_one_job_no_more_run_at_once_than_it_has_and_there_is_room_for() {
        let (few, many) = (Shares::new(16), Shares::new(64));
        assert_eq!([0, 1, 3, 9].map(|count| few.at_once(count)), [1, 1, 3, 4]);
        assert_eq!([0, 1, 3, 9].map(|count| many.at_once(count)), [1, 1, 3, 8]);
    }
}
