//! A cloud in use: while a listing is read, objects of the project `elsewhere` appear in it and vanish from it.

use uuid::Uuid;

use super::super::call::{Call, id};
use super::super::clock;
use super::super::random::Random;
use super::super::table::{Resource, Table};
use super::super::world::World;
use super::passing;

/// The project whose objects come and go; nothing happens where there is none.
const ELSEWHERE: &str = "elsewhere";

/// Adds an object of the kind that the request is about, or takes one away: sometimes the very one that its marker names.
pub fn stir(world: &mut World, random: &mut Random, call: &Call) {
    let mut projects = world.identity.projects.values();
    let Some(project) = projects.find(|project| project.name == ELSEWHERE).map(|project| project.id) else { return };
    let marker = call.query("marker").map(id);
    let mut segments = call.segments.iter().rev().map(|segment| segment.trim_end_matches(".json"));
    let Some(kind) = segments.find(|segment| *segment != "detail") else { return };
    match kind {
        "security-groups" => match victim(&held(&world.network.groups, project), marker, random) {
            Some(group) => drop(world.network.remove_group(group)),
            None => drop(world.network.add_group(project, ("passing", ""), clock::now(), random)),
        },
        "floatingips" => match victim(&held(&world.network.floating, project), marker, random) {
            Some(address) => drop(world.network.release(address)),
            None => drop(world.network.allocate(project, "passing", clock::now(), random)),
        },
        "networks" => match victim(&held(&world.network.networks, project), marker, random) {
            Some(network) => take_network(world, network),
            None => passing::network(world, project, random),
        },
        "subnets" => match victim(&held(&world.network.subnets, project), marker, random) {
            Some(subnet) => {
                let network = world.network.subnets.get(subnet).map(|it| it.network);
                take_network(world, network.unwrap_or_default());
            }
            None => passing::network(world, project, random),
        },
        "ports" => come_or_go(&mut world.network.ports, (project, marker), random, passing::port),
        "routers" => come_or_go(&mut world.network.routers, (project, marker), random, passing::router),
        "os-server-groups" => {
            come_or_go(&mut world.compute.groups, (project, marker), random, passing::server_group);
        }
        "servers" => come_or_go(&mut world.compute.servers, (project, marker), random, passing::server),
        "volumes" => come_or_go(&mut world.volume.volumes, (project, marker), random, passing::volume),
        "snapshots" => come_or_go(&mut world.volume.snapshots, (project, marker), random, passing::snapshot),
        _ => {}
    }
}

fn held<T: Resource>(table: &Table<T>, project: Uuid) -> Vec<Uuid> {
    table.of(project).map(Resource::id).collect()
}

fn come_or_go<T: Resource>(
    table: &mut Table<T>,
    (project, marker): (Uuid, Option<Uuid>),
    random: &mut Random,
    passing: impl Fn(Uuid, &mut Random) -> T,
) {
    match victim(&held(table, project), marker, random) {
        Some(one) => drop(table.remove(one)),
        None => table.insert(passing(project, random)),
    }
}

/// A network goes with its subnets.
fn take_network(world: &mut World, network: Uuid) {
    let subnets = world.network.networks.remove(network).map(|network| network.subnets);
    for subnet in subnets.into_iter().flatten() {
        world.network.subnets.remove(subnet);
    }
}

/// What goes, unless something is to come: the object at the marker rather than another.
fn victim(held: &[Uuid], marker: Option<Uuid>, random: &mut Random) -> Option<Uuid> {
    let comes = random.below(held.len() + 8) >= held.len();
    let at_marker = marker.filter(|marker| held.contains(marker));
    match at_marker {
        Some(marker) if random.below(4) > 0 => Some(marker),
        _ if comes => None,
        _ => random.pick(held).copied(),
    }
}
