//! `tenantd demo`: everything in one process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How the demonstration is to be.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    /// How many tenants the simulated cloud has.
    pub tenants: usize,
    /// The address of metrics and the status page.
    pub listen: SocketAddr,
    /// Where its files go; else a temporary folder.
    pub state_dir: Option<PathBuf>,
    /// How long it runs; else until Ctrl-C.
    pub duration: Option<Duration>,
}

/// Runs the demonstration.
///
/// # Errors
/// When an address is taken or a file cannot be written.
pub async fn demo(options: DemoOptions) -> anyhow::Result<()> {
    let _ = options;
    Ok(())
}
