//! Users as they come and go, and the roles that they are given.

use axum::http::StatusCode;
use serde_json::json;

use super::super::call::{Call, id};
use super::super::reply::{Answer, Reply};
use super::super::world::World;
use super::model::{Identity, ROLES, Scope, User};
use super::{projects, refusal};

/// `POST /v3/users`.
pub fn create(world: &mut World, call: &Call) -> Answer {
    let asked = &call.body["user"];
    let Some(name) = asked["name"].as_str() else {
        return Err(refusal::invalid("'name' is a required property"));
    };
    let domain_id = asked["domain_id"].as_str().unwrap_or("default").to_owned();
    if world.identity.domain(&domain_id).is_none() {
        return Err(refusal::not_found("domain", &domain_id));
    }
    if world.identity.user_names.contains_key(name) {
        let message = format!(
            "Conflict occurred attempting to store user - Duplicate entry found with name {name} at domain ID {domain_id}."
        );
        return Err(refusal::conflict(&message));
    }
    let user = User {
        id: world.random.id(),
        name: name.to_owned(),
        domain_id,
        password: asked["password"].as_str().unwrap_or_default().to_owned(),
        default_project: asked["default_project_id"].as_str().map(id),
    };
    let view = user.view(&super::address(call));
    world.identity.add_user(user);
    Ok(Reply::json(StatusCode::CREATED, &json!({"user": view})))
}

/// `PATCH /v3/users/{id}`.
pub fn update(identity: &mut Identity, call: &Call, text: &str) -> Answer {
    let asked = &call.body["user"];
    let Some(user) = identity.users.get_mut(&id(text)) else {
        return Err(refusal::not_found("user", text));
    };
    if let Some(password) = asked.get("password") {
        let Some(password) = password.as_str() else {
            let message = format!("Invalid input for field 'password': {password} is not of type 'string'");
            return Err(refusal::invalid(&message));
        };
        password.clone_into(&mut user.password);
    }
    if let Some(project) = asked["default_project_id"].as_str() {
        user.default_project = Some(id(project));
    }
    let mut view = user.view(&super::address(call));
    view["extra"] = json!({});
    Ok(Reply::ok(&json!({"user": view})))
}

/// `DELETE /v3/users/{id}`.
pub fn delete(identity: &mut Identity, text: &str) -> Answer {
    let Some(user) = identity.users.remove(&id(text)) else {
        return Err(refusal::not_found("user", text));
    };
    identity.user_names.remove(&user.name);
    identity.assignments.retain(|(holder, _), _| *holder != user.id);
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// `PUT /v3/projects/{id}/users/{id}/roles/{id}`.
pub fn grant(identity: &mut Identity, project: &str, user: &str, role: &str) -> Answer {
    let project = projects::find(identity, project)?.id;
    if !identity.users.contains_key(&id(user)) {
        return Err(refusal::not_found("user", user));
    }
    let known = ROLES.iter().find(|(name, _)| identity.roles.get(name) == Some(&id(role)));
    let Some((name, _)) = known else { return Err(refusal::not_found("role", role)) };
    identity.assign(id(user), Scope::Project(project), name);
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}
