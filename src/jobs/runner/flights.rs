//! The jobs that are being worked on here: each once, each held by a lease that is renewed while it lasts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::jobs::context::Context;
use crate::store::holds::Hold;
use crate::store::{StoreError, in_time};

/// How long a job is held without a sign of life: what a killed daemon held is taken over after that.
pub const TERM: Duration = Duration::from_secs(20);
/// How often a hold is renewed.
pub(super) const RENEW: Duration = Duration::from_secs(5);

/// The jobs that are being worked on here.
#[derive(Debug, Default)]
pub(super) struct Flights {
    ids: Mutex<HashMap<Uuid, CancellationToken>>,
    landed: Notify,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct Flight {
    flights: Arc<Flights>,
    id: Uuid,
    /// Cancelled when the job is to end, or is someone else's now.
    pub end: CancellationToken,
}

impl Flights {
    /// Waits until no other work on `id` goes on here.
    pub async fn take_off(self: &Arc<Self>, id: Uuid) -> Flight {
        loop {
            let landed = self.landed.notified();
            tokio::pin!(landed);
            landed.as_mut().enable();
            let end = CancellationToken::new();
            if let std::collections::hash_map::Entry::Vacant(place) = self.lock().entry(id) {
                place.insert(end.clone());
                return Flight { flights: Arc::clone(self), id, end };
            }
            landed.await;
        }
    }

    /// Whether `id` is being worked on here.
    pub fn has(&self, id: Uuid) -> bool {
        self.lock().contains_key(&id)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, CancellationToken>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Renews the holds on all of them, and ends those that someone cancelled.
    async fn renew(&self, context: &Context) -> Result<(), StoreError> {
        let ids: Vec<Uuid> = self.lock().keys().copied().collect();
        if ids.is_empty() {
            return context.store().ping().await;
        }
        let hold = Hold { owner: context.owner(), until: context.clock().now() + TERM };
        let renewed = context.store().renew_jobs(&ids, hold).await?;
        let flights = self.lock();
        for job in renewed.iter().filter(|job| job.cancel_asked_at.is_some()) {
            if let Some(end) = flights.get(&job.id) {
                end.cancel();
            }
        }
        Ok(())
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.id);
        self.flights.landed.notify_waiters();
    }
}

/// Keeps the holds for as long as there are flights to come, and takes up what others left behind.
pub(super) async fn keep(flights: Weak<Flights>, context: Context, over: CancellationToken) {
    let mut was_away = false;
    loop {
        tokio::select! {
            () = context.clock().sleep(RENEW) => {}
            () = over.cancelled() => return,
        }
        let Some(flights) = flights.upgrade() else { return };
        // Nobody could renew anything while the database was away: who lives gets the time to do it first.
        match in_time(flights.renew(&context)).await {
            Ok(()) if was_away => was_away = false,
            Ok(()) => rescue(&context).await,
            Err(error) => {
                tracing::debug!(%error, "the holds on jobs cannot be renewed now");
                was_away = true;
            }
        }
    }
}

/// What a killed process held is everyone's to take.
async fn rescue(context: &Context) {
    match in_time(context.store().rescue_jobs(context.clock().now())).await {
        Ok(0) => {}
        Ok(jobs) => {
            tracing::warn!(jobs, "jobs whose holder gave no sign of life wait again");
            context.ring();
        }
        Err(error) => tracing::debug!(%error, "jobs that somebody left behind cannot be taken up now"),
    }
}
