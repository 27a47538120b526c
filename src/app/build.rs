//! Makes parts out of configuration sections.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::{declared, policies};
use crate::clock::Clock;
use crate::config::{self, Config, LoadError};
use crate::drift::flapping::FlapGuard;
use crate::drift::rules::{Confirm, Mode, Rules, VanishGuard};
use crate::intake::topology::Topology;
use crate::jobs::context::{CloudEntry, Context, Discovery, Exchanges, Live, Retries};
use crate::jobs::{self, Retention};
use crate::model::ResourceType;
use crate::openstack::clouds_yaml::{self, Sources};
use crate::openstack::{Cloud, Limits, Options};
use crate::retry::Backoff;
use crate::store::Store;

/// Reads the configuration file.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load_config(path: &Path) -> Result<Config, LoadError> {
    let config = config::load(path, &jobs::kind_names())?;
    let mut problems = policies::problems(&config.drift.policies);
    problems.extend(declared::problems(&config.drift.declarations));
    problems.extend(objectives(&config.schedules));
    if problems.is_empty() { Ok(config) } else { Err(LoadError::Problems { path: path.to_owned(), problems }) }
}

/// What is not pulled does not become old.
fn objectives(schedules: &[config::Schedule]) -> Vec<config::Problem> {
    let aged = schedules.iter().enumerate().filter(|(_, schedule)| schedule.max_age.is_some());
    let pulls = |job: &str| ResourceType::ALL.into_iter().any(|it| jobs::pulls(job, it));
    let idle = aged.filter(|(_, schedule)| !pulls(&schedule.job));
    let problem = |(index, schedule): (usize, &config::Schedule)| config::Problem {
        path: format!("schedules[{index}].max_age"),
        message: format!("`{}` pulls nothing of a tenant that could become old; use `cron`", schedule.job),
    };
    idle.map(problem).collect()
}

/// Opens the database; with `migrate` it is brought to this version, else another version is refused.
///
/// # Errors
/// When it cannot be reached or has another version.
pub async fn store(config: &Config, migrate: bool) -> anyhow::Result<Store> {
    let store = Store::open(config.database.url.expose(), config.database.connections).await?;
    if migrate {
        store.migrate().await?;
    } else {
        store.check_version().await?;
    }
    Ok(store)
}

/// The parts that a command beside the daemon needs; clouds that cannot be prepared are named.
///
/// # Errors
/// When the database or a cloud's credentials cannot be opened.
pub async fn context(config: &Config) -> anyhow::Result<Context> {
    let store = store(config, config.database.migrate).await?;
    let (clock, _) = super::time::shared(&store).await?;
    let mut live = live(config, &clock);
    // What a command does it does by itself.
    live.batch = None;
    if let Some((name, why)) = live.unprepared.first_key_value() {
        anyhow::bail!("cloud `{name}`: {why}");
    }
    Ok(Context::new(store, clock, config.instance_name(), live, exchanges(config)))
}

/// The exchanges that news goes to, when there is a broker.
pub fn exchanges(config: &Config) -> Option<Exchanges> {
    let topology = Topology::new(&config.broker.as_ref()?.prefix);
    Some(Exchanges { events: topology.events, dead: topology.dead })
}

/// Clouds and rules; a cloud that cannot be prepared is kept with the reason, for the others go on.
pub fn live(config: &Config, clock: &Arc<dyn Clock>) -> Live {
    let (mut clouds, mut unprepared) = (BTreeMap::new(), BTreeMap::new());
    for section in &config.clouds {
        match cloud(section, sources(config, section), clock) {
            Ok(entry) => drop(clouds.insert(section.name.clone(), entry)),
            Err(problem) => {
                tracing::error!(cloud.name = section.name, error = %problem, "a cloud is not ready; its jobs wait");
                unprepared.insert(section.name.clone(), problem.to_string());
            }
        }
    }
    let jobs = &config.jobs;
    let backoff = Backoff { base: jobs.retry_base.0, max: jobs.retry_max.0 };
    let keep = &config.retention;
    let retention = Retention {
        jobs: keep.jobs.0,
        snapshots: keep.snapshots.0,
        findings: keep.findings.0,
        dead_letters: keep.dead_letters.0,
    };
    let retries = Retries { attempts: jobs.attempts, backoff };
    let (image_folder, batch) = (jobs.image_folder.clone(), Some(jobs.batch));
    Live { clouds, unprepared, rules: rules(&config.drift), retries, retention, batch, image_folder }
}

/// Where the credentials of a cloud are looked for.
pub fn sources(config: &Config, section: &config::Cloud) -> Sources {
    let mut sources = Sources::from_process();
    if let Some(file) = &section.file {
        sources.files = vec![file.clone()];
        return sources;
    }
    if let Some(folder) = config.file.as_deref().and_then(Path::parent) {
        sources.files.push(folder.join("clouds.yaml"));
    }
    sources
}

fn cloud(section: &config::Cloud, sources: Sources, clock: &Arc<dyn Clock>) -> anyhow::Result<CloudEntry> {
    let profile = clouds_yaml::load(section.entry(), section.region.as_deref(), &sources)?;
    let (entry, region) = (section.entry().to_owned(), section.region.clone());
    let reload = move || clouds_yaml::load(&entry, region.as_deref(), &sources).ok();
    let options = Options {
        name: section.name.clone(),
        write: section.write.iter().cloned().collect(),
        request_timeout: section.request_timeout.0,
        concurrency: section.concurrency,
        limits: limits(&section.limits),
        seeing_roles: section.all_projects_roles.clone(),
        reload: Some(Arc::new(reload)),
        ..Options::default()
    };
    let discovery = Discovery {
        domains: section.discover.domains.clone(),
        tags: section.discover.tags.clone(),
        skip_domains: section.discover.skip_domains.clone(),
    };
    let api = Cloud::new(profile, options, Arc::clone(clock))?;
    Ok(CloudEntry { api, discovery, concurrency: section.concurrency })
}

fn limits(section: &config::CloudLimits) -> Limits {
    let config::CloudLimits { least, rate, failures, pause } = *section;
    Limits { least, rate, failures, pause: pause.0, ..Limits::default() }
}

pub(super) const fn mode(written: config::Mode) -> Mode {
    match written {
        config::Mode::Guard => Mode::Guard,
        config::Mode::Follow => Mode::Follow,
    }
}

/// What counts as drift.
pub fn rules(drift: &config::Drift) -> Rules {
    let modes = &drift.mode;
    Rules {
        // In the order of `ResourceType::ALL`.
        modes: [
            modes.quotas,
            modes.security_groups,
            modes.floating_ips,
            modes.server_groups,
            modes.networks,
            modes.ports,
            modes.instances,
            modes.volumes,
            modes.volume_snapshots,
        ]
        .map(mode),
        confirm: Confirm {
            limit: drift.confirm.limit,
            usage: drift.confirm.usage,
            removed: drift.confirm.removed,
            spacing: drift.confirm_spacing.0,
        },
        critical_ports: drift.critical_ports.clone(),
        accept_first: drift.expectation == config::ExpectationRule::AcceptFirst,
        vanish: VanishGuard {
            share: drift.vanish.share,
            at_least: drift.vanish.at_least,
            confirm: drift.vanish.confirm,
        },
        flapping: FlapGuard {
            flips: drift.flapping.flips,
            window: drift.flapping.window.0,
            quiet: drift.flapping.quiet.0,
        },
        declared: declared::declarations(&drift.declarations),
        policies: drift.policies.iter().filter(|policy| policy.enabled).filter_map(policies::policy).collect(),
    }
}
