//! Networks, subnets, ports and routers: enough life for usage counters to move.

use axum::http::StatusCode;
use ipnet::IpNet;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::call::{Call, id};
use super::super::clock;
use super::super::identity::caller::Caller;
use super::super::random::Random;
use super::super::reply::{Answer, Reply};
use super::model::{Network, Networking, Stamp, Subnet};
use super::{groups, owner_of_new, refusal, routers, views};

/// `GET` of one of them.
pub fn show(networking: &Networking, caller: &Caller, kind: &str, text: &str) -> Answer {
    let (wanted, admin) = (id(text), caller.admin());
    let own = |project: Uuid| caller.reads(project);
    let view = match kind {
        "network" => {
            let row = networking.networks.get(wanted);
            row.filter(|row| row.external || row.shared || own(row.project)).map(|row| views::network(row, admin))
        }
        "subnet" => networking.subnets.get(wanted).filter(|row| row.external || own(row.project)).map(views::subnet),
        "port" => {
            let row = networking.ports.get(wanted);
            row.filter(|row| admin || row.project.is_some_and(own)).map(|row| views::port(row, admin))
        }
        _ => networking.routers.get(wanted).filter(|row| own(row.project)).map(|row| views::router(row, admin)),
    };
    let view = view.ok_or_else(|| refusal::not_found(kind, text))?;
    Ok(Reply::ok(&json!({kind: view})))
}

/// `POST /v2.0/networks`.
pub fn create_network(networking: &mut Networking, call: &Call, caller: &Caller, random: &mut Random) -> Answer {
    let asked = &call.body["network"];
    let project = owner_of_new(caller, asked, "create_network")?;
    let external = asked["router:external"].as_bool().unwrap_or(false);
    if external && !caller.admin() {
        let rule = "(rule:create_network and rule:create_network:router:external)";
        return Err(refusal::forbidden(rule));
    }
    networking.room(project, "network", 1)?;
    let network = Network {
        id: random.id(),
        project,
        name: asked["name"].as_str().unwrap_or_default().to_owned(),
        description: asked["description"].as_str().unwrap_or_default().to_owned(),
        external,
        shared: asked["shared"].as_bool().unwrap_or(false) && caller.admin(),
        subnets: Vec::new(),
        segment: random.next() % 1_000_000,
        at: Stamp::new(clock::now()),
    };
    let body = json!({"network": views::network(&network, caller.admin())});
    networking.networks.insert(network);
    Ok(Reply::json(StatusCode::CREATED, &body))
}

/// `POST /v2.0/subnets`.
pub fn create_subnet(networking: &mut Networking, call: &Call, caller: &Caller, random: &mut Random) -> Answer {
    let asked = &call.body["subnet"];
    let project = owner_of_new(caller, asked, "create_subnet")?;
    let text = asked["network_id"].as_str().unwrap_or_default();
    let network = networking.networks.get(id(text)).filter(|row| caller.reads(row.project));
    let network = network.ok_or_else(|| refusal::not_found("network", text))?;
    let (network, external) = (network.id, network.external);
    let cidr = asked["cidr"].as_str().unwrap_or_default();
    let parsed: IpNet = cidr.parse().map_err(|_| {
        refusal::invalid(&format!("Invalid input for cidr. Reason: '{cidr}' is not a valid IP subnet."))
    })?;
    networking.room(project, "subnet", 1)?;
    let hosts: Vec<String> = parsed.hosts().take(2).map(|host| host.to_string()).collect();
    let subnet = Subnet {
        id: random.id(),
        project,
        name: asked["name"].as_str().unwrap_or_default().to_owned(),
        network,
        cidr: parsed.trunc().to_string(),
        gateway: hosts.first().cloned(),
        pool: match &asked["allocation_pools"][0] {
            Value::Object(pool) => (text_of(&pool["start"]), text_of(&pool["end"])),
            _ => (hosts.last().cloned().unwrap_or_default(), last_host(parsed)),
        },
        version: if parsed.addr().is_ipv4() { 4 } else { 6 },
        external,
        at: Stamp::new(clock::now()),
    };
    if let Some(network) = networking.networks.get_mut(network) {
        network.subnets.push(subnet.id);
    }
    let body = json!({"subnet": views::subnet(&subnet)});
    networking.subnets.insert(subnet);
    Ok(Reply::json(StatusCode::CREATED, &body))
}

/// `PUT /v2.0/ports/{id}`: its name and its security groups.
pub fn update_port(networking: &mut Networking, call: &Call, caller: &Caller, text: &str) -> Answer {
    let asked = &call.body["port"];
    let groups = match asked["security_groups"].as_array() {
        Some(named) => {
            let found = |name: &Value| Ok(groups::find(networking, caller, name.as_str().unwrap_or_default())?.id);
            Some(named.iter().map(found).collect::<Result<Vec<Uuid>, Reply>>()?)
        }
        None => None,
    };
    let port = networking.ports.get_mut(id(text)).filter(|row| row.project.is_some_and(|owner| caller.reads(owner)));
    let port = port.ok_or_else(|| refusal::not_found("port", text))?;
    port.groups = groups.unwrap_or_else(|| port.groups.clone());
    if let Some(name) = asked["name"].as_str() {
        name.clone_into(&mut port.name);
    }
    port.at.touch(clock::now());
    Ok(Reply::ok(&json!({"port": views::port(port, caller.admin())})))
}

/// `DELETE` of one of them; what stands on it keeps a network in use.
pub fn delete(networking: &mut Networking, caller: &Caller, kind: &str, text: &str) -> Answer {
    let found = id(text);
    let owner = match kind {
        "network" => networking.networks.get(found).map(|row| row.project),
        "subnet" => networking.subnets.get(found).map(|row| row.project),
        "port" => networking.ports.get(found).and_then(|row| row.project),
        _ => networking.routers.get(found).map(|row| row.project),
    };
    if !owner.is_some_and(|project| caller.reads(project)) {
        return Err(refusal::not_found(kind, text));
    }
    match kind {
        "network" => {
            if networking.ports.iter().any(|port| port.network == found) {
                let message = format!(
                    "Unable to complete operation on network {found}. There are one or more ports still in use on the network."
                );
                return Err(refusal::conflict("NetworkInUse", &message));
            }
            if let Some(network) = networking.networks.remove(found) {
                for subnet in network.subnets {
                    networking.subnets.remove(subnet);
                }
            }
        }
        "subnet" => {
            if networking.ports.iter().any(|port| port.subnet == found) {
                let message = format!(
                    "Unable to complete operation on subnet {found}: One or more ports have an IP allocation from this subnet."
                );
                return Err(refusal::conflict("SubnetInUse", &message));
            }
            if let Some(subnet) = networking.subnets.remove(found)
                && let Some(network) = networking.networks.get_mut(subnet.network)
            {
                network.subnets.retain(|held| *held != found);
            }
        }
        "port" => {
            if networking.ports.get(found).is_some_and(|port| port.owner == routers::INTERFACE) {
                let message = format!(
                    "Port {found} cannot be deleted directly via the port API: has device owner {}.",
                    routers::INTERFACE
                );
                return Err(refusal::conflict("ServicePortInUse", &message));
            }
            networking.unplug(found);
        }
        _ => {
            let router = found.to_string();
            if networking.ports.iter().any(|port| port.device == router) {
                return Err(refusal::conflict("RouterInUse", &format!("Router {found} still has ports")));
            }
            networking.routers.remove(found);
        }
    }
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// IPv4 keeps the highest address for broadcasts.
fn last_host(network: IpNet) -> String {
    match network {
        IpNet::V4(network) => std::net::Ipv4Addr::from(u32::from(network.broadcast()).saturating_sub(1)).to_string(),
        IpNet::V6(network) => network.broadcast().to_string(),
    }
}
