//! Acknowledgements end by themselves: the replica that leads opens their findings again, without waiting for a pull.

use std::time::Duration;

use tokio::sync::watch;

use crate::jobs::acknowledge::reopen_expired;
use crate::jobs::context::Context;
use crate::lifecycle::Lifecycle;
use crate::store::in_time;

/// How often it is looked; a finding is open again this long after the end of its acknowledgement at most.
const LOOK: Duration = Duration::from_secs(15);

/// Looks for as long as this instance leads.
pub async fn run(context: Context, lifecycle: Lifecycle, mut leads: watch::Receiver<bool>) {
    while !lifecycle.stop.is_cancelled() {
        lifecycle.pulse("acknowledgements");
        if *leads.borrow_and_update()
            && let Err(error) = in_time(reopen_expired(&context)).await
        {
            tracing::warn!(%error, "acknowledgements that are over cannot be looked for now");
        }
        tokio::select! {
            () = context.clock().sleep(LOOK) => {}
            _ = leads.changed() => {}
            () = lifecycle.stop.cancelled() => {}
        }
    }
}
