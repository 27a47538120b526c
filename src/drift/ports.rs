//! Ports count by name, description, addresses, what has them and which security groups hold for them; their status
//! follows from that.

use std::collections::BTreeMap;

use serde_json::json;

use super::facts::{Fact, Facts, Object};
use crate::model::port::Port;

/// One object per port.
pub(super) fn facts(ports: &[Port]) -> Facts {
    let object = |port: &Port| {
        let fields = BTreeMap::from([
            ("admin_state_up".to_owned(), Fact::new(port.admin_state_up)),
            ("allowed_address_pairs".to_owned(), Fact::new(port.allowed_address_pairs.clone())),
            ("description".to_owned(), Fact::new(port.description.clone())),
            ("device_id".to_owned(), Fact::new(port.device_id.clone())),
            ("device_owner".to_owned(), Fact::new(port.device_owner.clone())),
            ("fixed_ips".to_owned(), Fact::new(port.fixed_ips.clone())),
            ("mac_address".to_owned(), Fact::new(port.mac_address.clone())),
            ("name".to_owned(), Fact::new(port.name.clone())),
            ("network_id".to_owned(), Fact::new(port.network_id.clone())),
            ("port_security_enabled".to_owned(), Fact::new(port.port_security_enabled)),
            ("security_groups".to_owned(), Fact::new(port.security_groups.clone())),
        ]);
        let summary = json!({
            "name": port.name, "fixed_ips": port.fixed_ips, "device_owner": port.device_owner,
            "device_id": port.device_id,
        });
        (port.id.clone(), Object { name: port.label().to_owned(), summary, fields })
    };
    Facts { objects: ports.iter().map(object).collect(), open_ended: false }
}
