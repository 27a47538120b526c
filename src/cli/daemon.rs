//! `demo` and `simulate`: arguments only; what they do lies in [`crate::app`].

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::arguments::duration;
use super::{DONE, output};
use crate::app::{self, DemoOptions, SimulateOptions};

/// See it work.
#[derive(Debug, Args)]
pub struct Demo {
    /// How many tenants the simulated cloud has.
    #[arg(long, value_name = "N", default_value_t = 12)]
    tenants: usize,
    /// The address of metrics and the status page.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9464")]
    listen: SocketAddr,
    /// Where its files go; default: a temporary folder.
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// End after so long, such as 30s; default: at Ctrl-C.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
}

impl Demo {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        let Self { tenants, listen, state_dir, duration } = self;
        app::demo(DemoOptions { tenants, listen, state_dir, duration }, print).await?;
        Ok(DONE)
    }
}

/// Prints a line while something goes on; that nobody reads on does not end it.
fn print(line: &str) {
    let _ = output::line(line);
}

/// The simulated cloud.
#[derive(Debug, Args)]
pub struct Simulate {
    /// The address to listen on.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:35357")]
    listen: SocketAddr,
    /// How many tenants it has.
    #[arg(long, value_name = "N", default_value_t = 20)]
    tenants: usize,
    /// The same number makes the same cloud.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How long each answer takes.
    #[arg(long, value_name = "TIME", default_value = "10ms", value_parser = duration)]
    latency: Duration,
    /// How many requests each service works on at once, while others wait in line; default: any number.
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// How many rules each of a tenant's three security groups has, besides the two of every group.
    #[arg(long, value_name = "N", default_value_t = 6)]
    rules: u16,
    /// Write clouds.yaml here; default: print it.
    #[arg(long, value_name = "FILE")]
    clouds_yaml: Option<PathBuf>,
}

impl Simulate {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        let Self { listen, tenants, seed, latency, workers, rules, clouds_yaml } = self;
        let rules = usize::from(rules);
        app::simulate(SimulateOptions { listen, tenants, seed, latency, workers, rules, clouds_yaml }, print).await?;
        Ok(DONE)
    }
}
