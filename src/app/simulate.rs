//! `tenantd simulate`: only the simulated cloud, for any OpenStack client or tenantd's own `run`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use crate::lifecycle::{Signals, Wake};
use crate::simulator::{Options, Simulator};

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
    /// How many requests each service works on at once; any number without.
    pub workers: Option<usize>,
    /// How many rules each of a tenant's security groups has, besides the two of every group.
    pub rules: usize,
    /// Where to write clouds.yaml; else it is printed.
    pub clouds_yaml: Option<PathBuf>,
}

/// Runs the simulated cloud until it is told to stop; the text for standard output is given to `print`.
///
/// # Errors
/// When the address is taken or clouds.yaml cannot be written.
pub async fn simulate(options: SimulateOptions, print: impl Fn(&str)) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let simulator = start(&options).await?;
    match &options.clouds_yaml {
        Some(path) => {
            write_file(path, &simulator.clouds_yaml())?;
            print(&format!(
                "a simulated cloud with {} tenants answers at {}\n\n  export OS_CLIENT_CONFIG_FILE={}\n  openstack --os-cloud sim project list\n",
                options.tenants,
                simulator.auth_url(),
                path.display()
            ));
        }
        None => print(&simulator.clouds_yaml()),
    }
    while signals.next().await == Wake::Reload {}
    simulator.stop().await;
    Ok(())
}

/// Starts the simulated cloud.
pub(super) async fn start(options: &SimulateOptions) -> anyhow::Result<Simulator> {
    let settings = Options {
        listen: options.listen,
        tenants: options.tenants,
        seed: options.seed,
        latency: options.latency,
        workers: options.workers,
        rules_per_group: options.rules,
        ..Options::default()
    };
    Simulator::start(settings).await.with_context(|| format!("the simulated cloud cannot listen on {}", options.listen))
}

/// Writes a file, naming it when that fails.
pub(super) fn write_file(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}
