//! `POST /v3/auth/tokens`: who asks, and for what scope.
//!
//! Every failure is the same 401, as in Keystone: it does not tell a wrong password from an unknown project.

use axum::http::StatusCode;
use chrono::TimeDelta;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::call::{Call, id};
use super::super::clock;
use super::super::reply::{Answer, Reply};
use super::catalogue;
use super::model::{Identity, Scope, Token};
use super::refusal;

const LIFETIME: TimeDelta = TimeDelta::hours(1);

/// Logs in.
pub fn login(identity: &mut Identity, call: &Call) -> Answer {
    let auth = &call.body["auth"];
    let method = auth["identity"]["methods"][0]
        .as_str()
        .ok_or_else(|| refusal::invalid("Invalid input for field 'identity': 'methods' is a required property"))?;
    let (user, method, credential) =
        authenticate(identity, &auth["identity"], method).ok_or_else(|| refusal::unauthorised(call))?;
    let asked = scope_of(identity, &auth["scope"]).map_err(|()| refusal::unauthorised(call))?;
    let (scope, roles) = match credential.and_then(|id| identity.credentials.get(&id)) {
        Some(_) if asked.is_some() => return Err(refusal::unauthorised(call)),
        Some(credential) => (Scope::Project(credential.project), credential.roles.clone()),
        None => {
            let scope = asked.or_else(|| default_scope(identity, user, auth));
            let scope = scope.unwrap_or(Scope::Unscoped);
            (scope, identity.roles_of(user, scope))
        }
    };
    let usable = match scope {
        Scope::Project(project) => identity.projects.get(&project).is_some_and(|project| project.enabled),
        _ => true,
    };
    if !usable || (scope != Scope::Unscoped && roles.is_empty()) {
        return Err(refusal::unauthorised(call));
    }
    let issued_at = clock::now();
    let token = Token {
        user,
        scope,
        roles,
        method,
        audit: audit_id(),
        issued_at,
        expires_at: issued_at + LIFETIME,
        credential,
    };
    let secret = secret();
    let view = json!({"token": view(identity, &token, call)});
    identity.tokens.retain(|_, held| held.expires_at > issued_at);
    identity.tokens.insert(secret.clone(), token);
    Ok(Reply::json(StatusCode::CREATED, &view).header("X-Subject-Token", secret))
}

fn authenticate(identity: &Identity, request: &Value, method: &str) -> Option<(Uuid, &'static str, Option<Uuid>)> {
    match method {
        "password" => {
            let asked = &request["password"]["user"];
            let user = named_user(identity, asked)?;
            let password = identity.users.get(&user)?.password.as_str();
            (asked["password"].as_str()? == password).then_some((user, "password", None))
        }
        "token" => {
            let held = identity.tokens.get(request["token"]["id"].as_str()?)?;
            (held.expires_at > clock::now()).then_some((held.user, "token", held.credential))
        }
        "application_credential" => {
            let asked = &request["application_credential"];
            let credential = if let Some(text) = asked["id"].as_str() {
                identity.credentials.get(&id(text))?
            } else {
                let user = named_user(identity, &asked["user"])?;
                let name = asked["name"].as_str()?;
                identity.credentials.values().find(|held| held.user == user && held.name == name)?
            };
            let current = credential.expires_at.is_none_or(|at| at > clock::now());
            (current && asked["secret"].as_str()? == credential.secret).then_some((
                credential.user,
                "application_credential",
                Some(credential.id),
            ))
        }
        _ => None,
    }
}

fn named_user(identity: &Identity, asked: &Value) -> Option<Uuid> {
    match asked["id"].as_str() {
        Some(text) => Some(id(text)),
        None => identity.user_names.get(asked["name"].as_str()?).copied(),
    }
}

/// The scope that a request names: none named is `Ok(None)`, one that does not exist is an error.
fn scope_of(identity: &Identity, asked: &Value) -> Result<Option<Scope>, ()> {
    if asked.is_null() {
        return Ok(None);
    }
    if asked.as_str() == Some("unscoped") {
        return Ok(Some(Scope::Unscoped));
    }
    if asked["system"]["all"].as_bool() == Some(true) {
        return Ok(Some(Scope::System));
    }
    if let Some(domain) = asked["domain"].as_object() {
        let name = domain.get("id").or(domain.get("name")).and_then(Value::as_str).ok_or(())?;
        return match identity.domain(name) {
            Some(domain) if domain.id == "default" => Ok(Some(Scope::Domain)),
            _ => Err(()),
        };
    }
    let project = &asked["project"];
    if let Some(text) = project["id"].as_str() {
        return Ok(Some(Scope::Project(id(text))));
    }
    let domain = &project["domain"];
    let domain = domain["id"].as_str().or(domain["name"].as_str()).unwrap_or("default");
    let domain = identity.domain(domain).ok_or(())?.id.clone();
    let name = project["name"].as_str().ok_or(())?.to_owned();
    let found = identity.project_names.get(&(domain, name)).ok_or(())?;
    Ok(Some(Scope::Project(*found)))
}

/// Without a scope, the user's default project counts, if there is one.
fn default_scope(identity: &Identity, user: Uuid, auth: &Value) -> Option<Scope> {
    if !auth["scope"].is_null() {
        return None;
    }
    let project = identity.users.get(&user)?.default_project?;
    let scope = Scope::Project(project);
    (!identity.roles_of(user, scope).is_empty()).then_some(scope)
}

/// The token's document.
pub fn view(identity: &Identity, token: &Token, call: &Call) -> Value {
    let user = identity.users.get(&token.user);
    let mut view = json!({
        "methods": [token.method],
        "user": {
            "domain": {"id": "default", "name": "Default"}, "id": token.user.simple().to_string(),
            "name": user.map(|user| user.name.as_str()), "password_expires_at": null,
        },
        "audit_ids": [token.audit],
        "expires_at": clock::zoned_micros(token.expires_at),
        "issued_at": clock::zoned_micros(token.issued_at),
    });
    match token.scope {
        Scope::Unscoped => return view,
        Scope::System => view["system"] = json!({"all": true}),
        Scope::Domain => view["domain"] = json!({"id": "default", "name": "Default"}),
        Scope::Project(id) => {
            let project = identity.projects.get(&id);
            let domain = project.and_then(|project| identity.domain(&project.domain_id));
            view["project"] = json!({
                "domain": {"id": domain.map(|domain| domain.id.as_str()), "name": domain.map(|domain| domain.name.as_str())},
                "id": id.simple().to_string(), "name": project.map(|project| project.name.as_str()),
            });
            view["is_domain"] = json!(false);
        }
    }
    view["roles"] = roles_view(identity, &token.roles);
    view["catalog"] = catalogue::catalogue(identity, token.scope, &call.base);
    if let Some(credential) = token.credential.and_then(|id| identity.credentials.get(&id)) {
        view["application_credential"] = json!({
            "id": credential.id.simple().to_string(), "name": credential.name,
            "restricted": !credential.unrestricted,
        });
    }
    view
}

/// Roles as a token and an application credential show them.
pub fn roles_view(identity: &Identity, roles: &[&'static str]) -> Value {
    roles
        .iter()
        .map(|name| {
            let id = identity.roles.get(name).map(|id| id.simple().to_string());
            json!({"id": id, "name": name})
        })
        .collect()
}

fn secret() -> String {
    let (one, two) = (Uuid::new_v4().simple(), Uuid::new_v4().simple());
    format!("gAAAAAB{one}{two}")
}

fn audit_id() -> String {
    Uuid::new_v4().simple().to_string().chars().take(22).collect()
}
