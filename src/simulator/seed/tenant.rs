//! One tenant: a network with servers, groups with rules, addresses, volumes, and limits that differ.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::super::Options;
use super::super::compute::model::{Server, ServerGroup};
use super::super::identity::model::{Project, Scope};
use super::super::network::model::{Direction, Ethertype, Network, Port, Router, Stamp, Subnet};
use super::super::volume::model::{Snapshot, Volume};
use super::super::world::World;
use super::{MEMBER_PASSWORD, user};

const POLICIES: [&str; 4] = ["affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"];
const GROUPS: usize = 3;

struct Tenant {
    project: Uuid,
    user: Uuid,
    name: String,
    at: DateTime<Utc>,
}

/// Adds tenant number `number`.
pub fn sow(world: &mut World, options: &Options, number: usize, at: DateTime<Utc>) {
    let minutes = i64::try_from(number).unwrap_or(0);
    let name = format!("tenant-{number:03}");
    let project = world.random.id();
    world.identity.add_project(Project {
        id: project,
        name: name.clone(),
        domain_id: "default".to_owned(),
        description: format!("tenant number {number}"),
        enabled: true,
        parent_id: "default".to_owned(),
        tags: [format!("tier-{}", number % 3 + 1), "tenant".to_owned()].into(),
    });
    let user = user(world, &format!("{name}-user"), MEMBER_PASSWORD, Some(project));
    world.identity.assign(user, Scope::Project(project), "member");
    if number == 1
        && let Some(member) = world.identity.user_names.get("member").copied()
    {
        world.identity.assign(member, Scope::Project(project), "member");
    }
    let tenant = Tenant { project, user, name, at: at + TimeDelta::minutes(minutes) };
    sow_limits(world, &tenant, options);
    let groups = sow_groups(world, &tenant, options.rules_per_group);
    sow_servers(world, &tenant, &groups);
    sow_volumes(world, &tenant);
}

/// Limits leave room for what is seeded, as an operator's would.
fn sow_limits(world: &mut World, tenant: &Tenant, options: &Options) {
    let mut more = |base: usize| i64::try_from(base + world.random.below(10)).unwrap_or(i64::MAX);
    let rules = (options.rules_per_group + 2) * GROUPS * 2 + 100;
    let network =
        [("floatingip", more(20)), ("security_group", more(30)), ("security_group_rule", more(rules)), ("port", 250)];
    let compute = [("instances", more(20)), ("cores", more(40)), ("ram", 102_400), ("server_groups", more(11))];
    let volume = [("volumes", more(20)), ("snapshots", 15), ("gigabytes", 2000)];
    world.network.limits.insert(tenant.project, BTreeMap::from(network));
    world.compute.limits.insert(tenant.project, BTreeMap::from(compute));
    world.volume.limits.insert(tenant.project, BTreeMap::from(volume));
}

fn sow_groups(world: &mut World, tenant: &Tenant, rules: usize) -> Vec<(Uuid, String)> {
    let (networking, random) = (&mut world.network, &mut world.random);
    let (project, at) = (tenant.project, tenant.at);
    networking.welcome(project, at, random);
    let mut groups: Vec<(Uuid, String)> = Vec::new();
    for number in 0..GROUPS {
        let name = format!("{}-sg{number}", tenant.name);
        let description = format!("group {number} of {}", tenant.name);
        let group = networking.add_group(project, (&name, &description), at, random);
        for index in 0..rules {
            let port = i64::try_from(1000 + index).unwrap_or(65_535).min(65_535);
            let ethertype = if index % 3 == 2 { Ethertype::IPv6 } else { Ethertype::IPv4 };
            let mut rule = networking.blank_rule((group, project), Direction::Ingress, ethertype, at, random);
            rule.protocol = Some("tcp".to_owned());
            rule.port_range_min = Some(port);
            rule.port_range_max = Some(port);
            let prefix = match ethertype {
                Ethertype::IPv4 => format!("10.{}.{}.0/24", index % 250, number),
                Ethertype::IPv6 => "2001:db8::/32".to_owned(),
            };
            match groups.first() {
                Some((first, _)) if index % 4 == 3 => rule.remote_group_id = Some(*first),
                _ => {
                    rule.normalized_cidr = Some(prefix.clone());
                    rule.remote_ip_prefix = Some(prefix);
                }
            }
            rule.description = Some(format!("rule {index}"));
            networking.attach(rule);
        }
        groups.push((group, name));
    }
    groups
}

fn sow_servers(world: &mut World, tenant: &Tenant, groups: &[(Uuid, String)]) {
    let (networking, compute, random) = (&mut world.network, &mut world.compute, &mut world.random);
    let (project, at) = (tenant.project, tenant.at);
    let stamp = Stamp::new(at);
    let (network, subnet) = (random.id(), random.id());
    let network_name = format!("{}-net", tenant.name);
    networking.networks.insert(Network {
        id: network,
        project,
        name: network_name.clone(),
        description: String::new(),
        external: false,
        shared: false,
        subnets: vec![subnet],
        segment: random.next() % 1_000_000,
        at: stamp,
    });
    networking.subnets.insert(Subnet {
        id: subnet,
        project,
        name: format!("{}-subnet", tenant.name),
        network,
        cidr: "10.10.0.0/24".to_owned(),
        gateway: Some("10.10.0.1".to_owned()),
        pool: ("10.10.0.2".to_owned(), "10.10.0.254".to_owned()),
        version: 4,
        external: false,
        at: stamp,
    });
    let gateway = networking.free_address(random);
    networking.addresses.insert(gateway.clone());
    networking.routers.insert(Router {
        id: random.id(),
        project,
        name: format!("{}-router", tenant.name),
        gateway: Some((networking.external.0, networking.external.1, gateway)),
        at: stamp,
    });
    let mut servers = Vec::new();
    for number in 0..2 {
        compute.number += 1;
        let (server, port, mac) = (random.id(), random.id(), random.mac());
        let address = format!("10.10.0.{}", 10 + number);
        networking.ports.insert(Port {
            id: port,
            project: Some(project),
            name: format!("{}-port{number}", tenant.name),
            network,
            subnet,
            address: address.clone(),
            mac: mac.clone(),
            device: server.to_string(),
            owner: "compute:nova".to_owned(),
            groups: groups.iter().take(1).map(|(id, _)| *id).collect(),
            at: stamp,
        });
        compute.servers.insert(Server {
            id: server,
            project,
            user: tenant.user,
            name: format!("{}-server{number}", tenant.name),
            flavor: number,
            groups: groups.iter().take(1).map(|(_, name)| name.clone()).collect(),
            status: "ACTIVE".to_owned(),
            task: None,
            address: Some((network_name.clone(), address, mac)),
            number: compute.number,
            at,
        });
        servers.push((server, port));
    }
    for (number, port) in [servers.first().map(|(_, port)| *port), None, None].into_iter().enumerate() {
        let floating = networking.allocate(project, &format!("floating {number}"), at, random);
        networking.associate(floating, port);
    }
    for (number, (server, _)) in servers.iter().enumerate() {
        let policy = random.pick(&POLICIES).copied().unwrap_or("affinity");
        compute.groups.insert(ServerGroup {
            id: random.id(),
            project,
            user: tenant.user,
            name: format!("{}-group{number}", tenant.name),
            policy: policy.to_owned(),
            max_server_per_host: (policy == "anti-affinity").then_some(2),
            members: vec![*server],
        });
    }
}

fn sow_volumes(world: &mut World, tenant: &Tenant) {
    let (volumes, random) = (&mut world.volume, &mut world.random);
    for number in 1..=2 {
        let volume = Volume {
            id: random.id(),
            project: tenant.project,
            user: tenant.user,
            name: format!("{}-volume{number}", tenant.name),
            size: number,
            status: "available".to_owned(),
            at: tenant.at,
        };
        if number == 1 {
            volumes.snapshots.insert(Snapshot {
                id: random.id(),
                project: tenant.project,
                user: tenant.user,
                name: format!("{}-snapshot", tenant.name),
                volume: volume.id,
                size: volume.size,
                status: "available".to_owned(),
                at: tenant.at,
            });
        }
        volumes.volumes.insert(volume);
    }
}
