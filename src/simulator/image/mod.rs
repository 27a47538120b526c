//! Glance v2: images to boot from. Its errors are pages, never JSON.

use std::fmt::Write;

use axum::body::BodyDataStream;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use futures::StreamExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha512};
use uuid::Uuid;

use super::call::{Call, hex, id};
use super::clock::{self, seconds};
use super::identity::caller::Caller;
use super::reply::{Answer, Reply};
use super::table::{Resource, Table};
use super::world::World;

/// An image.
#[derive(Debug, Clone)]
pub struct Image {
    pub id: Uuid,
    pub owner: Uuid,
    pub name: String,
    pub visibility: String,
    /// How much data it has, and their SHA-512; the data themselves are nobody's.
    pub data: Option<(u64, String)>,
    pub disk_format: String,
    pub container_format: String,
    pub min_ram: i64,
    pub min_disk: i64,
    pub at: DateTime<Utc>,
}

impl Image {
    fn public(&self) -> bool {
        self.visibility == "public"
    }
}

/// What is left of an image's data when they have gone by: how much it was, and its SHA-512.
pub async fn measure(mut data: BodyDataStream) -> Result<Value, axum::Error> {
    let (mut size, mut hash) = (0, Sha512::new());
    while let Some(piece) = data.next().await {
        let piece = piece?;
        size += piece.len() as u64;
        hash.update(&piece);
    }
    let hash = hash.finalize().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    Ok(json!({"size": size, "sha512": hash}))
}

/// Glance's state.
pub type Images = Table<Image>;

impl Resource for Image {
    fn id(&self) -> Uuid {
        self.id
    }
    fn project(&self) -> Option<Uuid> {
        Some(self.owner)
    }
    fn name(&self) -> &str {
        &self.name
    }
}

/// Requests that change nothing.
pub fn read(world: &World, call: &Call) -> Answer {
    let parts = call.parts();
    let parts = match parts.as_slice() {
        [] | ["versions"] => return Ok(versions(call)),
        ["v2", rest @ ..] => rest,
        _ => return Err(not_found("The resource could not be found.")),
    };
    let caller = caller(world, call)?;
    match parts {
        ["images"] => Ok(list(world, call, &caller)),
        ["images", one] => find(world, &caller, one).map(|row| Reply::ok(&view(row))),
        // No image is shared with anybody in particular.
        ["images", one, "members"] => {
            find(world, &caller, one)?;
            Ok(Reply::ok(&json!({"members": [], "schema": "/v2/schemas/members"})))
        }
        _ => Err(not_found("The resource could not be found.")),
    }
}

/// Requests that change something.
pub fn write(world: &mut World, call: &Call) -> Answer {
    let caller = caller(world, call)?;
    let parts = call.parts();
    match (call.method.as_str(), parts.as_slice()) {
        ("POST", ["v2", "images"]) => create(world, call, &caller),
        ("PUT", ["v2", "images", one, "file"]) => {
            let found = find(world, &caller, one)?;
            if found.data.is_some() {
                let message = "Image status transition from active to saving is not allowed";
                return Err(Reply::html(StatusCode::CONFLICT, message));
            }
            let found = found.id;
            if let Some(row) = world.images.get_mut(found) {
                let size = call.body["size"].as_u64().unwrap_or_default();
                row.data = Some((size, call.body["sha512"].as_str().unwrap_or_default().to_owned()));
            }
            Ok(Reply::empty(StatusCode::NO_CONTENT).labelled_html())
        }
        ("DELETE", ["v2", "images", one]) => {
            let found = find(world, &caller, one)?.id;
            world.images.remove(found);
            Ok(Reply::empty(StatusCode::NO_CONTENT).labelled_html())
        }
        _ => Err(not_found("The resource could not be found.")),
    }
}

fn caller(world: &World, call: &Call) -> Result<Caller, Reply> {
    world.identity.caller(call).map_err(|refused| {
        let message = "This server could not verify that you are authorized to access the document you requested. Either you supplied the wrong credentials (e.g., bad password), or your browser does not understand how to supply the credentials required.";
        let mut page = Reply::html(StatusCode::UNAUTHORIZED, message);
        page.headers = refused.headers;
        page
    })
}

fn not_found(message: &str) -> Reply {
    Reply::html(StatusCode::NOT_FOUND, message)
}

fn find<'a>(world: &'a World, caller: &Caller, text: &str) -> Result<&'a Image, Reply> {
    let row = world.images.get(id(text)).filter(|row| row.public() || caller.reads(row.owner));
    row.ok_or_else(|| not_found(&format!("No image found with ID {text}")))
}

fn list(world: &World, call: &Call, caller: &Caller) -> Reply {
    let limit = call.query("limit").and_then(|text| text.parse().ok()).unwrap_or(25).min(world.page_limit);
    let marker = call.query("marker").map(id);
    let rows: Vec<&Image> = world
        .images
        .iter()
        .filter(|row| row.public() || caller.reads(row.owner))
        .filter(|row| call.query("name").is_none_or(|name| name == row.name))
        .filter(|row| call.query("owner").is_none_or(|owner| id(owner) == row.owner))
        .filter(|row| call.query("visibility").is_none_or(|it| it == "all" || it == row.visibility))
        // No image is hidden.
        .filter(|_| !call.flag("os_hidden"))
        .filter(|row| marker.is_none_or(|marker| row.id > marker))
        .take(limit)
        .collect();
    let views: Vec<Value> = rows.iter().map(|row| view(row)).collect();
    let mut body = json!({"images": views, "first": "/v2/images", "schema": "/v2/schemas/images"});
    if let Some(last) = rows.last().filter(|_| rows.len() == limit) {
        body["next"] = json!(format!("/v2/images?limit={limit}&marker={}", last.id));
    }
    Reply::ok(&body)
}

fn create(world: &mut World, call: &Call, caller: &Caller) -> Answer {
    let owner = caller.project().filter(|_| caller.member || caller.admin());
    let owner = owner
        .ok_or_else(|| Reply::html(StatusCode::FORBIDDEN, "You are not authorized to complete add_image action."))?;
    let owner = match call.body["owner"].as_str().map(id) {
        None => owner,
        Some(other) if caller.admin() || other == owner => other,
        Some(_) => {
            let message = "You are not permitted to create images owned by another project.";
            return Err(Reply::html(StatusCode::FORBIDDEN, message));
        }
    };
    let asked = &call.body;
    let text = |key: &str, other: &str| asked[key].as_str().unwrap_or(other).to_owned();
    let visibility = text("visibility", "shared");
    if visibility == "public" && !caller.admin() {
        let message = "You are not authorized to complete publicize_image action.";
        return Err(Reply::html(StatusCode::FORBIDDEN, message));
    }
    let chosen = asked["id"].as_str().map(id);
    if let Some(taken) = chosen.filter(|id| world.images.get(*id).is_some()) {
        return Err(Reply::html(StatusCode::CONFLICT, &format!("Image ID {taken} already exists!")));
    }
    let row = Image {
        id: chosen.unwrap_or_else(|| world.random.id()),
        owner,
        name: text("name", ""),
        visibility,
        data: None,
        disk_format: text("disk_format", "raw"),
        container_format: text("container_format", "bare"),
        min_ram: asked["min_ram"].as_i64().unwrap_or_default(),
        min_disk: asked["min_disk"].as_i64().unwrap_or_default(),
        at: clock::now(),
    };
    let reply = Reply::json(StatusCode::CREATED, &view(&row))
        .header("Location", format!("{}/image/v2/images/{}", call.base, row.id));
    world.images.insert(row);
    Ok(reply)
}

fn view(row: &Image) -> Value {
    let size = row.data.as_ref().map(|(size, _)| *size);
    let checksum = size.map(|_| hex(row.id));
    let mut view = json!({
        "name": row.name, "disk_format": row.disk_format, "container_format": row.container_format,
        "visibility": row.visibility, "size": size, "virtual_size": size,
        "status": if size.is_some() { "active" } else { "queued" }, "checksum": checksum, "protected": false,
        "min_ram": row.min_ram, "min_disk": row.min_disk, "owner": hex(row.owner), "os_hidden": false,
        "os_hash_algo": size.map(|_| "sha512"), "os_hash_value": row.data.as_ref().map(|(_, hash)| hash), "id": row.id,
        "created_at": seconds(row.at), "updated_at": seconds(row.at), "tags": [],
        "self": format!("/v2/images/{}", row.id), "file": format!("/v2/images/{}/file", row.id),
        "schema": "/v2/schemas/image",
    });
    if size.is_some() {
        view["stores"] = json!("fs");
    }
    view
}

fn versions(call: &Call) -> Reply {
    let href = format!("{}/image/v2/", call.base);
    let version =
        |id: &str, status: &str| json!({"id": id, "status": status, "links": [{"rel": "self", "href": href}]});
    Reply::ok(&json!({"versions": [version("v2.17", "CURRENT"), version("v2.15", "SUPPORTED")]}))
}
