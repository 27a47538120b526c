//! What an announcement makes of an expectation.

use serde_json::{Value, json};

use super::least_change::is_default_egress;
use crate::model::rule_wish::{Peer, RuleWish};
use crate::model::security_group::{Meaning, Rule, SecurityGroup};
use crate::model::{Announcement, Body, ResourceType};

/// Whether the two rules that let everything out, with which Neutron begins every group, stay beside the rules that are
/// announced. They do where nobody says otherwise, as in `push_security_groups`.
pub const DEFAULT_EGRESS: &str = "default_egress_rules";

/// The fields of an object that can be announced.
pub const fn fields(resource_type: ResourceType) -> &'static [&'static str] {
    match resource_type {
        ResourceType::Quotas => &[],
        ResourceType::SecurityGroups => &["name", "description", "stateful", "rules"],
        ResourceType::FloatingIps => &["description", "port_id", "fixed_ip"],
        ResourceType::ServerGroups => &["name", "policy"],
        ResourceType::Networks | ResourceType::Ports | ResourceType::Instances | ResourceType::VolumeSnapshots => {
            &["name", "description"]
        }
        ResourceType::Volumes => &["name", "description", "size_gib"],
    }
}

/// The expectation after what was announced. An object that is not expected yet is taken from what was observed, once
/// it is there.
pub fn announced(expected: &Body, it: &Announcement, observed: &Body) -> Body {
    it.changes.iter().fold(expected.clone(), |body, (named, change)| changed(&body, named, change, observed))
}

fn changed(body: &Body, named: &str, change: &Value, observed: &Body) -> Body {
    if let Body::Quotas(_) = body {
        let mut json = body.to_json();
        json[named] = json!({ "limit": change });
        return Body::from_json(ResourceType::Quotas, &json).unwrap_or_else(|_| body.clone());
    }
    let ids = called(body, named);
    if change.is_null() {
        return body.clone().without(|id| ids.iter().any(|it| it == id));
    }
    let new: Vec<String> = if ids.is_empty() { called(observed, named) } else { Vec::new() };
    let body = body.clone().with_objects_of(observed, |id| new.iter().any(|it| it == id));
    let mut json = body.to_json();
    let objects = json.as_array_mut().into_iter().flatten();
    for object in objects.filter(|it| ids.iter().chain(&new).any(|id| it["id"] == id.as_str())) {
        for (field, value) in change.as_object().into_iter().flatten() {
            match field.as_str() {
                "rules" => {
                    let before = Some(&object["rules"]).filter(|_| change[DEFAULT_EGRESS] != json!(false));
                    object["rules"] = rules(value, before, observed);
                }
                DEFAULT_EGRESS => {}
                _ => object[field] = value.clone(),
            }
        }
    }
    Body::from_json(body.resource_type(), &json).unwrap_or(body)
}

/// The ids of the objects that have this id, name or address.
pub fn called(body: &Body, named: &str) -> Vec<String> {
    let ids = body.labels().into_iter().filter(|(id, name)| *id == named || *name == named);
    ids.map(|(id, _)| id.to_owned()).collect()
}

/// The rules of a group after what was announced; of those `before` the default egress rules stay.
fn rules(wishes: &Value, before: Option<&Value>, observed: &Body) -> Value {
    let wishes: Vec<RuleWish> = serde_json::from_value(wishes.clone()).unwrap_or_default();
    let groups: &[SecurityGroup] = if let Body::SecurityGroups(groups) = observed { groups } else { &[] };
    let rule = |wish: &RuleWish| Rule { meaning: meant(wish, groups), id: String::new(), description: String::new() };
    let mut rules: Vec<Rule> = wishes.iter().map(rule).collect();
    let before: Vec<Rule> = before.and_then(|it| serde_json::from_value(it.clone()).ok()).unwrap_or_default();
    let stays = |it: &Rule| is_default_egress(&it.meaning) && rules.iter().all(|rule| rule.meaning != it.meaning);
    let stay: Vec<Rule> = before.into_iter().filter(stays).collect();
    rules.extend(stay);
    json!(rules)
}

/// What a rule means among these groups. A group that is not there is named as it was written.
pub fn meant(wish: &RuleWish, groups: &[SecurityGroup]) -> Meaning {
    let peer = wish.peer().map(|peer| match peer {
        Peer::Id(id) => id.to_owned(),
        Peer::Name(name) => {
            groups.iter().find(|group| group.name == name).map_or_else(|| name.to_owned(), |group| group.id.clone())
        }
    });
    wish.meaning(peer)
}
