//! Volumes and snapshots.

use axum::http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::call::{Call, hex, id};
use super::super::clock::{self, micros};
use super::super::compute::refusal;
use super::super::identity::caller::Caller;
use super::super::page;
use super::super::reply::{Answer, Reply};
use super::super::table::{Resource, Table};
use super::super::world::World;
use super::model::{BlockStorage, Snapshot, Volume};

/// `GET /volumes` and `/volumes/detail`.
pub fn volumes(world: &World, call: &Call, caller: &Caller, detail: bool, minor: u32) -> Answer {
    let rows = visible(&world.volume.volumes, call, caller);
    let total = rows.len();
    let (rows, next) = page::cut(call, world.page_limit, rows, |row| row.id, refusal::invalid)?;
    let views: Vec<Value> = rows
        .into_iter()
        .map(|row| {
            if detail {
                view(&world.volume, row, call, caller.admin_role, minor)
            } else {
                json!({"id": row.id, "name": row.name, "links": links(row, call)})
            }
        })
        .collect();
    let mut body = json!({"volumes": views});
    if let Some(next) = next {
        body["volumes_links"] = next;
    }
    if call.flag("with_count") && minor >= 45 {
        body["count"] = json!(total);
    }
    Ok(Reply::ok(&body))
}

/// `GET /volumes/{id}`.
pub fn volume(world: &World, call: &Call, caller: &Caller, text: &str, minor: u32) -> Answer {
    let row = find(world, caller, text)?;
    let view = view(&world.volume, row, call, caller.admin_role, minor);
    Ok(Reply::ok(&json!({"volume": view})))
}

/// `GET /snapshots/detail`.
pub fn snapshots(world: &World, call: &Call, caller: &Caller, minor: u32) -> Answer {
    let rows = visible(&world.volume.snapshots, call, caller);
    let (rows, next) = page::cut(call, world.page_limit, rows, |row| row.id, refusal::invalid)?;
    let views: Vec<Value> = rows.into_iter().map(|row| snapshot_view(row, minor)).collect();
    let mut body = json!({"snapshots": views});
    if let Some(next) = next {
        body["snapshots_links"] = next;
    }
    Ok(Reply::ok(&body))
}

/// `POST /volumes`.
pub fn create_volume(world: &mut World, call: &Call, caller: &Caller) -> Answer {
    let project = writer(caller, "volume:create")?;
    let asked = &call.body["volume"];
    let size = asked["size"].as_i64().or_else(|| asked["size"].as_str().and_then(|text| text.parse().ok()));
    let size = size.filter(|size| *size > 0).ok_or_else(|| {
        let shown = asked["size"].as_str().map_or_else(|| asked["size"].to_string(), str::to_owned);
        refusal::invalid(&format!(
            "Invalid input for field/attribute size. Value: {shown}. '{shown}' does not match '^[0-9]+$'"
        ))
    })?;
    world.volume.room(project, "volumes", size)?;
    let row = Volume {
        id: world.random.id(),
        project,
        user: caller.user,
        name: asked["name"].as_str().unwrap_or_default().to_owned(),
        size,
        status: "available".to_owned(),
        at: clock::now(),
    };
    let mut view = view(&world.volume, &row, call, false, 0);
    view["status"] = json!("creating");
    view["updated_at"] = Value::Null;
    if let Some(object) = view.as_object_mut() {
        object.remove("os-vol-tenant-attr:tenant_id");
    }
    world.volume.volumes.insert(row);
    Ok(Reply::json(StatusCode::ACCEPTED, &json!({"volume": view})))
}

/// `DELETE /volumes/{id}`.
pub fn delete_volume(world: &mut World, caller: &Caller, text: &str) -> Answer {
    let row = find(world, caller, text)?;
    let (found, project) = (row.id, row.project);
    if world.volume.snapshots.of(project).any(|row| row.volume == found) {
        return Err(refusal::invalid(
            "Invalid volume: Volume status must be available or error or error_restoring or error_extending or error_managing and must not be migrating, attached, belong to a group, have snapshots, awaiting a transfer, or be disassociated from snapshots after volume transfer.",
        ));
    }
    world.volume.volumes.remove(found);
    Ok(Reply::empty(StatusCode::ACCEPTED).labelled_html())
}

/// `POST /snapshots`.
pub fn create_snapshot(world: &mut World, call: &Call, caller: &Caller) -> Answer {
    let project = writer(caller, "volume:create_snapshot")?;
    let asked = &call.body["snapshot"];
    let volume = find(world, caller, asked["volume_id"].as_str().unwrap_or_default())?;
    let (volume, size) = (volume.id, volume.size);
    world.volume.room(project, "snapshots", size)?;
    let row = Snapshot {
        id: world.random.id(),
        project,
        user: caller.user,
        name: asked["name"].as_str().unwrap_or_default().to_owned(),
        volume,
        size,
        status: "available".to_owned(),
        at: clock::now(),
    };
    let body = json!({"snapshot": {
        "id": row.id, "created_at": micros(row.at), "updated_at": null, "name": row.name, "description": null,
        "volume_id": row.volume, "status": "creating", "size": row.size, "metadata": {},
    }});
    world.volume.snapshots.insert(row);
    Ok(Reply::json(StatusCode::ACCEPTED, &body))
}

/// `DELETE /snapshots/{id}`.
pub fn delete_snapshot(world: &mut World, caller: &Caller, text: &str) -> Answer {
    let row = world.volume.snapshots.get(id(text)).filter(|row| caller.reads(row.project));
    let found = row.ok_or_else(|| refusal::not_found(&format!("Snapshot {text}")))?.id;
    world.volume.snapshots.remove(found);
    Ok(Reply::empty(StatusCode::ACCEPTED).labelled_html())
}

fn writer(caller: &Caller, action: &str) -> Result<Uuid, Reply> {
    let project = caller.project().filter(|_| caller.member || caller.admin_role);
    project.ok_or_else(|| refusal::policy(action))
}

fn find<'a>(world: &'a World, caller: &Caller, text: &str) -> Result<&'a Volume, Reply> {
    let row = world.volume.volumes.get(id(text)).filter(|row| caller.reads(row.project));
    row.ok_or_else(|| refusal::not_found(&format!("Volume {text}")))
}

/// Newest id first; all projects for an administrator who asks, one's own otherwise.
fn visible<'a, T: Resource>(table: &'a Table<T>, call: &Call, caller: &Caller) -> Vec<&'a T> {
    let all = caller.admin_role && call.flag("all_tenants");
    let project = if all { call.query("project_id").map(id) } else { caller.project() };
    let wanted = |row: &&T| call.query("name").is_none_or(|name| name == row.name());
    match (project, all) {
        (Some(project), _) => table.of(project).rev().filter(wanted).collect(),
        (None, true) => table.iter().rev().filter(wanted).collect(),
        (None, false) => Vec::new(),
    }
}

fn links(row: &Volume, call: &Call) -> Value {
    let (base, project) = (&call.base, hex(row.project));
    json!([
        {"rel": "self", "href": format!("{base}/volume/v3/{project}/volumes/{}", row.id)},
        {"rel": "bookmark", "href": format!("{base}/volume/{project}/volumes/{}", row.id)},
    ])
}

fn view(volumes: &BlockStorage, row: &Volume, call: &Call, admin: bool, minor: u32) -> Value {
    let mut view = json!({
        "id": row.id, "status": row.status, "size": row.size, "availability_zone": "nova",
        "created_at": micros(row.at), "updated_at": micros(row.at), "name": row.name, "description": null,
        "volume_type": "__DEFAULT__", "snapshot_id": null, "source_volid": null, "metadata": {},
        "links": links(row, call), "user_id": hex(row.user), "bootable": "false", "encrypted": false,
        "replication_status": null, "consistencygroup_id": null, "multiattach": false, "attachments": [],
        "os-vol-tenant-attr:tenant_id": hex(row.project),
    });
    let mut add = |wanted: bool, key: &str, value: Value| {
        if wanted {
            view[key] = value;
        }
    };
    add(admin, "migration_status", Value::Null);
    add(minor >= 13, "group_id", Value::Null);
    add(minor >= 21 && admin, "provider_id", Value::Null);
    add(minor >= 48, "shared_targets", json!(true));
    add(minor >= 48, "service_uuid", json!(volumes.service));
    add(minor >= 61 && admin, "cluster_name", Value::Null);
    add(minor >= 63, "volume_type_id", json!(volumes.kind));
    add(minor >= 65, "consumes_quota", json!(true));
    add(admin, "os-vol-mig-status-attr:migstat", Value::Null);
    add(admin, "os-vol-mig-status-attr:name_id", Value::Null);
    add(admin, "os-vol-host-attr:host", json!("storage-1@null#null"));
    view
}

fn snapshot_view(row: &Snapshot, minor: u32) -> Value {
    let mut view = json!({
        "id": row.id, "created_at": micros(row.at), "updated_at": micros(row.at), "name": row.name,
        "description": null, "volume_id": row.volume, "status": row.status, "size": row.size, "metadata": {},
        "os-extended-snapshot-attributes:project_id": hex(row.project),
        "os-extended-snapshot-attributes:progress": "100%",
    });
    if minor >= 14 {
        view["group_snapshot_id"] = Value::Null;
    }
    if minor >= 41 {
        view["user_id"] = json!(hex(row.user));
    }
    if minor >= 65 {
        view["consumes_quota"] = json!(true);
    }
    view
}
