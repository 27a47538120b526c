//! The operator's rules: which mode, how sure, how severe.

use std::time::Duration;

use super::Difference;
use super::declared::{Declaration, Declarations};
use super::flapping::FlapGuard;
use super::policy::{FIELD, Policy};
use super::security_groups::rules_in;
use crate::model::{Change, ResourceType, Severity, Tenant};

/// What a difference means for a resource type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A difference is a finding.
    Guard,
    /// A change is recorded, published, and becomes the expectation.
    Follow,
}

/// How many agreeing observations open a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirm {
    /// For limits and everything not named below.
    pub limit: u32,
    /// For usage that differs from the objects counted.
    pub usage: u32,
    /// For objects that are gone.
    pub removed: u32,
    /// How far apart observations must be to count twice.
    pub spacing: Duration,
}

/// When the disappearance of many objects at once is not believed at first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VanishGuard {
    /// This share of the objects (0 to 1) …
    pub share: f64,
    /// … and at least this many.
    pub at_least: usize,
    /// Agreeing observations after which it is believed.
    pub confirm: u32,
}

/// All of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// Mode by resource type, in the order of [`ResourceType::ALL`].
    pub modes: [Mode; ResourceType::ALL.len()],
    /// Confirmation.
    pub confirm: Confirm,
    /// Ports to which world-open ingress is critical.
    pub critical_ports: Vec<u16>,
    /// Whether the first complete observation becomes the expectation.
    pub accept_first: bool,
    /// Mass disappearance.
    pub vanish: VanishGuard,
    /// What comes and goes.
    pub flapping: FlapGuard,
    /// What no tenant may have.
    pub policies: Vec<Policy>,
    /// What files of the operator's say.
    pub declared: Declarations,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            modes: ResourceType::ALL.map(|it| if it == ResourceType::Quotas { Mode::Guard } else { Mode::Follow }),
            confirm: Confirm { limit: 1, usage: 3, removed: 2, spacing: Duration::from_mins(1) },
            critical_ports: Vec::new(),
            accept_first: true,
            vanish: VanishGuard { share: 0.5, at_least: 5, confirm: 3 },
            flapping: FlapGuard { flips: 6, window: Duration::from_hours(6), quiet: Duration::from_hours(2) },
            policies: Vec::new(),
            declared: Declarations::default(),
        }
    }
}

impl Rules {
    /// The mode of a resource type of a tenant: what the last file says that says something, or else what is said of all.
    pub fn mode(&self, declared: &[&Declaration], resource_type: ResourceType) -> Mode {
        if let Some(mode) = declared.iter().rev().find_map(|it| it.modes.get(&resource_type)) {
            return *mode;
        }
        let position = ResourceType::ALL.iter().position(|candidate| *candidate == resource_type);
        position.map_or(Mode::Follow, |index| self.modes[index])
    }

    /// How many agreeing observations this difference needs.
    pub fn needed(&self, difference: &Difference) -> u32 {
        let needed = match difference.change {
            Change::Usage => self.confirm.usage,
            Change::Removed => self.confirm.removed,
            // That nothing uses it is an absence too, of ports.
            Change::Policy if self.policy(difference).is_some_and(Policy::is_about_use) => self.confirm.removed,
            _ => self.confirm.limit,
        };
        needed.max(1)
    }

    /// The policies that are for a tenant.
    pub fn policies_for<'a>(&'a self, tenant: &'a Tenant) -> impl Iterator<Item = &'a Policy> {
        self.policies.iter().filter(|policy| policy.concerns(tenant))
    }

    /// Whether a policy wants to know which security groups of a tenant are in use.
    pub fn ask_for_use(&self, tenant: &Tenant) -> bool {
        self.policies_for(tenant).any(Policy::is_about_use)
    }

    /// The policy that a difference is against.
    fn policy(&self, difference: &Difference) -> Option<&Policy> {
        let name = difference.field.strip_prefix(FIELD).filter(|_| difference.change == Change::Policy)?;
        self.policies.iter().find(|policy| policy.name == name)
    }

    /// How long a difference must last before it is a finding, beside the looks that must agree.
    pub fn patience(&self, difference: &Difference) -> Duration {
        self.policy(difference).map_or(Duration::ZERO, Policy::patience)
    }

    /// How urgent a difference is: what a policy says, where it is against one; a world-open rule that nobody expected is a warning, critical for the ports named
    /// by the operator; a label that changed is worth knowing; the rest is a warning.
    pub fn severity(&self, difference: &Difference) -> Severity {
        if let Some(policy) = self.policy(difference) {
            return policy.severity;
        }
        let opened = rules_in(&difference.observed);
        let open_to_world =
            |port: u16| opened.iter().any(|rule| rule.is_world_open_ingress() && rule.covers_port(port));
        let appeared = matches!(difference.change, Change::Added | Change::Changed);
        if appeared && self.critical_ports.iter().any(|port| open_to_world(*port)) {
            return Severity::Critical;
        }
        if matches!(difference.field.as_str(), "name" | "description") {
            return Severity::Info;
        }
        Severity::Warning
    }
}
