//! Security groups count by name, description, statefulness and the meaning of their rules.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::facts::{Fact, Facts, Object};
use crate::model::security_group::{Meaning, SecurityGroup};

/// One object per group, one field per rule: its meaning is the field's name and the rule its value.
pub(super) fn facts(groups: &[SecurityGroup]) -> Facts {
    Facts { objects: groups.iter().map(|group| (group.id.clone(), object(group))).collect(), open_ended: false }
}

fn object(group: &SecurityGroup) -> Object {
    let mut fields = BTreeMap::from([
        ("description".to_owned(), Fact::new(group.description.clone())),
        ("name".to_owned(), Fact::new(group.name.clone())),
        ("stateful".to_owned(), Fact::new(group.stateful)),
    ]);
    let rules = group.rules.iter().map(|rule| (format!("rule {}", rule.meaning), Fact::new(json!(rule.meaning))));
    fields.extend(rules);
    let meanings: Vec<&Meaning> = group.rules.iter().map(|rule| &rule.meaning).collect();
    Object { name: group.name.clone(), summary: json!({ "name": group.name, "rules": meanings }), fields }
}

/// The name of the group that Neutron makes for a project when somebody first asks about its groups, tenantd included.
const DEFAULT: &str = "default";

/// The default group, where Neutron has just made it: nobody changed anything as long as it lets in its own members only.
pub(super) fn born(expected: &[SecurityGroup], observed: &[SecurityGroup]) -> BTreeSet<String> {
    let is_as_born = |group: &&SecurityGroup| {
        let own =
            |rule: &Meaning| rule.direction != "ingress" || rule.remote_group.as_deref() == Some(group.id.as_str());
        group.name == DEFAULT && group.rules.iter().all(|rule| own(&rule.meaning))
    };
    if expected.iter().any(|group| group.name == DEFAULT) {
        return BTreeSet::new();
    }
    observed.iter().filter(is_as_born).map(|group| group.id.clone()).collect()
}

/// The rules that a finding's value brings: the rule itself, or those of a whole group.
pub(super) fn rules_in(value: &Value) -> Vec<Meaning> {
    match value.get("rules") {
        Some(rules) => serde_json::from_value(rules.clone()).unwrap_or_default(),
        None => serde_json::from_value(value.clone()).map(|rule| vec![rule]).unwrap_or_default(),
    }
}
