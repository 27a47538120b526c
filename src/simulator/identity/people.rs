//! Users, roles, assignments and domains: as much as clients need to resolve names.

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::call::{Call, hex, id};
use super::super::reply::{Answer, Reply};
use super::model::{Domain, Identity, Scope};
use super::{listing, refusal};

/// `GET /v3/users`.
pub fn users(identity: &Identity, call: &Call, page_limit: usize) -> Answer {
    let keystone = super::address(call);
    let rows = identity.users.values().filter(|user| {
        call.query("name").is_none_or(|name| name == user.name)
            && call.query("domain_id").is_none_or(|domain| domain == user.domain_id)
    });
    listing::page(call, "users", page_limit, rows, |row| hex(row.id), |row| row.view(&keystone))
}

/// `GET /v3/users/{id}`.
pub fn user(identity: &Identity, call: &Call, text: &str) -> Answer {
    match identity.users.get(&id(text)) {
        Some(user) => Ok(Reply::ok(&json!({"user": user.view(&super::address(call))}))),
        None => Err(refusal::not_found("user", text)),
    }
}

/// The projects in which a user has a role.
pub fn projects_of(identity: &Identity, call: &Call, user: Uuid) -> Reply {
    let keystone = super::address(call);
    let views: Vec<Value> = identity
        .assignments
        .keys()
        .filter_map(|(holder, scope)| match scope {
            Scope::Project(project) if *holder == user => identity.projects.get(project),
            _ => None,
        })
        .filter(|project| project.enabled)
        .map(|project| project.view(&keystone))
        .collect();
    listing::whole(call, "projects", &views)
}

/// `GET /v3/domains` and one of them.
pub fn domains(identity: &Identity, call: &Call, one: Option<&str>) -> Answer {
    let keystone = super::address(call);
    let view = |domain: &Domain| {
        json!({
            "id": domain.id, "name": domain.name, "description": domain.description, "enabled": true,
            "tags": [], "options": {}, "links": {"self": format!("{keystone}/domains/{}", domain.id)},
        })
    };
    if let Some(asked) = one {
        let found = identity.domains.iter().find(|domain| domain.id == asked);
        let found = found.ok_or_else(|| refusal::not_found("domain", asked))?;
        return Ok(Reply::ok(&json!({"domain": view(found)})));
    }
    let wanted = |domain: &&Domain| call.query("name").is_none_or(|name| name == domain.name);
    let views: Vec<Value> = identity.domains.iter().filter(wanted).map(view).collect();
    Ok(listing::whole(call, "domains", &views))
}

/// `GET /v3/roles` and one of them.
pub fn roles(identity: &Identity, call: &Call, one: Option<&str>) -> Answer {
    let keystone = super::address(call);
    let view = |(name, found): (&&'static str, &Uuid)| {
        json!({
            "id": hex(*found), "name": name, "domain_id": null, "description": null,
            "options": {"immutable": true}, "links": {"self": format!("{keystone}/roles/{}", hex(*found))},
        })
    };
    if let Some(text) = one {
        let found = identity.roles.iter().find(|(_, role)| **role == id(text));
        let found = found.ok_or_else(|| refusal::not_found("role", text))?;
        return Ok(Reply::ok(&json!({"role": view(found)})));
    }
    let wanted = |(name, _): &(&&'static str, &Uuid)| call.query("name").is_none_or(|asked| asked == **name);
    let views: Vec<Value> = identity.roles.iter().filter(wanted).map(view).collect();
    Ok(listing::whole(call, "roles", &views))
}

/// `GET /v3/role_assignments`, with names on demand.
pub fn assignments(identity: &Identity, call: &Call) -> Reply {
    let keystone = super::address(call);
    let names = call.flag("include_names");
    let mut views = Vec::new();
    for ((user, scope), roles) in &identity.assignments {
        let wanted = call.query("user.id").is_none_or(|text| id(text) == *user)
            && call.query("scope.project.id").is_none_or(|text| *scope == Scope::Project(id(text)))
            && (call.query("scope.system").is_none() || *scope == Scope::System);
        if !wanted {
            continue;
        }
        for role in roles {
            let role_id = identity.roles.get(role).map(|id| hex(*id)).unwrap_or_default();
            let (place, mut shown) = match scope {
                Scope::Project(project) => {
                    (format!("projects/{}", hex(*project)), json!({"project": {"id": hex(*project)}}))
                }
                Scope::Domain => ("domains/default".to_owned(), json!({"domain": {"id": "default"}})),
                Scope::System | Scope::Unscoped => ("system".to_owned(), json!({"system": {"all": true}})),
            };
            let mut user_view = json!({"id": hex(*user)});
            let mut role_view = json!({"id": role_id});
            if names {
                role_view["name"] = json!(role);
                name(&mut user_view, identity.users.get(user).map(|user| user.name.as_str()));
                if let Scope::Project(project) = scope {
                    let project = identity.projects.get(project).map(|project| project.name.as_str());
                    name(&mut shown["project"], project);
                }
            }
            let link = format!("{keystone}/{place}/users/{}/roles/{role_id}", hex(*user));
            views.push(json!({
                "links": {"assignment": link}, "scope": shown, "user": user_view, "role": role_view,
            }));
        }
    }
    listing::whole(call, "role_assignments", &views)
}

fn name(view: &mut Value, name: Option<&str>) {
    view["name"] = json!(name);
    view["domain"] = json!({"id": "default", "name": "Default"});
}
