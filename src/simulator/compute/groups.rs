//! Server groups: paged by `limit` and `offset` alone, in a shape that depends on the microversion.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::super::call::{Call, hex, id};
use super::super::identity::caller::Caller;
use super::super::reply::{Answer, Reply};
use super::super::world::World;
use super::model::ServerGroup;
use super::refusal;

const POLICIES: [&str; 4] = ["affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"];

/// `GET /os-server-groups`; a member's wish for all projects is ignored.
pub fn list(world: &World, call: &Call, caller: &Caller, minor: u32) -> Answer {
    let own = caller.project().ok_or_else(|| refusal::policy("os_compute_api:os-server-groups:index"))?;
    let table = &world.compute.groups;
    let number = |key: &str| call.query(key).and_then(|text| text.parse::<usize>().ok());
    let limit = number("limit").filter(|limit| *limit > 0).unwrap_or(world.page_limit).min(world.page_limit);
    let offset = number("offset").unwrap_or(0);
    let views: Vec<Value> = if caller.admin() && call.query("all_projects").is_some() {
        table.iter().skip(offset).take(limit).map(|row| view(row, minor)).collect()
    } else {
        table.of(own).skip(offset).take(limit).map(|row| view(row, minor)).collect()
    };
    Ok(Reply::ok(&json!({"server_groups": views})))
}

/// A group that the caller may see.
pub fn find<'a>(world: &'a World, caller: &Caller, text: &str) -> Result<&'a ServerGroup, Reply> {
    let row = world.compute.groups.get(id(text)).filter(|row| caller.reads(row.project));
    row.ok_or_else(|| refusal::not_found(&format!("Instance group {text}")))
}

/// `POST /os-server-groups`.
pub fn create(world: &mut World, call: &Call, caller: &Caller, minor: u32) -> Answer {
    let project = caller.project().ok_or_else(|| refusal::policy("os_compute_api:os-server-groups:create"))?;
    let asked = &call.body["server_group"];
    let policy = match minor {
        64.. => asked["policy"].as_str(),
        _ => asked["policies"][0].as_str(),
    };
    let Some(policy) = policy else {
        let key = if minor >= 64 { "policy" } else { "policies" };
        let shown = asked.to_string().replace('"', "'");
        let message =
            format!("Invalid input for field/attribute server_group. Value: {shown}. '{key}' is a required property");
        return Err(refusal::invalid(&message));
    };
    if !POLICIES.contains(&policy) {
        let names: Vec<String> = POLICIES.iter().map(|name| format!("'{name}'")).collect();
        let message = format!(
            "Invalid input for field/attribute policy. Value: {policy}. '{policy}' is not one of [{}]",
            names.join(", ")
        );
        return Err(refusal::invalid(&message));
    }
    let Some(name) = asked["name"].as_str() else {
        return Err(refusal::invalid("'name' is a required property"));
    };
    let limit = world.compute.limit(project, "server_groups");
    if limit >= 0 && world.compute.groups.count(project) >= limit {
        return Err(refusal::forbidden("Quota exceeded, too many server groups."));
    }
    let group = ServerGroup {
        id: world.random.id(),
        project,
        user: caller.user,
        name: name.to_owned(),
        policy: policy.to_owned(),
        max_server_per_host: asked["rules"]["max_server_per_host"].as_i64(),
        members: Vec::new(),
    };
    let body = json!({"server_group": view(&group, minor)});
    world.compute.groups.insert(group);
    Ok(Reply::ok(&body))
}

/// `DELETE /os-server-groups/{id}`.
pub fn delete(world: &mut World, caller: &Caller, text: &str) -> Answer {
    let found = find(world, caller, text)?.id;
    world.compute.groups.remove(found);
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// A group as a microversion shows it.
pub fn view(row: &ServerGroup, minor: u32) -> Value {
    let mut view = json!({"id": row.id, "name": row.name, "members": row.members});
    if minor >= 64 {
        view["policy"] = json!(row.policy);
        view["rules"] = match row.max_server_per_host {
            Some(number) => json!({"max_server_per_host": number}),
            None => json!({}),
        };
    } else {
        view["policies"] = json!([row.policy]);
        view["metadata"] = json!({});
    }
    if minor >= 13 {
        view["project_id"] = json!(hex(row.project));
        view["user_id"] = json!(hex(row.user));
    }
    view
}
