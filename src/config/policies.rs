//! `[[drift.policies]]`: what no tenant may have, whatever was expected of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HumanDuration, Problems};

/// The longest time that an address or a group may be idle: beyond it nobody keeps snapshots.
const LONGEST: Duration = Duration::from_hours(24 * 3_650);

/// A policy. Exactly one of its conditions is set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Its name, which its findings bear.
    pub name: String,
    /// How urgent its findings are.
    #[serde(default = "warning")]
    pub severity: Severity,
    /// Whether it makes findings; `drift policy test` tries it in any case.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Only these tenants.
    #[serde(default)]
    pub only: Whom,
    /// None of these.
    #[serde(default)]
    pub except: Whom,
    /// Objects that are left alone: names, addresses or ids, in which `*` stands for any text.
    #[serde(default)]
    pub except_objects: Vec<String>,
    /// Ingress from anywhere.
    #[serde(default)]
    pub world_open: Option<WorldOpen>,
    /// Floating IPs that lead nowhere for so long.
    #[serde(default)]
    pub idle_floating_ips: Option<HumanDuration>,
    /// Security groups that no port has and no other group's rule names for so long.
    #[serde(default)]
    pub unused_security_groups: Option<HumanDuration>,
    /// Limits outside of bounds, by the quota's name, in the units of `tenantd drift list`.
    #[serde(default)]
    pub limits: BTreeMap<String, Bounds>,
    /// Quotas that must have a limit.
    #[serde(default)]
    pub unlimited: Vec<String>,
    /// Security groups with more rules.
    #[serde(default)]
    pub most_rules: Option<usize>,
    /// More objects, by resource type.
    #[serde(default)]
    pub most: Option<Most>,
}

/// How urgent something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth a look in working hours.
    Warning,
    /// Worth waking someone.
    Critical,
}

/// How many objects a tenant may have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Most {
    /// Security groups, `default` among them.
    pub security_groups: Option<usize>,
    /// Floating IPs.
    pub floating_ips: Option<usize>,
    /// Server groups.
    pub server_groups: Option<usize>,
}

const fn warning() -> Severity {
    Severity::Warning
}

const fn yes() -> bool {
    true
}

/// Tenants, by patterns in which `*` stands for any text. A list that is left out is no restriction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Whom {
    /// Names of clouds.
    pub clouds: Vec<String>,
    /// Names or ids of domains.
    pub domains: Vec<String>,
    /// Names or project ids.
    pub tenants: Vec<String>,
    /// Tags of projects, of which one is enough.
    pub tags: Vec<String>,
}

/// Ingress from anywhere. A list that is left out is no restriction: `{}` is any such rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WorldOpen {
    /// To these ports of TCP or UDP.
    pub ports: Vec<u16>,
    /// With these protocols, by their names.
    pub protocols: Vec<String>,
    /// `IPv4` or `IPv6`.
    pub ethertypes: Vec<String>,
}

/// Between which numbers a limit is right; unlimited is above any of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Bounds {
    /// No less.
    pub at_least: Option<u64>,
    /// No more.
    pub at_most: Option<u64>,
}

impl Policy {
    /// The conditions that are set.
    fn conditions(&self) -> Vec<&'static str> {
        let all = [
            ("world_open", self.world_open.is_some()),
            ("idle_floating_ips", self.idle_floating_ips.is_some()),
            ("unused_security_groups", self.unused_security_groups.is_some()),
            ("limits", !self.limits.is_empty()),
            ("unlimited", !self.unlimited.is_empty()),
            ("most_rules", self.most_rules.is_some()),
            ("most", self.most.is_some()),
        ];
        all.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name).collect()
    }

    fn validate(&self, path: &str, problems: &mut Problems) {
        match self.conditions().as_slice() {
            [_] => {}
            [] => problems.add(
                path,
                "has no condition: set one of world_open, idle_floating_ips, unused_security_groups, limits, unlimited, \
                 most_rules, most",
            ),
            several => {
                let why = format!("has several conditions ({}): make it several policies", several.join(", "));
                problems.add(path, why);
            }
        }
        for (name, bounds) in &self.limits {
            let (least, most) = (bounds.at_least, bounds.at_most);
            if least.is_none() && most.is_none() {
                problems.add(format!("{path}.limits.{name}"), "has no bounds: set at_least, at_most, or both");
            }
            if least.zip(most).is_some_and(|(least, most)| least > most) {
                problems.add(format!("{path}.limits.{name}"), "at_least is more than at_most");
            }
        }
        let patience =
            [("idle_floating_ips", self.idle_floating_ips), ("unused_security_groups", self.unused_security_groups)];
        for (name, _) in patience.iter().filter(|(_, it)| it.is_some_and(|it| it.0 > LONGEST)) {
            problems.add(format!("{path}.{name}"), "is longer than ten years");
        }
        if let Some(open) = &self.world_open {
            for ethertype in open.ethertypes.iter().filter(|it| !matches!(it.as_str(), "IPv4" | "IPv6")) {
                problems
                    .add(format!("{path}.world_open.ethertypes"), format!("`{ethertype}` is neither IPv4 nor IPv6"));
            }
        }
    }
}

pub(super) fn validate(policies: &[Policy], problems: &mut Problems) {
    let mut names = BTreeSet::new();
    for (index, policy) in policies.iter().enumerate() {
        let path = format!("drift.policies[{index}]");
        if policy.name.trim().is_empty() {
            problems.add(format!("{path}.name"), "must not be empty");
        }
        if !names.insert(&policy.name) {
            problems.add(format!("{path}.name"), format!("`{}` is the name of another policy already", policy.name));
        }
        policy.validate(&path, problems);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        #[derive(Deserialize)]
        struct Written {
            policies: Vec<Policy>,
        }
        let written: Written = toml::from_str(text).unwrap();
        let mut problems = Problems::default();
        validate(&written.policies, &mut problems);
        problems.into_sorted().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_policy_has_one_condition_that_can_be_met() {
        let fine = "[[policies]]\nname = \"a\"\nworld_open = {}\n[[policies]]\nname = \"b\"\nlimits = { vcpu = { at_most = 9 } }";
        assert_eq!(problems(fine), Vec::<String>::new());
        let wrong = r#"
            [[policies]]
            name = ""
            [[policies]]
            name = "b"
            most_rules = 1
            unlimited = ["vcpu"]
            [[policies]]
            name = "b"
            limits = { ram = {}, vcpu = { at_least = 3, at_most = 2 } }
            [[policies]]
            name = "c"
            world_open = { ethertypes = ["IPv5"] }
            [[policies]]
            name = "d"
            idle_floating_ips = "4000d"
            [[policies]]
            name = "e"
            unused_security_groups = "4000d"
        "#;
        assert_eq!(
            problems(wrong),
            [
                "drift.policies[0]: has no condition: set one of world_open, idle_floating_ips, unused_security_groups, limits, unlimited, most_rules, most",
                "drift.policies[0].name: must not be empty",
                "drift.policies[1]: has several conditions (unlimited, most_rules): make it several policies",
                "drift.policies[2].limits.ram: has no bounds: set at_least, at_most, or both",
                "drift.policies[2].limits.vcpu: at_least is more than at_most",
                "drift.policies[2].name: `b` is the name of another policy already",
                "drift.policies[3].world_open.ethertypes: `IPv5` is neither IPv4 nor IPv6",
                "drift.policies[4].idle_floating_ips: is longer than ten years",
                "drift.policies[5].unused_security_groups: is longer than ten years",
            ]
        );
    }
}
