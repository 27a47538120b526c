//! Networks, ports, instances, volumes and snapshots: what is recorded of them, and no more.

use super::storable;
use crate::model::instance::{Flavor, Instance};
use crate::model::network::{Network, Router, Subnet};
use crate::model::port::Port;
use crate::model::volume::{Volume, VolumeSnapshot};
use crate::openstack;

/// A network with its subnets.
pub(in crate::jobs) fn network(network: openstack::Network, subnets: Vec<openstack::Subnet>) -> Network {
    Network {
        id: network.id,
        name: storable(network.name),
        description: storable(network.description),
        status: network.status.unwrap_or_default(),
        admin_state_up: network.admin_state_up.unwrap_or(true),
        shared: network.shared,
        external: network.external,
        mtu: network.mtu,
        port_security_enabled: network.port_security_enabled,
        subnets: subnets.into_iter().map(subnet).collect(),
    }
}

fn subnet(subnet: openstack::Subnet) -> Subnet {
    let pools = subnet.allocation_pools.into_iter().map(|pool| format!("{}-{}", pool.start, pool.end));
    Subnet {
        id: subnet.id,
        name: storable(subnet.name),
        description: storable(subnet.description),
        cidr: subnet.cidr.unwrap_or_default(),
        gateway_ip: subnet.gateway_ip,
        enable_dhcp: subnet.enable_dhcp.unwrap_or_default(),
        dns_nameservers: subnet.dns_nameservers,
        allocation_pools: pools.collect(),
        host_routes: routes(subnet.host_routes),
    }
}

fn routes(routes: Vec<openstack::Route>) -> Vec<String> {
    routes.into_iter().map(|route| format!("{} via {}", route.destination, route.nexthop)).collect()
}

/// A router.
pub(in crate::jobs) fn router(router: openstack::Router) -> Router {
    let gateway = router.external_gateway_info;
    let addresses = gateway.iter().flat_map(|it| &it.external_fixed_ips).filter_map(|it| it.ip_address.clone());
    Router {
        id: router.id,
        name: storable(router.name),
        description: storable(router.description),
        status: router.status.unwrap_or_default(),
        admin_state_up: router.admin_state_up.unwrap_or(true),
        gateway_addresses: addresses.collect(),
        enable_snat: gateway.as_ref().and_then(|it| it.enable_snat),
        gateway_network_id: gateway.map(|it| it.network_id),
        routes: routes(router.routes),
    }
}

/// A port.
pub(in crate::jobs) fn port(port: openstack::Port) -> Port {
    let pair =
        |pair: openstack::AddressPair| match pair.mac_address.filter(|mac| Some(mac) != port.mac_address.as_ref()) {
            Some(mac) => format!("{} {mac}", pair.ip_address),
            None => pair.ip_address,
        };
    let pairs = port.allowed_address_pairs.into_iter().map(pair).collect();
    Port {
        id: port.id,
        name: storable(port.name),
        description: storable(port.description),
        status: port.status.unwrap_or_default(),
        network_id: port.network_id,
        mac_address: port.mac_address.unwrap_or_default(),
        fixed_ips: port.fixed_ips.into_iter().filter_map(|it| it.ip_address).collect(),
        device_id: storable(port.device_id),
        device_owner: storable(port.device_owner),
        admin_state_up: port.admin_state_up.unwrap_or(true),
        port_security_enabled: port.port_security_enabled,
        security_groups: port.security_groups,
        allowed_address_pairs: pairs,
    }
}

/// An instance.
pub(in crate::jobs) fn instance(server: openstack::Server) -> Instance {
    let flavor = server.flavor;
    let addresses = server.addresses.into_iter().flat_map(|(network, addresses)| {
        let own = addresses.into_iter().filter(|it| it.kind.as_deref() != Some("floating"));
        own.map(move |it| storable(format!("{network} {}", it.addr)))
    });
    Instance {
        id: server.id,
        name: storable(server.name),
        description: storable(server.description.unwrap_or_default()),
        status: server.status,
        flavor: Flavor {
            name: storable(flavor.original_name.or(flavor.id).unwrap_or_default()),
            vcpus: flavor.vcpus,
            ram_mib: flavor.ram,
            disk_gib: flavor.disk,
        },
        image_id: server.image.map(|image| image.id),
        key_name: server.key_name.map(storable),
        availability_zone: server.availability_zone.unwrap_or_default(),
        locked: server.locked,
        addresses: addresses.collect(),
        security_groups: server.security_groups.into_iter().map(|group| storable(group.name)).collect(),
        volumes: server.volumes_attached.into_iter().map(|volume| volume.id).collect(),
    }
}

/// A volume; an error when its size is none.
pub(in crate::jobs) fn volume(volume: openstack::Volume) -> Result<Volume, String> {
    Ok(Volume {
        size_gib: size(volume.size)?,
        id: volume.id,
        name: storable(volume.name),
        description: storable(volume.description.unwrap_or_default()),
        status: volume.status,
        volume_type: volume.volume_type.map(storable),
        bootable: volume.bootable.is_some_and(|word| word.eq_ignore_ascii_case("true")),
        encrypted: volume.encrypted,
        multiattach: volume.multiattach,
        availability_zone: volume.availability_zone.unwrap_or_default(),
        snapshot_id: volume.snapshot_id,
        attached_to: volume.attachments.into_iter().filter_map(|it| it.server_id).collect(),
    })
}

/// A snapshot of a volume; an error when its size is none.
pub(in crate::jobs) fn volume_snapshot(snapshot: openstack::VolumeSnapshot) -> Result<VolumeSnapshot, String> {
    Ok(VolumeSnapshot {
        size_gib: size(snapshot.size)?,
        id: snapshot.id,
        name: storable(snapshot.name),
        description: storable(snapshot.description.unwrap_or_default()),
        status: snapshot.status,
        volume_id: snapshot.volume_id,
    })
}

fn size(gib: i64) -> Result<u64, String> {
    u64::try_from(gib).map_err(|_| format!("a size of {gib} GiB has no meaning"))
}

#[cfg(test)]
mod tests;
