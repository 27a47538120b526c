//! Reading the configuration again while the daemon runs: all of it is checked, then clouds, rules and schedules are
//! exchanged; an invalid file changes nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use tokio::sync::watch;

use super::build;
use crate::config::{self, Config, Schedule};
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
        keep_what_worked(&mut live, &context.live(), &config.clouds);
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
            keep_what_worked(&mut live, &context.live(), &self.config.clouds);
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

/// What was learnt of a cloud's services stays. A cloud whose credentials cannot be read just now goes on with those that it has, unless it would let jobs write that
/// may not any more.
fn keep_what_worked(live: &mut Live, before: &Live, sections: &[config::Cloud]) {
    let Live { clouds, unprepared, .. } = live;
    for (name, entry) in clouds.iter_mut() {
        if let Some(old) = before.clouds.get(name) {
            entry.api.keep_gates_of(&old.api);
        }
    }
    let may = |name: &str, kind: &str| {
        sections.iter().any(|section| section.name == name && section.write.iter().any(|it| it == kind))
    };
    unprepared.retain(|name, _| match before.clouds.get(name) {
        Some(entry) if jobs::kind_names().iter().all(|kind| may(name, kind) || !entry.api.may_write(kind)) => {
            clouds.insert(name.clone(), entry.clone());
            false
        }
        _ => true,
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::SystemClock;
    use crate::jobs::context::{CloudEntry, Discovery};
    use crate::openstack::profile::Profile;
    use crate::openstack::{Cloud, Options};

    /// Clouds as they are, with kinds that may write.
    fn before(write: &[&str]) -> Live {
        let write = write.iter().map(|kind| (*kind).to_owned()).collect();
        let options = Options { name: "lab".into(), write, ..Options::default() };
        let api = Cloud::new(Profile::nowhere(), options, Arc::new(SystemClock)).unwrap();
        let entry = CloudEntry { api, discovery: Discovery::default(), concurrency: 1 };
        Live { clouds: [("lab".to_owned(), entry)].into(), ..Live::default() }
    }

    /// Whether the cloud goes on after a reload that allows `write` and cannot read its credentials.
    fn goes_on(before: &Live, write: &[&str]) -> bool {
        let section = serde_json::from_value(serde_json::json!({"name": "lab", "write": write})).unwrap();
        let unprepared = [("lab".to_owned(), "no clouds.yaml".to_owned())].into();
        let mut live = Live { unprepared, ..Live::default() };
        keep_what_worked(&mut live, before, &[section]);
        live.clouds.contains_key("lab")
    }

    #[test]
    fn who_may_not_write_any_more_does_not_for_want_of_credentials() {
        assert!(goes_on(&before(&["set_quotas"]), &["set_quotas"]));
        assert!(goes_on(&before(&[]), &["set_quotas"]), "it only reads until they can be read");
        assert!(!goes_on(&before(&["set_quotas", "delete_tenant"]), &["set_quotas"]));
    }
}
