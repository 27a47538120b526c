//! Says in a few words what a value of a finding or a body is.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::drift::{Difference, facts};
use crate::model::quota::{Limit, Quota, Unit};
use crate::model::security_group::Meaning;
use crate::model::{Body, Change, ResourceType};

/// The quotas that a summary names; the rest is counted.
const FOREMOST: [&str; 4] = ["vcpu", "ram", "instances", "floating_ip_count"];

/// A value as a person writes it: a rule as a sentence, a limit with its unit, nothing as a dash.
pub fn say(object: &str, value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => format!("{number}{}", Unit::of(object).symbol()),
        Value::Bool(yes) => yes.to_string(),
        Value::Array(items) => items.iter().map(|it| say(object, it)).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => match serde_json::from_value::<Meaning>(value.clone()) {
            Ok(meaning) => meaning.to_string(),
            Err(_) => fields
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|field| say_field(object, field))
                .collect::<Vec<_>>()
                .join(", "),
        },
    }
}

fn say_field(object: &str, (name, value): (&String, &Value)) -> String {
    match (name.as_str(), value) {
        ("at_most", value) => format!("at most {}", say(object, value)),
        ("rules", Value::Array(rules)) => format!("{} rules", rules.len()),
        (name, value) => format!("{name} {}", say(object, value)),
    }
}

/// What differs, without the values: `vcpu limit`, `web rule ingress IPv4 tcp 22 from 0.0.0.0/0`.
pub fn what(object_name: &str, object: &str, field: &str) -> String {
    let name = if object_name.is_empty() { object } else { object_name };
    match field {
        crate::drift::EXISTENCE => name.to_owned(),
        field => format!("{name}: {field}"),
    }
}

/// The lines of a difference between two snapshots: what was with a minus, what is with a plus.
pub fn diff_lines(difference: &Difference) -> Vec<String> {
    let what = what(&difference.object_name, &difference.object, &difference.field);
    // The name of a rule's field says all that its value does.
    let says_all = difference.field.starts_with("rule ");
    let line = |sign: char, value: &Value| match (value, says_all) {
        (Value::Null, _) => None,
        (_, true) => Some(format!("{sign} {what}")),
        (value, false) => Some(format!("{sign} {what} {}", say(&difference.object, value))),
    };
    let lines = [line('-', &difference.expected), line('+', &difference.observed)];
    let lines: Vec<String> = lines.into_iter().flatten().collect();
    match difference.change {
        Change::Removed | Change::Added if lines.is_empty() => vec![format!("~ {what}")],
        _ => lines,
    }
}

/// What a body holds, in a few words.
pub fn summary(body: &Body) -> String {
    let many = |count: usize, noun: &str| super::arguments::count(count, noun);
    match body {
        Body::Quotas(quotas) => quotas_summary(quotas),
        Body::SecurityGroups(groups) => {
            let rules = groups.iter().map(|group| group.rules.len()).sum();
            format!("{}, {}", many(groups.len(), "group"), many(rules, "rule"))
        }
        Body::FloatingIps(addresses) => {
            let free = addresses.iter().filter(|it| it.port_id.is_none()).count();
            format!("{}, {free} unused", many(addresses.len(), "floating IP"))
        }
        Body::ServerGroups(groups) => many(groups.len(), "group"),
    }
}

/// The foremost quotas and those that are exceeded, as used of allowed.
fn quotas_summary(quotas: &BTreeMap<String, Quota>) -> String {
    let exceeded =
        |quota: &Quota| matches!((quota.limit, quota.usage), (Some(limit), Some(usage)) if limit.is_exceeded_by(usage));
    let is_foremost = |name: &str| FOREMOST.contains(&name);
    let foremost = FOREMOST.iter().filter_map(|name| quotas.get_key_value(*name));
    let others = quotas.iter().filter(|(name, quota)| !is_foremost(name) && exceeded(quota));
    let mut parts: Vec<String> = foremost.chain(others).map(|(name, quota)| one_quota(name, *quota)).collect();
    if quotas.len() > parts.len() {
        parts.push(format!("{} more", quotas.len() - parts.len()));
    }
    parts.join(", ")
}

/// `vcpu 8/20`, `ram 16384/51200 MiB`, `instances 4/unlimited`.
fn one_quota(name: &str, quota: Quota) -> String {
    let usage = quota.usage.map_or_else(|| "?".to_owned(), |usage| usage.to_string());
    let unit = Unit::of(name).symbol();
    match quota.limit {
        Some(limit @ Limit::Unlimited) => format!("{name} {usage}/{limit}"),
        Some(limit) => format!("{name} {usage}/{limit}{unit}"),
        None => format!("{name} {usage}{unit}"),
    }
}

/// Each object of a body that counts in a comparison: its name and its fields in words.
pub fn objects(body: &Body) -> Vec<(String, String)> {
    let words = facts(body).objects.into_iter().map(|(id, object)| {
        let fields = object.fields.iter().filter(|(name, fact)| {
            name.as_str() != "name" && fact.value != Value::Null && fact.value != Value::String(String::new())
        });
        let fields = fields.map(|(name, fact)| match name.strip_prefix("rule ") {
            Some(rule) => rule.to_owned(),
            None if body.resource_type() == ResourceType::Quotas => say(&id, &fact.value),
            None => format!("{name} {}", say(&id, &fact.value)),
        });
        let words = fields.collect::<Vec<_>>().join("\n");
        (if object.name.is_empty() { id } else { object.name }, words)
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn difference(field: &str, change: Change, expected: Value, observed: Value) -> Difference {
        let (object, object_name) = ("ram".to_owned(), "ram".to_owned());
        Difference { object, object_name, field: field.to_owned(), change, expected, observed }
    }

    #[test]
    fn a_change_has_two_lines_and_a_rule_is_said_once() {
        let lines = diff_lines(&difference("limit", Change::Limit, json!(1024), json!("unlimited")));
        assert_eq!(lines, ["- ram: limit 1024 MiB", "+ ram: limit unlimited"]);
        let rule = json!({ "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp", "port_min": 22 });
        let lines = diff_lines(&difference("rule ingress IPv4 tcp", Change::Added, Value::Null, rule));
        assert_eq!(lines, ["+ ram: rule ingress IPv4 tcp"]);
    }
}
