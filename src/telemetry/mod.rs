//! What the daemon tells about itself: metrics, logs, traces.

pub mod metrics;
pub mod traces;
