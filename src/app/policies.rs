//! From what the configuration says of policies to what drift judges by.

use std::collections::BTreeMap;

use crate::config::{self, Problem, Problems};
use crate::drift::policy::{Bounds, Condition, Policy, Whom};
use crate::model::quota::{NAMES, is_name};
use crate::model::security_group::canonical_protocol;
use crate::model::{ResourceType, Severity};

/// A policy as drift knows it; `None` without a condition, which no configuration that was read has.
pub fn policy(written: &config::Policy) -> Option<Policy> {
    Some(Policy {
        name: written.name.clone(),
        severity: severity(written.severity),
        only: whom(&written.only),
        except: whom(&written.except),
        except_objects: written.except_objects.clone(),
        condition: condition(written)?,
    })
}

pub(super) fn whom(written: &config::Whom) -> Whom {
    let config::Whom { clouds, domains, tenants, tags } = written.clone();
    Whom { clouds, domains, tenants, tags }
}

fn condition(written: &config::Policy) -> Option<Condition> {
    if let Some(config::WorldOpen { ports, protocols, ethertypes }) = written.world_open.clone() {
        let protocols = protocols.iter().flat_map(|written| spellings(written)).collect();
        return Some(Condition::WorldOpen { ports, protocols, ethertypes });
    }
    if let Some(patience) = written.idle_floating_ips {
        return Some(Condition::IdleFloatingIp(patience.0));
    }
    if let Some(patience) = written.unused_security_groups {
        return Some(Condition::UnusedSecurityGroup(patience.0));
    }
    if let Some(most) = written.most_rules {
        return Some(Condition::MostRules(most));
    }
    if !written.limits.is_empty() {
        let bounds = |it: &config::Bounds| Bounds { at_least: it.at_least, at_most: it.at_most };
        return Some(Condition::Limits(written.limits.iter().map(|(name, it)| (name.clone(), bounds(it))).collect()));
    }
    if !written.unlimited.is_empty() {
        return Some(Condition::Unlimited(written.unlimited.clone()));
    }
    written.most.map(|most| Condition::Most(numbers(most)))
}

/// What rules call a protocol: `6` is `tcp`, and `icmp` is `ipv6-icmp` where addresses are IPv6.
pub(super) fn spellings(written: &str) -> impl Iterator<Item = String> {
    ["IPv4", "IPv6"].into_iter().filter_map(|ethertype| canonical_protocol(written, ethertype))
}

fn numbers(most: config::Most) -> BTreeMap<ResourceType, usize> {
    let all = [
        (ResourceType::SecurityGroups, most.security_groups),
        (ResourceType::FloatingIps, most.floating_ips),
        (ResourceType::ServerGroups, most.server_groups),
    ];
    all.into_iter().filter_map(|(resource_type, most)| Some((resource_type, most?))).collect()
}

const fn severity(written: config::Severity) -> Severity {
    match written {
        config::Severity::Info => Severity::Info,
        config::Severity::Warning => Severity::Warning,
        config::Severity::Critical => Severity::Critical,
    }
}

/// Whether packets of a protocol have ports.
fn has_ports(written: &str) -> bool {
    spellings(written).any(|name| matches!(name.as_str(), "tcp" | "udp"))
}

/// Names that are no quota's, and conditions that nothing could meet.
pub(super) fn problems(policies: &[config::Policy]) -> Vec<Problem> {
    let mut problems = Problems::default();
    for (index, policy) in policies.iter().enumerate() {
        let limits = policy.limits.keys().map(|name| ("limits", name));
        let all = limits.chain(policy.unlimited.iter().map(|name| ("unlimited", name)));
        for (key, name) in all.filter(|(_, name)| !is_name(name)) {
            let known = NAMES.join(", ");
            let why = format!("`{name}` is no quota; there are {known}, and gigabytes_<volume type>");
            problems.add(format!("drift.policies[{index}].{key}"), why);
        }
    }
    let open = policies.iter().enumerate().filter_map(|(index, policy)| Some((index, policy.world_open.as_ref()?)));
    for (index, open) in open {
        let path = format!("drift.policies[{index}].world_open");
        for protocol in open.protocols.iter().filter(|it| spellings(it).next().is_none()) {
            problems
                .add(format!("{path}.protocols"), format!("`{protocol}` is no protocol; leave the list out for any"));
        }
        if open.ports.contains(&0) {
            problems.add(format!("{path}.ports"), "0 is no port");
        }
        if !open.ports.is_empty() && !open.protocols.is_empty() && !open.protocols.iter().any(|it| has_ports(it)) {
            problems.add(
                format!("{path}.ports"),
                "none of the protocols has ports; name tcp or udp, or leave one list out",
            );
        }
    }
    problems.into_sorted()
}
