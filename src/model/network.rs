//! Networks with their subnets, and the routers beside them.

use serde::{Deserialize, Serialize};

/// One object of the resource type `networks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NetworkPart {
    /// A network with its subnets.
    Network(Network),
    /// A router.
    Router(Router),
}

/// A network as seen. Only its owner has it, also where it is shared or leads out of the cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Neutron's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Free text; null is the empty text.
    #[serde(default)]
    pub description: String,
    /// Neutron's status: `ACTIVE`, `DOWN`, `BUILD` or `ERROR`.
    #[serde(default)]
    pub status: String,
    /// Whether it is switched on.
    #[serde(default = "yes")]
    pub admin_state_up: bool,
    /// Whether every project may use it.
    #[serde(default)]
    pub shared: bool,
    /// Whether it leads out of the cloud.
    #[serde(default)]
    pub external: bool,
    /// The largest packet.
    #[serde(default)]
    pub mtu: Option<i64>,
    /// Whether its ports have security groups where nobody says otherwise.
    #[serde(default)]
    pub port_security_enabled: Option<bool>,
    /// Its subnets, whosever they are, sorted by id.
    #[serde(default)]
    pub subnets: Vec<Subnet>,
}

/// A subnet of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// Neutron's id.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Free text; null is the empty text.
    #[serde(default)]
    pub description: String,
    /// Its addresses.
    #[serde(default)]
    pub cidr: String,
    /// The way out.
    #[serde(default)]
    pub gateway_ip: Option<String>,
    /// Whether addresses are told by DHCP.
    #[serde(default)]
    pub enable_dhcp: bool,
    /// The name servers that are told, in their order.
    #[serde(default)]
    pub dns_nameservers: Vec<String>,
    /// Addresses that are given out: `10.0.0.2-10.0.0.254`, sorted.
    #[serde(default)]
    pub allocation_pools: Vec<String>,
    /// Routes that are told: `192.0.2.0/24 via 10.0.0.9`, sorted.
    #[serde(default)]
    pub host_routes: Vec<String>,
}

/// A router as seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Router {
    /// Neutron's id.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Free text; null is the empty text.
    #[serde(default)]
    pub description: String,
    /// Neutron's status.
    #[serde(default)]
    pub status: String,
    /// Whether it is switched on.
    #[serde(default = "yes")]
    pub admin_state_up: bool,
    /// The external network that it leads to.
    #[serde(default)]
    pub gateway_network_id: Option<String>,
    /// Its addresses there, sorted.
    #[serde(default)]
    pub gateway_addresses: Vec<String>,
    /// Whether what leaves through it has its address.
    #[serde(default)]
    pub enable_snat: Option<bool>,
    /// Routes of its own: `192.0.2.0/24 via 10.0.0.9`, sorted.
    #[serde(default)]
    pub routes: Vec<String>,
}

const fn yes() -> bool {
    true
}

impl NetworkPart {
    /// Neutron's id.
    pub fn id(&self) -> &str {
        match self {
            Self::Network(network) => &network.id,
            Self::Router(router) => &router.id,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Network(network) => &network.name,
            Self::Router(router) => &router.name,
        }
    }

    /// The network, where it is one.
    pub const fn network(&self) -> Option<&Network> {
        match self {
            Self::Network(network) => Some(network),
            Self::Router(_) => None,
        }
    }

    /// Neutron's status.
    pub fn status(&self) -> &str {
        match self {
            Self::Network(network) => &network.status,
            Self::Router(router) => &router.status,
        }
    }

    pub(super) fn tidy(&mut self) {
        match self {
            Self::Network(network) => {
                network.subnets.sort_by(|left, right| left.id.cmp(&right.id));
                for subnet in &mut network.subnets {
                    subnet.allocation_pools.sort();
                    subnet.host_routes.sort();
                }
            }
            Self::Router(router) => {
                router.gateway_addresses.sort();
                router.routes.sort();
            }
        }
    }
}
