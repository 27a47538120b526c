//! How Neutron shows its objects.

use serde::Serialize;
use serde_json::{Value, json};

use super::super::call::hex;
use super::super::clock::seconds;
use super::super::table::Resource;
use super::model::{FloatingIp, Group, Network, Networking, Port, Router, Rule, Stamp, Subnet};

/// A rule inside its group: with tags and number, and a null where the listing has a boolean.
#[derive(Debug, Serialize)]
pub struct EmbeddedRule<'a> {
    #[serde(flatten)]
    rule: &'a Rule,
    standard_attr_id: u64,
    belongs_to_default_sg: Option<bool>,
    tags: [(); 0],
}

/// A rule by itself.
#[derive(Debug, Serialize)]
pub struct ListedRule<'a> {
    #[serde(flatten)]
    rule: &'a Rule,
    belongs_to_default_sg: bool,
}

/// A group with its rules.
#[derive(Debug, Serialize)]
pub struct GroupView<'a> {
    id: uuid::Uuid,
    name: &'a str,
    stateful: bool,
    tenant_id: String,
    project_id: String,
    description: &'a str,
    shared: bool,
    security_group_rules: Vec<EmbeddedRule<'a>>,
    tags: [(); 0],
    created_at: String,
    updated_at: String,
    revision_number: u64,
}

/// A rule by itself.
pub fn rule<'a>(networking: &Networking, rule: &'a Rule) -> ListedRule<'a> {
    ListedRule {
        rule,
        belongs_to_default_sg: networking.defaults.get(&rule.project_id) == Some(&rule.security_group_id),
    }
}

/// A group; `fresh` ones say whether they are the default group, listed ones do not know.
pub fn group<'a>(networking: &'a Networking, group: &'a Group, fresh: bool) -> GroupView<'a> {
    let rules = group.rules.iter().filter_map(|id| networking.rules.get(*id));
    GroupView {
        id: group.id,
        name: &group.name,
        stateful: group.stateful,
        tenant_id: hex(group.project),
        project_id: hex(group.project),
        description: &group.description,
        shared: false,
        security_group_rules: rules
            .map(|rule| EmbeddedRule {
                rule,
                standard_attr_id: rule.standard_attr_id,
                belongs_to_default_sg: fresh.then_some(false),
                tags: [],
            })
            .collect(),
        tags: [],
        created_at: seconds(group.at.created),
        updated_at: seconds(group.at.updated),
        revision_number: group.at.revision,
    }
}

/// A floating IP, with what is behind it.
pub fn floating(networking: &Networking, row: &FloatingIp) -> Value {
    let port = row.port.and_then(|id| networking.ports.get(id)).map(|port| {
        json!({
            "name": port.name, "network_id": port.network, "mac_address": port.mac, "admin_state_up": true,
            "status": "ACTIVE", "device_id": port.device, "device_owner": port.owner,
        })
    });
    stamped(
        row.at,
        json!({
            "id": row.id, "tenant_id": hex(row.project), "project_id": hex(row.project),
            "floating_ip_address": row.address, "floating_network_id": row.network, "router_id": row.router,
            "port_id": row.port, "fixed_ip_address": row.fixed,
            "status": if row.port.is_some() { "ACTIVE" } else { "DOWN" },
            "description": row.description, "qos_policy_id": null, "port_details": port,
            "port_forwardings": [], "tags": [],
        }),
    )
}

/// A network; the provider's part is for administrators.
pub fn network(row: &Network, admin: bool) -> Value {
    let mut view = stamped(
        row.at,
        json!({
            "id": row.id, "name": row.name, "tenant_id": hex(row.project), "project_id": hex(row.project),
            "admin_state_up": true, "mtu": if row.external { 1500 } else { 1450 }, "status": "ACTIVE",
            "subnets": row.subnets, "shared": row.shared, "availability_zone_hints": [], "availability_zones": [],
            "ipv4_address_scope": null, "ipv6_address_scope": null, "router:external": row.external, "qinq": false,
            "vlan_transparent": false, "description": row.description, "port_security_enabled": true,
            "qos_policy_id": null, "l2_adjacency": true, "tags": [],
        }),
    );
    if row.external {
        view["is_default"] = json!(true);
    }
    if admin {
        view["provider:network_type"] = json!(if row.external { "flat" } else { "vxlan" });
        view["provider:physical_network"] = if row.external { json!("public") } else { Value::Null };
        view["provider:segmentation_id"] = if row.external { Value::Null } else { json!(row.segment) };
    }
    view
}

/// A subnet.
pub fn subnet(row: &Subnet) -> Value {
    stamped(
        row.at,
        json!({
            "id": row.id, "name": row.name, "project_id": hex(row.project), "tenant_id": hex(row.project),
            "network_id": row.network, "ip_version": row.version, "subnetpool_id": null,
            "enable_dhcp": !row.external, "ipv6_ra_mode": null, "ipv6_address_mode": null,
            "gateway_ip": row.gateway, "cidr": row.cidr,
            "allocation_pools": [{"start": row.pool.0, "end": row.pool.1}], "host_routes": [],
            "dns_nameservers": [], "description": "", "router:external": row.external, "service_types": [],
            "segment_id": null, "tags": [],
        }),
    )
}

/// A port; where it is bound is for administrators.
pub fn port(row: &Port, admin: bool) -> Value {
    let project = row.project().map(hex).unwrap_or_default();
    let bound = row.owner.starts_with("compute:");
    let mut view = stamped(
        row.at,
        json!({
            "id": row.id, "name": row.name, "network_id": row.network, "project_id": project,
            "mac_address": row.mac, "admin_state_up": true,
            "status": if row.project.is_none() { "N/A" } else if bound { "ACTIVE" } else { "DOWN" },
            "device_id": row.device, "device_owner": row.owner,
            "fixed_ips": [{"subnet_id": row.subnet, "ip_address": row.address}], "allowed_address_pairs": [],
            "extra_dhcp_opts": [], "security_groups": row.groups, "description": "",
            "binding:vnic_type": "normal", "port_security_enabled": row.project.is_some(), "qos_policy_id": null,
            "qos_network_policy_id": null, "ip_allocation": "immediate", "tags": [], "tenant_id": project,
        }),
    );
    if admin {
        view["binding:profile"] = json!({});
        view["binding:host_id"] = json!(if bound { "compute-1" } else { "" });
        view["binding:vif_type"] = json!(if bound { "ovs" } else { "unbound" });
        view["binding:vif_details"] = json!({});
        view["resource_request"] = Value::Null;
    }
    view
}

/// A router.
pub fn router(row: &Router, admin: bool) -> Value {
    let gateway = row.gateway.as_ref().map(|(network, subnet, address)| {
        json!({
            "network_id": network, "enable_snat": true,
            "external_fixed_ips": [{"subnet_id": subnet, "ip_address": address}],
        })
    });
    let mut view = stamped(
        row.at,
        json!({
            "id": row.id, "name": row.name, "project_id": hex(row.project), "admin_state_up": true,
            "status": "ACTIVE", "external_gateway_info": gateway, "description": "", "availability_zones": [],
            "availability_zone_hints": [], "routes": [], "flavor_id": null, "tags": [],
            "tenant_id": hex(row.project),
        }),
    );
    if admin {
        view["distributed"] = json!(false);
        view["ha"] = json!(false);
    }
    view
}

fn stamped(at: Stamp, mut view: Value) -> Value {
    view["created_at"] = json!(seconds(at.created));
    view["updated_at"] = json!(seconds(at.updated));
    view["revision_number"] = json!(at.revision);
    view
}
