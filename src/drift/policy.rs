//! Policies: what no tenant may have, whatever was expected of it. Each judges one observation at a time.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::json;

use super::Difference;
use super::unused::InUse;
use crate::model::floating_ip::FloatingIp;
use crate::model::pattern::matches;
use crate::model::quota::{Limit, Quotas};
use crate::model::security_group::{DEFAULT, Meaning, SecurityGroup};
use crate::model::{Body, Change, ResourceType, Severity, Tenant};

/// What findings of a policy have before its name in their field.
pub const FIELD: &str = "policy ";

/// A rule of the operator's over all tenants.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Its name, which its findings bear.
    pub name: String,
    /// How urgent its findings are.
    pub severity: Severity,
    /// Only these tenants; an empty list is no restriction.
    pub only: Whom,
    /// None of these.
    pub except: Whom,
    /// Objects that are left alone: patterns of names, addresses or ids.
    pub except_objects: Vec<String>,
    /// What must not be.
    pub condition: Condition,
}

/// Tenants, by patterns in which `*` stands for any text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whom {
    /// Names of clouds.
    pub clouds: Vec<String>,
    /// Names or ids of domains.
    pub domains: Vec<String>,
    /// Names or project ids of tenants.
    pub tenants: Vec<String>,
    /// Tags, of which a tenant has any.
    pub tags: Vec<String>,
}

/// What must not be.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Ingress from anywhere, to any of the ports with any of the protocols; empty lists are no restriction.
    WorldOpen {
        /// Ports of TCP, UDP or any protocol.
        ports: Vec<u16>,
        /// Names of protocols.
        protocols: Vec<String>,
        /// `IPv4` or `IPv6`.
        ethertypes: Vec<String>,
    },
    /// A floating IP that leads nowhere for so long.
    IdleFloatingIp(Duration),
    /// A security group that nothing uses for so long.
    UnusedSecurityGroup(Duration),
    /// A limit outside of bounds, by the quota's name.
    Limits(BTreeMap<String, Bounds>),
    /// A quota without a limit.
    Unlimited(Vec<String>),
    /// A security group with more rules.
    MostRules(usize),
    /// More objects of a resource type.
    Most(BTreeMap<ResourceType, usize>),
}

/// Between which numbers a limit is right, in the units of the records. Unlimited is above any of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounds {
    /// No less.
    pub at_least: Option<u64>,
    /// No more.
    pub at_most: Option<u64>,
}

impl Bounds {
    /// Whether so many are right.
    pub fn allow(self, many: u64) -> bool {
        self.at_least.is_none_or(|least| many >= least) && self.at_most.is_none_or(|most| many <= most)
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.at_least, self.at_most) {
            (Some(least), Some(most)) if least == most => write!(formatter, "{least}"),
            (Some(least), Some(most)) => write!(formatter, "{least} to {most}"),
            (Some(least), None) => write!(formatter, "at least {least}"),
            (None, Some(most)) => write!(formatter, "at most {most}"),
            (None, None) => formatter.write_str("any number"),
        }
    }
}

impl Whom {
    fn is_empty(&self) -> bool {
        self.clouds.is_empty() && self.domains.is_empty() && self.tenants.is_empty() && self.tags.is_empty()
    }

    /// Whether each list that says something has the tenant.
    pub fn has(&self, tenant: &Tenant) -> bool {
        let any = |patterns: &[String], names: &[&str]| {
            patterns.is_empty() || patterns.iter().any(|pattern| names.iter().any(|name| matches(pattern, name)))
        };
        any(&self.clouds, &[&tenant.cloud])
            && any(&self.domains, &[&tenant.domain, &tenant.domain_name])
            && any(&self.tenants, &[&tenant.name, &tenant.backend_id])
            && any(&self.tags, &tenant.tags.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Whether it says something, and has the tenant.
    pub fn excludes(&self, tenant: &Tenant) -> bool {
        !self.is_empty() && self.has(tenant)
    }
}

impl Policy {
    /// Whether it is for the tenant.
    pub fn concerns(&self, tenant: &Tenant) -> bool {
        self.only.has(tenant) && !self.except.excludes(tenant)
    }

    /// How long what it finds must last before it is a finding.
    pub const fn patience(&self) -> Duration {
        match self.condition {
            Condition::IdleFloatingIp(patience) | Condition::UnusedSecurityGroup(patience) => patience,
            _ => Duration::ZERO,
        }
    }

    /// Whether it judges what is no part of a body: whether something uses a security group.
    pub const fn is_about_use(&self) -> bool {
        matches!(self.condition, Condition::UnusedSecurityGroup(_))
    }

    /// The field of its findings.
    pub fn field(&self) -> String {
        format!("{FIELD}{}", self.name)
    }

    /// Everything of an observation that it forbids, whomever it is of; `in_use` is what the look knows beside the body.
    pub fn violations(&self, observed: &Body, in_use: Option<&InUse>) -> Vec<Difference> {
        let mut found = match (&self.condition, observed) {
            (Condition::WorldOpen { ports, protocols, ethertypes }, Body::SecurityGroups(groups)) => {
                self.world_open(groups, |rule| opens(rule, ports, protocols, ethertypes))
            }
            (Condition::MostRules(most), Body::SecurityGroups(groups)) => {
                let long = groups.iter().filter(|group| group.rules.len() > *most);
                let told =
                    |group: &SecurityGroup| (format!("at most {most} rules"), format!("{} rules", group.rules.len()));
                long.map(|group| self.found((&group.id, &group.name), told(group))).collect()
            }
            (Condition::IdleFloatingIp(_), Body::FloatingIps(addresses)) => self.idle(addresses),
            (Condition::Limits(bounds), Body::Quotas(quotas)) => self.outside(bounds, quotas),
            (Condition::Unlimited(names), Body::Quotas(quotas)) => {
                let unlimited = |name: &&String| quotas.get(*name).is_some_and(|it| it.limit == Some(Limit::Unlimited));
                let told = || ("a limit".to_owned(), "unlimited".to_owned());
                names.iter().filter(unlimited).map(|name| self.found((name, name), told())).collect()
            }
            (Condition::UnusedSecurityGroup(_), Body::SecurityGroups(groups)) => {
                in_use.map(|in_use| self.unused(groups, in_use)).unwrap_or_default()
            }
            (Condition::Most(most), body) => self.too_many(most, body),
            _ => Vec::new(),
        };
        found.retain(|it| {
            let excepted = |pattern: &String| matches(pattern, &it.object) || matches(pattern, &it.object_name);
            !self.except_objects.iter().any(excepted)
        });
        found
    }

    fn found(&self, (id, name): (&str, &str), (expected, observed): (String, String)) -> Difference {
        Difference {
            object: id.to_owned(),
            object_name: name.to_owned(),
            field: self.field(),
            change: Change::Policy,
            expected: json!(expected),
            observed: json!(observed),
        }
    }

    /// One finding a group, however many of its rules are to blame.
    fn world_open(&self, groups: &[SecurityGroup], opens: impl Fn(&Meaning) -> bool) -> Vec<Difference> {
        let to_blame = |group: &SecurityGroup| {
            let rules = group.rules.iter().map(|rule| &rule.meaning).filter(|rule| opens(rule));
            let rules: Vec<String> = rules.map(ToString::to_string).collect();
            let told = ("not open to anywhere".to_owned(), rules.join("; "));
            (!rules.is_empty()).then(|| self.found((&group.id, &group.name), told))
        };
        groups.iter().filter_map(to_blame).collect()
    }

    fn idle(&self, addresses: &[FloatingIp]) -> Vec<Difference> {
        let idle = addresses.iter().filter(|address| address.port_id.is_none());
        let told = || ("leads to a port".to_owned(), "leads nowhere".to_owned());
        idle.map(|address| self.found((&address.id, &address.address), told())).collect()
    }

    /// The group that every project has is nobody's to remove.
    fn unused(&self, groups: &[SecurityGroup], in_use: &InUse) -> Vec<Difference> {
        let unused = groups.iter().filter(|group| group.name != DEFAULT && in_use.get(&group.id) == Some(&false));
        let told = || ("a port has it or a rule names it".to_owned(), "nothing uses it".to_owned());
        unused.map(|group| self.found((&group.id, &group.name), told())).collect()
    }

    fn outside(&self, bounds: &BTreeMap<String, Bounds>, quotas: &Quotas) -> Vec<Difference> {
        let outside = |(name, bounds): (&String, &Bounds)| {
            let limit = quotas.get(name)?.limit?;
            let below = bounds.at_least.filter(|least| matches!(limit, Limit::Of(limit) if limit < *least));
            let above = bounds.at_most.filter(|most| limit.is_more_than(*most));
            let expected = match (below, above) {
                (Some(least), _) => format!("at least {least}"),
                (None, Some(most)) => format!("at most {most}"),
                (None, None) => return None,
            };
            Some(self.found((name, name), (expected, limit.to_string())))
        };
        bounds.iter().filter_map(outside).collect()
    }

    fn too_many(&self, most: &BTreeMap<ResourceType, usize>, body: &Body) -> Vec<Difference> {
        let resource_type = body.resource_type();
        let exceeded = most.get(&resource_type).filter(|most| body.count() > **most);
        let told = |most: &usize| (format!("at most {most}"), format!("{} of them", body.count()));
        let name = resource_type.as_str();
        exceeded.map(|most| self.found((name, name), told(most))).into_iter().collect()
    }
}

/// Whether a rule lets anybody in where nobody may come in so.
fn opens(rule: &Meaning, ports: &[u16], protocols: &[String], ethertypes: &[String]) -> bool {
    let protocol = rule.protocol.as_deref();
    rule.is_world_open_ingress()
        && (ethertypes.is_empty() || ethertypes.contains(&rule.ethertype))
        && (protocols.is_empty() || protocol.is_none_or(|it| protocols.iter().any(|named| named == it)))
        && (ports.is_empty() || ports.iter().any(|port| rule.covers_port(*port)))
}

#[cfg(test)]
mod tests;
