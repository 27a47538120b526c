//! Cinder v3: the paths below `/volume`, with and without the project in them.

pub mod model;
mod objects;
pub mod quotas;

use axum::http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::call::{Call, id};
use super::compute::refusal;
use super::identity::caller::Caller;
use super::reply::{Answer, Reply};
use super::world::World;

/// Requests that change nothing.
pub fn read(world: &World, call: &Call) -> Answer {
    let parts = call.parts();
    if let [] | ["v3"] = parts.as_slice() {
        let status = if parts.is_empty() { StatusCode::MULTIPLE_CHOICES } else { StatusCode::OK };
        return Ok(labelled(Reply::json(status, &versions(call)), "3.0"));
    }
    let caller = world.identity.caller(call)?;
    let version = version(call);
    let newest = version.split_once('.').and_then(|(_, minor)| minor.parse().ok()).unwrap_or(0);
    let answer = below_project(&parts, &caller).and_then(|parts| match parts {
        ["os-quota-sets", one] => quotas::read(&world.volume, call, &caller, one, false),
        ["os-quota-sets", one, "defaults"] => quotas::read(&world.volume, call, &caller, one, true),
        ["limits"] => quotas::limits(&world.volume, call, &caller),
        ["volumes"] => objects::volumes(world, call, &caller, false, newest),
        ["volumes", "detail"] => objects::volumes(world, call, &caller, true, newest),
        ["volumes", one] => objects::volume(world, call, &caller, one, newest),
        ["snapshots"] | ["snapshots", "detail"] => objects::snapshots(world, call, &caller, newest),
        ["types"] => Ok(Reply::ok(&json!({"volume_types": [kind(world.volume.kind)]}))),
        ["types", _] => Ok(Reply::ok(&json!({"volume_type": kind(world.volume.kind)}))),
        _ => Err(refusal::no_such_path()),
    });
    spoken(answer, &version)
}

/// Requests that change something.
pub fn write(world: &mut World, call: &Call) -> Answer {
    let caller = world.identity.caller(call)?;
    let parts = call.parts();
    let method = call.method.as_str();
    let answer = below_project(&parts, &caller).and_then(|parts| match (method, parts) {
        ("PUT" | "DELETE", ["os-quota-sets", one]) => quotas::write(&mut world.volume, call, &caller, one),
        ("POST", ["volumes"]) => objects::create_volume(world, call, &caller),
        ("DELETE", ["volumes", one]) => objects::delete_volume(world, &caller, one),
        ("POST", ["volumes", one, "action"]) if call.body.get("os-force_delete").is_some() => {
            objects::delete_volume(world, &caller, one)
        }
        ("POST", ["snapshots"]) => objects::create_snapshot(world, call, &caller),
        ("DELETE", ["snapshots", one]) => objects::delete_snapshot(world, &caller, one),
        _ => Err(refusal::no_such_path()),
    });
    spoken(answer, &version(call))
}

/// What follows the project in a path; a project other than the token's is malformed, says Cinder.
fn below_project<'a>(parts: &'a [&'a str], caller: &Caller) -> Result<&'a [&'a str], Reply> {
    let ["v3", parts @ ..] = parts else {
        return Err(refusal::no_such_path());
    };
    let in_path = parts.first().filter(|first| first.len() == 32 && id(first) != Uuid::nil());
    match in_path {
        None => Ok(parts),
        Some(project) if caller.project() == Some(id(project)) => Ok(parts.get(1..).unwrap_or_default()),
        Some(_) => Err(refusal::invalid("Malformed request url")),
    }
}

fn kind(id: Uuid) -> Value {
    json!({
        "id": id, "name": "__DEFAULT__", "is_public": true, "description": "Default Volume Type",
        "extra_specs": {}, "qos_specs_id": null, "os-volume-type-access:is_public": true,
    })
}

fn version(call: &Call) -> String {
    let asked = call.header("openstack-api-version").and_then(|text| text.strip_prefix("volume "));
    match asked {
        None => "3.0".to_owned(),
        Some("latest") => "3.71".to_owned(),
        Some(asked) => asked.to_owned(),
    }
}

fn spoken(answer: Answer, version: &str) -> Answer {
    match answer {
        Ok(reply) => Ok(labelled(reply, version)),
        Err(reply) if reply.content_type.starts_with("text/html") => Err(reply),
        Err(mut reply) => {
            reply.content_type = "application/json";
            Err(labelled(reply, version))
        }
    }
}

fn labelled(reply: Reply, version: &str) -> Reply {
    reply.header("OpenStack-API-Version", format!("volume {version}")).header("Vary", "OpenStack-API-Version")
}

fn versions(call: &Call) -> Value {
    json!({"versions": [{
        "id": "v3.0", "status": "CURRENT", "version": "3.71", "min_version": "3.0",
        "updated": "2023-08-31T00:00:00Z",
        "links": [
            {"rel": "describedby", "type": "text/html", "href": "https://docs.openstack.org/"},
            {"rel": "self", "href": format!("{}/volume/v3/", call.base)},
        ],
        "media-types": [{
            "base": "application/json", "type": "application/vnd.openstack.volume+json;version=3",
        }],
    }]})
}
