//! The time that replicas share: the database's. Leases, ticks and the order of observations depend on it.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, SharedClock, SystemClock};
use crate::lifecycle::Lifecycle;
use crate::store::{Store, StoreError};

const EVERY: Duration = Duration::from_secs(30);
/// Beyond this an operator should look after the host's clock.
const NOTABLE: i64 = 1_000;

/// A clock that shows the database's time.
///
/// # Errors
/// When the database is away.
pub(super) async fn shared(store: &Store) -> Result<Arc<SharedClock>, StoreError> {
    let clock = Arc::new(SharedClock::default());
    compare(store, &clock).await?;
    Ok(clock)
}

/// Keeps the clock at the database's time.
pub(super) async fn keep(store: Store, clock: Arc<SharedClock>, lifecycle: Lifecycle) {
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
    let asked = SystemClock.now();
    let Some(shared) = store.time().await? else { return Ok(()) };
    let offset = clock.offset();
    if clock.set(asked, shared, SystemClock.now()) && (clock.offset() - offset).num_milliseconds().abs() > NOTABLE {
        let seconds = clock.offset().as_seconds_f64();
        tracing::warn!(seconds, "this host's clock differs from the database's, which is used; check its time service");
    }
    Ok(())
}
