//! Nova 2.1 and its microversions: the paths below `/compute`.

pub mod groups;
pub mod model;
pub mod quotas;
pub mod refusal;
pub mod servers;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::call::{Call, id};
use super::reply::{Answer, Reply};
use super::world::World;
use model::Flavor;

/// The newest minor version that is spoken, and written.
const NEWEST: (u32, &str) = (96, "2.96");

/// Requests that change nothing.
pub fn read(world: &World, call: &Call) -> Answer {
    let parts = call.parts();
    let parts = match parts.as_slice() {
        [] => return Ok(versions(call)),
        ["v2.1"] => return Ok(labelled(Reply::ok(&json!({"version": version(call)})), "2.1")),
        ["v2.1", rest @ ..] => rest,
        _ => return Err(refusal::no_such_path()),
    };
    let caller = world.identity.caller(call)?;
    let (minor, name) = microversion(call)?;
    let admin = caller.admin();
    let answer = match parts {
        ["os-quota-sets", project, rest @ ..] => quotas::read(world, &caller, project, rest, minor),
        ["os-quota-class-sets", _] => Ok(quotas::class(minor)),
        ["limits"] => quotas::limits(world, call, &caller, minor),
        ["servers"] => servers::list(world, call, &caller, false),
        ["servers", "detail"] => servers::list(world, call, &caller, true),
        ["servers", one] => servers::find(world, &caller, one).map(|row| {
            let mut view = servers::view(&world.compute, row, &call.base, admin);
            let groups = world.compute.groups.of(row.project);
            let within: Vec<_> = groups.filter(|group| group.members.contains(&row.id)).map(|group| group.id).collect();
            view["server_groups"] = json!(within);
            Reply::ok(&json!({"server": view}))
        }),
        ["os-server-groups"] => groups::list(world, call, &caller, minor),
        ["os-server-groups", one] => {
            groups::find(world, &caller, one).map(|row| Reply::ok(&json!({"server_group": groups::view(row, minor)})))
        }
        ["flavors"] | ["flavors", "detail"] => {
            let views: Vec<Value> = world.compute.flavors.iter().map(|row| flavor(row, call)).collect();
            Ok(Reply::ok(&json!({"flavors": views})))
        }
        ["flavors", one] => match world.compute.flavors.iter().find(|row| row.id == id(one)) {
            Some(row) => Ok(Reply::ok(&json!({"flavor": flavor(row, call)}))),
            None => Err(refusal::not_found(&format!("Flavor {one}"))),
        },
        ["os-availability-zone"] => Ok(Reply::ok(&json!({
            "availabilityZoneInfo": [{"zoneName": "nova", "zoneState": {"available": true}, "hosts": null}],
        }))),
        _ => return Err(refusal::no_such_path()),
    };
    spoken(answer, &name)
}

/// Requests that change something.
pub fn write(world: &mut World, call: &Call) -> Answer {
    let caller = world.identity.caller(call)?;
    let (minor, name) = microversion(call)?;
    let parts = call.parts();
    let ["v2.1", parts @ ..] = parts.as_slice() else {
        return Err(refusal::no_such_path());
    };
    let method = call.method.as_str();
    let may = caller.admin() || caller.member;
    let answer = match (method, parts) {
        ("PUT" | "DELETE", ["os-quota-sets", one]) => quotas::write(world, call, &caller, one, minor),
        (_, [kind @ ("os-server-groups" | "servers"), ..]) if !may => {
            let action = if method == "POST" { "create" } else { "delete" };
            Err(refusal::policy(&format!("os_compute_api:{kind}:{action}")))
        }
        ("POST", ["os-server-groups"]) => groups::create(world, call, &caller, minor),
        ("DELETE", ["os-server-groups", one]) => groups::delete(world, &caller, one),
        ("POST", ["servers"]) => servers::create(world, call, &caller),
        ("DELETE", ["servers", one]) => servers::delete(world, &caller, one),
        _ => return Err(refusal::no_such_path()),
    };
    spoken(answer, &name)
}

/// The asked minor version: 2.1 where nothing is asked.
fn microversion(call: &Call) -> Result<(u32, String), Reply> {
    let modern = call.header("openstack-api-version").and_then(|text| text.strip_prefix("compute "));
    let Some(asked) = modern.or(call.header("x-openstack-nova-api-version")) else {
        return Ok((1, "2.1".to_owned()));
    };
    let asked = if asked == "latest" { NEWEST.1 } else { asked };
    let numbers =
        asked.split_once('.').and_then(|(major, minor)| Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?)));
    match numbers {
        Some((2, minor)) if (1..=NEWEST.0).contains(&minor) => Ok((minor, asked.to_owned())),
        Some(_) => Err(labelled(refusal::version(asked, NEWEST.1), asked)),
        None => Err(refusal::invalid(&format!(
            "API Version String {asked} is of invalid format. Must be of format MajorNum.MinorNum."
        ))),
    }
}

fn spoken(answer: Answer, version: &str) -> Answer {
    match answer {
        Ok(reply) => Ok(labelled(reply, version)),
        Err(reply) => Err(labelled(reply, version)),
    }
}

fn labelled(reply: Reply, version: &str) -> Reply {
    reply
        .header("OpenStack-API-Version", format!("compute {version}"))
        .header("X-OpenStack-Nova-API-Version", version)
        .header("Vary", "OpenStack-API-Version, X-OpenStack-Nova-API-Version")
}

fn flavor(row: &Flavor, call: &Call) -> Value {
    let (base, id) = (&call.base, row.id);
    json!({
        "id": id, "name": row.name, "ram": row.memory, "disk": row.disk, "swap": 0,
        "OS-FLV-EXT-DATA:ephemeral": 0, "OS-FLV-DISABLED:disabled": false, "vcpus": row.cores,
        "os-flavor-access:is_public": true, "rxtx_factor": 1.0, "description": null, "extra_specs": {},
        "links": [
            {"rel": "self", "href": format!("{base}/compute/v2.1/flavors/{id}")},
            {"rel": "bookmark", "href": format!("{base}/compute/flavors/{id}")},
        ],
    })
}

fn version(call: &Call) -> Value {
    json!({
        "id": "v2.1", "status": "CURRENT", "version": NEWEST.1, "min_version": "2.1",
        "updated": "2013-07-23T11:33:21Z",
        "links": [
            {"rel": "self", "href": format!("{}/compute/v2.1/", call.base)},
            {"rel": "describedby", "type": "text/html", "href": "http://docs.openstack.org/"},
        ],
        "media-types": [{
            "base": "application/json", "type": "application/vnd.openstack.compute+json;version=2.1",
        }],
    })
}

fn versions(call: &Call) -> Reply {
    let href = |version: &str| format!("{}/compute/{version}/", call.base);
    Reply::json(
        StatusCode::OK,
        &json!({"versions": [
            {
                "id": "v2.0", "status": "DEPRECATED", "version": "", "min_version": "",
                "updated": "2025-07-04T12:00:00Z", "links": [{"rel": "self", "href": href("v2")}],
            },
            {
                "id": "v2.1", "status": "CURRENT", "version": NEWEST.1, "min_version": "2.1",
                "updated": "2013-07-23T11:33:21Z", "links": [{"rel": "self", "href": href("v2.1")}],
            },
        ]}),
    )
}
