//! Says in a few words what a value of a finding or a body is.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::facts::Object;
use super::{EXISTENCE, facts};
use crate::model::network::NetworkPart;
use crate::model::quota::{Limit, Quota, Unit};
use crate::model::security_group::Meaning;
use crate::model::{Body, ResourceType};

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
        ("service", Value::String(service)) => format!("{service} to mend"),
        ("rules", Value::Array(rules)) => count(rules.len(), "rule"),
        (name, value) => format!("{name} {}", say(object, value)),
    }
}

/// What differs, without the values: `vcpu limit`, `web rule ingress IPv4 tcp 22 from 0.0.0.0/0`.
pub fn what(object_name: &str, object: &str, field: &str) -> String {
    let name = if object_name.is_empty() { object } else { object_name };
    match field {
        EXISTENCE => name.to_owned(),
        field => format!("{name}: {field}"),
    }
}

/// What a body holds, in a few words.
pub fn summary(body: &Body) -> String {
    match body {
        Body::Quotas(quotas) => quotas_summary(quotas),
        Body::SecurityGroups(groups) => {
            let rules = groups.iter().map(|group| group.rules.len()).sum();
            format!("{}, {}", count(groups.len(), "group"), count(rules, "rule"))
        }
        Body::FloatingIps(addresses) => {
            let free = addresses.iter().filter(|it| it.port_id.is_none()).count();
            format!("{}, {free} unused", count(addresses.len(), "floating IP"))
        }
        Body::ServerGroups(groups) => count(groups.len(), "group"),
        Body::Networks(parts) => {
            let subnets = parts.iter().filter_map(NetworkPart::network).map(|network| network.subnets.len()).sum();
            let (networks, routers) = (body.count(), parts.len() - body.count());
            format!("{}, {}, {}", count(networks, "network"), count(subnets, "subnet"), count(routers, "router"))
        }
        Body::Ports(ports) => {
            let free = ports.iter().filter(|it| it.device_id.is_empty()).count();
            format!("{}, {free} unused", count(ports.len(), "port"))
        }
        Body::Instances(instances) => {
            let active = instances.iter().filter(|it| it.status == "ACTIVE").count();
            format!("{}, {active} active", count(instances.len(), "instance"))
        }
        Body::Volumes(volumes) => {
            let gib: u64 = volumes.iter().map(|it| it.size_gib).fold(0, u64::saturating_add);
            format!("{}, {gib} GiB", count(volumes.len(), "volume"))
        }
        Body::VolumeSnapshots(snapshots) => {
            let gib: u64 = snapshots.iter().map(|it| it.size_gib).fold(0, u64::saturating_add);
            format!("{}, {gib} GiB", count(snapshots.len(), "snapshot"))
        }
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
        let words = fields(body.resource_type(), &id, &object).join("\n");
        (if object.name.is_empty() { id } else { object.name }, words)
    });
    words.collect()
}

/// The fields of an object in words, without its name and what is empty.
pub fn fields(resource_type: ResourceType, id: &str, object: &Object) -> Vec<String> {
    let says_something =
        |name: &str, value: &Value| name != "name" && *value != Value::Null && *value != Value::String(String::new());
    let fields = object.fields.iter().filter(|(name, fact)| says_something(name, &fact.value));
    let words = fields.map(|(name, fact)| match name.strip_prefix("rule ") {
        Some(rule) => rule.to_owned(),
        None if resource_type == ResourceType::Quotas => say(id, &fact.value),
        None => format!("{name} {}", say(id, &fact.value)),
    });
    words.collect()
}

/// `1 finding`, `2 findings`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A moment as programs read it too: `2026-01-01T00:00:00Z`.
pub fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// A text on one line of a terminal: whoever names things in a cloud must not move anybody's cursor.
pub fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { printable.extend(c.escape_default()) } else { printable.push(c) }
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_a_cursor_is_written_out() {
        assert_eq!(printable("two\nlines, \u{1b}[2Jõ"), "two\\nlines, \\u{1b}[2Jõ");
    }
}
