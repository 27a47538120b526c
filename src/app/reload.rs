//! Reading the configuration again while the daemon runs: all of it is checked, then clouds, rules and schedules are
//! exchanged; an invalid file changes nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use tokio::sync::watch;

use super::build;
use crate::config::{Config, Schedule};
use crate::jobs;
use crate::jobs::context::{Context, Live};
use crate::openstack::clouds_yaml;
use crate::telemetry::metrics;

/// Knows what was read when.
#[derive(Debug)]
pub(super) struct Reloader {
    config: Config,
    path: PathBuf,
    seen: BTreeMap<PathBuf, Option<SystemTime>>,
}

impl Reloader {
    pub fn new(config: Config, path: PathBuf) -> Self {
        let seen = credential_files(&config);
        Self { config, path, seen }
    }

    /// Reads the file again and exchanges what may change.
    pub fn reload(&mut self, context: &Context, schedules: &watch::Sender<Vec<Schedule>>) {
        let config = match build::load_config(&self.path) {
            Ok(config) => config,
            Err(error) => {
                metrics::config_reloaded(false);
                tracing::error!(%error, "the new configuration is refused; the old one stays");
                return;
            }
        };
        for key in self.config.restart_needed(&config) {
            tracing::warn!(key, "a change takes effect only after a restart");
        }
        let mut live = build::live(&config, context.clock());
        let accepted = live.unprepared.is_empty();
        keep_what_worked(&mut live, &context.live());
        for cloud in live.names() {
            metrics::zero(cloud, &jobs::kind_names());
        }
        context.replace_live(live);
        schedules.send_replace(config.timetable());
        self.seen = credential_files(&config);
        self.config = config;
        metrics::config_reloaded(accepted);
        tracing::info!("the configuration was read again");
    }

    /// Takes over credentials whose files changed.
    pub fn refresh_credentials(&mut self, context: &Context) {
        let seen = credential_files(&self.config);
        if seen != self.seen && !context.live().unprepared.is_empty() {
            let mut live = build::live(&self.config, context.clock());
            keep_what_worked(&mut live, &context.live());
            context.replace_live(live);
        }
        if seen == self.seen {
            return;
        }
        self.seen = seen;
        let live = context.live();
        for section in &self.config.clouds {
            let Some(entry) = live.clouds.get(&section.name) else { continue };
            let sources = build::sources(&self.config, section);
            let replaced = clouds_yaml::load(section.entry(), section.region.as_deref(), &sources)
                .map_err(crate::openstack::Error::from)
                .and_then(|profile| entry.api.replace_profile(profile));
            match replaced {
                Ok(()) => tracing::info!(cloud.name = section.name, "credentials were read again"),
                Err(error) => {
                    tracing::error!(cloud.name = section.name, %error, "the new credentials are unusable; the old ones stay");
                }
            }
        }
    }
}

/// A cloud whose credentials cannot be read just now goes on with those that it has.
fn keep_what_worked(live: &mut Live, before: &Live) {
    let Live { clouds, unprepared, .. } = live;
    unprepared.retain(|name, _| match before.clouds.get(name) {
        Some(entry) => {
            clouds.insert(name.clone(), entry.clone());
            false
        }
        None => true,
    });
}

/// The files that credentials come from, with the time of their last change.
fn credential_files(config: &Config) -> BTreeMap<PathBuf, Option<SystemTime>> {
    let files = config.clouds.iter().flat_map(|section| build::sources(config, section).files);
    let with_secrets = files.flat_map(|file| [file.clone(), file.with_file_name("secure.yaml")]);
    with_secrets
        .map(|file| {
            let changed = std::fs::metadata(&file).and_then(|it| it.modified()).ok();
            (file, changed)
        })
        .collect()
}
