//! Projects: listing with Keystone's filters, and their life from creation to deletion.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::super::call::{Call, hex, id};
use super::super::reply::{Answer, Reply};
use super::super::world::World;
use super::listing;
use super::model::{Identity, Project};
use super::refusal;

/// `GET /v3/projects`.
pub fn list(identity: &Identity, call: &Call, page_limit: usize) -> Answer {
    let keystone = super::address(call);
    let rows = identity.projects.values().filter(|project| wanted(project, call));
    listing::page(call, "projects", page_limit, rows, |row| hex(row.id), |row| row.view(&keystone))
}

fn wanted(project: &Project, call: &Call) -> bool {
    let equal = |key: &str, value: &str| call.query(key).is_none_or(|asked| asked == value);
    let tags =
        |key: &str| -> Option<Vec<String>> { call.query(key).map(|text| text.split(',').map(str::to_owned).collect()) };
    let has = |tag: &String| project.tags.contains(tag);
    equal("domain_id", &project.domain_id)
        && equal("name", &project.name)
        && equal("parent_id", &project.parent_id)
        && (call.query("enabled").is_none() || call.flag("enabled") == project.enabled)
        && (call.query("is_domain").is_none() || !call.flag("is_domain"))
        && tags("tags").is_none_or(|asked| asked.iter().all(has))
        && tags("tags-any").is_none_or(|asked| asked.iter().any(has))
        && tags("not-tags").is_none_or(|asked| !asked.iter().all(has))
        && tags("not-tags-any").is_none_or(|asked| !asked.iter().any(has))
}

/// `GET /v3/projects/{id}`.
pub fn show(identity: &Identity, call: &Call, text: &str) -> Answer {
    let project = find(identity, text)?;
    Ok(Reply::ok(&json!({"project": project.view(&super::address(call))})))
}

/// A project, or Keystone's 404.
pub fn find<'a>(identity: &'a Identity, text: &str) -> Result<&'a Project, Reply> {
    identity.projects.get(&id(text)).ok_or_else(|| refusal::not_found("project", text))
}

/// `POST /v3/projects`: Neutron gives it its default group at once, to keep reads free of writes.
pub fn create(world: &mut World, call: &Call) -> Answer {
    let asked = &call.body["project"];
    let Some(name) = asked["name"].as_str() else {
        let value = &asked["name"];
        let message =
            format!("Invalid input for field/attribute name. Value: {value}. {value} is not of type 'string'");
        return Err(refusal::invalid(&message));
    };
    let domain_id = asked["domain_id"].as_str().unwrap_or("default").to_owned();
    if world.identity.domain(&domain_id).is_none() {
        return Err(refusal::not_found("domain", &domain_id));
    }
    let key = (domain_id.clone(), name.to_owned());
    if let Some(existing) = world.identity.project_names.get(&key) {
        let message = format!(
            "Conflict occurred attempting to store project - it is not permitted to have two projects with either the same name or same id in the same domain: name is {name}, project id {}.",
            existing.simple()
        );
        return Err(refusal::conflict(&message));
    }
    let project = Project {
        id: world.random.id(),
        name: name.to_owned(),
        parent_id: asked["parent_id"].as_str().unwrap_or(&domain_id).to_owned(),
        domain_id,
        description: asked["description"].as_str().unwrap_or_default().to_owned(),
        enabled: asked["enabled"].as_bool().unwrap_or(true),
        tags: texts(&asked["tags"]),
    };
    let view = project.view(&super::address(call));
    let new = project.id;
    world.identity.add_project(project);
    world.network.welcome(new, super::super::clock::now(), &mut world.random);
    Ok(Reply::json(StatusCode::CREATED, &json!({"project": view})))
}

/// `PATCH /v3/projects/{id}`.
pub fn update(identity: &mut Identity, call: &Call, text: &str) -> Answer {
    let asked = &call.body["project"];
    let old = find(identity, text)?;
    let (found, old_key) = (old.id, (old.domain_id.clone(), old.name.clone()));
    if let Some(name) = asked["name"].as_str()
        && let Some(other) = identity.project_names.get(&(old_key.0.clone(), name.to_owned()))
        && *other != found
    {
        let message = format!(
            "Conflict occurred attempting to store project - it is not permitted to have two projects with either the same name or same id in the same domain: name is {name}, project id {}.",
            other.simple()
        );
        return Err(refusal::conflict(&message));
    }
    let Some(project) = identity.projects.get_mut(&found) else {
        return Err(refusal::not_found("project", text));
    };
    if let Some(name) = asked["name"].as_str() {
        name.clone_into(&mut project.name);
    }
    if let Some(description) = asked["description"].as_str() {
        description.clone_into(&mut project.description);
    }
    if let Some(enabled) = asked["enabled"].as_bool() {
        project.enabled = enabled;
    }
    if asked["tags"].is_array() {
        project.tags = texts(&asked["tags"]);
    }
    let new_key = (project.domain_id.clone(), project.name.clone());
    let mut view = project.view(&super::address(call));
    view["extra"] = json!({});
    identity.project_names.remove(&old_key);
    identity.project_names.insert(new_key, found);
    Ok(Reply::ok(&json!({"project": view})))
}

/// `DELETE /v3/projects/{id}`: what other services hold for it stays behind, as in a real cloud.
pub fn delete(identity: &mut Identity, text: &str) -> Answer {
    let project = find(identity, text)?;
    let (found, key) = (project.id, (project.domain_id.clone(), project.name.clone()));
    identity.projects.remove(&found);
    identity.project_names.remove(&key);
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// `…/tags` and `…/tags/{tag}`.
pub fn tags(identity: &mut Identity, call: &Call, text: &str, tag: Option<&str>) -> Answer {
    find(identity, text)?;
    let Some(project) = identity.projects.get_mut(&id(text)) else {
        return Err(refusal::not_found("project", text));
    };
    match (call.method.as_str(), tag) {
        ("PUT", Some(tag)) => {
            project.tags.insert(tag.to_owned());
            Ok(Reply::empty(StatusCode::CREATED).labelled_html())
        }
        ("DELETE", Some(tag)) => {
            project.tags.remove(tag);
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        ("PUT", None) => {
            project.tags = texts(&call.body["tags"]);
            Ok(Reply::ok(&json!({"links": {"self": super::address(call)}, "tags": project.tags})))
        }
        ("DELETE", None) => {
            project.tags.clear();
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        _ => Err(refusal::no_such_path()),
    }
}

fn texts(value: &Value) -> BTreeSet<String> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
