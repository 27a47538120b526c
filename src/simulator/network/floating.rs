//! Floating IPs: addresses of the external network, given out in order.

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::call::{Call, id};
use super::super::clock;
use super::super::identity::caller::Caller;
use super::super::random::Random;
use super::super::reply::{Answer, Reply};
use super::model::{FloatingIp, Networking, Stamp};
use super::{owner_of_new, refusal, views};

impl Networking {
    /// A free address of the external network; it has more than any simulated cloud needs.
    pub fn free_address(&self, random: &mut Random) -> String {
        loop {
            let [high, low, third, ..] = random.next().to_be_bytes();
            let address = format!("100.{}.{high}.{}", 64 + (third & 63), low.clamp(2, 254));
            if !self.addresses.contains(&address) {
                return address;
            }
        }
    }

    /// Gives a project a floating IP.
    pub fn allocate(&mut self, project: Uuid, description: &str, at: DateTime<Utc>, random: &mut Random) -> Uuid {
        let address = self.free_address(random);
        self.addresses.insert(address.clone());
        let new = random.id();
        self.floating.insert(FloatingIp {
            id: new,
            project,
            address,
            network: self.external.0,
            router: None,
            port: None,
            fixed: None,
            description: description.to_owned(),
            at: Stamp::new(at),
        });
        new
    }

    /// Takes a floating IP back.
    pub fn release(&mut self, floating: Uuid) -> Option<FloatingIp> {
        let removed = self.floating.remove(floating)?;
        self.addresses.remove(&removed.address);
        Some(removed)
    }

    /// Points a floating IP at a port, or at nothing.
    pub fn associate(&mut self, floating: Uuid, port: Option<Uuid>) {
        let behind = port.and_then(|id| self.ports.get(id));
        let fixed = behind.map(|port| port.address.clone());
        let router = behind
            .and_then(|port| port.project)
            .and_then(|project| self.routers.of(project).next())
            .map(|router| router.id);
        if let Some(row) = self.floating.get_mut(floating) {
            row.port = port.filter(|_| fixed.is_some());
            row.fixed = fixed;
            row.router = router;
        }
    }
}

fn find<'a>(networking: &'a Networking, caller: &Caller, text: &str) -> Result<&'a FloatingIp, Reply> {
    networking
        .floating
        .get(id(text))
        .filter(|row| caller.reads(row.project))
        .ok_or_else(|| refusal::not_found("floatingip", text))
}

/// `GET /v2.0/floatingips/{id}`.
pub fn show(networking: &Networking, caller: &Caller, text: &str) -> Answer {
    let row = find(networking, caller, text)?;
    Ok(Reply::ok(&json!({"floatingip": views::floating(networking, row)})))
}

/// `POST /v2.0/floatingips`.
pub fn create(networking: &mut Networking, call: &Call, caller: &Caller, random: &mut Random) -> Answer {
    let asked = &call.body["floatingip"];
    let project = owner_of_new(caller, asked, "create_floatingip")?;
    let network = asked["floating_network_id"].as_str().unwrap_or_default();
    let Some(external) = networking.networks.get(id(network)) else {
        return Err(refusal::not_found("network", network));
    };
    if !external.external {
        let message = format!("Bad floatingip request: Network {network} is not a valid external network.");
        return Err(refusal::bad("BadRequest", &message));
    }
    let address = asked["floating_ip_address"].as_str();
    if let Some(address) = address {
        if !caller.admin() {
            let rule = "(rule:create_floatingip and rule:create_floatingip:floating_ip_address)";
            return Err(refusal::forbidden(rule));
        }
        if networking.addresses.contains(address) {
            let message = format!("IP address {address} already allocated in subnet {}", networking.external.1);
            return Err(refusal::conflict("IpAddressAlreadyAllocated", &message));
        }
    }
    networking.room(project, "floatingip", 1)?;
    let port = port_of(networking, caller, asked)?;
    let description = asked["description"].as_str().unwrap_or_default();
    let new = networking.allocate(project, description, clock::now(), random);
    if let (Some(address), Some(row)) = (address, networking.floating.get_mut(new)) {
        networking.addresses.remove(&row.address);
        networking.addresses.insert(address.to_owned());
        address.clone_into(&mut row.address);
    }
    if port.is_some() {
        networking.associate(new, port);
    }
    let row = networking.floating.get(new).ok_or_else(refusal::no_such_path)?;
    let body = json!({"floatingip": views::floating(networking, row)});
    Ok(Reply::json(StatusCode::CREATED, &body))
}

/// `PUT /v2.0/floatingips/{id}`: associate, disassociate, describe.
pub fn update(networking: &mut Networking, call: &Call, caller: &Caller, text: &str) -> Answer {
    let found = find(networking, caller, text)?.id;
    let asked = &call.body["floatingip"];
    if asked.get("port_id").is_some() {
        let port = port_of(networking, caller, asked)?;
        if let Some(port) = port {
            room_at(networking, found, port)?;
        }
        networking.associate(found, port);
    }
    if let Some(row) = networking.floating.get_mut(found) {
        if let Some(description) = asked["description"].as_str() {
            description.clone_into(&mut row.description);
        }
        row.at.touch(clock::now());
    }
    show(networking, caller, text)
}

/// `DELETE /v2.0/floatingips/{id}`.
pub fn delete(networking: &mut Networking, caller: &Caller, text: &str) -> Answer {
    let found = find(networking, caller, text)?.id;
    networking.release(found);
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// A port has one address here, and an address has one floating IP.
fn room_at(networking: &Networking, floating: Uuid, port: Uuid) -> Result<(), Reply> {
    let Some(row) = networking.floating.get(floating) else { return Ok(()) };
    let mut others = networking.floating.of(row.project).filter(|other| other.id != floating);
    let Some(other) = others.find(|other| other.port == Some(port)) else { return Ok(()) };
    let fixed = other.fixed.as_deref().unwrap_or_default();
    let message = format!(
        "Cannot associate floating IP {} ({floating}) with port {port} using fixed IP {fixed}, as that fixed IP already \
         has a floating IP on external network {}.",
        row.address, row.network
    );
    Err(refusal::conflict("FloatingIPPortAlreadyAssociated", &message))
}

fn port_of(networking: &Networking, caller: &Caller, asked: &Value) -> Result<Option<Uuid>, Reply> {
    let Some(text) = asked["port_id"].as_str() else {
        return Ok(None);
    };
    let port = networking.ports.get(id(text));
    let visible = port.filter(|port| port.project.is_some_and(|project| caller.reads(project)));
    match visible {
        Some(port) => Ok(Some(port.id)),
        None => Err(refusal::not_found("port", text)),
    }
}
