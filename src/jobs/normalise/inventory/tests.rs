//! What moves all day in an object leaves its record as it is, and what somebody changes in it is a difference.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::drift::compare;
use crate::model::network::NetworkPart;
use crate::model::{Body, ResourceType};

/// What counts in one object of each resource type; `odd` tells two of them apart.
fn written(of: ResourceType, odd: bool) -> Value {
    let (name, number) = if odd { ("odd", 2) } else { ("even", 1) };
    match of {
        ResourceType::Ports => json!({
            "name": name, "network_id": "n", "mac_address": "fa:16:3e:00:00:01", "device_id": "d",
            "device_owner": "compute:nova", "admin_state_up": true, "port_security_enabled": true, "description": "",
            "fixed_ips": [{"subnet_id": "s", "ip_address": "10.0.0.5"}, {"subnet_id": "s", "ip_address": "10.0.0.6"}],
            "security_groups": ["a", "b", "c"],
            "allowed_address_pairs": [{"ip_address": "10.0.0.9", "mac_address": "fa:16:3e:00:00:01"}],
        }),
        ResourceType::Instances => json!({
            "name": name, "description": null, "image": {"id": "i"}, "key_name": null, "locked": false,
            "flavor": {"original_name": "m1.tiny", "vcpus": number, "ram": 512, "disk": 1},
            "addresses": {"net": [
                {"addr": "10.0.0.5", "OS-EXT-IPS:type": "fixed"}, {"addr": "192.0.2.7", "OS-EXT-IPS:type": "floating"},
            ]},
            "security_groups": [{"name": "web"}, {"name": "web"}, {"name": "default"}],
            "os-extended-volumes:volumes_attached": [{"id": "v1"}, {"id": "v2"}],
        }),
        ResourceType::Volumes => json!({
            "name": name, "description": null, "size": number, "volume_type": "ssd", "bootable": "false",
            "encrypted": false, "multiattach": true,
            "attachments": [{"server_id": "a", "device": "/dev/vdb"}, {"server_id": "b", "device": "/dev/vdc"}],
        }),
        ResourceType::VolumeSnapshots => {
            json!({"name": name, "description": null, "size": number, "volume_id": "v"})
        }
        _ => json!({
            "name": name, "description": "", "admin_state_up": true, "shared": false, "router:external": false,
            "mtu": 1450, "port_security_enabled": true, "subnets": ["s1", "s2"],
        }),
    }
}

/// The same object as the API may write it at another time: lists in another order, and other values of what moves.
fn at_another_time(of: ResourceType, object: &Value, whim: u8) -> Value {
    let mut object = object.clone();
    let status = ["ACTIVE", "DOWN", "BUILD"][usize::from(whim % 3)];
    for (key, value) in [
        ("id", json!("1")),
        ("project_id", json!("p")),
        ("tenant_id", json!("p")),
        ("status", json!(status)),
        ("revision_number", json!(whim)),
        ("created_at", json!("2026-01-01T00:00:00Z")),
        ("updated_at", json!(format!("2026-01-01T00:00:{:02}Z", whim % 60))),
        ("updated", json!(format!("2026-01-01T00:00:{:02}Z", whim % 60))),
        ("progress", json!(whim)),
        ("tags", json!([format!("tag-{whim}")])),
        ("binding:host_id", json!(format!("compute-{whim}"))),
        ("OS-EXT-SRV-ATTR:host", json!(format!("compute-{whim}"))),
        ("OS-EXT-SRV-ATTR:hypervisor_hostname", json!(format!("compute-{whim}"))),
        ("OS-EXT-STS:task_state", json!(whim.is_multiple_of(2).then_some("rebooting"))),
        ("OS-EXT-STS:power_state", json!(whim % 5)),
        ("os-vol-host-attr:host", json!(format!("storage-{whim}"))),
        ("migration_status", json!(whim.is_multiple_of(2).then_some("migrating"))),
        ("os-extended-snapshot-attributes:progress", json!(format!("{whim}%"))),
    ] {
        object[key] = value;
    }
    let whole = of != ResourceType::Networks;
    for (_, value) in object.as_object_mut().into_iter().flatten().filter(|_| whole && whim.is_multiple_of(2)) {
        value.as_array_mut().into_iter().for_each(|list| list.reverse());
    }
    object
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn body(of: ResourceType, object: Value) -> Body {
    match of {
        ResourceType::Ports => Body::Ports(vec![port(read(object))]),
        ResourceType::Instances => Body::Instances(vec![instance(read(object))]),
        ResourceType::Volumes => Body::Volumes(vec![volume(read(object)).unwrap()]),
        ResourceType::VolumeSnapshots => Body::VolumeSnapshots(vec![volume_snapshot(read(object)).unwrap()]),
        _ => {
            let subnet = |id: &str, cidr: &str| {
                read(json!({
                    "id": id, "name": id, "project_id": "p", "network_id": "1", "cidr": cidr, "enable_dhcp": true,
                    "allocation_pools": [{"start": "10.0.0.2", "end": "10.0.0.9"}], "gateway_ip": "10.0.0.1",
                }))
            };
            let mut subnets = vec![subnet("s1", "10.0.0.0/24"), subnet("s2", "10.0.1.0/24")];
            if object["revision_number"].as_u64().is_some_and(|it| it % 2 == 0) {
                subnets.reverse();
            }
            Body::Networks(vec![NetworkPart::Network(network(read(object), subnets))])
        }
    }
    .sorted()
}

fn inventory() -> impl Strategy<Value = ResourceType> {
    let is_of_it = |it: &ResourceType| !it.is_mendable();
    prop::sample::select(ResourceType::ALL.into_iter().filter(is_of_it).collect::<Vec<_>>())
}

proptest! {
    #[test]
    fn what_moves_all_day_differs_in_nothing(of in inventory(), odd in any::<bool>(), one in any::<u8>(), other in any::<u8>()) {
        let object = written(of, odd);
        let (left, right) = (at_another_time(of, &object, one), at_another_time(of, &object, other));
        let alike = left["status"] == right["status"];
        let (left, right) = (body(of, left), body(of, right));
        prop_assert_eq!(compare(&left, &right), vec![]);
        // The status is recorded for metrics; all else is the same to the letter.
        prop_assert_eq!(left.digest() == right.digest(), alike);
        let stored = Body::from_json(of, &left.to_json()).unwrap();
        prop_assert_eq!(stored.digest(), left.digest());
    }

    #[test]
    fn what_somebody_changes_is_told_there_and_back(of in inventory(), one in any::<u8>(), other in any::<u8>()) {
        let left = body(of, at_another_time(of, &written(of, false), one));
        let right = body(of, at_another_time(of, &written(of, true), other));
        let (there, back) = (compare(&left, &right), compare(&right, &left));
        prop_assert!(there.iter().any(|it| it.field == "name"));
        let turned = back.iter().map(|it| (&it.field, &it.observed, &it.expected));
        prop_assert!(there.iter().map(|it| (&it.field, &it.expected, &it.observed)).eq(turned));
    }
}

#[test]
fn each_field_is_told_by_a_name_that_people_know() {
    let fields = |of: ResourceType| {
        let body = body(of, at_another_time(of, &written(of, true), 0));
        crate::drift::values::objects(&body).remove(0).1
    };
    insta::assert_snapshot!(fields(ResourceType::Networks), @"
    admin_state_up true
    external false
    mtu 1450
    port_security_enabled true
    shared false
    subnet 10.0.0.0/24 allocation_pools 10.0.0.2-10.0.0.9, enable_dhcp true, gateway_ip 10.0.0.1, name s1
    subnet 10.0.1.0/24 allocation_pools 10.0.0.2-10.0.0.9, enable_dhcp true, gateway_ip 10.0.0.1, name s2
    ");
    insta::assert_snapshot!(fields(ResourceType::Ports), @"
    admin_state_up true
    allowed_address_pairs 10.0.0.9
    device_id d
    device_owner compute:nova
    fixed_ips 10.0.0.5, 10.0.0.6
    mac_address fa:16:3e:00:00:01
    network_id n
    port_security_enabled true
    security_groups a, b, c
    ");
    insta::assert_snapshot!(fields(ResourceType::Instances), @"
    addresses net 10.0.0.5
    flavor m1.tiny, 2 vCPU, 512 MiB, 1 GiB
    image_id i
    locked false
    security_groups default, web
    volumes v1, v2
    ");
    insta::assert_snapshot!(fields(ResourceType::Volumes), @"
    attached_to a, b
    bootable false
    encrypted false
    multiattach true
    size_gib 2
    volume_type ssd
    ");
    insta::assert_snapshot!(fields(ResourceType::VolumeSnapshots), @"
    size_gib 2
    volume_id v
    ");
}

#[test]
fn a_router_has_its_gateway_and_its_routes() {
    let router = router(read(json!({
        "id": "1", "name": "way-out", "project_id": "p", "status": "ACTIVE",
        "external_gateway_info": {
            "network_id": "public", "enable_snat": true,
            "external_fixed_ips": [{"subnet_id": "s", "ip_address": "192.0.2.9"}],
        },
        "routes": [{"destination": "198.51.100.0/24", "nexthop": "10.0.0.9"}],
    })));
    let body = Body::Networks(vec![NetworkPart::Router(router)]).sorted();
    insta::assert_snapshot!(crate::drift::values::objects(&body).remove(0).1, @"
    admin_state_up true
    enable_snat true
    gateway_addresses 192.0.2.9
    gateway_network_id public
    routes 198.51.100.0/24 via 10.0.0.9
    ");
    assert_eq!((body.count(), body.len(), body.statuses()), (0, 1, vec![]), "it is no network");
}

#[test]
fn a_size_that_means_nothing_is_an_error_and_not_a_number() {
    let broken = volume(read(json!({"id": "1", "size": -1, "status": "error"})));
    assert_eq!(broken.unwrap_err(), "a size of -1 GiB has no meaning");
}

#[test]
fn an_instance_from_a_volume_has_no_image() {
    let least = json!({"id": "1", "tenant_id": "p", "status": "ACTIVE", "image": "", "flavor": {"id": 42}});
    let instance = instance(read(least));
    assert_eq!((instance.image_id, instance.flavor.name.as_str()), (None, "42"));
}
