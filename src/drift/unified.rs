//! Two looks at one resource type as a unified diff: a line for each object, and below it one for each of its fields and
//! rules, always in the same order, so that whoever reads diffs reads what changed.

use similar::{ChangeTag, TextDiff};

use super::{facts, values};
use crate::model::{Body, ResourceType};

/// Lines around a change.
const CONTEXT: usize = 3;

/// One side of a diff.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// Whose it is, of which resource type.
    pub name: &'a str,
    /// When.
    pub at: &'a str,
    /// What was there.
    pub body: &'a Body,
}

/// The diff; empty when nothing differs that is compared.
pub fn diff(before: Side<'_>, after: Side<'_>) -> String {
    let (old, new) = (lines(before.body), lines(after.body));
    let old: Vec<&str> = old.iter().map(String::as_str).collect();
    let new: Vec<&str> = new.iter().map(String::as_str).collect();
    let diff = TextDiff::from_slices(&old, &new);
    let mut text = Vec::new();
    for hunk in diff.unified_diff().context_radius(CONTEXT).iter_hunks() {
        let start = hunk.ops().first().map_or(0, |op| op.old_range().start);
        let within = old[..start].iter().rfind(|line| !line.starts_with(' ')).filter(|_| is_inside(&old, start));
        let within = within.map_or_else(String::new, |object| format!(" {object}"));
        text.push(format!("{}{within}", hunk.header()));
        text.extend(hunk.iter_changes().map(|change| match change.tag() {
            ChangeTag::Equal => format!(" {}", change.value()),
            ChangeTag::Delete => format!("-{}", change.value()),
            ChangeTag::Insert => format!("+{}", change.value()),
        }));
    }
    if text.is_empty() {
        return String::new();
    }
    let head = |sign, side: Side<'_>| format!("{sign} {}\t{}", values::printable(side.name), side.at);
    [vec![head("---", before), head("+++", after)], text].concat().join("\n")
}

/// Whether the line at `start` belongs to an object that begins before it.
fn is_inside(lines: &[&str], start: usize) -> bool {
    lines.get(start).is_some_and(|line| line.starts_with(' '))
}

/// A body as lines that a person reads.
fn lines(body: &Body) -> Vec<String> {
    let resource_type = body.resource_type();
    let mut lines = Vec::new();
    for (id, object) in facts(body).objects {
        if resource_type == ResourceType::Quotas {
            // A quota is one line, for it is one number.
            lines.extend(
                object.fields.iter().map(|(name, fact)| format!("{id} {name} {}", values::say(&id, &fact.value))),
            );
            continue;
        }
        lines.push(if object.name.is_empty() { id.clone() } else { format!("{} ({id})", object.name) });
        lines.extend(values::fields(resource_type, &id, &object).into_iter().map(|field| format!("  {field}")));
    }
    lines.iter().map(|line| values::printable(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;
    use serde_json::{Value, json};

    fn body(resource_type: ResourceType, json: &Value) -> Body {
        Body::from_json(resource_type, json).unwrap()
    }

    fn rule(direction: &str, port: u16, cidr: Option<&str>) -> Value {
        let (protocol, port) = (if port == 0 { None } else { Some("tcp") }, (port > 0).then_some(port));
        json!({
            "direction": direction, "ethertype": "IPv4", "protocol": protocol, "port_min": port, "port_max": port,
            "cidr": cidr,
        })
    }

    fn said(before: &Body, after: &Body) -> String {
        let side = |body, at| Side { name: "lab/blue", at, body };
        diff(side(before, "2026-01-02T18:00:00Z"), side(after, "2026-01-05T08:00:00Z")).replace('\t', " <tab> ")
    }

    #[test]
    fn rules_are_lines_below_their_group() {
        let groups = |rules: &[Value], description: &str| {
            let open = [rule("egress", 0, None), rule("ingress", 443, None)];
            let rules = [&open, rules].concat();
            let web = json!({ "id": "7f", "name": "web", "description": description, "rules": rules });
            let all = json!([{ "id": "1a", "name": "default", "rules": [rule("egress", 0, None)] }, web]);
            body(ResourceType::SecurityGroups, &all)
        };
        let (before, after) = (
            groups(&[rule("ingress", 22, Some("10.0.0.0/8")), rule("ingress", 80, None)], ""),
            groups(&[rule("ingress", 22, None), rule("ingress", 80, None)], "two\nlines"),
        );
        assert_snapshot!(said(&before, &after), @r"
        --- lab/blue <tab> 2026-01-02T18:00:00Z
        +++ lab/blue <tab> 2026-01-05T08:00:00Z
        @@ -2,8 +2,9 @@ default (1a)
           egress IPv4 any protocol to 0.0.0.0/0
           stateful true
         web (7f)
        +  description two\nlines
           egress IPv4 any protocol to 0.0.0.0/0
        -  ingress IPv4 tcp 22 from 10.0.0.0/8
        +  ingress IPv4 tcp 22 from 0.0.0.0/0
           ingress IPv4 tcp 443 from 0.0.0.0/0
           ingress IPv4 tcp 80 from 0.0.0.0/0
           stateful true
        ");
        assert_eq!(said(&before, &before), "");
    }

    #[test]
    fn a_far_change_names_the_object_that_it_is_in() {
        let group = |last: u16| {
            let rules: Vec<Value> = (1..=8).chain([last]).map(|port| rule("ingress", port, None)).collect();
            body(ResourceType::SecurityGroups, &json!([{ "id": "7f", "name": "web", "rules": rules }]))
        };
        assert_snapshot!(said(&group(90), &group(91)), @"
        --- lab/blue <tab> 2026-01-02T18:00:00Z
        +++ lab/blue <tab> 2026-01-05T08:00:00Z
        @@ -7,5 +7,5 @@ web (7f)
           ingress IPv4 tcp 6 from 0.0.0.0/0
           ingress IPv4 tcp 7 from 0.0.0.0/0
           ingress IPv4 tcp 8 from 0.0.0.0/0
        -  ingress IPv4 tcp 90 from 0.0.0.0/0
        +  ingress IPv4 tcp 91 from 0.0.0.0/0
           stateful true
        ");
    }

    #[test]
    fn quotas_addresses_and_groups_are_said_in_words() {
        let quotas = |vcpu: Value| {
            body(ResourceType::Quotas, &json!({ "vcpu": { "limit": vcpu, "usage": 3 }, "ram": { "limit": 1024 } }))
        };
        assert_snapshot!(said(&quotas(json!(20)), &quotas(json!("unlimited"))), @"
        --- lab/blue <tab> 2026-01-02T18:00:00Z
        +++ lab/blue <tab> 2026-01-05T08:00:00Z
        @@ -1,2 +1,2 @@
         ram limit 1024 MiB
        -vcpu limit 20
        +vcpu limit unlimited
        ");
        let address = |port: Option<&str>, fixed: Option<&str>| {
            let address = json!([{
                "id": "f1", "address": "192.0.2.7", "status": "ACTIVE", "network_id": "n1", "port_id": port,
                "fixed_ip": fixed, "router_id": null, "description": "",
            }]);
            body(ResourceType::FloatingIps, &address)
        };
        assert_snapshot!(said(&address(None, None), &address(Some("p1"), Some("10.0.0.5"))), @"
        --- lab/blue <tab> 2026-01-02T18:00:00Z
        +++ lab/blue <tab> 2026-01-05T08:00:00Z
        @@ -1,3 +1,5 @@
         192.0.2.7 (f1)
           address 192.0.2.7
        +  fixed_ip 10.0.0.5
           network_id n1
        +  port_id p1
        ");
        let spread = |policy: &str| {
            body(
                ResourceType::ServerGroups,
                &json!([{ "id": "s1", "name": "spread", "policy": policy, "members": [] }]),
            )
        };
        assert_snapshot!(said(&spread("affinity"), &spread("anti-affinity")), @"
        --- lab/blue <tab> 2026-01-02T18:00:00Z
        +++ lab/blue <tab> 2026-01-05T08:00:00Z
        @@ -1,2 +1,2 @@
         spread (s1)
        -  policy affinity
        +  policy anti-affinity
        ");
    }
}
