//! What changed between two looks at the tables, as text in which every id has a name and every time is relative.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tenantd::drift::values;
use tenantd::model::{Body, ResourceType};
use uuid::Uuid;

use super::rows::{Row, Rows, text};

/// Columns that say nothing to a reader of a test.
const SILENT: [&str; 22] = [
    "answered_at",
    "content_type",
    "description",
    "digest",
    "domain",
    "enqueued_at",
    "finished_at",
    "headers",
    "id",
    "lane",
    "lease_owner",
    "lease_until",
    "modified_at",
    "owner",
    "priority",
    "sequence",
    "settled",
    "started_at",
    "trace",
    "turn",
    "until",
    "uuid",
];

/// The changes from `before` to `after`, sorted, times counted from `start`.
pub fn between(before: &Rows, after: &Rows, start: DateTime<Utc>) -> String {
    let names = Names { start, by_id: names(before).into_iter().chain(names(after)).collect() };
    let mut lines = Vec::new();
    for ((table, key), row) in after {
        match before.get(&(table.clone(), key.clone())) {
            None => lines.push(format!("+ {table} {}", names.cells(table, row))),
            Some(was) if was != row => {
                let changed = names.differences(table, was, row);
                if !changed.is_empty() {
                    lines.push(format!("~ {table} {}: {changed}", names.masked(key)));
                }
            }
            Some(_) => {}
        }
    }
    let gone = before.iter().filter(|(key, _)| !after.contains_key(*key));
    lines.extend(gone.map(|((table, _), row)| format!("- {table} {}", names.cells(table, row))));
    lines.sort();
    lines.join("\n")
}

struct Names {
    start: DateTime<Utc>,
    by_id: BTreeMap<Uuid, String>,
}

/// Tenants are called by name, everything else by its table.
fn names(rows: &Rows) -> BTreeMap<Uuid, String> {
    let mut names = BTreeMap::new();
    for ((table, key), row) in rows {
        if table == "tenants" {
            let name = text(&row["name"]);
            names.extend(Uuid::parse_str(&text(&row["backend_id"])).map(|id| (id, name.clone())));
            names.extend(Uuid::parse_str(key).map(|id| (id, name)));
        } else if let Ok(id) = Uuid::parse_str(key) {
            names.insert(id, format!("<{}>", table.trim_end_matches('s')));
        }
    }
    names
}

impl Names {
    fn cells(&self, table: &str, row: &Row) -> String {
        if table == "outbox" {
            return format!("{} {}", text(&row["exchange"]), text(&row["routing_key"]));
        }
        let shown = row.iter().filter(|(name, value)| !SILENT.contains(&name.as_str()) && !value.is_null());
        let shown = shown.filter(|(name, value)| {
            !(matches!(name.as_str(), "failures" | "attempt" | "version") && **value == 0 || text(value).is_empty())
        });
        let cells: Vec<String> = shown.map(|(name, _)| format!("{name}={}", self.cell(table, row, name))).collect();
        cells.join(" ")
    }

    fn differences(&self, table: &str, was: &Row, is: &Row) -> String {
        let changed = is.iter().filter(|(name, value)| !SILENT.contains(&name.as_str()) && was[*name] != **value);
        let changed =
            changed.map(|(name, _)| format!("{name} {} → {}", self.cell(table, was, name), self.cell(table, is, name)));
        changed.collect::<Vec<_>>().join(", ")
    }

    fn cell(&self, table: &str, row: &Row, column: &str) -> String {
        let value = &row[column];
        if column == "body" && matches!(table, "snapshots" | "expectations") {
            return summary(&text(&row["resource_type"]), value);
        }
        self.masked(&text(value))
    }

    /// Times become distances, ids names, ports of this machine a word.
    fn masked(&self, text: &str) -> String {
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return format!("T+{}", (time.to_utc() - self.start).num_seconds());
        }
        let mut masked = String::new();
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(rest.len());
            let (token, after) = rest.split_at(end.max(rest.chars().next().map_or(1, char::len_utf8)));
            masked.push_str(&self.name(token, masked.ends_with("127.0.0.1:")));
            rest = after;
        }
        masked
    }

    fn name(&self, token: &str, is_port: bool) -> String {
        if is_port && token.chars().all(|c| c.is_ascii_digit()) {
            return "PORT".to_owned();
        }
        let bare = token.strip_prefix("req-").unwrap_or(token);
        match Uuid::parse_str(bare) {
            Ok(id) if bare.len() >= 32 => self.by_id.get(&id).cloned().unwrap_or_else(|| "<id>".to_owned()),
            _ => token.to_owned(),
        }
    }
}

/// A body in a few words: the quotas that tests change, or names with what they hold.
fn summary(resource_type: &str, body: &Value) -> String {
    let resource_type: ResourceType = resource_type.parse().expect("a resource type");
    match Body::from_json(resource_type, body).expect("a body") {
        Body::Quotas(quotas) => {
            let cores = quotas.get("vcpu").and_then(|quota| quota.limit).map(|limit| format!(", vcpu {limit}"));
            format!("[{} quotas{}]", quotas.len(), cores.unwrap_or_default())
        }
        Body::SecurityGroups(groups) => {
            sorted(groups.iter().map(|group| format!("{} with {} rules", group.name, group.rules.len())))
        }
        Body::FloatingIps(addresses) => format!("[{} addresses]", addresses.len()),
        Body::ServerGroups(groups) => sorted(groups.iter().map(|group| group.name.clone())),
        other => format!("[{}]", values::summary(&other)),
    }
}

fn sorted(names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<String> = names.collect();
    names.sort();
    format!("[{}]", names.join(", "))
}
