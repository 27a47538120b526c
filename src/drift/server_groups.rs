//! Server groups count by name and policy; members come and go with the servers and are recorded, not compared.

use std::collections::BTreeMap;

use serde_json::json;

use super::facts::{Fact, Facts, Object};
use crate::model::server_group::ServerGroup;

/// One object per group.
pub(super) fn facts(groups: &[ServerGroup]) -> Facts {
    let object = |group: &ServerGroup| {
        let fields = BTreeMap::from([
            ("name".to_owned(), Fact::new(group.name.clone())),
            ("policy".to_owned(), Fact::new(group.policy.clone())),
        ]);
        let summary = json!({ "name": group.name, "policy": group.policy });
        (group.id.clone(), Object { name: group.name.clone(), summary, fields })
    };
    Facts { objects: groups.iter().map(object).collect(), open_ended: false }
}
