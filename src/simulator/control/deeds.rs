//! The changes themselves, each as a person with administrator's rights would make it.

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::clock;
use super::super::compute::groups;
use super::super::compute::model::ServerGroup;
use super::super::network::model::{Direction, Ethertype, Rule};
use super::super::network::{rules, views};
use super::super::random::Random;
use super::super::world::World;
use super::meddle::{Deed, Kind};
use super::undo::{Limited, Undo, set};

const LIMITS: [(Limited, &str, &str); 8] = [
    (Limited::Network, "network", "floatingip"),
    (Limited::Network, "network", "security_group"),
    (Limited::Network, "network", "security_group_rule"),
    (Limited::Compute, "compute", "instances"),
    (Limited::Compute, "compute", "cores"),
    (Limited::Compute, "compute", "ram"),
    (Limited::Volume, "volume", "volumes"),
    (Limited::Volume, "volume", "gigabytes"),
];

/// Ports that people open to the world because "it is only for a moment".
const OPENED: [(i64, &str); 4] = [(22, "ssh"), (3389, "remote desktop"), (5432, "database"), (6379, "cache")];

/// Does it, if there is something to do it to.
pub fn carry_out(world: &mut World, random: &mut Random, project: Uuid, kind: Kind) -> Option<Deed> {
    match kind {
        Kind::Quota => quota(world, random, project),
        Kind::RuleAdd => add_rule(world, random, project),
        Kind::RuleRemove => remove_rule(world, random, project),
        Kind::FloatingIpAllocate => Some(allocate(world, random, project)),
        Kind::FloatingIpRelease => release(world, random, project),
        Kind::ServerGroupCreate => Some(create_group(world, random, project)),
        Kind::ServerGroupDelete => delete_group(world, random, project),
        Kind::SecurityGroupDelete => delete_security_group(world, random, project),
    }
}

fn quota(world: &mut World, random: &mut Random, project: Uuid) -> Option<Deed> {
    let (service, name, resource) = *random.pick(&LIMITS)?;
    let (before, used) = match service {
        Limited::Network => (world.network.limit(project, resource), world.network.used(project, resource)),
        Limited::Compute => (world.compute.limit(project, resource), world.compute.used(project, resource)),
        Limited::Volume => (world.volume.limit(project, resource), world.volume.used(project, resource)),
    };
    let grown = before.max(1).saturating_mul(2);
    let shrunk = (before / 2).max(used);
    let after = if shrunk != before && random.below(2) == 0 { shrunk } else { grown };
    let own = set(world, service, project, resource, Some(after));
    Some(Deed {
        resource_type: "quota",
        object: format!("{name}.{resource}"),
        before: json!(before),
        after: json!(after),
        undo: Undo::Limit(service, project, resource, own),
    })
}

fn add_rule(world: &mut World, random: &mut Random, project: Uuid) -> Option<Deed> {
    let groups: Vec<Uuid> = world.network.groups.of(project).map(|group| group.id).collect();
    let group = *random.pick(&groups)?;
    let first = random.below(OPENED.len());
    for (port, what) in OPENED.iter().cycle().skip(first).take(OPENED.len()) {
        let owner = (group, project);
        let at = clock::now();
        let mut rule = world.network.blank_rule(owner, Direction::Ingress, Ethertype::IPv4, at, random);
        rule.protocol = Some("tcp".to_owned());
        (rule.port_range_min, rule.port_range_max) = (Some(*port), Some(*port));
        rule.remote_ip_prefix = Some("0.0.0.0/0".to_owned());
        rule.normalized_cidr = Some("0.0.0.0/0".to_owned());
        rule.description = Some(format!("{what}, only for a moment"));
        if rules::duplicate(&world.network, &rule).is_none() {
            let deed = rule_deed(Value::Null, shown(world, &rule), &rule, Undo::RemoveRule(rule.id));
            world.network.attach(rule);
            return Some(deed);
        }
    }
    None
}

fn remove_rule(world: &mut World, random: &mut Random, project: Uuid) -> Option<Deed> {
    let rules: Vec<Uuid> = world.network.rules.of(project).map(|rule| rule.id).collect();
    let rule = world.network.detach(*random.pick(&rules)?)?;
    let before = shown(world, &rule);
    Some(rule_deed(before, Value::Null, &rule, Undo::RestoreRule(Box::new(rule.clone()))))
}

fn rule_deed(before: Value, after: Value, rule: &Rule, undo: Undo) -> Deed {
    Deed { resource_type: "security_group_rule", object: rule.id.to_string(), before, after, undo }
}

fn shown(world: &World, rule: &Rule) -> Value {
    serde_json::to_value(views::rule(&world.network, rule)).unwrap_or_default()
}

fn allocate(world: &mut World, random: &mut Random, project: Uuid) -> Deed {
    let new = world.network.allocate(project, "by hand", clock::now(), random);
    let after = world.network.floating.get(new).map(|row| views::floating(&world.network, row));
    Deed {
        resource_type: "floating_ip",
        object: new.to_string(),
        before: Value::Null,
        after: after.unwrap_or_default(),
        undo: Undo::Release(new),
    }
}

fn release(world: &mut World, random: &mut Random, project: Uuid) -> Option<Deed> {
    let held: Vec<Uuid> = world.network.floating.of(project).map(|row| row.id).collect();
    let id = *random.pick(&held)?;
    let before = world.network.floating.get(id).map(|row| views::floating(&world.network, row))?;
    let row = world.network.release(id)?;
    Some(Deed {
        resource_type: "floating_ip",
        object: id.to_string(),
        before,
        after: Value::Null,
        undo: Undo::RestoreAddress(Box::new(row)),
    })
}

fn create_group(world: &mut World, random: &mut Random, project: Uuid) -> Deed {
    let id = random.id();
    let row = ServerGroup {
        id,
        project,
        user: world.identity.user_names.get("admin").copied().unwrap_or_default(),
        name: format!("by-hand-{}", random.below(1000)),
        policy: "anti-affinity".to_owned(),
        max_server_per_host: None,
        members: Vec::new(),
    };
    let after = groups::view(&row, 96);
    world.compute.groups.insert(row);
    Deed {
        resource_type: "server_group",
        object: id.to_string(),
        before: Value::Null,
        after,
        undo: Undo::RemoveServerGroup(id),
    }
}

fn delete_group(world: &mut World, random: &mut Random, project: Uuid) -> Option<Deed> {
    let held: Vec<Uuid> = world.compute.groups.of(project).map(|row| row.id).collect();
    let row = world.compute.groups.remove(*random.pick(&held)?)?;
    Some(Deed {
        resource_type: "server_group",
        object: row.id.to_string(),
        before: groups::view(&row, 96),
        after: Value::Null,
        undo: Undo::RestoreServerGroup(Box::new(row)),
    })
}

fn delete_security_group(world: &mut World, random: &mut Random, project: Uuid) -> Option<Deed> {
    let networking = &mut world.network;
    let needed: Vec<Uuid> = networking.ports.of(project).flat_map(|port| port.groups.clone()).collect();
    let default = networking.defaults.get(&project).copied();
    let spare = |id: &Uuid| Some(*id) != default && !needed.contains(id);
    let held: Vec<Uuid> = networking.groups.of(project).map(|group| group.id).filter(spare).collect();
    let id = *random.pick(&held)?;
    let rules =
        networking.groups.get(id)?.rules.iter().filter_map(|rule| networking.rules.get(*rule).cloned()).collect();
    let group = networking.remove_group(id)?;
    Some(Deed {
        resource_type: "security_group",
        object: id.to_string(),
        before: json!({"id": id, "name": group.name}),
        after: Value::Null,
        undo: Undo::RestoreGroup(Box::new(group), rules),
    })
}
