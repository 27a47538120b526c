//! Ports.

use serde::{Deserialize, Serialize};

/// A port as seen. Where it is bound is the cloud's business and left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Neutron's id.
    pub id: String,
    /// Its name; most have none.
    #[serde(default)]
    pub name: String,
    /// Free text; null is the empty text.
    #[serde(default)]
    pub description: String,
    /// Neutron's status: `ACTIVE`, `DOWN`, `BUILD` or `ERROR`.
    #[serde(default)]
    pub status: String,
    /// The network that it is in.
    #[serde(default)]
    pub network_id: String,
    /// Its hardware address.
    #[serde(default)]
    pub mac_address: String,
    /// Its addresses, sorted.
    #[serde(default)]
    pub fixed_ips: Vec<String>,
    /// The instance or router that has it; empty where nothing does.
    #[serde(default)]
    pub device_id: String,
    /// What kind of thing has it: `compute:nova`, `network:router_interface`.
    #[serde(default)]
    pub device_owner: String,
    /// Whether it is switched on.
    #[serde(default = "yes")]
    pub admin_state_up: bool,
    /// Whether security groups hold for it.
    #[serde(default)]
    pub port_security_enabled: Option<bool>,
    /// Ids of its security groups, sorted.
    #[serde(default)]
    pub security_groups: Vec<String>,
    /// Other addresses that may be sent from: `10.0.0.0/24` or `10.0.0.9 fa:16:3e:00:00:01`, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_address_pairs: Vec<String>,
}

const fn yes() -> bool {
    true
}

impl Port {
    /// What people call it by: its name, or else its address.
    pub fn label(&self) -> &str {
        if self.name.is_empty() { self.fixed_ips.first().map_or("", String::as_str) } else { &self.name }
    }

    pub(super) fn tidy(&mut self) {
        for list in [&mut self.fixed_ips, &mut self.security_groups, &mut self.allowed_address_pairs] {
            list.sort();
        }
    }
}
