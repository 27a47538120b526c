//! Nova's quotas and limits. Which resources are shown depends on the microversion.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::call::{Call, hex, id};
use super::super::identity::caller::Caller;
use super::super::reply::{Answer, Reply};
use super::super::world::World;
use super::model::Compute;
use super::refusal;

/// Resource, default, and the microversion in which it disappeared.
pub const DEFAULTS: [(&str, i64, u32); 14] = [
    ("cores", 20, u32::MAX),
    ("fixed_ips", -1, 36),
    ("floating_ips", -1, 36),
    ("injected_file_content_bytes", 10_240, 57),
    ("injected_file_path_bytes", 255, 57),
    ("injected_files", 5, 57),
    ("instances", 10, u32::MAX),
    ("key_pairs", 100, u32::MAX),
    ("metadata_items", 128, u32::MAX),
    ("ram", 51_200, u32::MAX),
    ("security_group_rules", -1, 36),
    ("security_groups", -1, 36),
    ("server_group_members", 10, u32::MAX),
    ("server_groups", 10, u32::MAX),
];

impl Compute {
    /// The limit in force.
    pub fn limit(&self, project: Uuid, resource: &str) -> i64 {
        let own = self.limits.get(&project).and_then(|limits| limits.get(resource));
        let default = || DEFAULTS.iter().find(|(name, ..)| *name == resource).map(|(_, limit, _)| *limit);
        own.copied().or_else(default).unwrap_or(-1)
    }

    /// How much of it is said to be used.
    pub fn used(&self, project: Uuid, resource: &str) -> i64 {
        self.counted(project, resource) + self.skews.of(project, resource).used
    }

    fn counted(&self, project: Uuid, resource: &str) -> i64 {
        let sum = |of: fn(&super::model::Flavor) -> i64| {
            let flavors = self.servers.of(project).filter_map(|server| self.flavors.get(server.flavor));
            flavors.map(of).sum()
        };
        match resource {
            "instances" => self.servers.count(project),
            "cores" => sum(|flavor| flavor.cores),
            "ram" => sum(|flavor| flavor.memory),
            "server_groups" => self.groups.count(project),
            _ => 0,
        }
    }

    fn limits_view(&self, project: Uuid, minor: u32) -> Map<String, Value> {
        shown(minor).map(|(name, _)| (name.to_owned(), json!(self.limit(project, name)))).collect()
    }
}

fn shown(minor: u32) -> impl Iterator<Item = (&'static str, i64)> {
    let present = DEFAULTS.iter().filter(move |(_, _, gone)| minor < *gone);
    present.map(|(name, limit, _)| (*name, *limit))
}

/// `GET /os-quota-sets/{project}[/detail|/defaults]`.
pub fn read(world: &World, caller: &Caller, project: &str, rest: &[&str], minor: u32) -> Answer {
    let (compute, found) = (&world.compute, id(project));
    let view: Map<String, Value> = match rest {
        [] => {
            allowed(world, caller, project, "show")?;
            compute.limits_view(found, minor)
        }
        ["defaults"] => {
            known(world, project)?;
            shown(minor).map(|(name, limit)| (name.to_owned(), json!(limit))).collect()
        }
        ["detail"] => {
            allowed(world, caller, project, "detail")?;
            shown(minor)
                .map(|(name, _)| {
                    let (limit, used) = (compute.limit(found, name), compute.used(found, name));
                    let reserved = compute.skews.of(found, name).reserved;
                    (name.to_owned(), json!({"limit": limit, "in_use": used, "reserved": reserved}))
                })
                .collect()
        }
        _ => return Err(refusal::no_such_path()),
    };
    let mut set = Map::from_iter([("id".to_owned(), json!(project))]);
    set.extend(view);
    Ok(Reply::ok(&json!({"quota_set": set})))
}

/// `PUT` and `DELETE /os-quota-sets/{project}`.
pub fn write(world: &mut World, call: &Call, caller: &Caller, project: &str, minor: u32) -> Answer {
    let deleting = call.method.as_str() == "DELETE";
    if !caller.admin() {
        let action = if deleting { "delete" } else { "update" };
        return Err(refusal::policy(&format!("os_compute_api:os-quota-sets:{action}")));
    }
    known(world, project)?;
    let found = id(project);
    if deleting {
        world.compute.limits.remove(&found);
        return Ok(Reply::empty(StatusCode::ACCEPTED));
    }
    let asked = &call.body["quota_set"];
    let changes = changes(&world.compute, found, asked, minor)?;
    world.compute.limits.entry(found).or_default().extend(changes);
    Ok(Reply::ok(&json!({"quota_set": world.compute.limits_view(found, minor)})))
}

fn changes(compute: &Compute, project: Uuid, asked: &Value, minor: u32) -> Result<BTreeMap<&'static str, i64>, Reply> {
    let object = asked.as_object().ok_or_else(|| refusal::invalid("'quota_set' is a required property"))?;
    let force = object.get("force").and_then(Value::as_bool).unwrap_or(false);
    let mut changes = BTreeMap::new();
    for (key, value) in object {
        if matches!(key.as_str(), "force" | "tenant_id") {
            continue;
        }
        let Some((name, _)) = shown(minor).find(|(name, _)| name == key) else {
            let message = format!(
                "Invalid input for field/attribute quota_set. Value: {asked}. Additional properties are not allowed ('{key}' was unexpected)"
            );
            return Err(refusal::invalid(&message.replace('"', "'")));
        };
        let number = value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
        let Some(limit) = number else {
            let shown = value.to_string().replace('"', "'");
            let message =
                format!("Invalid input for field/attribute {key}. Value: {shown}. {shown} does not match '^-?[0-9]+$'");
            return Err(refusal::invalid(&message));
        };
        if limit < -1 {
            let message = format!(
                "Invalid input for field/attribute {key}. Value: {limit}. {limit} is less than the minimum of -1"
            );
            return Err(refusal::invalid(&message));
        }
        let used = compute.used(project, name);
        if !force && limit >= 0 && limit < used {
            let message = format!(
                "Quota limit {limit} for {key} must be greater than or equal to already used and reserved {used}."
            );
            return Err(refusal::invalid(&message));
        }
        changes.insert(name, limit);
    }
    Ok(changes)
}

/// `GET /os-quota-class-sets/default`.
pub fn class(minor: u32) -> Reply {
    let mut set = Map::from_iter([("id".to_owned(), json!("default"))]);
    set.extend(shown(minor).map(|(name, limit)| (name.to_owned(), json!(limit))));
    Reply::ok(&json!({"quota_class_set": set}))
}

/// `GET /limits`.
pub fn limits(world: &World, call: &Call, caller: &Caller, minor: u32) -> Answer {
    let own = caller.project().ok_or_else(|| refusal::policy("os_compute_api:limits"))?;
    let project = call.query("tenant_id").map_or(own, id);
    if project != own && !caller.admin() {
        return Err(refusal::policy("os_compute_api:limits:other_project"));
    }
    let compute = &world.compute;
    let mut view = json!({
        "maxTotalCores": compute.limit(project, "cores"),
        "maxTotalInstances": compute.limit(project, "instances"),
        "maxTotalKeypairs": compute.limit(project, "key_pairs"),
        "maxServerMeta": compute.limit(project, "metadata_items"),
        "maxTotalRAMSize": compute.limit(project, "ram"),
        "maxServerGroups": compute.limit(project, "server_groups"),
        "maxServerGroupMembers": compute.limit(project, "server_group_members"),
        "totalRAMUsed": compute.used(project, "ram"),
        "totalCoresUsed": compute.used(project, "cores"),
        "totalInstancesUsed": compute.used(project, "instances"),
        "totalServerGroupsUsed": compute.used(project, "server_groups"),
    });
    if minor < 57 {
        view["maxPersonality"] = json!(5);
        view["maxPersonalitySize"] = json!(10_240);
    }
    if minor < 39 {
        view["maxImageMeta"] = json!(128);
    }
    if minor < 36 {
        for key in ["maxTotalFloatingIps", "maxSecurityGroups", "maxSecurityGroupRules"] {
            view[key] = json!(-1);
        }
        for key in ["totalFloatingIpsUsed", "totalSecurityGroupsUsed"] {
            view[key] = json!(0);
        }
    }
    Ok(Reply::ok(&json!({"limits": {"rate": [], "absolute": view}})))
}

fn allowed(world: &World, caller: &Caller, project: &str, action: &str) -> Result<(), Reply> {
    if !caller.reads(id(project)) {
        return Err(refusal::policy(&format!("os_compute_api:os-quota-sets:{action}")));
    }
    known(world, project)
}

fn known(world: &World, project: &str) -> Result<(), Reply> {
    let found = world.identity.projects.get(&id(project));
    if found.is_some_and(|found| hex(found.id) == project) {
        Ok(())
    } else {
        Err(refusal::invalid(&format!("Project ID {project} is not a valid project.")))
    }
}
