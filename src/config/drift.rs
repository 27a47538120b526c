//! `[drift]`: what counts as drift, how sure one must be, how severe it is.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::declared;
use super::policies::{self, Policy};
use super::{HumanDuration, Problems};

/// What becomes the expectation by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExpectationRule {
    /// The first complete observation.
    AcceptFirst,
    /// Nothing: someone sets it.
    DeclaredOnly,
}

/// What a difference means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A difference is a finding.
    Guard,
    /// A change is recorded and published, and becomes the expectation.
    Follow,
}

/// The mode of each resource type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Modes {
    /// Of quotas.
    pub quotas: Mode,
    /// Of security groups.
    pub security_groups: Mode,
    /// Of floating IPs.
    pub floating_ips: Mode,
    /// Of server groups.
    pub server_groups: Mode,
    /// Of networks with their subnets, and routers.
    pub networks: Mode,
    /// Of ports.
    pub ports: Mode,
    /// Of instances.
    pub instances: Mode,
    /// Of volumes.
    pub volumes: Mode,
    /// Of snapshots of volumes.
    pub volume_snapshots: Mode,
}

impl Default for Modes {
    fn default() -> Self {
        Self {
            quotas: Mode::Guard,
            security_groups: Mode::Follow,
            floating_ips: Mode::Follow,
            server_groups: Mode::Follow,
            networks: Mode::Follow,
            ports: Mode::Follow,
            instances: Mode::Follow,
            volumes: Mode::Follow,
            volume_snapshots: Mode::Follow,
        }
    }
}

/// Agreeing observations before a finding opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Confirm {
    /// For limits and everything not named here.
    pub limit: u32,
    /// For usage that differs from the objects counted.
    pub usage: u32,
    /// For objects that are gone.
    pub removed: u32,
}

impl Default for Confirm {
    fn default() -> Self {
        Self { limit: 1, usage: 3, removed: 2 }
    }
}

/// When a mass disappearance is not believed at first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Vanish {
    /// This share of a tenant's objects (0 to 1) …
    pub share: f64,
    /// … and at least this many.
    pub at_least: usize,
    /// Agreeing observations after which it is believed.
    pub confirm: u32,
}

impl Default for Vanish {
    fn default() -> Self {
        Self { share: 0.5, at_least: 5, confirm: 3 }
    }
}

/// When a finding that comes and goes is one finding that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Flapping {
    /// So often it opened, changed or resolved; 0: never.
    pub flips: u32,
    /// Within this time.
    pub window: HumanDuration,
    /// For so long it must hold still to count as any other again.
    pub quiet: HumanDuration,
}

impl Default for Flapping {
    fn default() -> Self {
        Self { flips: 6, window: HumanDuration::seconds(6 * 60 * 60), quiet: HumanDuration::seconds(2 * 60 * 60) }
    }
}

/// What counts as drift.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Drift {
    /// What becomes the expectation by itself.
    pub expectation: ExpectationRule,
    /// What a difference means, by resource type.
    pub mode: Modes,
    /// Agreeing observations before a finding opens.
    pub confirm: Confirm,
    /// How far apart they must be; the next look is enqueued by itself.
    pub confirm_spacing: HumanDuration,
    /// World-open ingress to these ports is critical, to others a warning.
    pub critical_ports: Vec<u16>,
    /// When a mass disappearance is not believed at first.
    pub vanish: Vanish,
    /// When a finding that comes and goes is one finding that says so.
    pub flapping: Flapping,
    /// What no tenant may have, whatever was expected of it.
    pub policies: Vec<Policy>,
    /// A folder of TOML and YAML files that say what tenants have; a relative path begins where this file is.
    pub declared: Option<PathBuf>,
    /// What stands in them.
    #[serde(skip)]
    pub declarations: Vec<declared::File>,
}

impl Default for Drift {
    fn default() -> Self {
        Self {
            expectation: ExpectationRule::AcceptFirst,
            mode: Modes::default(),
            confirm: Confirm::default(),
            confirm_spacing: HumanDuration::seconds(60),
            critical_ports: Vec::new(),
            vanish: Vanish::default(),
            flapping: Flapping::default(),
            policies: Vec::new(),
            declared: None,
            declarations: Vec::new(),
        }
    }
}

impl Drift {
    pub(super) fn validate(&self, problems: &mut Problems) {
        let counts = [("limit", self.confirm.limit), ("usage", self.confirm.usage), ("removed", self.confirm.removed)];
        for (key, _) in counts.iter().filter(|(_, count)| *count == 0) {
            problems.add(format!("drift.confirm.{key}"), "must be at least 1");
        }
        if !(0.0..=1.0).contains(&self.vanish.share) {
            problems.add("drift.vanish.share", "must be between 0 and 1");
        }
        if self.flapping.flips == 1 {
            problems.add("drift.flapping.flips", "every finding flips once when it opens; at least 2, or 0 for never");
        }
        if self.vanish.confirm == 0 {
            problems.add("drift.vanish.confirm", "must be at least 1");
        }
        if self.critical_ports.contains(&0) {
            problems.add("drift.critical_ports", "0 is no port");
        }
        policies::validate(&self.policies, problems);
    }
}
