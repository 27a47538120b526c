//! The cloud at its start: the same for the same seed, down to every id.

mod tenant;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Options;
use super::clock;
use super::compute::model::Flavor;
use super::identity::catalogue;
use super::identity::model::{Domain, Project, ROLES, Scope, User};
use super::image::Image;
use super::network::model::{Network, Stamp, Subnet};
use super::world::World;

/// The administrator's password; the cloud is nobody's, so it is no secret.
pub const ADMIN_PASSWORD: &str = "admin-secret";
/// The reader's password.
pub const READER_PASSWORD: &str = "reader-secret";
/// The member's password.
pub const MEMBER_PASSWORD: &str = "member-secret";

/// Fills an empty world.
pub fn sow(world: &mut World, options: &Options) {
    let at = clock::seeded();
    let admin = sow_identity(world);
    sow_shared(world, admin, at);
    world.network.welcome(admin, at, &mut world.random);
    for number in 1..=options.tenants {
        tenant::sow(world, options, number, at);
    }
    let mut named = |name: &str, domain: &str, enabled: bool, description: &str| {
        let project = project(world, name, domain, description, enabled);
        world.network.welcome(project, at, &mut world.random);
    };
    named("retired", "default", false, "switched off, not yet deleted");
    named("stack-users", "heat", true, "owned by the orchestration service");
}

fn sow_identity(world: &mut World) -> Uuid {
    world.identity.services = catalogue::seeded(&mut world.random);
    for (role, _) in ROLES {
        let id = world.random.id();
        world.identity.roles.insert(role, id);
    }
    world.identity.domains = vec![
        domain("default", "Default", "The default domain"),
        domain(&world.random.id().simple().to_string(), "heat", "Stack projects and users"),
    ];
    let admin = project(world, "admin", "default", "Bootstrap project for initializing the cloud.", true);
    let administrator = user(world, "admin", ADMIN_PASSWORD, None);
    world.identity.assign(administrator, Scope::Project(admin), "admin");
    world.identity.assign(administrator, Scope::System, "admin");
    let reader = user(world, "reader", READER_PASSWORD, None);
    world.identity.assign(reader, Scope::Project(admin), "reader");
    user(world, "member", MEMBER_PASSWORD, None);
    admin
}

fn domain(id: &str, name: &str, description: &str) -> Domain {
    Domain { id: id.to_owned(), name: name.to_owned(), description: description.to_owned() }
}

fn project(world: &mut World, name: &str, domain: &str, description: &str, enabled: bool) -> Uuid {
    let domain_id = world.identity.domain(domain).map_or_else(|| domain.to_owned(), |found| found.id.clone());
    let project = Project {
        id: world.random.id(),
        name: name.to_owned(),
        parent_id: domain_id.clone(),
        domain_id,
        description: description.to_owned(),
        enabled,
        tags: std::collections::BTreeSet::new(),
    };
    let id = project.id;
    world.identity.add_project(project);
    id
}

fn user(world: &mut World, name: &str, password: &str, default_project: Option<Uuid>) -> Uuid {
    let user = User {
        id: world.random.id(),
        name: name.to_owned(),
        domain_id: "default".to_owned(),
        password: password.to_owned(),
        default_project,
    };
    let id = user.id;
    world.identity.add_user(user);
    id
}

/// What all tenants share: the external network, flavours, an image, the volume type.
fn sow_shared(world: &mut World, admin: Uuid, at: DateTime<Utc>) {
    let random = &mut world.random;
    let (network, subnet) = (random.id(), random.id());
    world.network.external = (network, subnet);
    world.network.networks.insert(Network {
        id: network,
        project: admin,
        name: "public".to_owned(),
        description: String::new(),
        external: true,
        shared: false,
        subnets: vec![subnet],
        segment: 0,
        at: Stamp::new(at),
    });
    world.network.subnets.insert(Subnet {
        id: subnet,
        project: admin,
        name: "public-v4".to_owned(),
        network,
        cidr: "100.64.0.0/10".to_owned(),
        gateway: Some("100.64.0.1".to_owned()),
        pool: ("100.64.0.2".to_owned(), "100.127.255.254".to_owned()),
        version: 4,
        external: true,
        at: Stamp::new(at),
    });
    for (name, cores, memory, disk) in [("m1.tiny", 1, 512, 1), ("m1.small", 1, 2048, 20), ("m1.medium", 2, 4096, 40)] {
        world.compute.flavors.push(Flavor { id: random.id(), name, cores, memory, disk });
    }
    world.compute.image = random.id();
    world.images.insert(Image {
        id: world.compute.image,
        owner: admin,
        name: "cirros".to_owned(),
        visibility: "public".to_owned(),
        data: Some((5120, "0".repeat(128))),
        disk_format: "raw".to_owned(),
        container_format: "bare".to_owned(),
        min_ram: 0,
        min_disk: 0,
        at,
    });
    world.volume.kind = random.id();
    world.volume.service = random.id();
}
