//! Glance v2: images to boot from. Its errors are pages, never JSON.

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
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
    pub public: bool,
    pub size: Option<u64>,
    pub disk_format: String,
    pub at: DateTime<Utc>,
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
            if found.size.is_some() {
                let message = "Image status transition from active to saving is not allowed";
                return Err(Reply::html(StatusCode::CONFLICT, message));
            }
            let found = found.id;
            if let Some(row) = world.images.get_mut(found) {
                row.size = Some(0);
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
    let row = world.images.get(id(text)).filter(|row| row.public || caller.reads(row.owner));
    row.ok_or_else(|| not_found(&format!("No image found with ID {text}")))
}

fn list(world: &World, call: &Call, caller: &Caller) -> Reply {
    let limit = call.query("limit").and_then(|text| text.parse().ok()).unwrap_or(25).min(world.page_limit);
    let marker = call.query("marker").map(id);
    let rows: Vec<&Image> = world
        .images
        .iter()
        .filter(|row| row.public || caller.reads(row.owner))
        .filter(|row| call.query("name").is_none_or(|name| name == row.name))
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
    let row = Image {
        id: world.random.id(),
        owner,
        name: call.body["name"].as_str().unwrap_or_default().to_owned(),
        public: call.body["visibility"].as_str() == Some("public") && caller.admin(),
        size: None,
        disk_format: call.body["disk_format"].as_str().unwrap_or("raw").to_owned(),
        at: clock::now(),
    };
    let reply = Reply::json(StatusCode::CREATED, &view(&row))
        .header("Location", format!("{}/image/v2/images/{}", call.base, row.id));
    world.images.insert(row);
    Ok(reply)
}

fn view(row: &Image) -> Value {
    let stored = row.size.map(|_| hex(row.id));
    let mut view = json!({
        "name": row.name, "disk_format": row.disk_format, "container_format": "bare",
        "visibility": if row.public { "public" } else { "shared" }, "size": row.size, "virtual_size": row.size,
        "status": if row.size.is_some() { "active" } else { "queued" }, "checksum": stored, "protected": false,
        "min_ram": 0, "min_disk": 0, "owner": hex(row.owner), "os_hidden": false,
        "os_hash_algo": row.size.map(|_| "sha512"), "os_hash_value": stored, "id": row.id,
        "created_at": seconds(row.at), "updated_at": seconds(row.at), "tags": [],
        "self": format!("/v2/images/{}", row.id), "file": format!("/v2/images/{}/file", row.id),
        "schema": "/v2/schemas/image",
    });
    if row.size.is_some() {
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
