//! What changes Neutron.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::openstack::error::Error;
use crate::openstack::network::{Network, Router, Subnet};
use crate::openstack::request::Request;
use crate::openstack::service::Service;
use crate::openstack::writer::Writer;

/// A request to Neutron that changes something.
pub(super) fn change<'a>(
    operation: &'static str,
    method: Method,
    path: &[&'a str],
    body: Option<Value>,
) -> Request<'a> {
    let mut request = Request::get(Service::Network, operation, path);
    (request.method, request.body) = (method, body);
    request
}

/// The kinds of objects that Neutron removes by their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkObject {
    /// A floating IP.
    FloatingIp,
    /// A network, with its subnets.
    Network,
    /// A port that is no router's.
    Port,
    /// A router without interfaces.
    Router,
    /// A security group that no port is in.
    SecurityGroup,
    /// A rule of a security group.
    SecurityGroupRule,
    /// A subnet without ports.
    Subnet,
}

impl NetworkObject {
    const fn path(self) -> (&'static str, &'static str) {
        match self {
            Self::FloatingIp => ("floatingips", "floating_ip_delete"),
            Self::Network => ("networks", "network_delete"),
            Self::Port => ("ports", "port_delete"),
            Self::Router => ("routers", "router_delete"),
            Self::SecurityGroup => ("security-groups", "security_group_delete"),
            Self::SecurityGroupRule => ("security-group-rules", "security_group_rule_delete"),
            Self::Subnet => ("subnets", "subnet_delete"),
        }
    }
}

impl Writer {
    /// Removes an object; one that is gone already is as good.
    pub async fn remove_from_network(&self, what: NetworkObject, id: &str) -> Result<(), Error> {
        let (path, operation) = what.path();
        self.send_removal(change(operation, Method::DELETE, &[path, id], None)).await
    }

    /// Makes a network of a project.
    pub async fn create_network(&self, project: &str, name: &str, description: &str) -> Result<Network, Error> {
        let network = json!({ "name": name, "description": description, "project_id": project });
        let body = Some(json!({ "network": network }));
        let request = change("network_create", Method::POST, &["networks"], body).about(Some(project));
        Ok(self.send(request.clone()).await?.json::<NetworkAnswer>(&request)?.network)
    }

    /// Makes a subnet of a network.
    pub async fn create_subnet(&self, project: &str, new: &NewSubnet<'_>) -> Result<Subnet, Error> {
        let (start, end) = new.pool;
        let subnet = json!({
            "name": new.name, "network_id": new.network, "project_id": project, "ip_version": 4, "cidr": new.cidr,
            "enable_dhcp": true, "allocation_pools": [{ "start": start, "end": end }],
        });
        let body = Some(json!({ "subnet": subnet }));
        let request = change("subnet_create", Method::POST, &["subnets"], body).about(Some(project));
        Ok(self.send(request.clone()).await?.json::<SubnetAnswer>(&request)?.subnet)
    }

    /// Makes a router of a project.
    pub async fn create_router(&self, project: &str, name: &str) -> Result<Router, Error> {
        let body = Some(json!({ "router": { "name": name, "project_id": project } }));
        let request = change("router_create", Method::POST, &["routers"], body).about(Some(project));
        Ok(self.send(request.clone()).await?.json::<RouterAnswer>(&request)?.router)
    }

    /// Lets a router lead to an external network.
    pub async fn set_gateway(&self, router: &str, network: &str) -> Result<(), Error> {
        let body = json!({ "router": { "external_gateway_info": { "network_id": network } } });
        self.send(change("router_update", Method::PUT, &["routers", router], Some(body))).await.map(drop)
    }

    /// Takes a router's own routes away.
    pub async fn clear_routes(&self, router: &str) -> Result<(), Error> {
        let body = json!({ "router": { "routes": [] } });
        self.send(change("router_update", Method::PUT, &["routers", router], Some(body))).await.map(drop)
    }

    /// Joins a subnet to a router.
    pub async fn add_interface(&self, router: &str, subnet: &str) -> Result<(), Error> {
        let path = ["routers", router, "add_router_interface"];
        let body = Some(json!({ "subnet_id": subnet }));
        self.send(change("router_interface_add", Method::PUT, &path, body)).await.map(drop)
    }

    /// Takes a port from its router; one that is gone already is as good.
    pub async fn remove_interface(&self, router: &str, port: &str) -> Result<(), Error> {
        let path = ["routers", router, "remove_router_interface"];
        let body = Some(json!({ "port_id": port }));
        self.send_removal(change("router_interface_remove", Method::PUT, &path, body)).await
    }
}

/// A subnet that is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct NewSubnet<'a> {
    pub name: &'a str,
    pub network: &'a str,
    pub cidr: &'a str,
    /// The first and the last address that are given out.
    pub pool: (&'a str, &'a str),
}

#[derive(Deserialize)]
struct NetworkAnswer {
    network: Network,
}

#[derive(Deserialize)]
struct SubnetAnswer {
    subnet: Subnet,
}

#[derive(Deserialize)]
struct RouterAnswer {
    router: Router,
}
