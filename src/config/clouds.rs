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
    /// How each service is treated beyond that.
    #[serde(default)]
    pub limits: Limits,
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

/// How a service is treated that refuses, slows down or fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Requests to one service at the same time, however much it refuses.
    pub least: usize,
    /// Requests to one service a second at most; 0: as many as it answers.
    pub rate: u32,
    /// Failures in a row after which a service is left alone; 0: never.
    pub failures: u32,
    /// For how long at most, before one request tries again.
    pub pause: HumanDuration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { least: 1, rate: 0, failures: 5, pause: HumanDuration::seconds(30) }
    }
}

/// More requests a second than any service answers.
const MOST_RATE: u32 = 10_000;

impl Limits {
    fn validate(&self, concurrency: usize, path: &str, problems: &mut Problems) {
        if self.least == 0 {
            problems.add(format!("{path}.least"), "must be at least 1");
        }
        if self.least > concurrency && concurrency > 0 {
            problems.add(format!("{path}.least"), format!("must be at most `concurrency`, which is {concurrency}"));
        }
        if self.rate > MOST_RATE {
            problems.add(format!("{path}.rate"), format!("must be at most {MOST_RATE}; 0 is no ceiling"));
        }
        if self.pause < HumanDuration::seconds(1) {
            problems.add(format!("{path}.pause"), "must be at least 1s; with `failures = 0` there is none");
        }
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
        cloud.limits.validate(cloud.concurrency, &path("limits"), problems);
        if cloud.request_timeout.0.is_zero() {
            problems.add(path("request_timeout"), "must be longer than nothing");
        }
    }
}
