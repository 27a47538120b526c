//! What a person or a program reads over HTTP: metrics, health, the status page, and the API. All of it shows stored state
//! and waits for no cloud, but where the API's documents ask for what is there right now.

mod addresses;
mod api;
mod certificate;
mod health;
mod listen;
mod page;
mod scrape;
mod serve;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::Schedule;
use crate::intake::amqp::BrokerState;
use crate::jobs::context::Context;
use api::Api;
pub use listen::{Bound, bind};
use serve::Limits;

/// What the routes read.
#[derive(Debug)]
pub struct View {
    /// Records, clock, clouds.
    pub context: Context,
    /// Renders the instance metrics.
    pub recorder: PrometheusHandle,
    /// How the broker is.
    pub broker: watch::Receiver<BrokerState>,
    /// Whether this instance leads.
    pub leads: watch::Receiver<bool>,
    /// What the schedules are.
    pub schedules: watch::Receiver<Vec<Schedule>>,
    /// Series that a scrape has at most.
    pub max_series: usize,
    /// Whether only this machine can reach the page.
    pub loopback: bool,
    /// Whether the server speaks TLS.
    pub secure: bool,
    /// What the API's links begin with; else what the client used.
    pub public_url: Option<String>,
    /// When the main loop last said that it lives.
    pub heartbeat: watch::Receiver<chrono::DateTime<chrono::Utc>>,
}

/// A main loop that says nothing for so long is stuck.
pub const STUCK_AFTER: Duration = Duration::from_secs(30);

/// The routes.
pub fn router(view: &Arc<View>) -> Router {
    let api = Api::new(Arc::clone(view));
    let page = Router::new().route("/", get(page::show)).layer(from_fn_with_state(Arc::clone(&api), api::gate));
    page.route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .with_state(Arc::clone(view))
        .merge(scrape::router(view))
        .merge(api::documents(&api))
        .merge(api::router(&api))
}

/// Serves until the daemon stops.
pub async fn serve(bound: Bound, view: Arc<View>, stop: CancellationToken) {
    let (router, limits) = (router(&view), Limits::default());
    match bound {
        Bound::Plain(listener) => serve::serve(listener, router, limits, stop).await,
        Bound::Secure(listener) => serve::serve(listener, router, limits, stop).await,
        Bound::Socket(listener, _file) => serve::serve(listener, router, limits, stop).await,
    }
}
