//! `tenantd run`: the daemon.

use std::path::PathBuf;

/// Runs the daemon until it is told to stop.
///
/// # Errors
/// When it cannot start.
pub async fn run(path: PathBuf) -> anyhow::Result<()> {
    let _ = path;
    Ok(())
}
