//! One of several replicas leads: it fires the schedules, empties the outbox and exposes the stored metrics.

use std::time::Duration;

use tokio::sync::watch;

use crate::jobs::context::Context;
use crate::lifecycle::Lifecycle;
use crate::telemetry::metrics;

const LEASE: &str = "leader";
/// Term and renewal together are what a new leader takes at most after the old one was killed.
const TERM: Duration = Duration::from_secs(6);
const RENEW: Duration = Duration::from_secs(2);

/// Takes and keeps the lease; `leads` tells whether it is ours.
pub async fn run(context: Context, lifecycle: Lifecycle, leads: watch::Sender<bool>) {
    let term = chrono::Duration::from_std(TERM).unwrap_or_default();
    let renew = chrono::Duration::from_std(RENEW).unwrap_or_default();
    // A file has one daemon, which need not wait; its lease still shows that the file can be written.
    let alone = !context.store().is_shared();
    announce(&leads, alone);
    let mut sure_until = context.clock().now();
    while !lifecycle.stop.is_cancelled() {
        lifecycle.pulse("leadership");
        let now = context.clock().now();
        let answer = tokio::select! {
            answer = context.store().take_lease(LEASE, context.owner(), now, now + term) => Some(answer),
            () = context.clock().sleep(RENEW) => None,
        };
        match answer {
            Some(Ok(token)) => {
                sure_until = now + term;
                announce(&leads, alone || token.is_some());
            }
            Some(Err(error)) => tracing::debug!(%error, "the lease cannot be renewed"),
            None => tracing::debug!("the database is slow to renew the lease"),
        }
        // Another may take the lease as soon as it ends: we stop a little earlier.
        if !alone && context.clock().now() + renew >= sure_until {
            announce(&leads, false);
        }
        tokio::select! {
            () = context.clock().sleep(RENEW) => {}
            () = lifecycle.stop.cancelled() => {}
        }
    }
    // What is published goes on until the last delivery is acknowledged; a successor may publish some of it again, under
    // the same ids.
    if *leads.borrow() {
        let now = context.clock().now();
        if let Err(error) = context.store().give_lease_back(LEASE, context.owner(), now).await {
            tracing::debug!(%error, "the lease ends by itself");
        }
    }
}

fn announce(leads: &watch::Sender<bool>, ours: bool) {
    metrics::leader(ours);
    if leads.send_replace(ours) != ours {
        tracing::info!(leads = ours, "leadership changed");
    }
}
