//! Neutron: security groups with their rules, floating IPs, networks with subnets and ports.
//!
//! Rules are read inside their groups and not from their own listing, which costs the service fourteen times as much;
//! only to count them, that listing is asked for the ids of one project's.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Cloud;
use super::answer::{Listing, Which};
use super::collection::{Collection, FLOATING_IPS, NETWORKS, PORTS, ROUTERS, SECURITY_GROUPS, SUBNETS};
use super::error::Error;
use super::request::Request;
use super::sections::{OfProject, Sections};
use super::text::{or_default, text_or_number};

/// A security group with its rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct SecurityGroup {
    pub id: String,
    pub name: String,
    pub project_id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub description: String,
    pub stateful: Option<bool>,
    #[serde(default, deserialize_with = "or_default")]
    pub shared: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub tags: Vec<String>,
    pub created_at: Option<String>,
    pub updated_at: Option<String>,
    pub revision_number: Option<i64>,
    pub security_group_rules: Vec<SecurityGroupRule>,
}

/// A rule inside its group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct SecurityGroupRule {
    pub id: String,
    pub direction: String,
    pub ethertype: Option<String>,
    #[serde(default, deserialize_with = "text_or_number")]
    pub protocol: Option<String>,
    pub port_range_min: Option<i64>,
    pub port_range_max: Option<i64>,
    pub remote_ip_prefix: Option<String>,
    pub normalized_cidr: Option<String>,
    pub remote_group_id: Option<String>,
    pub remote_address_group_id: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub description: String,
}

/// A floating IP.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct FloatingIp {
    pub id: String,
    pub project_id: String,
    pub floating_ip_address: String,
    pub floating_network_id: String,
    pub fixed_ip_address: Option<String>,
    pub port_id: Option<String>,
    pub router_id: Option<String>,
    pub status: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub description: String,
    pub qos_policy_id: Option<String>,
    pub port_details: Option<PortDetails>,
    #[serde(default, deserialize_with = "or_default")]
    pub tags: Vec<String>,
    pub created_at: Option<String>,
    pub updated_at: Option<String>,
    pub revision_number: Option<i64>,
}

/// What a floating IP says about the port that it leads to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct PortDetails {
    pub name: Option<String>,
    pub network_id: Option<String>,
    pub mac_address: Option<String>,
    pub status: Option<String>,
    pub device_id: Option<String>,
    pub device_owner: Option<String>,
}

/// A network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct Network {
    pub id: String,
    pub name: String,
    pub project_id: String,
    pub status: Option<String>,
    pub admin_state_up: Option<bool>,
    #[serde(default, deserialize_with = "or_default")]
    pub shared: bool,
    #[serde(default, rename = "router:external", deserialize_with = "or_default")]
    pub external: bool,
    pub mtu: Option<i64>,
    #[serde(default, deserialize_with = "or_default")]
    pub subnets: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub description: String,
    pub port_security_enabled: Option<bool>,
    #[serde(rename = "provider:network_type")]
    pub network_type: Option<String>,
    #[serde(rename = "provider:segmentation_id")]
    pub segmentation_id: Option<i64>,
    pub created_at: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub tags: Vec<String>,
    pub revision_number: Option<i64>,
}

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct Subnet {
    pub id: String,
    pub name: String,
    pub project_id: String,
    pub network_id: String,
    pub cidr: Option<String>,
    pub ip_version: Option<i64>,
    pub gateway_ip: Option<String>,
    pub enable_dhcp: Option<bool>,
    #[serde(default, deserialize_with = "or_default")]
    pub dns_nameservers: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub allocation_pools: Vec<AllocationPool>,
    #[serde(default, deserialize_with = "or_default")]
    pub host_routes: Vec<Route>,
    #[serde(default, deserialize_with = "or_default")]
    pub description: String,
    #[serde(default, deserialize_with = "or_default")]
    pub tags: Vec<String>,
    pub revision_number: Option<i64>,
}

/// A range of a subnet's addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct AllocationPool {
    pub start: String,
    pub end: String,
}

/// Where packets to some addresses go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct Route {
    pub destination: String,
    pub nexthop: String,
}

/// A port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct Port {
    pub id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub description: String,
    pub project_id: String,
    pub network_id: String,
    pub status: Option<String>,
    pub admin_state_up: Option<bool>,
    pub mac_address: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub fixed_ips: Vec<FixedIp>,
    #[serde(default, deserialize_with = "or_default")]
    pub device_id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub device_owner: String,
    #[serde(default, deserialize_with = "or_default")]
    pub security_groups: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub allowed_address_pairs: Vec<AddressPair>,
    pub port_security_enabled: Option<bool>,
    #[serde(default, deserialize_with = "or_default")]
    pub tags: Vec<String>,
    pub revision_number: Option<i64>,
}

/// Another address that a port may send from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct AddressPair {
    pub ip_address: String,
    pub mac_address: Option<String>,
}

/// A router.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct Router {
    pub id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub description: String,
    pub project_id: String,
    pub status: Option<String>,
    pub admin_state_up: Option<bool>,
    pub external_gateway_info: Option<Gateway>,
    #[serde(default, deserialize_with = "or_default")]
    pub routes: Vec<Route>,
    pub created_at: Option<String>,
}

/// Where a router leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct Gateway {
    pub network_id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub external_fixed_ips: Vec<FixedIp>,
    pub enable_snat: Option<bool>,
}

/// An address of a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct FixedIp {
    pub subnet_id: Option<String>,
    pub ip_address: Option<String>,
}

impl OfProject for SecurityGroup {
    fn project(&self) -> Option<&str> {
        Some(&self.project_id)
    }
}

impl OfProject for Port {
    fn project(&self) -> Option<&str> {
        Some(&self.project_id)
    }
}

impl OfProject for FloatingIp {
    fn project(&self) -> Option<&str> {
        Some(&self.project_id)
    }
}

/// What is read of each object, and so what is asked for.
const NETWORK_FIELDS: [&str; 16] = [
    "id",
    "name",
    "project_id",
    "status",
    "admin_state_up",
    "shared",
    "router:external",
    "mtu",
    "subnets",
    "description",
    "port_security_enabled",
    "provider:network_type",
    "provider:segmentation_id",
    "created_at",
    "tags",
    "revision_number",
];
const SUBNET_FIELDS: [&str; 14] = [
    "id",
    "name",
    "project_id",
    "network_id",
    "cidr",
    "ip_version",
    "gateway_ip",
    "enable_dhcp",
    "dns_nameservers",
    "allocation_pools",
    "host_routes",
    "description",
    "tags",
    "revision_number",
];
const PORT_FIELDS: [&str; 16] = [
    "id",
    "name",
    "description",
    "project_id",
    "network_id",
    "status",
    "admin_state_up",
    "mac_address",
    "fixed_ips",
    "device_id",
    "device_owner",
    "security_groups",
    "allowed_address_pairs",
    "port_security_enabled",
    "tags",
    "revision_number",
];
const ROUTER_FIELDS: [&str; 9] = [
    "id",
    "name",
    "description",
    "project_id",
    "status",
    "admin_state_up",
    "external_gateway_info",
    "routes",
    "created_at",
];

impl Cloud {
    /// Security groups with their rules.
    pub async fn security_groups(&self, which: Which<'_>) -> Result<Listing<SecurityGroup>, Error> {
        self.objects(&SECURITY_GROUPS, which).await
    }

    /// Security groups with their rules, project by project.
    ///
    /// # Errors
    /// [`Error::OutOfSight`] where the role does not see every project's.
    pub async fn security_groups_by_project(&self) -> Result<Sections<'_, SecurityGroup>, Error> {
        let fields = ["id", "name", "project_id", "description", "stateful", "security_group_rules"];
        self.sections(&SECURITY_GROUPS, &fields).await
    }

    /// Floating IPs.
    pub async fn floating_ips(&self, which: Which<'_>) -> Result<Listing<FloatingIp>, Error> {
        self.objects(&FLOATING_IPS, which).await
    }

    /// Floating IPs, project by project.
    ///
    /// # Errors
    /// [`Error::OutOfSight`] where the role does not see every project's.
    pub async fn floating_ips_by_project(&self) -> Result<Sections<'_, FloatingIp>, Error> {
        let who = ["id", "project_id", "floating_ip_address", "description", "status"];
        let whereto = ["floating_network_id", "port_id", "fixed_ip_address", "router_id"];
        self.sections(&FLOATING_IPS, &[&who[..], &whereto[..]].concat()).await
    }

    /// Networks.
    pub async fn networks(&self, which: Which<'_>) -> Result<Listing<Network>, Error> {
        self.parts_of(&NETWORKS, which, &NETWORK_FIELDS).await
    }

    /// Subnets.
    pub async fn subnets(&self, which: Which<'_>) -> Result<Listing<Subnet>, Error> {
        self.parts_of(&SUBNETS, which, &SUBNET_FIELDS).await
    }

    /// The subnets of some networks of a project, whosever the subnets are.
    ///
    /// # Errors
    /// [`Error::OutOfSight`] where the role does not see them.
    pub async fn subnets_of(&self, project: &str, networks: &[String]) -> Result<Listing<Subnet>, Error> {
        let grant = self.inner.session.grant().await?;
        self.must_see(&grant, &SUBNETS, Which::Project(project))?;
        let request = only(SUBNETS.request(Which::All, None).about(Some(project)), &SUBNET_FIELDS);
        let request = networks.iter().fold(request, |request, network| request.query("network_id", network));
        self.list(&SUBNETS, &request).await
    }

    /// Routers.
    pub async fn routers(&self, which: Which<'_>) -> Result<Listing<Router>, Error> {
        self.parts_of(&ROUTERS, which, &ROUTER_FIELDS).await
    }

    /// Networks that lead out of the cloud, whosever they are: everybody sees them.
    pub async fn external_networks(&self) -> Result<Vec<Network>, Error> {
        let request = NETWORKS.request(Which::All, None).query("router:external", "true");
        let mut networks = self.list::<Network>(&NETWORKS, &request).await?.items;
        networks.retain(|network| network.external);
        Ok(networks)
    }

    /// Ports.
    pub async fn ports(&self, which: Which<'_>) -> Result<Listing<Port>, Error> {
        self.parts_of(&PORTS, which, &PORT_FIELDS).await
    }

    /// Ports, project by project; those that are nobody's come as those of a project without a name.
    ///
    /// # Errors
    /// [`Error::OutOfSight`] where the role does not see every project's.
    pub async fn ports_by_project(&self) -> Result<Sections<'_, Port>, Error> {
        self.sections(&PORTS, &PORT_FIELDS).await
    }

    /// A listing with no more of each object than is read here.
    async fn parts_of<T: DeserializeOwned>(
        &self,
        collection: &Collection,
        which: Which<'_>,
        fields: &[&str],
    ) -> Result<Listing<T>, Error> {
        let grant = self.inner.session.grant().await?;
        self.must_see(&grant, collection, which)?;
        self.list(collection, &only(collection.request(which, grant.identity.project_id()), fields)).await
    }
}

fn only<'a>(request: Request<'a>, fields: &[&str]) -> Request<'a> {
    fields.iter().fold(request, |request, field| request.query("fields", *field))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn fields_of<T: Serialize + DeserializeOwned>(object: Value) -> Vec<String> {
        let read: T = serde_json::from_value(object).unwrap();
        serde_json::to_value(read).unwrap().as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn what_is_asked_for_is_what_is_read() {
        let least = json!({ "id": "1", "name": "a", "project_id": "p", "network_id": "n" });
        let sorted = |fields: &[&str]| {
            let mut fields: Vec<String> = fields.iter().map(|it| (*it).to_owned()).collect();
            fields.sort();
            fields
        };
        assert_eq!(sorted(&NETWORK_FIELDS), fields_of::<Network>(least.clone()));
        assert_eq!(sorted(&SUBNET_FIELDS), fields_of::<Subnet>(least.clone()));
        assert_eq!(sorted(&PORT_FIELDS), fields_of::<Port>(least.clone()));
        assert_eq!(sorted(&ROUTER_FIELDS), fields_of::<Router>(least));
    }
}
