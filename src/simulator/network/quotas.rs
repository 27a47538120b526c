//! Neutron's quotas: limits, defaults, usage, and the refusal to go below what is used.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::call::{Call, hex, id};
use super::super::identity::caller::Caller;
use super::super::reply::{Answer, Reply};
use super::model::Networking;
use super::refusal;

/// Resources in Neutron's order, with the limits of a project that nobody touched.
pub const DEFAULTS: [(&str, i64); 10] = [
    ("network", 100),
    ("subnet", 100),
    ("subnetpool", -1),
    ("port", 500),
    ("router_route", 30),
    ("router", 10),
    ("floatingip", 50),
    ("rbac_policy", 10),
    ("security_group", 10),
    ("security_group_rule", 100),
];

impl Networking {
    /// The limit in force.
    pub fn limit(&self, project: Uuid, resource: &str) -> i64 {
        let own = self.limits.get(&project).and_then(|limits| limits.get(resource));
        let default = || DEFAULTS.iter().find(|(name, _)| *name == resource).map(|(_, limit)| *limit);
        own.copied().or_else(default).unwrap_or(-1)
    }

    /// How much of it is said to be used.
    pub fn used(&self, project: Uuid, resource: &str) -> i64 {
        self.counted(project, resource) + self.skews.of(project, resource).used
    }

    fn counted(&self, project: Uuid, resource: &str) -> i64 {
        match resource {
            "network" => self.networks.count(project),
            "subnet" => self.subnets.count(project),
            "port" => self.ports.count(project),
            "router" => self.routers.count(project),
            "floatingip" => self.floating.count(project),
            "security_group" => self.groups.count(project),
            "security_group_rule" => self.rules.count(project),
            _ => 0,
        }
    }

    /// Neutron's 409 where `more` would not fit.
    pub fn room(&self, project: Uuid, resource: &str, more: i64) -> Result<(), Reply> {
        let limit = self.limit(project, resource);
        if limit < 0 || self.used(project, resource) + more <= limit {
            Ok(())
        } else {
            Err(refusal::over_quota(resource))
        }
    }

    fn limits_view(&self, project: Uuid) -> Map<String, Value> {
        DEFAULTS.iter().map(|(name, _)| ((*name).to_owned(), json!(self.limit(project, name)))).collect()
    }
}

/// `GET /v2.0/quotas…`.
pub fn read(networking: &Networking, caller: &Caller, parts: &[&str]) -> Answer {
    if caller.system() {
        return Err(refusal::wrong_scope("get_quota"));
    }
    match parts {
        [] if !caller.admin() => Err(refusal::forbidden("rule:get_quota")),
        [] => {
            let quotas: Vec<Value> = networking
                .limits
                .keys()
                .map(|project| {
                    let mut view = networking.limits_view(*project);
                    view.insert("project_id".to_owned(), json!(hex(*project)));
                    view.insert("tenant_id".to_owned(), json!(hex(*project)));
                    Value::Object(view)
                })
                .collect();
            Ok(Reply::ok(&json!({"quotas": quotas})))
        }
        ["tenant" | "project"] => {
            let project = caller.project().map(hex);
            Ok(Reply::ok(&json!({"tenant": {"tenant_id": project, "project_id": project}})))
        }
        [one, rest @ ..] => {
            let project = id(one.trim_end_matches(".json"));
            if !caller.reads(project) {
                return Err(refusal::forbidden("rule:get_quota"));
            }
            match rest {
                [] => Ok(Reply::ok(&json!({"quota": networking.limits_view(project)}))),
                ["default" | "default.json"] => {
                    let view: Map<String, Value> =
                        DEFAULTS.iter().map(|(name, limit)| ((*name).to_owned(), json!(limit))).collect();
                    Ok(Reply::ok(&json!({"quota": view})))
                }
                ["details" | "details.json"] => {
                    let view: Map<String, Value> = DEFAULTS
                        .iter()
                        .map(|(name, _)| {
                            let (limit, used) = (networking.limit(project, name), networking.used(project, name));
                            let reserved = networking.skews.of(project, name).reserved;
                            ((*name).to_owned(), json!({"limit": limit, "used": used, "reserved": reserved}))
                        })
                        .collect();
                    Ok(Reply::ok(&json!({"quota": view})))
                }
                _ => Err(refusal::no_such_path()),
            }
        }
    }
}

/// `PUT` and `DELETE /v2.0/quotas/{project}`.
pub fn write(networking: &mut Networking, call: &Call, caller: &Caller, project: &str) -> Answer {
    let deleting = call.method.as_str() == "DELETE";
    let rule = if deleting { "delete_quota" } else { "update_quota" };
    if caller.system() {
        return Err(refusal::wrong_scope(rule));
    }
    if !caller.admin() {
        return Err(refusal::forbidden(&format!("rule:{rule}")));
    }
    let project = id(project.trim_end_matches(".json"));
    if deleting {
        networking.limits.remove(&project);
        return Ok(Reply::empty(StatusCode::NO_CONTENT));
    }
    let asked = call.body["quota"].as_object().ok_or_else(|| refusal::invalid("Resource body required"))?;
    let force = asked.get("force").and_then(Value::as_bool).unwrap_or(false);
    let mut changes: BTreeMap<&'static str, i64> = BTreeMap::new();
    for (key, value) in asked {
        if matches!(key.as_str(), "force" | "check_limit" | "tenant_id" | "project_id") {
            continue;
        }
        let Some((name, _)) = DEFAULTS.iter().find(|(name, _)| name == key) else {
            return Err(refusal::invalid(&format!("Unrecognized attribute(s) '{key}'")));
        };
        let limit = integer(value)?;
        let used = networking.used(project, name);
        if limit >= 0 && limit < used && !force {
            let message =
                format!("Quota limit {limit} for {name} must be greater than or equal to already used {used}");
            return Err(refusal::invalid(&message));
        }
        changes.insert(name, limit);
    }
    networking.limits.entry(project).or_default().extend(changes);
    Ok(Reply::ok(&json!({"quota": networking.limits_view(project)})))
}

fn integer(value: &Value) -> Result<i64, Reply> {
    let number = value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
    match number {
        Some(number) if (-1..=i64::from(i32::MAX)).contains(&number) => Ok(number),
        Some(_) => Err(refusal::bad(
            "InvalidInput",
            "Invalid input for operation: Quota limit exceeds the range of -1 to 2147483647.",
        )),
        None => {
            let shown = value.as_str().map_or_else(|| value.to_string(), |text| format!("'{text}'"));
            let message = format!("Invalid input for operation: {shown} is not an integer.");
            Err(refusal::bad("InvalidInput", &message))
        }
    }
}
