//! The time that replicas share: the database's. Leases, ticks and the order of observations depend on it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock::{Clock, SharedClock, SystemClock};
use crate::lifecycle::Lifecycle;
use crate::store::{Store, StoreError, in_time};

const EVERY: Duration = Duration::from_secs(30);
/// Beyond this an operator should look after the host's clock.
const NOTABLE: i64 = 1_000;

/// The clock, and what keeps it at the database's time where replicas share one.
pub(super) type Shared = (Arc<dyn Clock>, Option<Arc<SharedClock>>);

/// A clock that shows the database's time; the system's, where nobody else shares the database.
///
/// # Errors
/// When the database is away.
pub(super) async fn shared(store: &Store) -> Result<Shared, StoreError> {
    if !store.is_shared() {
        return Ok((Arc::new(SystemClock), None));
    }
    let clock = Arc::new(SharedClock::default());
    compare(store, &clock).await?;
    Ok((Arc::clone(&clock) as Arc<dyn Clock>, Some(clock)))
}

/// Keeps the clock at the database's time.
pub(super) async fn keep(store: Store, clock: Option<Arc<SharedClock>>, lifecycle: Lifecycle) {
    let Some(clock) = clock else { return lifecycle.stop.cancelled().await };
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = lifecycle.stop.cancelled() => return,
        }
        if let Err(error) = compare(&store, &clock).await {
            tracing::debug!(%error, "the database's time cannot be asked for");
        }
    }
}

async fn compare(store: &Store, clock: &SharedClock) -> Result<(), StoreError> {
    let asked = Instant::now();
    let Some(shared) = in_time(store.time()).await? else { return Ok(()) };
    let wrong = clock.set(asked, shared, Instant::now());
    if wrong.num_milliseconds().abs() > NOTABLE {
        let seconds = wrong.as_seconds_f64();
        tracing::warn!(seconds, "this host's clock differs from the database's, which is used; check its time service");
    }
    Ok(())
}
