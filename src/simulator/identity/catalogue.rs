//! Which services there are and where: the catalogue of a token, and its administrative listings.

use serde_json::{Value, json};

use super::super::call::{Call, hex};
use super::super::random::Random;
use super::model::{CatalogueService, Identity, Scope};

const INTERFACES: [&str; 3] = ["public", "internal", "admin"];

const SERVICES: [(&str, &str, &str); 5] = [
    ("identity", "keystone", "/identity/v3"),
    ("compute", "nova", "/compute/v2.1"),
    ("network", "neutron", "/network"),
    ("volumev3", "cinderv3", "/volume/v3/{project}"),
    ("image", "glance", "/image"),
];

/// The services of a new cloud.
pub fn seeded(random: &mut Random) -> Vec<CatalogueService> {
    SERVICES
        .into_iter()
        .map(|(kind, name, path)| CatalogueService {
            id: random.id(),
            kind,
            name,
            path,
            endpoints: [random.id(), random.id(), random.id()],
        })
        .collect()
}

/// What a token of this scope sees. Without a project the templated volume service has no address.
pub fn catalogue(identity: &Identity, scope: Scope, base: &str) -> Value {
    identity
        .services
        .iter()
        .map(|service| {
            let endpoints = endpoints(service, scope, base);
            json!({"endpoints": endpoints, "id": hex(service.id), "type": service.kind, "name": service.name})
        })
        .collect()
}

fn endpoints(service: &CatalogueService, scope: Scope, base: &str) -> Vec<Value> {
    let url = match scope {
        Scope::Project(project) => service.path.replace("{project}", &hex(project)),
        _ if service.path.contains('{') => return Vec::new(),
        _ => service.path.to_owned(),
    };
    INTERFACES
        .iter()
        .zip(service.endpoints)
        .map(|(interface, id)| {
            json!({
                "id": hex(id), "interface": interface, "region_id": "RegionOne",
                "url": format!("{base}{url}"), "region": "RegionOne",
            })
        })
        .collect()
}

/// `GET /v3/services`.
pub fn services(identity: &Identity, keystone: &str) -> Vec<Value> {
    identity
        .services
        .iter()
        .map(|service| {
            let id = hex(service.id);
            json!({
                "name": service.name, "id": id, "type": service.kind, "enabled": true,
                "links": {"self": format!("{keystone}/services/{id}")},
            })
        })
        .collect()
}

/// `GET /v3/endpoints`.
pub fn all_endpoints(identity: &Identity, call: &Call, keystone: &str) -> Vec<Value> {
    identity
        .services
        .iter()
        .flat_map(|service| {
            let path = service.path.replace("{project}", "%(project_id)s");
            INTERFACES.iter().zip(service.endpoints).map(move |(interface, id)| {
                let id = hex(id);
                json!({
                    "id": id, "interface": interface, "region_id": "RegionOne",
                    "service_id": hex(service.id), "url": format!("{}{path}", call.base), "enabled": true,
                    "region": "RegionOne", "links": {"self": format!("{keystone}/endpoints/{id}")},
                })
            })
        })
        .collect()
}

/// `GET /v3/regions`.
pub fn regions(keystone: &str) -> Vec<Value> {
    vec![json!({
        "id": "RegionOne", "description": "", "parent_region_id": null,
        "links": {"self": format!("{keystone}/regions/RegionOne")},
    })]
}
