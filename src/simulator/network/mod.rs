//! Neutron v2.0: the paths below `/network`.

pub mod floating;
pub mod groups;
mod list;
pub mod model;
pub mod quotas;
mod refusal;
mod routers;
pub mod rules;
pub mod topology;
pub mod views;

use serde_json::{Value, json};
use uuid::Uuid;

use super::call::{Call, id};
use super::identity::caller::Caller;
use super::reply::{Answer, Reply};
use super::table::{Resource, Table};
use super::world::World;
use list::{Listing, list};

const EXTENSIONS: [&str; 14] = [
    "agent",
    "external-net",
    "fip-port-details",
    "pagination",
    "project-id",
    "quota-check-limit",
    "quota-check-limit-default",
    "quota_details",
    "quotas",
    "router",
    "security-group",
    "sorting",
    "standard-attr-tag",
    "standard-attr-timestamp",
];

/// Requests that change nothing.
pub fn read(world: &World, call: &Call) -> Answer {
    let parts = call.parts();
    let parts = match parts.as_slice() {
        [] => return Ok(versions(call)),
        ["v2.0", rest @ ..] => rest,
        _ => return Err(refusal::no_such_path()),
    };
    let caller = world.identity.caller(call)?;
    let networking = &world.network;
    let admin = caller.admin();
    match parts {
        ["quotas", rest @ ..] => quotas::read(networking, &caller, rest),
        ["security-groups"] => {
            let listing = listing(world, &caller, "security_groups", &networking.groups, None);
            list(call, &listing, |row| views::group(networking, row, false))
        }
        ["security-groups", one] => {
            let group = groups::find(networking, &caller, one)?;
            Ok(Reply::ok(&json!({"security_group": views::group(networking, group, false)})))
        }
        ["security-group-rules"] => {
            let listing = listing(world, &caller, "security_group_rules", &networking.rules, None);
            list(call, &listing, |row| views::rule(networking, row))
        }
        ["security-group-rules", one] => {
            let rule = networking.rules.get(id(one)).filter(|rule| caller.reads(rule.project_id));
            let rule = rule.ok_or_else(|| refusal::not_found("security_group_rule", one))?;
            Ok(Reply::ok(&json!({"security_group_rule": views::rule(networking, rule)})))
        }
        ["floatingips"] => {
            let listing = listing(world, &caller, "floatingips", &networking.floating, None);
            list(call, &listing, |row| views::floating(networking, row))
        }
        ["floatingips", one] => floating::show(networking, &caller, one),
        ["networks"] => {
            let shared: fn(&model::Network) -> bool = |row| row.external || row.shared;
            let listing = listing(world, &caller, "networks", &networking.networks, Some(shared));
            list(call, &listing, |row| views::network(row, admin))
        }
        ["subnets"] => {
            let listing = listing(world, &caller, "subnets", &networking.subnets, None);
            list(call, &listing, views::subnet)
        }
        ["ports"] => {
            let listing = listing(world, &caller, "ports", &networking.ports, None);
            list(call, &listing, |row| views::port(row, admin))
        }
        ["routers"] => {
            let listing = listing(world, &caller, "routers", &networking.routers, None);
            list(call, &listing, |row| views::router(row, admin))
        }
        [kind @ ("networks" | "subnets" | "ports" | "routers"), one] => {
            topology::show(networking, &caller, kind.trim_end_matches('s'), one)
        }
        ["agents"] => Ok(Reply::ok(&json!({"agents": []}))),
        ["rbac-policies"] => Ok(Reply::ok(&json!({"rbac_policies": []}))),
        ["extensions"] => {
            let views: Vec<Value> = EXTENSIONS.iter().map(|alias| extension(alias)).collect();
            Ok(Reply::ok(&json!({"extensions": views})))
        }
        ["extensions", one] => {
            if EXTENSIONS.contains(one) {
                Ok(Reply::ok(&json!({"extension": extension(one)})))
            } else {
                Err(refusal::no_such_path())
            }
        }
        _ => Err(refusal::no_such_path()),
    }
}

/// Requests that change something.
pub fn write(world: &mut World, call: &Call) -> Answer {
    let caller = world.identity.caller(call)?;
    let parts = call.parts();
    let ["v2.0", parts @ ..] = parts.as_slice() else {
        return Err(refusal::no_such_path());
    };
    let (networking, random) = (&mut world.network, &mut world.random);
    if let (method, ["quotas", one]) = (call.method.as_str(), parts)
        && method != "POST"
    {
        return quotas::write(networking, call, &caller, one);
    }
    if !caller.admin() && !caller.member {
        let action = if call.method.as_str() == "POST" { "create" } else { "update" };
        let kind = parts.first().copied().unwrap_or_default().replace('-', "_");
        return Err(refusal::forbidden(&format!("rule:{action}_{}", kind.trim_end_matches('s'))));
    }
    match (call.method.as_str(), parts) {
        ("POST", ["security-groups"]) => groups::create(networking, call, &caller, random),
        ("PUT", ["security-groups", one]) => groups::update(networking, call, &caller, one),
        ("DELETE", ["security-groups", one]) => groups::delete(networking, &caller, one),
        ("POST", ["security-group-rules"]) => rules::create(networking, call, &caller, random),
        ("DELETE", ["security-group-rules", one]) => rules::delete(networking, &caller, one),
        ("POST", ["floatingips"]) => floating::create(networking, call, &caller, random),
        ("PUT", ["floatingips", one]) => floating::update(networking, call, &caller, one),
        ("DELETE", ["floatingips", one]) => floating::delete(networking, &caller, one),
        ("POST", ["networks"]) => topology::create_network(networking, call, &caller, random),
        ("POST", ["subnets"]) => topology::create_subnet(networking, call, &caller, random),
        ("PUT", ["ports", one]) => topology::update_port(networking, call, &caller, one),
        ("POST", ["routers"]) => routers::create(networking, call, &caller, random),
        ("PUT", ["routers", one]) => routers::update(networking, call, &caller, one, random),
        ("PUT", ["routers", one, "add_router_interface"]) => routers::join(networking, call, &caller, one, random),
        ("PUT", ["routers", one, "remove_router_interface"]) => routers::part(networking, call, &caller, one),
        ("DELETE", [kind @ ("networks" | "subnets" | "ports" | "routers"), one]) => {
            topology::delete(networking, &caller, kind.trim_end_matches('s'), one)
        }
        _ => Err(refusal::no_such_path()),
    }
}

/// The project of a new object: another than one's own is for administrators.
fn owner_of_new(caller: &Caller, asked: &Value, rule: &str) -> Result<Uuid, Reply> {
    let asked = asked["project_id"].as_str().or(asked["tenant_id"].as_str()).map(id);
    match asked.or(caller.project()) {
        Some(project) if caller.reads(project) => Ok(project),
        Some(_) => Err(refusal::forbidden(&format!("rule:{rule}"))),
        None => Err(refusal::wrong_scope(rule)),
    }
}

fn listing<'a, T: Resource>(
    world: &World,
    caller: &Caller,
    plural: &'static str,
    table: &'a Table<T>,
    shared: Option<fn(&T) -> bool>,
) -> Listing<'a, T> {
    Listing {
        plural,
        table,
        owner: if caller.admin() { None } else { caller.project() },
        shared,
        visible: caller.project().is_some(),
        page_limit: world.page_limit,
    }
}

fn extension(alias: &str) -> Value {
    json!({
        "name": alias, "alias": alias, "description": alias,
        "updated": "2026-04-01T00:00:00-00:00", "links": [],
    })
}

fn versions(call: &Call) -> Reply {
    let href = format!("{}/network/v2.0/", call.base);
    Reply::ok(&json!({
        "versions": [{"id": "v2.0", "status": "CURRENT", "links": [{"rel": "self", "href": href}]}],
    }))
}
