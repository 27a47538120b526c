//! What an announcement makes of an expectation.

use serde_json::{Value, json};

use crate::model::rule_wish::{Peer, RuleWish};
use crate::model::security_group::{Meaning, Rule, SecurityGroup};
use crate::model::{Announcement, Body, ResourceType};

/// The fields of an object that can be announced.
pub const fn fields(resource_type: ResourceType) -> &'static [&'static str] {
    match resource_type {
        ResourceType::Quotas => &[],
        ResourceType::SecurityGroups => &["name", "description", "stateful", "rules"],
        ResourceType::FloatingIps => &["description", "port_id", "fixed_ip"],
        ResourceType::ServerGroups => &["name", "policy"],
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
            object[field] = if field == "rules" { rules(value, observed) } else { value.clone() };
        }
    }
    Body::from_json(body.resource_type(), &json).unwrap_or(body)
}

/// The ids of the objects that have this id, name or address.
pub fn called(body: &Body, named: &str) -> Vec<String> {
    let ids = body.labels().into_iter().filter(|(id, name)| *id == named || *name == named);
    ids.map(|(id, _)| id.to_owned()).collect()
}

fn rules(wishes: &Value, observed: &Body) -> Value {
    let wishes: Vec<RuleWish> = serde_json::from_value(wishes.clone()).unwrap_or_default();
    let groups: &[SecurityGroup] = if let Body::SecurityGroups(groups) = observed { groups } else { &[] };
    let rule = |wish: &RuleWish| Rule { meaning: meant(wish, groups), id: String::new(), description: String::new() };
    json!(wishes.iter().map(rule).collect::<Vec<_>>())
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
