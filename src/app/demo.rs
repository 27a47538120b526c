//! `tenantd demo`: everything in one process. A simulated cloud on loopback, SQLite, no broker, schedules every few
//! seconds, and someone who meddles with the cloud behind the portal's back.

mod meddler;
mod narrator;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use super::build;
use super::run::Daemon;
use super::simulate::{SimulateOptions, bind, write_file};
use crate::lifecycle::{Signals, Wake};
use crate::model::ids::new_id;
use crate::model::job::{PRIORITY_PERSON, Request};
use crate::simulator::{Bound, Simulator};
use crate::store::Alone;
use crate::telemetry::{self, metrics};

/// How the demonstration is to be.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    /// How many tenants the simulated cloud has.
    pub tenants: usize,
    /// The address of metrics and the status page.
    pub listen: SocketAddr,
    /// Where its files go; else a folder of its own below the system's for temporary files.
    pub state_dir: Option<PathBuf>,
    /// How long it runs; else until Ctrl-C.
    pub duration: Option<Duration>,
}

/// Where its lines go.
pub(super) type Print<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// Runs the demonstration; its lines are given to `print`.
///
/// # Errors
/// When an address is taken or a file cannot be written.
pub async fn demo(options: DemoOptions, print: impl Fn(&str) + Send + Sync) -> anyhow::Result<()> {
    let print: Print<'_> = &print;
    let mut signals = Signals::listen()?;
    let folder = options
        .state_dir
        .clone()
        .unwrap_or_else(|| std::env::temp_dir().join(format!("tenantd-demo-{}", std::process::id())));
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let bound = bind(&SimulateOptions {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        tenants: options.tenants,
        seed: 1,
        latency: Duration::from_millis(10),
        workers: None,
        rules: 6,
        clouds_yaml: None,
    })
    .await?;
    let path = write_files(&folder, &bound, options.listen)?;
    let simulator = bound.serve();
    let config = build::load_config(&path)?;
    let _guard = telemetry::init(&config.telemetry, "demo")?;
    let daemon = Daemon::start(config, metrics::install()?).await?;
    ask_for_everything(&daemon).await?;
    greet(print, &options, &simulator, &daemon);
    let cloud = simulator.url();

    let ended = tokio::select! {
        told = narrator::tell(&daemon.context, options.tenants, &simulator, &path, print) => told,
        () = meddler::meddle(&daemon.context, &cloud, options.tenants, print) => Ok(()),
        () = over(options.duration) => Ok(()),
        () = async { while signals.next().await == Wake::Reload {} } => Ok(()),
    };
    narrator::sum_up(&daemon.context, &path, print).await?;
    daemon.stop(async move { while signals.next().await == Wake::Reload {} }).await;
    simulator.stop().await;
    ended
}

/// The first reading does not wait for a schedule.
async fn ask_for_everything(daemon: &Daemon) -> anyhow::Result<()> {
    let now = daemon.context.clock().now();
    let mut tx = daemon.context.store().begin().await?;
    let request = Request { priority: PRIORITY_PERSON, ..Request::new(new_id(now), "pull_tenants", "demo", now) };
    tx.insert_job(&request, None).await?;
    tx.commit().await?;
    daemon.context.ring();
    Ok(())
}

async fn over(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}

fn greet(print: Print<'_>, options: &DemoOptions, simulator: &Simulator, daemon: &Daemon) {
    print(&format!("a simulated cloud with {} tenants answers at {}", options.tenants, simulator.auth_url()));
    print(&format!("status page  {}/", daemon.address));
    print(&format!("metrics      {}/metrics", daemon.address));
    print("");
}

/// Leaves clouds.yaml and tenantd.toml, so that any client and any command can join in.
fn write_files(folder: &Path, cloud: &Bound, listen: SocketAddr) -> anyhow::Result<PathBuf> {
    let folder = folder.canonicalize()?;
    let (clouds, path) = (folder.join("clouds.yaml"), folder.join("tenantd.toml"));
    // Each demonstration begins anew: its cloud does. One that still runs keeps its records.
    drop(Alone::take(&format!("sqlite://{}/tenantd.db", folder.display()))?);
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.join(format!("tenantd.db{suffix}")));
    }
    write_file(&clouds, &cloud.clouds_yaml())?;
    let text = format!(
        r#"# Made by `tenantd demo`: quick schedules, and under guard what somebody meddles with.
[database]
url = "sqlite://{folder}/tenantd.db"

[[clouds]]
name = "sim"
file = "{folder}/clouds.yaml"

[[schedules]]
name = "tenants"
cron = "*/15 * * * * *"
job = "pull_tenants"

[[schedules]]
name = "everything"
cron = "*/3 * * * * *"
job = "pull"

[drift]
mode = {{ quotas = "guard", security_groups = "guard", floating_ips = "guard", server_groups = "guard" }}
confirm_spacing = "2s"
critical_ports = [22, 3389]

[http]
listen = "{listen}"

[telemetry]
log = "error"
"#,
        folder = folder.display()
    );
    write_file(&path, &text)?;
    Ok(path)
}
