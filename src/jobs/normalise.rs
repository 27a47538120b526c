//! From what the APIs answer to what is stored and compared, under the names of the API documents.

mod inventory;

use std::collections::BTreeMap;

use crate::model::floating_ip::FloatingIp;
use crate::model::quota::{Limit, Quota, Quotas};
use crate::model::security_group::{Meaning, Rule, SecurityGroup};
use crate::model::server_group::ServerGroup;
use crate::openstack::{self, QuotaValue, Service};

/// MiB in a GiB: Cinder counts gigabytes, the API documents have `storage` in MiB.
const MEBIBYTES: u64 = 1024;

/// Nova's keys and the names that the API documents have for them.
const COMPUTE: [(&str, &str); 5] = [
    ("cores", "vcpu"),
    ("ram", "ram"),
    ("instances", "instances"),
    ("server_groups", "server_group_count"),
    ("server_group_members", "server_group_member_count"),
];

/// Neutron's keys and the names that the API documents have for them.
const NETWORK: [(&str, &str); 6] = [
    ("security_group", "security_group_count"),
    ("security_group_rule", "security_group_rule_count"),
    ("floatingip", "floating_ip_count"),
    ("port", "port_count"),
    ("network", "network_count"),
    ("subnet", "subnet_count"),
];

/// The quotas of one tenant; a key that a cloud does not have is left out, one that makes no sense is an error.
pub(super) fn quotas(
    compute: &openstack::Quotas,
    network: &openstack::Quotas,
    volume: &openstack::Quotas,
) -> Result<Quotas, String> {
    let mut quotas = Quotas::new();
    for (from, names) in [(compute, COMPUTE.as_slice()), (network, NETWORK.as_slice())] {
        for (key, name) in names {
            insert(&mut quotas, name, from.values.get(*key), 1)?;
        }
    }
    insert(&mut quotas, "storage", volume.values.get("gigabytes"), MEBIBYTES)?;
    insert(&mut quotas, "volumes", volume.values.get("volumes"), 1)?;
    insert(&mut quotas, "snapshots", volume.values.get("snapshots"), 1)?;
    for (key, value) in volume.values.iter().filter(|(key, _)| key.starts_with("gigabytes_")) {
        insert(&mut quotas, key, Some(value), 1)?;
    }
    // Nova cannot say how many members the fullest group has, and says 0.
    if let Some(members) = quotas.get_mut("server_group_member_count") {
        members.usage = None;
    }
    Ok(quotas)
}

/// The service that a limit is set in, its key there, and how many of ours its unit has; none for what nobody limits.
pub(super) fn service_key(name: &str) -> Option<(Service, &str, u64)> {
    let named = |keys: &'static [(&str, &str)]| keys.iter().find(|(_, it)| *it == name).map(|(key, _)| *key);
    if let Some(key) = named(&COMPUTE) {
        return Some((Service::Compute, key, 1));
    }
    if let Some(key) = named(&NETWORK) {
        return Some((Service::Network, key, 1));
    }
    match name {
        "storage" => Some((Service::Volume, "gigabytes", MEBIBYTES)),
        "volumes" | "snapshots" => Some((Service::Volume, name, 1)),
        _ if name.strip_prefix("gigabytes_").is_some_and(|kind| !kind.is_empty()) => Some((Service::Volume, name, 1)),
        _ => None,
    }
}

/// Our name of a service's key, and how many of our units one of the service's has; none for what is not recorded.
pub(super) fn name_of(key: &str) -> Option<(&str, u64)> {
    let named = COMPUTE.iter().chain(&NETWORK).find(|(it, _)| *it == key).map(|(_, name)| (*name, 1));
    named.or(match key {
        "gigabytes" => Some(("storage", MEBIBYTES)),
        "volumes" | "snapshots" => Some((key, 1)),
        _ => key.strip_prefix("gigabytes_").filter(|kind| !kind.is_empty()).map(|_| (key, 1)),
    })
}

/// The limits where nobody set one, under our names; what a service writes that is no limit is left out.
pub(super) fn defaults(of: &openstack::Defaults) -> BTreeMap<String, Limit> {
    let services = [&of.compute, &of.network, &of.volume];
    let limits = services.into_iter().flatten().flatten().filter_map(|(key, limit)| {
        let (name, factor) = name_of(key)?;
        Some((name.to_owned(), Limit::from_api(*limit).ok()?.times(factor)))
    });
    limits.collect()
}

fn insert(quotas: &mut Quotas, name: &str, value: Option<&QuotaValue>, factor: u64) -> Result<(), String> {
    let Some(value) = value else { return Ok(()) };
    let limit = Limit::from_api(value.limit).map_err(|why| format!("{name}: {why}"))?.times(factor);
    let usage = u64::try_from(value.used).unwrap_or(0).saturating_mul(factor);
    quotas.insert(name.to_owned(), Quota { limit: Some(limit), usage: Some(usage) });
    Ok(())
}

/// Sizes that no service limits: Σ size × 1024, in MiB.
pub(super) fn sizes(volumes: impl Iterator<Item = i64>, snapshots: impl Iterator<Item = i64>) -> Quotas {
    let total = |sizes: &mut dyn Iterator<Item = i64>| {
        sizes.filter_map(|size| u64::try_from(size).ok()).fold(0_u64, u64::saturating_add).saturating_mul(MEBIBYTES)
    };
    let quota = |usage| Quota { limit: None, usage: Some(usage) };
    let (mut volumes, mut snapshots) = (volumes, snapshots);
    BTreeMap::from([
        ("volumes_size".to_owned(), quota(total(&mut volumes))),
        ("snapshots_size".to_owned(), quota(total(&mut snapshots))),
    ])
}

/// A text that both databases can keep: PostgreSQL has no NUL character.
pub(super) fn storable(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// A group with its rules; an error when a rule has a port that is none.
pub(super) fn security_group(group: openstack::SecurityGroup) -> Result<SecurityGroup, String> {
    Ok(SecurityGroup {
        id: group.id,
        name: storable(group.name),
        description: storable(group.description),
        stateful: group.stateful.unwrap_or(true),
        rules: group.security_group_rules.into_iter().map(rule).collect::<Result<_, _>>()?,
    })
}

fn rule(rule: openstack::SecurityGroupRule) -> Result<Rule, String> {
    let port = |number: Option<i64>| match number {
        None | Some(-1) => Ok(None),
        Some(number) => u16::try_from(number).map(Some).map_err(|_| format!("rule {} has the port {number}", rule.id)),
    };
    let meaning = Meaning {
        port_min: port(rule.port_range_min)?,
        port_max: port(rule.port_range_max)?,
        direction: rule.direction,
        ethertype: rule.ethertype.unwrap_or_default(),
        protocol: rule.protocol,
        cidr: rule.remote_ip_prefix,
        remote_group: rule.remote_group_id,
        remote_address_group: rule.remote_address_group_id,
    };
    Ok(Rule { meaning: meaning.canonical(), id: rule.id, description: storable(rule.description) })
}

/// A floating IP.
pub(super) fn floating_ip(floating: openstack::FloatingIp) -> FloatingIp {
    FloatingIp {
        id: floating.id,
        address: floating.floating_ip_address,
        description: storable(floating.description),
        status: floating.status.unwrap_or_default(),
        network_id: floating.floating_network_id,
        port_id: floating.port_id,
        fixed_ip: floating.fixed_ip_address,
        router_id: floating.router_id,
    }
}

/// A server group; one without a policy has an empty one.
pub(super) fn server_group(group: openstack::ServerGroup) -> ServerGroup {
    let policy = group.policy().unwrap_or_default().to_owned();
    ServerGroup { id: group.id, name: storable(group.name), policy, members: group.members }
}

pub(super) use inventory::{instance, network, port, router, volume, volume_snapshot};

#[cfg(test)]
mod spellings;
#[cfg(test)]
mod tests {
    use super::*;

    fn values(entries: &[(&str, i64, i64)]) -> openstack::Quotas {
        let value = |(key, limit, used): &(&str, i64, i64)| {
            (key.to_string(), QuotaValue { limit: *limit, used: *used, reserved: 0 })
        };
        openstack::Quotas { values: entries.iter().map(value).collect(), broken: vec![] }
    }

    #[test]
    fn names_units_and_sources_are_those_of_the_documents() {
        let quotas = quotas(
            &values(&[("cores", 20, 2), ("ram", 51_200, 512), ("instances", 0, 0), ("key_pairs", 100, 1)]),
            &values(&[("security_group", -1, 1), ("floatingip", 50, 3), ("router", 10, 0)]),
            &values(&[("gigabytes", -1, 7), ("volumes", 50, 2), ("gigabytes_ssd", 10, 1), ("volumes_ssd", 5, 1)]),
        )
        .unwrap();
        let said: Vec<String> = quotas
            .iter()
            .map(|(name, quota)| format!("{name} {}/{}", quota.usage.unwrap(), quota.limit.unwrap()))
            .collect();
        assert_eq!(
            said,
            [
                "floating_ip_count 3/50",
                "gigabytes_ssd 1/10",
                "instances 0/0",
                "ram 512/51200",
                "security_group_count 1/unlimited",
                "storage 7168/unlimited",
                "vcpu 2/20",
                "volumes 2/50",
            ]
        );
    }

    #[test]
    fn a_key_and_its_name_lead_to_each_other() {
        let names = crate::model::quota::NAMES.into_iter().chain(["gigabytes_ssd"]);
        for (name, (service, key, factor)) in names.filter_map(|name| Some((name, service_key(name)?))) {
            assert_eq!(name_of(key), Some((name, factor)));
            let keeper = match service {
                Service::Compute => "nova",
                Service::Network => "neutron",
                _ => "cinder",
            };
            assert_eq!(crate::model::quota::keeper(name), keeper, "{name}");
        }
        assert_eq!([name_of("volumes_ssd"), name_of("gigabytes_"), name_of("key_pairs")], [None; 3]);
    }

    #[test]
    fn default_limits_are_those_of_the_documents() {
        let limits = |entries: &[(&str, i64)]| Some(entries.iter().map(|(key, it)| (key.to_string(), *it)).collect());
        let compute = limits(&[("cores", 20), ("key_pairs", 100)]);
        let known =
            openstack::Defaults { compute, network: None, volume: limits(&[("gigabytes", 10), ("volumes", -1)]) };
        let expected = [("storage", Limit::Of(10_240)), ("vcpu", Limit::Of(20)), ("volumes", Limit::Unlimited)];
        assert_eq!(defaults(&known), expected.map(|(name, limit)| (name.to_owned(), limit)).into());
    }

    #[test]
    fn a_limit_that_means_nothing_is_an_error_and_not_a_number() {
        let broken = quotas(&values(&[("cores", -2, 0)]), &values(&[]), &values(&[]));
        assert_eq!(broken.unwrap_err(), "vcpu: a limit of -2 has no meaning");
    }
}
