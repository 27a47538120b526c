//! A cloud in use: while a listing is read, objects of the project `elsewhere` appear in it and vanish from it.

use uuid::Uuid;

use super::super::call::{Call, id};
use super::super::clock;
use super::super::compute::model::ServerGroup;
use super::super::random::Random;
use super::super::world::World;

/// The project whose objects come and go; nothing happens where there is none.
const ELSEWHERE: &str = "elsewhere";

/// Adds an object of the kind that the request is about, or takes one away: sometimes the very one that its marker names.
pub fn stir(world: &mut World, random: &mut Random, call: &Call) {
    let mut projects = world.identity.projects.values();
    let Some(project) = projects.find(|project| project.name == ELSEWHERE).map(|project| project.id) else { return };
    let marker = call.query("marker").map(id);
    match call.segments.last().map(|last| last.trim_end_matches(".json")) {
        Some("security-groups") => {
            let held: Vec<Uuid> = world.network.groups.of(project).map(|group| group.id).collect();
            match victim(&held, marker, random) {
                Some(group) => drop(world.network.remove_group(group)),
                None => drop(world.network.add_group(project, ("passing", ""), clock::now(), random)),
            }
        }
        Some("floatingips") => {
            let held: Vec<Uuid> = world.network.floating.of(project).map(|row| row.id).collect();
            match victim(&held, marker, random) {
                Some(address) => drop(world.network.release(address)),
                None => drop(world.network.allocate(project, "passing", clock::now(), random)),
            }
        }
        Some("os-server-groups") => {
            let held: Vec<Uuid> = world.compute.groups.of(project).map(|row| row.id).collect();
            match victim(&held, marker, random) {
                Some(group) => drop(world.compute.groups.remove(group)),
                None => world.compute.groups.insert(passing(project, random)),
            }
        }
        _ => {}
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

fn passing(project: Uuid, random: &mut Random) -> ServerGroup {
    ServerGroup {
        id: random.id(),
        project,
        user: Uuid::nil(),
        name: "passing".to_owned(),
        policy: "affinity".to_owned(),
        max_server_per_host: None,
        members: Vec::new(),
    }
}
