//! Floating IPs.

use serde::{Deserialize, Serialize};

/// A floating IP as seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloatingIp {
    /// Neutron's id.
    pub id: String,
    /// The address that the world sees.
    pub address: String,
    /// Free text; null is the empty text.
    #[serde(default)]
    pub description: String,
    /// Neutron's status: `ACTIVE`, `DOWN` or `ERROR`.
    #[serde(default)]
    pub status: String,
    /// The external network that it comes from.
    #[serde(default)]
    pub network_id: String,
    /// The port that it leads to.
    #[serde(default)]
    pub port_id: Option<String>,
    /// The port's address that it leads to.
    #[serde(default)]
    pub fixed_ip: Option<String>,
    /// The router that translates it.
    #[serde(default)]
    pub router_id: Option<String>,
}
