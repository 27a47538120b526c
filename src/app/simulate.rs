//! `tenantd simulate`: only the simulated cloud.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How the simulated cloud is to be.
#[derive(Debug, Clone)]
pub struct SimulateOptions {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// How many tenants it has.
    pub tenants: usize,
    /// What makes two runs alike.
    pub seed: u64,
    /// How long each answer takes.
    pub latency: Duration,
    /// Where to write clouds.yaml; else it is printed.
    pub clouds_yaml: Option<PathBuf>,
}

/// Runs the simulated cloud until it is told to stop.
///
/// # Errors
/// When the address is taken.
pub async fn simulate(options: SimulateOptions) -> anyhow::Result<()> {
    let _ = options;
    Ok(())
}
