//! `[[clouds]]`: one OpenStack deployment in one region each.

use std::collections::BTreeSet;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HumanDuration, Problems};

/// A cloud to look after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cloud {
    /// Its name in jobs, metrics and commands.
    pub name: String,
    /// The entry of clouds.yaml; default: the name.
    #[serde(default)]
    pub entry: Option<String>,
    /// The clouds.yaml; default: where every OpenStack client looks, and last beside the configuration file.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// The region; default: the entry's.
    #[serde(default)]
    pub region: Option<String>,
    /// Kinds of jobs that may change this cloud.
    #[serde(default)]
    pub write: Vec<String>,
    /// Roles whose holder sees every project's objects; evidence that an empty listing is empty.
    #[serde(default = "admin")]
    pub all_projects_roles: Vec<String>,
    /// Which projects become tenants.
    #[serde(default)]
    pub discover: Discover,
    /// Requests to one service at the same time at most.
    #[serde(default = "default_concurrency")]
    pub concurrency: usize,
    /// How long one request may take.
    #[serde(default = "default_timeout")]
    pub request_timeout: HumanDuration,
}

fn admin() -> Vec<String> {
    vec!["admin".to_owned()]
}

const fn default_concurrency() -> usize {
    16
}

const fn default_timeout() -> HumanDuration {
    HumanDuration::seconds(30)
}

impl Cloud {
    /// The entry of clouds.yaml.
    pub fn entry(&self) -> &str {
        self.entry.as_deref().unwrap_or(&self.name)
    }
}

/// Which projects become tenants: enabled ones, of these domains, with these tags, and not of skipped domains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Discover {
    /// Names or ids of domains; empty: every domain.
    pub domains: Vec<String>,
    /// Tags of which a project must have all.
    pub tags: Vec<String>,
    /// Names or ids of domains to leave out: Heat's stack users live in one.
    pub skip_domains: Vec<String>,
}

impl Default for Discover {
    fn default() -> Self {
        Self { domains: Vec::new(), tags: Vec::new(), skip_domains: vec!["heat".to_owned()] }
    }
}

pub(super) fn validate(clouds: &[Cloud], known_kinds: &[&str], problems: &mut Problems) {
    let mut names = BTreeSet::new();
    for (index, cloud) in clouds.iter().enumerate() {
        let path = |key: &str| format!("clouds[{index}].{key}");
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if cloud.name.is_empty() || !cloud.name.chars().all(plain) {
            problems.add(path("name"), "must be letters, digits, dots, dashes and underscores");
        }
        if !names.insert(&cloud.name) {
            problems.add(path("name"), format!("`{}` is the name of another cloud already", cloud.name));
        }
        for kind in cloud.write.iter().filter(|kind| !known_kinds.contains(&kind.as_str())) {
            problems.add(path("write"), format!("`{kind}` is no job kind; there are {}", known_kinds.join(", ")));
        }
        if cloud.concurrency == 0 {
            problems.add(path("concurrency"), "must be at least 1");
        }
        if cloud.request_timeout.0.is_zero() {
            problems.add(path("request_timeout"), "must be longer than nothing");
        }
    }
}
