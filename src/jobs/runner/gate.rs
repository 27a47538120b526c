//! How many jobs run at once, and whose: a cloud that hangs, a giant tenant or a full broker queue must not keep the
//! others waiting. What does not get in soon waits in the jobs table instead.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::Origin;
use crate::clock::Clock;
use crate::jobs::JobError;

/// How long a job waits for a place before it is parked. A cloud from which nothing came back for so long is stuck, and
/// its jobs are parked at once.
const PATIENCE: Duration = Duration::from_secs(2);

/// The places of one runner.
#[derive(Debug)]
pub(super) struct Gate {
    clock: Arc<dyn Clock>,
    places: Arc<Semaphore>,
    /// What deliveries may have of them: the rest is for jobs of the table, however long the broker's queue is.
    for_deliveries: Arc<Semaphore>,
    most_of_a_cloud: usize,
    most_of_a_tenant: usize,
    lanes: Mutex<Lanes>,
}

#[derive(Debug, Default)]
struct Lanes {
    clouds: HashMap<String, Cloud>,
    tenants: HashMap<Uuid, Arc<Semaphore>>,
}

#[derive(Debug)]
struct Cloud {
    share: Arc<Semaphore>,
    /// When a job of it last ended, or there was room.
    moved_at: DateTime<Utc>,
}

/// A place among those that run.
#[derive(Debug)]
pub struct Place(#[expect(dead_code, reason = "it is given back when it is dropped")] OwnedSemaphorePermit);

/// The right to run, until it is dropped.
#[derive(Debug)]
pub(super) struct Pass {
    gate: Arc<Gate>,
    cloud: String,
    tenant: Option<Uuid>,
    _permits: Vec<OwnedSemaphorePermit>,
    _place: Place,
}

/// Three quarters, at least one, and not all where there are several.
const fn most_of(places: usize) -> usize {
    let most = places - places / 4;
    if most == places && places > 1 { places - 1 } else { most }
}

impl Gate {
    pub fn new(places: usize, clock: Arc<dyn Clock>) -> Self {
        let places = places.max(1);
        Self {
            clock,
            places: Arc::new(Semaphore::new(places)),
            for_deliveries: Arc::new(Semaphore::new(most_of(places))),
            // Less than deliveries have, so that one cloud never takes all of theirs.
            most_of_a_cloud: most_of(most_of(places)),
            most_of_a_tenant: most_of(places).div_ceil(2),
            lanes: Mutex::default(),
        }
    }

    /// A place for a job of the table, if there is one now.
    pub fn place(&self) -> Option<Place> {
        Arc::clone(&self.places).try_acquire_owned().ok().map(Place)
    }

    /// The clouds that have their share already.
    pub fn full_clouds(&self) -> Vec<String> {
        let lanes = self.lock();
        lanes.clouds.iter().filter(|(_, it)| it.share.available_permits() == 0).map(|(name, _)| name.clone()).collect()
    }

    /// Waits a little for the right to run a job; `shared` where there are several clouds.
    ///
    /// # Errors
    /// [`JobError::Crowded`] when it does not come soon.
    pub async fn enter(
        self: &Arc<Self>,
        (cloud, shared): (&str, bool),
        tenant: Option<Uuid>,
        origin: Origin,
        place: Option<Place>,
    ) -> Result<Pass, JobError> {
        let mut share = shared.then(|| self.share(cloud)).transpose()?;
        let mut of_cloud = None;
        if let Some(share) = share.take_if(|_| place.is_some()) {
            // A job of the table has a place that others could use: it does not wait with it for its cloud's share.
            of_cloud = Some(share.try_acquire_owned().map_err(|_| JobError::Crowded)?);
        }
        let others = share.into_iter().chain(tenant.map(|tenant| self.share_of_tenant(tenant)));
        let permits = async {
            let mut permits: Vec<OwnedSemaphorePermit> = of_cloud.into_iter().collect();
            for share in others {
                permits.extend(share.acquire_owned().await);
            }
            if origin == Origin::Delivery {
                permits.extend(Arc::clone(&self.for_deliveries).acquire_owned().await);
            }
            let place = match place {
                Some(place) => Some(place),
                None => Arc::clone(&self.places).acquire_owned().await.ok().map(Place),
            };
            (permits, place)
        };
        let (permits, place) = tokio::select! {
            biased;
            permits = permits => permits,
            () = self.clock.sleep(PATIENCE) => return Err(JobError::Crowded),
        };
        let place = place.ok_or(JobError::Crowded)?;
        Ok(Pass { gate: Arc::clone(self), cloud: cloud.to_owned(), tenant, _permits: permits, _place: place })
    }

    /// The share of a cloud, unless it is used up and nothing moves.
    fn share(&self, cloud: &str) -> Result<Arc<Semaphore>, JobError> {
        let now = self.clock.now();
        let mut lanes = self.lock();
        let new = || Cloud { share: Arc::new(Semaphore::new(self.most_of_a_cloud)), moved_at: now };
        let lane = lanes.clouds.entry(cloud.to_owned()).or_insert_with(new);
        if lane.share.available_permits() > 0 {
            lane.moved_at = now;
        } else if now - lane.moved_at > chrono::Duration::from_std(PATIENCE).unwrap_or_default() {
            return Err(JobError::Crowded);
        }
        Ok(Arc::clone(&lane.share))
    }

    fn share_of_tenant(&self, tenant: Uuid) -> Arc<Semaphore> {
        let mut lanes = self.lock();
        Arc::clone(lanes.tenants.entry(tenant).or_insert_with(|| Arc::new(Semaphore::new(self.most_of_a_tenant))))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let now = self.gate.clock.now();
        let mut lanes = self.gate.lock();
        if let Some(cloud) = lanes.clouds.get_mut(&self.cloud) {
            cloud.moved_at = now;
        }
        // Its own permit still refers to the tenant's share; nobody else does when there are two references.
        if let Some(tenant) = self.tenant
            && lanes.tenants.get(&tenant).is_some_and(|share| Arc::strong_count(share) <= 2)
        {
            lanes.tenants.remove(&tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::VirtualClock;

    fn gate(places: usize) -> (Arc<Gate>, VirtualClock) {
        let clock = VirtualClock::at(DateTime::UNIX_EPOCH);
        (Arc::new(Gate::new(places, Arc::new(clock.clone()))), clock)
    }

    #[tokio::test]
    async fn a_cloud_that_hangs_leaves_room_for_the_others() {
        let (gate, clock) = gate(4);
        let mut hanging = Vec::new();
        for _ in 0..2 {
            hanging.push(gate.enter(("stuck", true), None, Origin::Table, None).await.unwrap());
        }
        assert_eq!(gate.full_clouds(), ["stuck"]);
        // Its next one waits a little, then is parked; once nothing moved for long, at once.
        let waiting = gate.enter(("stuck", true), None, Origin::Table, None);
        tokio::pin!(waiting);
        assert!(futures::poll!(waiting.as_mut()).is_pending());
        clock.advance(PATIENCE + Duration::from_secs(1));
        assert!(matches!(waiting.await, Err(JobError::Crowded)));
        let next = gate.enter(("stuck", true), None, Origin::Table, None).now_or_never();
        assert!(matches!(next, Some(Err(JobError::Crowded))));
        let other = gate.enter(("sound", true), None, Origin::Delivery, None).now_or_never();
        assert!(matches!(other, Some(Ok(_))));
        hanging.clear();
        assert!(matches!(gate.enter(("stuck", true), None, Origin::Table, None).now_or_never(), Some(Ok(_))));
    }

    #[tokio::test]
    async fn a_giant_tenant_gets_half_and_deliveries_leave_places_to_the_table() {
        let (gate, _clock) = gate(8);
        let giant = Some(Uuid::from_u128(1));
        let mut running = Vec::new();
        for _ in 0..3 {
            running.push(gate.enter(("one", false), giant, Origin::Delivery, None).await.unwrap());
        }
        let fourth = gate.enter(("one", false), giant, Origin::Delivery, None).now_or_never();
        assert!(fourth.is_none(), "it waits for one of the other three");
        for number in 2..5 {
            running
                .push(gate.enter(("one", false), Some(Uuid::from_u128(number)), Origin::Delivery, None).await.unwrap());
        }
        let seventh = gate.enter(("one", false), Some(Uuid::from_u128(9)), Origin::Delivery, None).now_or_never();
        assert!(seventh.is_none(), "a delivery waits while places are left for the table");
        assert!(gate.place().is_some());
    }

    use futures::FutureExt;
}
