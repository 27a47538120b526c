//! The command line. One file per group of commands; each reads arguments, calls the library, and prints.
//!
//! A command opens the records beside a running daemon, keeps its transactions short, and closes them again.

mod arguments;
mod backup;
mod changes;
mod check;
mod config;
mod daemon;
mod dead;
mod diff;
mod digest;
#[cfg(test)]
mod documented;
mod drift;
mod enqueue;
mod expectations;
mod expected;
mod import;
mod jobs;
mod moment;
pub mod output;
mod policy;
mod progress;
mod pull;
mod reconcile;
mod records;
mod schedules;
mod schema;
mod snapshots;
mod tenants;
mod tokens;
mod unlink;
mod wall;
mod why;

use std::io;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::config::LoadError;
use crate::drift::values;
use crate::openstack::clouds_yaml::ProfileError;
use output::Format;
use records::Records;

/// Exit code: done.
pub const DONE: u8 = 0;
/// Exit code: failed.
pub const FAILED: u8 = 1;
/// Exit code: drift is open, for those who asked.
pub const DRIFT: u8 = 2;
/// Exit code: wrong usage or configuration.
pub const WRONG: u8 = 64;

/// Keeps an operator's records of OpenStack tenants true: pulls, snapshots, drift findings, events and metrics.
#[derive(Debug, Parser)]
#[command(name = "tenantd", version, arg_required_else_help = true)]
pub struct Cli {
    /// The configuration file.
    #[arg(
        long,
        global = true,
        env = "TENANTD_CONFIG",
        hide_env_values = true,
        value_name = "FILE",
        default_value = "/etc/tenantd/tenantd.toml",
        help_heading = "Everywhere"
    )]
    pub config: PathBuf,
    /// How results are written: table, json or csv.
    #[arg(
        long,
        short,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        hide_possible_values = true,
        help_heading = "Everywhere"
    )]
    pub output: Format,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon
    Run,
    /// See it work: a simulated cloud, the daemon, and someone who meddles, in one process
    Demo(daemon::Demo),
    /// Run only the simulated cloud
    Simulate(daemon::Simulate),
    /// Try everything that the configuration needs
    Check,
    /// Write, check and show the configuration
    #[command(subcommand)]
    Config(config::Command),
    /// Bring the database to this version
    Migrate,
    /// Put a job where the daemon takes it from
    Enqueue(enqueue::Enqueue),
    /// Read clouds now, in this process, without broker or daemon
    Pull(pull::Pull),
    /// Say what would make a tenant what it is expected to be, and do it
    Reconcile(reconcile::Reconcile),
    /// Tenants: list, show, explain, add, import from a portal, unlink
    #[command(subcommand)]
    Tenants(tenants::Command),
    /// Copy the records while the daemon goes on
    Backup(backup::Backup),
    /// Jobs: what waits, runs, and ended
    #[command(subcommand)]
    Jobs(jobs::Command),
    /// Dead letters: what nobody could do
    #[command(subcommand)]
    Dead(dead::Command),
    /// Schedules: when each is next, and run one now
    #[command(subcommand)]
    Schedules(schedules::Command),
    /// Snapshots: what was seen, and what changed between two looks
    #[command(subcommand)]
    Snapshots(snapshots::Command),
    /// Drift: what differs from what is expected
    #[command(subcommand)]
    Drift(drift::Command),
    /// Expectations: what a tenant should look like
    #[command(subcommand)]
    Expectations(expectations::Command),
    /// Tokens: who may use the API
    #[command(subcommand)]
    Tokens(tokens::Command),
    /// JSON schemas of what others write
    #[command(subcommand)]
    Schema(schema::Command),
    /// Completions for a shell
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Man pages: tenantd(1) on stdout, or a page for each command into a folder
    Man {
        /// The folder.
        #[arg(value_name = "DIR")]
        folder: Option<PathBuf>,
    },
}

/// The command was asked for in a way that makes no sense; exits with [`WRONG`].
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// A [`Usage`] error to return.
fn usage(message: impl Into<String>) -> anyhow::Error {
    Usage(message.into()).into()
}

/// Does what was asked for; the exit code.
///
/// # Errors
/// What went wrong, to be printed.
pub async fn run(cli: Cli) -> anyhow::Result<u8> {
    let Cli { config, output, command } = cli;
    match command {
        Command::Run => return crate::app::run(config).await.map(|()| DONE),
        Command::Demo(demo) => return demo.run().await,
        Command::Simulate(simulate) => return simulate.run().await,
        Command::Config(command) => return command.run(&config, output),
        Command::Schema(command) => return command.run(),
        Command::Completions { shell } => return schema::completions(shell),
        Command::Man { folder } => return schema::man(folder.as_deref()),
        _ => warnings_to_stderr(),
    }
    match command {
        Command::Check => return check::run(&config, output).await,
        Command::Migrate => return schema::migrate(&config).await,
        Command::Backup(backup) => return backup.run(&config).await,
        Command::Pull(pull) => return pull.run(&config, output).await,
        Command::Reconcile(reconcile) => return reconcile.run(&config, output).await,
        Command::Tenants(tenants::Command::Add(add)) => return add.run(&config, output).await,
        Command::Tenants(tenants::Command::Import(import)) => return import.run(&config, output).await,
        _ => {}
    }
    let records = Records::open(&config, output).await?;
    let done = match command {
        Command::Enqueue(enqueue) => enqueue.run(&records).await,
        Command::Tenants(command) => command.run(&records).await,
        Command::Jobs(command) => command.run(&records).await,
        Command::Dead(command) => command.run(&records).await,
        Command::Schedules(command) => command.run(&records).await,
        Command::Snapshots(command) => command.run(&records).await,
        Command::Drift(command) => command.run(&records).await,
        Command::Expectations(command) => command.run(&records).await,
        Command::Tokens(command) => command.run(&records).await,
        _ => Ok(DONE),
    };
    records.store().close().await;
    done
}

/// The exit code that an error stands for.
pub fn code_of(error: &anyhow::Error) -> u8 {
    let wrong = error.is::<Usage>() || error.is::<LoadError>() || error.is::<ProfileError>();
    if wrong { WRONG } else { FAILED }
}

/// An error with its causes on one line, each said once, and what to do where that is known.
pub fn explain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        // Some errors end in what their cause says.
        if text.ends_with(&cause) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
    }
    match error.downcast_ref() {
        Some(LoadError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            text + "; `tenantd config init` writes one to start from, --config names another"
        }
        _ => text,
    }
}

/// Whether an error only says that nobody reads on.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|it| it.kind() == io::ErrorKind::BrokenPipe))
}

/// What the library warns of goes to stderr; the daemon's own log is set up by the daemon.
fn warnings_to_stderr() {
    let log = tracing_subscriber::fmt().with_writer(progress::AboveBar::new).with_ansi(output::colour_on_stderr());
    // A test that runs several commands in one process keeps its first log.
    let _ = log.with_max_level(tracing::Level::WARN).with_target(false).without_time().try_init();
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn arguments_make_sense() {
        Cli::command().debug_assert();
    }
}
