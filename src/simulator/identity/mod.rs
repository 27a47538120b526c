//! Keystone v3: the paths below `/identity`, and who may take them.

pub mod caller;
pub mod catalogue;
pub mod credentials;
mod listing;
mod login;
pub mod model;
mod people;
mod projects;
pub mod refusal;
mod users;

use axum::http::StatusCode;
use serde_json::json;

use super::call::{Call, hex, id};
use super::reply::{Answer, Reply};
use super::world::World;
use caller::Caller;

/// The address that Keystone's links start with.
pub fn address(call: &Call) -> String {
    format!("{}/identity/v3", call.base)
}

/// Requests that change nothing.
pub fn read(world: &World, call: &Call) -> Answer {
    let identity = &world.identity;
    let parts = call.parts();
    let parts = match parts.as_slice() {
        [] => return Ok(versions(call)),
        ["v3"] => return Ok(Reply::ok(&json!({"version": version(call)}))),
        ["v3", rest @ ..] => rest,
        _ => return Err(refusal::no_such_path()),
    };
    let caller = identity.caller(call)?;
    let keystone = address(call);
    match parts {
        ["auth", "tokens"] => validate(world, call, &caller),
        ["auth", "catalog"] => Ok(Reply::ok(&json!({
            "catalog": catalogue::catalogue(identity, caller.scope, &call.base), "links": {"self": call.url()},
        }))),
        ["auth", "projects"] => Ok(people::projects_of(identity, call, caller.user)),
        ["auth", "domains"] => Ok(listing::whole(call, "domains", &[])),
        ["projects"] => {
            administrator(&caller, "identity:list_projects")?;
            projects::list(identity, call, world.page_limit)
        }
        ["projects", one] => {
            projects::find(identity, one).and_then(|_| own_project(&caller, one, "identity:get_project"))?;
            projects::show(identity, call, one)
        }
        ["projects", one, "tags"] => {
            own_project(&caller, one, "identity:list_project_tags")?;
            let project = projects::find(identity, one)?;
            Ok(Reply::ok(&json!({"links": {"self": keystone}, "tags": project.tags})))
        }
        ["projects", one, "tags", tag] => {
            own_project(&caller, one, "identity:get_project_tag")?;
            if projects::find(identity, one)?.tags.contains(*tag) {
                Ok(Reply::empty(StatusCode::NO_CONTENT))
            } else {
                Err(refusal::not_found("project tag", tag))
            }
        }
        ["users", user, "projects"] => Ok(people::projects_of(identity, call, id(user))),
        ["users", user, "application_credentials"] => Ok(credentials::list(identity, call, id(user))),
        ["users", _, "application_credentials", one] => credentials::show(identity, call, one),
        ["users", one] if hex(caller.user) == **one => people::user(identity, call, one),
        [kind, rest @ ..] => {
            let known = ["users", "domains", "roles", "role_assignments", "services", "endpoints", "regions"];
            if !known.contains(kind) {
                return Err(refusal::no_such_path());
            }
            administrator(&caller, &format!("identity:list_{kind}"))?;
            match (*kind, rest) {
                ("users", []) => people::users(identity, call, world.page_limit),
                ("users", [one]) => people::user(identity, call, one),
                ("domains", []) => people::domains(identity, call, None),
                ("domains", [one]) => people::domains(identity, call, Some(one)),
                ("roles", []) => people::roles(identity, call, None),
                ("roles", [one]) => people::roles(identity, call, Some(one)),
                ("role_assignments", []) => Ok(people::assignments(identity, call)),
                ("services", []) => Ok(listing::whole(call, "services", &catalogue::services(identity, &keystone))),
                ("endpoints", []) => {
                    Ok(listing::whole(call, "endpoints", &catalogue::all_endpoints(identity, call, &keystone)))
                }
                ("regions", []) => Ok(listing::whole(call, "regions", &catalogue::regions(&keystone))),
                _ => Err(refusal::no_such_path()),
            }
        }
        [] => Err(refusal::no_such_path()),
    }
}

/// Requests that change something; logging in is one of them.
pub fn write(world: &mut World, call: &Call) -> Answer {
    let parts = call.parts();
    let Some(("v3", parts)) = parts.split_first().map(|(first, rest)| (*first, rest)) else {
        return Err(refusal::no_such_path());
    };
    if let ("POST", ["auth", "tokens"]) = (call.method.as_str(), parts) {
        return login::login(&mut world.identity, call);
    }
    let caller = world.identity.caller(call)?;
    match (call.method.as_str(), parts) {
        ("DELETE", ["auth", "tokens"]) => {
            let subject = call.header("x-subject-token").unwrap_or_default();
            match world.identity.tokens.remove(subject) {
                Some(_) => Ok(Reply::empty(StatusCode::NO_CONTENT)),
                None => Err(refusal::not_found("token", subject)),
            }
        }
        ("POST", ["users", _, "application_credentials"]) => {
            let new = world.random.id();
            credentials::create(&mut world.identity, call, &caller, new)
        }
        ("DELETE", ["users", _, "application_credentials", one]) => credentials::delete(&mut world.identity, one),
        ("POST", ["users"]) => {
            administrator(&caller, "identity:create_user")?;
            users::create(world, call)
        }
        ("PATCH", ["users", one]) => {
            administrator(&caller, "identity:update_user")?;
            users::update(&mut world.identity, call, one)
        }
        ("DELETE", ["users", one]) => {
            administrator(&caller, "identity:delete_user")?;
            users::delete(&mut world.identity, one)
        }
        ("PUT", ["projects", project, "users", user, "roles", role]) => {
            administrator(&caller, "identity:create_grant")?;
            users::grant(&mut world.identity, project, user, role)
        }
        ("POST", ["projects"]) => {
            administrator(&caller, "identity:create_project")?;
            projects::create(world, call)
        }
        ("PATCH", ["projects", one]) => {
            administrator(&caller, "identity:update_project")?;
            projects::update(&mut world.identity, call, one)
        }
        ("DELETE", ["projects", one]) => {
            administrator(&caller, "identity:delete_project")?;
            projects::delete(&mut world.identity, one)
        }
        (_, ["projects", one, "tags", rest @ ..]) if rest.len() < 2 => {
            administrator(&caller, "identity:update_project_tags")?;
            projects::tags(&mut world.identity, call, one, rest.first().copied())
        }
        _ => Err(refusal::no_such_path()),
    }
}

fn administrator(caller: &Caller, action: &str) -> Result<(), Reply> {
    if caller.admin_role { Ok(()) } else { Err(refusal::forbidden(action)) }
}

fn own_project(caller: &Caller, project: &str, action: &str) -> Result<(), Reply> {
    if caller.admin_role || caller.project() == Some(id(project)) { Ok(()) } else { Err(refusal::forbidden(action)) }
}

fn validate(world: &World, call: &Call, caller: &Caller) -> Answer {
    let subject = call.header("x-subject-token").unwrap_or_default();
    let own = call.header("x-auth-token") == Some(subject);
    if !own {
        administrator(caller, "identity:validate_token")?;
    }
    let token = world.identity.token(subject);
    let token = token.ok_or_else(|| refusal::not_found("token", subject))?;
    let view = login::view(&world.identity, token, call);
    Ok(Reply::ok(&json!({"token": view})).header("X-Subject-Token", subject))
}

fn version(call: &Call) -> serde_json::Value {
    json!({
        "id": "v3.14", "status": "stable", "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": format!("{}/", address(call))}],
        "media-types": [{
            "base": "application/json", "type": "application/vnd.openstack.identity-v3+json",
        }],
    })
}

fn versions(call: &Call) -> Reply {
    Reply::json(StatusCode::MULTIPLE_CHOICES, &json!({"versions": {"values": [version(call)]}}))
        .header("Location", format!("{}/", address(call)))
}
