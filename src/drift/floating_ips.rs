//! Floating IPs count by address, description, network and what they lead to; status and router follow from those.

use std::collections::BTreeMap;

use serde_json::json;

use super::facts::{Fact, Facts, Object};
use crate::model::floating_ip::FloatingIp;

/// One object per address.
pub(super) fn facts(addresses: &[FloatingIp]) -> Facts {
    let object = |floating: &FloatingIp| {
        let fields = BTreeMap::from([
            ("address".to_owned(), Fact::new(floating.address.clone())),
            ("description".to_owned(), Fact::new(floating.description.clone())),
            ("fixed_ip".to_owned(), Fact::new(floating.fixed_ip.clone())),
            ("network_id".to_owned(), Fact::new(floating.network_id.clone())),
            ("port_id".to_owned(), Fact::new(floating.port_id.clone())),
        ]);
        let summary = json!({ "address": floating.address, "fixed_ip": floating.fixed_ip });
        (floating.id.clone(), Object { name: floating.address.clone(), summary, fields })
    };
    Facts { objects: addresses.iter().map(object).collect(), open_ended: false }
}
