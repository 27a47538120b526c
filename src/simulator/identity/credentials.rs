//! Application credentials: how a daemon logs in without somebody's password.

use axum::http::StatusCode;
use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::call::{Call, hex, id};
use super::super::clock;
use super::super::reply::{Answer, Reply};
use super::caller::Caller;
use super::model::{ApplicationCredential, Identity, ROLES, Scope};
use super::{listing, login, refusal};

/// `GET …/application_credentials`.
pub fn list(identity: &Identity, call: &Call, user: Uuid) -> Reply {
    let wanted =
        |held: &&ApplicationCredential| held.user == user && call.query("name").is_none_or(|name| name == held.name);
    let views = identity.credentials.values().filter(wanted);
    let views: Vec<Value> = views.map(|held| view(identity, held, call)).collect();
    listing::whole(call, "application_credentials", &views)
}

/// `GET …/application_credentials/{id}`.
pub fn show(identity: &Identity, call: &Call, text: &str) -> Answer {
    let held = identity.credentials.get(&id(text));
    let held = held.ok_or_else(|| refusal::not_found("application credential", text))?;
    Ok(Reply::ok(&json!({"application_credential": view(identity, held, call)})))
}

/// `POST …/application_credentials`: the secret is shown this once.
pub fn create(identity: &mut Identity, call: &Call, caller: &Caller, new: Uuid) -> Answer {
    let asked = &call.body["application_credential"];
    let (Some(name), Some(project)) = (asked["name"].as_str(), caller.project()) else {
        return Err(refusal::invalid("'name' is a required property"));
    };
    let taken = |held: &ApplicationCredential| held.user == caller.user && held.name == name;
    if identity.credentials.values().any(taken) {
        let message = "Conflict occurred attempting to store application_credential - Duplicate entry found with name";
        return Err(refusal::conflict(&format!("{message} {name}.")));
    }
    let own = identity.roles_of(caller.user, Scope::Project(project));
    let wanted: Vec<&Value> = asked["roles"].as_array().map(|roles| roles.iter().collect()).unwrap_or_default();
    let named = |role: &&'static str| {
        wanted.iter().any(|asked| {
            asked["name"].as_str() == Some(*role) || asked["id"].as_str().map(id) == identity.roles.get(*role).copied()
        })
    };
    let roles = if wanted.is_empty() { own } else { with_implied(&own.into_iter().filter(named).collect::<Vec<_>>()) };
    let secret = asked["secret"].as_str().map_or_else(|| Uuid::new_v4().simple().to_string(), str::to_owned);
    let held = ApplicationCredential {
        id: new,
        name: name.to_owned(),
        secret: secret.clone(),
        user: caller.user,
        project,
        roles,
        expires_at: asked["expires_at"].as_str().and_then(time),
        unrestricted: asked["unrestricted"].as_bool().unwrap_or(false),
    };
    let mut shown = view(identity, &held, call);
    shown["secret"] = json!(secret);
    identity.credentials.insert(new, held);
    Ok(Reply::json(StatusCode::CREATED, &json!({"application_credential": shown})))
}

/// `DELETE …/application_credentials/{id}`: its tokens end with it.
pub fn delete(identity: &mut Identity, text: &str) -> Answer {
    let removed = identity.credentials.remove(&id(text));
    let removed = removed.ok_or_else(|| refusal::not_found("application credential", text))?;
    identity.tokens.retain(|_, token| token.credential != Some(removed.id));
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// Ends the validity of the credentials with this id or name, or of all; says how many.
pub fn expire(identity: &mut Identity, which: Option<&str>) -> usize {
    let now = clock::now();
    let mut expired = Vec::new();
    for held in identity.credentials.values_mut() {
        if which.is_none_or(|which| held.name == which || held.id == id(which)) {
            held.expires_at = Some(now);
            expired.push(held.id);
        }
    }
    let gone = |credential: Option<Uuid>| credential.is_some_and(|id| expired.contains(&id));
    identity.tokens.retain(|_, token| !gone(token.credential));
    expired.len()
}

fn with_implied(roles: &[&'static str]) -> Vec<&'static str> {
    let mut all: Vec<&'static str> =
        ROLES.iter().filter(|(name, _)| roles.contains(name)).flat_map(|(_, brings)| brings.iter().copied()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn time(text: &str) -> Option<DateTime<Utc>> {
    let zoned = DateTime::parse_from_rfc3339(text).map(|at| at.with_timezone(&Utc));
    zoned.ok().or_else(|| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok().map(|at| at.and_utc()))
}

fn view(identity: &Identity, held: &ApplicationCredential, call: &Call) -> Value {
    let link = format!("{}/users/{}/application_credentials/{}", super::address(call), hex(held.user), hex(held.id));
    json!({
        "id": hex(held.id), "name": held.name, "description": null, "project_id": hex(held.project),
        "user_id": hex(held.user), "system": null, "unrestricted": held.unrestricted,
        "expires_at": held.expires_at.map(clock::micros), "access_rules": [],
        "roles": login::roles_view(identity, &held.roles), "links": {"self": link},
    })
}
