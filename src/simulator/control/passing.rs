//! Objects that come for a while: see [`super::stir`].

use uuid::Uuid;

use super::super::clock;
use super::super::compute::model::{Server, ServerGroup};
use super::super::network::model::{Network, Port, Router, Stamp, Subnet};
use super::super::random::Random;
use super::super::volume::model::{Snapshot, Volume};
use super::super::world::World;

const NAME: &str = "passing";

/// A server group without members.
pub fn server_group(project: Uuid, random: &mut Random) -> ServerGroup {
    ServerGroup {
        id: random.id(),
        project,
        user: Uuid::nil(),
        name: NAME.to_owned(),
        policy: "affinity".to_owned(),
        max_server_per_host: None,
        members: Vec::new(),
    }
}

/// A network with a subnet.
pub fn network(world: &mut World, project: Uuid, random: &mut Random) {
    let (network, subnet, at) = (random.id(), random.id(), Stamp::new(clock::now()));
    world.network.subnets.insert(Subnet {
        id: subnet,
        project,
        name: NAME.to_owned(),
        network,
        cidr: "10.20.0.0/24".to_owned(),
        gateway: Some("10.20.0.1".to_owned()),
        pool: ("10.20.0.2".to_owned(), "10.20.0.254".to_owned()),
        version: 4,
        external: false,
        at,
    });
    world.network.networks.insert(Network {
        id: network,
        project,
        name: NAME.to_owned(),
        description: String::new(),
        external: false,
        shared: false,
        subnets: vec![subnet],
        segment: 1,
        at,
    });
}

/// A port that nothing has.
pub fn port(project: Uuid, random: &mut Random) -> Port {
    Port {
        id: random.id(),
        project: Some(project),
        name: NAME.to_owned(),
        network: Uuid::nil(),
        subnet: Uuid::nil(),
        address: "10.20.0.9".to_owned(),
        mac: random.mac(),
        device: String::new(),
        owner: String::new(),
        groups: Vec::new(),
        at: Stamp::new(clock::now()),
    }
}

/// A router that leads nowhere.
pub fn router(project: Uuid, random: &mut Random) -> Router {
    Router { id: random.id(), project, name: NAME.to_owned(), gateway: None, at: Stamp::new(clock::now()) }
}

/// An instance without addresses.
pub fn server(project: Uuid, random: &mut Random) -> Server {
    Server {
        id: random.id(),
        project,
        user: Uuid::nil(),
        name: NAME.to_owned(),
        flavor: 0,
        groups: Vec::new(),
        status: "BUILD".to_owned(),
        task: None,
        address: None,
        number: 0,
        at: clock::now(),
    }
}

/// A volume.
pub fn volume(project: Uuid, random: &mut Random) -> Volume {
    Volume {
        id: random.id(),
        project,
        user: Uuid::nil(),
        name: NAME.to_owned(),
        size: 1,
        status: "creating".to_owned(),
        at: clock::now(),
    }
}

/// A snapshot of a volume that is gone.
pub fn snapshot(project: Uuid, random: &mut Random) -> Snapshot {
    Snapshot {
        id: random.id(),
        project,
        user: Uuid::nil(),
        name: NAME.to_owned(),
        volume: Uuid::nil(),
        size: 1,
        status: "creating".to_owned(),
        at: clock::now(),
    }
}
