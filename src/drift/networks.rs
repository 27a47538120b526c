//! Networks count by name, description, reach and their subnets; routers by name, description, gateway and routes. Their
//! status follows from what happens in them and is recorded, not compared.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::facts::{Fact, Facts, Object};
use crate::model::network::{Network, NetworkPart, Router, Subnet};

/// One object per network and router, one field per subnet: its addresses are the field's name.
pub(super) fn facts(parts: &[NetworkPart]) -> Facts {
    let object = |part: &NetworkPart| match part {
        NetworkPart::Network(it) => (it.id.clone(), network(it)),
        NetworkPart::Router(it) => (it.id.clone(), router(it)),
    };
    Facts { objects: parts.iter().map(object).collect(), open_ended: false }
}

fn network(it: &Network) -> Object {
    let mut fields = BTreeMap::from([
        ("admin_state_up".to_owned(), Fact::new(it.admin_state_up)),
        ("description".to_owned(), Fact::new(it.description.clone())),
        ("external".to_owned(), Fact::new(it.external)),
        ("mtu".to_owned(), Fact::new(it.mtu)),
        ("name".to_owned(), Fact::new(it.name.clone())),
        ("port_security_enabled".to_owned(), Fact::new(it.port_security_enabled)),
        ("shared".to_owned(), Fact::new(it.shared)),
    ]);
    let twice = |subnet: &Subnet| it.subnets.iter().filter(|other| other.cidr == subnet.cidr).count() > 1;
    fields.extend(it.subnets.iter().map(|subnet| {
        // Addresses may overlap where nothing routes them; then the id tells two subnets apart.
        let id = if twice(subnet) { format!(" ({})", subnet.id) } else { String::new() };
        (format!("subnet {}{id}", subnet.cidr), Fact::new(described(subnet)))
    }));
    let cidrs: Vec<&str> = it.subnets.iter().map(|subnet| subnet.cidr.as_str()).collect();
    Object { name: it.name.clone(), summary: json!({ "name": it.name, "subnets": cidrs }), fields }
}

/// What is said about a subnet: all but its addresses and its id, without what is empty.
fn described(subnet: &Subnet) -> Value {
    let mut described = json!({
        "name": subnet.name, "description": subnet.description, "gateway_ip": subnet.gateway_ip,
        "enable_dhcp": subnet.enable_dhcp, "dns_nameservers": subnet.dns_nameservers,
        "allocation_pools": subnet.allocation_pools, "host_routes": subnet.host_routes,
    });
    if let Some(fields) = described.as_object_mut() {
        fields.retain(|_, value| *value != json!([]) && *value != json!("") && !value.is_null());
    }
    described
}

fn router(it: &Router) -> Object {
    let fields = BTreeMap::from([
        ("admin_state_up".to_owned(), Fact::new(it.admin_state_up)),
        ("description".to_owned(), Fact::new(it.description.clone())),
        ("enable_snat".to_owned(), Fact::new(it.enable_snat)),
        ("gateway_addresses".to_owned(), Fact::new(it.gateway_addresses.clone())),
        ("gateway_network_id".to_owned(), Fact::new(it.gateway_network_id.clone())),
        ("name".to_owned(), Fact::new(it.name.clone())),
        ("routes".to_owned(), Fact::new(it.routes.clone())),
    ]);
    let summary = json!({ "router": it.name, "gateway_network_id": it.gateway_network_id });
    Object { name: it.name.clone(), summary, fields }
}
