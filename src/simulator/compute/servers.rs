//! Servers: listed, shown, created at once and deleted; nothing boots here.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::super::call::{Call, hex, id};
use super::super::clock::{self, micros, seconds};
use super::super::identity::caller::Caller;
use super::super::page;
use super::super::reply::{Answer, Reply};
use super::super::world::World;
use super::model::{Compute, Server};
use super::refusal;

/// `GET /servers` and `/servers/detail`.
pub fn list(world: &World, call: &Call, caller: &Caller, detail: bool) -> Answer {
    let action = if detail { "detail" } else { "index" };
    let own = caller.project();
    let own = own.ok_or_else(|| refusal::policy(&format!("os_compute_api:servers:{action}")))?;
    let all = call.flag("all_tenants");
    if all && !caller.admin() {
        return Err(refusal::policy(&format!("os_compute_api:servers:{action}:get_all_tenants")));
    }
    let asked = call.query("project_id").or(call.query("tenant_id")).map(id);
    let project = if all { asked } else { Some(own) };
    let table = &world.compute.servers;
    let rows: Vec<&Server> = match project {
        Some(project) => table.of(project).rev().filter(|row| wanted(row, call)).collect(),
        None => table.iter().rev().filter(|row| wanted(row, call)).collect(),
    };
    let (rows, next) = page::cut(call, world.page_limit, rows, |row| row.id, refusal::invalid)?;
    let views: Vec<Value> = rows
        .into_iter()
        .map(|row| {
            if detail {
                view(&world.compute, row, &call.base, caller.admin())
            } else {
                json!({"id": row.id, "name": row.name, "links": links(row, &call.base)})
            }
        })
        .collect();
    let mut body = json!({"servers": views});
    if let Some(next) = next {
        body["servers_links"] = next;
    }
    Ok(Reply::ok(&body))
}

fn wanted(row: &Server, call: &Call) -> bool {
    call.query("name").is_none_or(|name| row.name.contains(name))
        && call.query("uuid").is_none_or(|text| id(text) == row.id)
        && call.query("status").is_none_or(|status| status == row.status)
}

/// A server that the caller may see.
pub fn find<'a>(world: &'a World, caller: &Caller, text: &str) -> Result<&'a Server, Reply> {
    let row = world.compute.servers.get(id(text)).filter(|row| caller.reads(row.project));
    row.ok_or_else(|| refusal::not_found(&format!("Instance {text}")))
}

/// `POST /servers`.
pub fn create(world: &mut World, call: &Call, caller: &Caller) -> Answer {
    let project = caller.project().ok_or_else(|| refusal::policy("os_compute_api:servers:create"))?;
    let asked = &call.body["server"];
    let flavor = id(asked["flavorRef"].as_str().unwrap_or_default());
    let at = world.compute.flavors.iter().position(|held| held.id == flavor);
    let flavor = at.ok_or_else(|| refusal::invalid("Flavor could not be found."))?;
    room(&world.compute, project, flavor)?;
    world.compute.number += 1;
    let server = Server {
        id: world.random.id(),
        project,
        user: caller.user,
        name: asked["name"].as_str().unwrap_or_default().to_owned(),
        flavor,
        groups: vec!["default".to_owned()],
        status: "ACTIVE".to_owned(),
        task: None,
        address: None,
        number: world.compute.number,
        at: clock::now(),
    };
    let link = format!("{}/compute/v2.1/servers/{}", call.base, server.id);
    let body = json!({"server": {
        "id": server.id, "links": links(&server, &call.base), "OS-DCF:diskConfig": "MANUAL",
        "security_groups": [{"name": "default"}], "adminPass": "simulated",
    }});
    let group = call.body["os:scheduler_hints"]["group"].as_str().map(id);
    if let Some(group) = group.and_then(|group| world.compute.groups.get_mut(group)) {
        group.members.push(server.id);
    }
    world.compute.servers.insert(server);
    Ok(Reply::json(StatusCode::ACCEPTED, &body).header("Location", link))
}

/// `DELETE /servers/{id}`.
pub fn delete(world: &mut World, caller: &Caller, text: &str) -> Answer {
    let server = find(world, caller, text)?;
    let (found, project) = (server.id, server.project);
    let groups: Vec<_> = world.compute.groups.of(project).map(|group| group.id).collect();
    for group in groups {
        if let Some(group) = world.compute.groups.get_mut(group) {
            group.members.retain(|member| *member != found);
        }
    }
    world.compute.servers.remove(found);
    // Nova takes the ports along that it plugged in.
    let device = found.to_string();
    let plugged = world.network.ports.of(project).filter(|port| port.device == device).map(|port| port.id);
    for port in plugged.collect::<Vec<_>>() {
        world.network.unplug(port);
    }
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

fn room(compute: &Compute, project: uuid::Uuid, flavor: usize) -> Result<(), Reply> {
    let flavor = compute.flavors.get(flavor);
    let needs = [
        ("instances", 1),
        ("cores", flavor.map_or(0, |flavor| flavor.cores)),
        ("ram", flavor.map_or(0, |flavor| flavor.memory)),
    ];
    for (name, needed) in needs {
        let (limit, used) = (compute.limit(project, name), compute.used(project, name));
        if limit >= 0 && used + needed > limit {
            return Err(refusal::forbidden(&format!(
                "Quota exceeded for {name}: Requested {needed}, but already used {used} of {limit} {name}"
            )));
        }
    }
    Ok(())
}

fn links(row: &Server, base: &str) -> Value {
    json!([
        {"rel": "self", "href": format!("{base}/compute/v2.1/servers/{}", row.id)},
        {"rel": "bookmark", "href": format!("{base}/compute/servers/{}", row.id)},
    ])
}

/// Nova's own word for a status.
fn vm_state(row: &Server) -> String {
    match row.status.as_str() {
        "BUILD" => "building".to_owned(),
        "SHUTOFF" => "stopped".to_owned(),
        "VERIFY_RESIZE" => "resized".to_owned(),
        other => other.to_lowercase(),
    }
}

/// A server in detail; hosts are for administrators.
pub fn view(compute: &Compute, row: &Server, base: &str, admin: bool) -> Value {
    let flavor = compute.flavors.get(row.flavor).map(|flavor| {
        json!({
            "vcpus": flavor.cores, "ram": flavor.memory, "disk": flavor.disk, "ephemeral": 0, "swap": 0,
            "original_name": flavor.name, "extra_specs": {},
        })
    });
    let addresses = match &row.address {
        None => json!({}),
        Some((network, address, mac)) => json!({network: [{
            "version": 4, "addr": address, "OS-EXT-IPS:type": "fixed", "OS-EXT-IPS-MAC:mac_addr": mac,
        }]}),
    };
    let groups: Vec<Value> = row.groups.iter().map(|name| json!({"name": name})).collect();
    let mut view = json!({
        "accessIPv4": "", "accessIPv6": "", "addresses": addresses, "created": seconds(row.at), "flavor": flavor,
        "hostId": format!("{0}{0}", hex(row.project)).chars().take(56).collect::<String>(), "id": row.id,
        "image": {
            "id": compute.image,
            "links": [{"rel": "bookmark", "href": format!("{base}/compute/images/{}", compute.image)}],
        },
        "links": links(row, base), "metadata": {}, "name": row.name, "status": row.status,
        "tenant_id": hex(row.project), "user_id": hex(row.user), "updated": seconds(row.at),
        "OS-DCF:diskConfig": "MANUAL", "progress": 0, "OS-EXT-AZ:availability_zone": "nova", "config_drive": "",
        "key_name": null, "OS-SRV-USG:launched_at": micros(row.at), "OS-SRV-USG:terminated_at": null,
        "OS-EXT-SRV-ATTR:hostname": row.name, "OS-EXT-STS:task_state": row.task, "OS-EXT-STS:vm_state": vm_state(row),
        "OS-EXT-STS:power_state": 1, "os-extended-volumes:volumes_attached": [], "locked": false,
        "description": null, "tags": [], "trusted_image_certificates": null, "locked_reason": null,
        "pinned_availability_zone": null, "security_groups": groups,
    });
    if admin {
        for (key, value) in [
            ("OS-EXT-SRV-ATTR:host", json!("compute-1")),
            ("OS-EXT-SRV-ATTR:instance_name", json!(format!("instance-{:08x}", row.number))),
            ("OS-EXT-SRV-ATTR:hypervisor_hostname", json!("compute-1")),
            ("OS-EXT-SRV-ATTR:kernel_id", json!("")),
            ("OS-EXT-SRV-ATTR:launch_index", json!(0)),
            ("OS-EXT-SRV-ATTR:ramdisk_id", json!("")),
            ("OS-EXT-SRV-ATTR:reservation_id", json!(format!("r-{:08x}", row.number))),
            ("OS-EXT-SRV-ATTR:root_device_name", json!("/dev/sda")),
            ("OS-EXT-SRV-ATTR:user_data", Value::Null),
            ("host_status", json!("UP")),
        ] {
            view[key] = value;
        }
    }
    view
}
