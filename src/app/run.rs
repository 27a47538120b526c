//! `tenantd run`: the daemon.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;

use super::build;
use super::reload::Reloader;
use super::time::Shared;
use crate::config::{Config, Schedule};
use crate::http::{self, View};
use crate::intake::amqp::{Amqp, BrokerState};
use crate::intake::{acknowledgements, leader, schedule, table};
use crate::jobs::context::Context;
use crate::jobs::runner::Runner;
use crate::jobs::{self};
use crate::lifecycle::{Lifecycle, Signals, Wake, systemd};
use crate::retry::Retryable;
use crate::store::{Alone, Store, StoreError};
use crate::telemetry::{self, metrics};

/// How often the main loop says that it lives, and looks whether secrets changed.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long a start waits for the database; less than systemd waits for the start.
const PATIENCE_AT_START: Duration = Duration::from_mins(1);
/// How long a part of the daemon may give no sign of life: longer than it ever waits for anything.
const STALLED_AFTER: Duration = Duration::from_mins(3);

/// A daemon whose tasks run.
#[derive(Debug)]
pub struct Daemon {
    /// What jobs and intake share.
    pub context: Context,
    /// Where metrics and the page are.
    pub address: String,
    config: Config,
    lifecycle: Lifecycle,
    heartbeat: watch::Sender<DateTime<Utc>>,
    schedules: watch::Sender<Vec<Schedule>>,
    _alone: Option<Alone>,
}

/// Runs the daemon until it is told to stop.
///
/// # Errors
/// When it cannot start.
pub async fn run(path: PathBuf) -> anyhow::Result<()> {
    let config = build::load_config(&path)?;
    let guard = telemetry::init(&config.telemetry, &config.instance_name())?;
    let recorder = metrics::install()?;
    let outcome = serve(config, &path, recorder).await;
    tokio::task::spawn_blocking(move || guard.flush()).await?;
    outcome
}

async fn serve(config: Config, path: &Path, recorder: PrometheusHandle) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let starting = Daemon::start(config, recorder);
    tokio::pin!(starting);
    let daemon = loop {
        tokio::select! {
            started = &mut starting => break started?,
            wake = signals.next() => if wake != Wake::Reload { return Ok(()) },
        }
    };
    systemd::ready(&format!("serving {}", daemon.address));
    daemon.main_loop(path, &mut signals).await;
    systemd::stopping();
    let lifecycle = daemon.lifecycle.clone();
    daemon.stop(async move { while signals.next().await != Wake::Leave {} }).await;
    match lifecycle.failed() {
        Some(part) => anyhow::bail!("{part} ended by itself; the log says why"),
        None => Ok(()),
    }
}

impl Daemon {
    /// Opens the records and starts every task.
    ///
    /// # Errors
    /// When the database cannot be used or the address is taken.
    pub async fn start(config: Config, recorder: PrometheusHandle) -> anyhow::Result<Self> {
        let instance = config.instance_name();
        let alone = Alone::take(config.database.url.expose())?;
        let (store, (clock, shared)) = open_store(&config).await.context("the database cannot be used")?;
        let listener = http::bind(&config.http).await?;
        let address = listener.place()?;
        let live = build::live(&config, &clock);
        tell_what_to_do(&config, &address);
        zero_counters(&live.names());
        let now = clock.now();
        let context = Context::new(store, clock, instance, live, build::exchanges(&config));
        let lifecycle = Lifecycle::default();
        let (leads, leading) = watch::channel(false);
        let (broker_state, broker) = watch::channel(match &config.broker {
            None => BrokerState::Off,
            Some(_) => BrokerState::Away("not connected yet".to_owned()),
        });
        let (schedules, timetable) = watch::channel(config.timetable());
        let (heartbeat, heard) = watch::channel(now);
        let runner = Runner::new(context.clone(), config.jobs.workers, lifecycle.interrupt.clone());
        let view = View {
            context: context.clone(),
            recorder,
            broker,
            leads: leading.clone(),
            schedules: timetable.clone(),
            max_series: config.telemetry.max_series,
            loopback: config.http.listen.is_local(),
            secure: config.http.tls_certificate.is_some(),
            public_url: config.http.public_url.clone(),
            heartbeat: heard,
        };
        lifecycle.spawn_service(http::serve(listener, Arc::new(view), lifecycle.interrupt.clone()));
        lifecycle.spawn_vital("leadership", leader::run(context.clone(), lifecycle.clone(), leads));
        lifecycle.spawn_vital("jobs table", table::run(context.clone(), runner.clone(), lifecycle.clone()));
        lifecycle.spawn_vital("shared time", super::time::keep(context.store().clone(), shared, lifecycle.clone()));
        let schedules_run = schedule::run(context.clone(), lifecycle.clone(), timetable, leading.clone());
        lifecycle.spawn_vital("schedules", schedules_run);
        let acknowledgements = acknowledgements::run(context.clone(), lifecycle.clone(), leading.clone());
        lifecycle.spawn_vital("acknowledgements", acknowledgements);
        if let Some(settings) = config.broker.clone() {
            metrics::broker_connected(false);
            let parts = (context.clone(), runner, lifecycle.clone());
            let amqp = Amqp::new(settings, parts, config.jobs.hold.0, broker_state, leading);
            lifecycle.spawn_vital("broker", amqp.run());
        }
        Ok(Self { context, address, config, lifecycle, heartbeat, schedules, _alone: alone })
    }

    /// Answers signals and says that it lives, until it is told to stop.
    async fn main_loop(&self, path: &Path, signals: &mut Signals) {
        let mut reloader = Reloader::new(self.config.clone(), path.to_owned());
        let mut was_full = false;
        let every = systemd::watchdog_interval().map_or(HEARTBEAT, |interval| interval.min(HEARTBEAT));
        let mut stalled = None;
        loop {
            let part = self.lifecycle.stalled(STALLED_AFTER);
            if part != stalled
                && let Some(part) = part
            {
                tracing::error!(part, "a part of the daemon makes no progress; the watchdog is not fed any more");
            }
            stalled = part;
            if stalled.is_none() {
                self.heartbeat.send_replace(self.context.clock().now());
                systemd::alive();
            }
            tokio::select! {
                wake = signals.next() => match wake {
                    Wake::Reload => {
                        systemd::reloading();
                        reloader.reload(&self.context, &self.schedules);
                        systemd::ready(&format!("serving {}", self.address));
                    }
                    Wake::Stop | Wake::Leave => break,
                },
                () = self.lifecycle.stop.cancelled() => break,
                () = tokio::time::sleep(every) => {
                    reloader.refresh_credentials(&self.context);
                    was_full = self.tell_of_room(was_full).await;
                }
            }
        }
    }

    /// Says once that the records find no room, and once that they do again; whether they find none.
    async fn tell_of_room(&self, was_full: bool) -> bool {
        let (store, now) = (self.context.store(), self.context.clock().now());
        let full = match store.is_full() {
            Some(_) => store.find_room(self.context.instance(), now).await.err(),
            None => None,
        };
        match &full {
            Some(error) if !was_full => tracing::error!(%error, "nothing can be recorded, so nothing is taken"),
            None if was_full => tracing::info!("there is room for the records again"),
            _ => {}
        }
        full.is_some()
    }

    /// Stops politely, or at once when `at_once` completes.
    pub async fn stop(self, at_once: impl Future<Output = ()>) {
        tracing::info!("stopping: nothing new is taken, running jobs may end");
        self.lifecycle.end(self.config.jobs.grace.0, at_once).await;
        let store = self.context.store();
        match store.release_jobs(self.context.owner()).await {
            Ok(0) => {}
            Ok(jobs) => tracing::info!(jobs, "jobs were put back"),
            Err(error) => tracing::warn!(%error, "jobs could not be put back; they wait for their leases to end"),
        }
        store.close().await;
        tracing::info!("stopped");
    }
}

/// Opens the records and asks for their time; a database that is away may just be starting itself, so it gets some.
async fn open_store(config: &Config) -> anyhow::Result<(Store, Shared)> {
    let began = Instant::now();
    let mut is_told = false;
    loop {
        let opened = async {
            let store = build::store(config, config.database.migrate).await?;
            let time = super::time::shared(&store).await?;
            anyhow::Ok((store, time))
        };
        let error = match opened.await {
            Ok(opened) => return Ok(opened),
            Err(error) => error,
        };
        let passes = error.downcast_ref::<StoreError>().is_some_and(Retryable::is_retryable);
        if !passes || began.elapsed() > PATIENCE_AT_START {
            return Err(error);
        }
        if !is_told {
            tracing::warn!(%error, "the daemon waits for the database");
            is_told = true;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn tell_what_to_do(config: &Config, address: &str) {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), address, "tenantd runs");
    if config.clouds.is_empty() {
        tracing::warn!("no cloud is configured, so there is nothing to do; add a [[clouds]] section and reload");
    } else if config.schedules.is_empty() && config.broker.is_none() {
        tracing::warn!("neither schedules nor a broker are configured; jobs come from the command line only");
    }
}

fn zero_counters(clouds: &[&str]) {
    metrics::build_info();
    metrics::config_reloaded(true);
    metrics::leader(false);
    let kinds = jobs::kind_names();
    for cloud in clouds {
        metrics::zero(cloud, &kinds);
    }
}
