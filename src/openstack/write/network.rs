//! What changes Neutron.

use reqwest::Method;
use serde_json::Value;

use crate::openstack::error::Error;
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
}
