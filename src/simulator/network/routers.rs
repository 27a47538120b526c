//! Routers: where they lead to, and which subnets they join.

use axum::http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::call::{Call, hex, id};
use super::super::clock;
use super::super::identity::caller::Caller;
use super::super::random::Random;
use super::super::reply::{Answer, Reply};
use super::model::{Networking, Port, Router, Stamp};
use super::{owner_of_new, refusal, views};

/// What a router's port in a subnet is called.
pub const INTERFACE: &str = "network:router_interface";

impl Networking {
    /// Takes a port out, and what led to it.
    pub fn unplug(&mut self, port: Uuid) {
        let floating: Vec<Uuid> = self.floating.iter().filter(|row| row.port == Some(port)).map(|row| row.id).collect();
        for row in floating {
            self.associate(row, None);
        }
        self.ports.remove(port);
    }
}

/// `POST /v2.0/routers`.
pub fn create(networking: &mut Networking, call: &Call, caller: &Caller, random: &mut Random) -> Answer {
    let asked = &call.body["router"];
    let project = owner_of_new(caller, asked, "create_router")?;
    networking.room(project, "router", 1)?;
    let router = Router {
        id: random.id(),
        project,
        name: asked["name"].as_str().unwrap_or_default().to_owned(),
        gateway: None,
        at: Stamp::new(clock::now()),
    };
    let body = json!({"router": views::router(&router, caller.admin())});
    networking.routers.insert(router);
    Ok(Reply::json(StatusCode::CREATED, &body))
}

fn find<'a>(networking: &'a Networking, caller: &Caller, text: &str) -> Result<&'a Router, Reply> {
    let row = networking.routers.get(id(text)).filter(|row| caller.reads(row.project));
    row.ok_or_else(|| refusal::not_found("router", text))
}

/// `PUT /v2.0/routers/{id}`: its name and its gateway; it keeps no routes of its own.
pub fn update(networking: &mut Networking, call: &Call, caller: &Caller, text: &str, random: &mut Random) -> Answer {
    let found = find(networking, caller, text)?.id;
    let asked = &call.body["router"];
    let gateway = match asked.get("external_gateway_info") {
        None => None,
        Some(info) => match info["network_id"].as_str() {
            None => Some(None),
            Some(network) if id(network) == networking.external.0 => {
                let address = networking.free_address(random);
                networking.addresses.insert(address.clone());
                Some(Some((networking.external.0, networking.external.1, address)))
            }
            Some(network) if networking.networks.get(id(network)).is_some() => {
                let message = format!("Bad router request: Network {network} is not an external network.");
                return Err(refusal::bad("BadRequest", &message));
            }
            Some(network) => return Err(refusal::not_found("network", network)),
        },
    };
    if let Some(router) = networking.routers.get_mut(found) {
        if let Some(name) = asked["name"].as_str() {
            name.clone_into(&mut router.name);
        }
        match gateway {
            Some(gateway) if gateway.as_ref().map(|it| it.0) != router.gateway.as_ref().map(|it| it.0) => {
                router.gateway = gateway;
            }
            _ => {}
        }
        router.at.touch(clock::now());
    }
    let router = find(networking, caller, text)?;
    Ok(Reply::ok(&json!({"router": views::router(router, caller.admin())})))
}

/// `PUT /v2.0/routers/{id}/add_router_interface`.
pub fn join(networking: &mut Networking, call: &Call, caller: &Caller, text: &str, random: &mut Random) -> Answer {
    let router = find(networking, caller, text)?;
    let (router, project) = (router.id, router.project);
    let asked = call.body["subnet_id"].as_str().unwrap_or_default();
    let subnet = networking.subnets.get(id(asked)).filter(|row| caller.reads(row.project));
    let subnet = subnet.ok_or_else(|| refusal::not_found("subnet", asked))?;
    let (subnet, network, address) = (subnet.id, subnet.network, subnet.gateway.clone().unwrap_or_default());
    if interface(networking, router, |port| port.subnet == subnet).is_some() {
        let message = format!("Bad router request: Router already has a port on subnet {subnet}.");
        return Err(refusal::bad("BadRequest", &message));
    }
    networking.room(project, "port", 1)?;
    let port = Port {
        id: random.id(),
        project: Some(project),
        name: String::new(),
        network,
        subnet,
        address,
        mac: random.mac(),
        device: router.to_string(),
        owner: INTERFACE.to_owned(),
        groups: Vec::new(),
        at: Stamp::new(clock::now()),
    };
    let body = view(router, project, &port);
    networking.ports.insert(port);
    Ok(Reply::ok(&body))
}

/// `PUT /v2.0/routers/{id}/remove_router_interface`.
pub fn part(networking: &mut Networking, call: &Call, caller: &Caller, text: &str) -> Answer {
    let router = find(networking, caller, text)?;
    let (router, project) = (router.id, router.project);
    let (port, subnet) = (call.body["port_id"].as_str().map(id), call.body["subnet_id"].as_str().map(id));
    let wanted = |held: &Port| port.is_none_or(|it| it == held.id) && subnet.is_none_or(|it| it == held.subnet);
    let Some(port) = interface(networking, router, wanted) else {
        let message = format!("Router {router} does not have an interface with id {}", port.unwrap_or_default());
        return Err(refusal::missing("RouterInterfaceNotFound", &message));
    };
    let body = view(router, project, port);
    let port = port.id;
    networking.ports.remove(port);
    Ok(Reply::ok(&body))
}

fn interface(networking: &Networking, router: Uuid, wanted: impl Fn(&Port) -> bool) -> Option<&Port> {
    let device = router.to_string();
    networking.ports.iter().find(|port| port.owner == INTERFACE && port.device == device && wanted(port))
}

fn view(router: Uuid, project: Uuid, port: &Port) -> Value {
    json!({
        "id": router, "tenant_id": hex(project), "port_id": port.id, "network_id": port.network,
        "subnet_id": port.subnet, "subnet_ids": [port.subnet],
    })
}
