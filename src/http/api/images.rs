//! Images of a tenant: made, and sent their data, while the client waits. Data pass through piece by piece, never faster
//! than the cloud takes them, and have places of their own.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use futures::{StreamExt, stream};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::auth::Caller;
use super::body::Fields;
use super::links::hex;
use super::order::may_write;
use super::path::Path;
use super::refusal::{Detail, Refusal};
use super::tenants::entry;
use crate::jobs::context::CloudEntry;
use crate::jobs::create_image::{self, CreateImage};
use crate::jobs::{JobError, kind, upload_image_data};
use crate::model::ids::new_id;
use crate::model::token::Role;
use crate::model::{Invalid, Tenant};

/// How long a client may send nothing.
const SILENCE: Duration = Duration::from_mins(1);

/// An image to be.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the document is made from it; the body is read by `create`")]
pub(super) struct NewImage {
    name: String,
    /// In MiB.
    #[schema(nullable = false, default = 0, minimum = 0)]
    min_ram: Option<u32>,
    /// In GiB.
    #[schema(nullable = false, default = 0, minimum = 0)]
    min_disk: Option<u32>,
    /// `qcow2`, `raw`, `vhd`, `vmdk`, `vdi`, `iso`, `aki`, `ami` or `ari`.
    #[schema(nullable = false, default = "qcow2")]
    disk_format: Option<String>,
    /// `bare`, `ovf`, `aki`, `ami` or `ari`.
    #[schema(nullable = false, default = "bare")]
    container_format: Option<String>,
    /// `private`, or `public`, which staff may ask for.
    #[schema(nullable = false, default = "private")]
    visibility: Option<String>,
}

/// An image that waits for its data.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ImageView {
    #[schema(format = Uuid)]
    image_id: String,
    name: String,
    /// Glance's status.
    status: String,
    /// Where its data go: a path.
    upload_url: String,
}

/// What became of the data.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Uploaded {
    status: &'static str,
    message: String,
    response: &'static str,
}

/// Make an image
#[utoipa::path(
    post,
    path = "/api/openstack-marketplace-tenants/{uuid}/create_image/",
    operation_id = "openstack_marketplace_tenants_create_image",
    tag = "openstack-marketplace-tenants",
    params(("uuid" = Uuid, Path, description = "The tenant")),
    request_body = NewImage,
    responses(
        (status = 201, body = ImageView),
        (status = 400, description = "Something is wrong with the body, or the cloud refused", body = Value),
        (status = 404, body = Detail),
        (status = 409, description = "Something of the cloud's is in the way", body = Detail)
    )
)]
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(uuid): Path<String>,
    content: Body,
) -> Result<(StatusCode, Json<ImageView>), Refusal> {
    let (cloud, tenant) = writable(&api, &caller, &uuid, "create_image").await?;
    let wish = wish(Fields::read(content).await?, &caller)?;
    let id = new_id(api.view.context.clock().now());
    let image = create_image::create(&cloud, &tenant, &wish, id).await.map_err(|error| refused(&error))?;
    let base = format!("/api/openstack-marketplace-tenants/{}", hex(tenant.uuid));
    let upload_url = format!("{base}/upload_image_data/{}/", image.id);
    let name = wish.name.unwrap_or_default();
    Ok((StatusCode::CREATED, Json(ImageView { image_id: image.id, name, status: image.status, upload_url })))
}

/// What is asked for, if it can be.
fn wish(mut fields: Fields, caller: &Caller) -> Result<CreateImage, Refusal> {
    let mut params = Map::new();
    for name in ["name", "disk_format", "container_format", "visibility"] {
        let text = if name == "name" { fields.needed_text(name) } else { fields.text(name) };
        if let Some(text) = text {
            params.insert(name.to_owned(), text.into());
        }
    }
    for name in ["min_ram", "min_disk"] {
        if let Some(number) = fields.number(name, 0) {
            params.insert(name.to_owned(), number.into());
        }
    }
    if params.get("visibility").is_some_and(|it| it == "public") && caller.must_be(Role::Staff).is_err() {
        fields.refuse("visibility", "Only staff makes images public.");
    }
    let params = fields.or(Value::Object(params))?;
    let unreadable = |error: serde_json::Error| Invalid::because(error.to_string());
    let wish: CreateImage = serde_json::from_value(params).map_err(unreadable)?;
    let problems = crate::jobs::Job::problems(&wish);
    Ok(problems.or(wish)?)
}

/// Send an image its data
///
/// The body is the data, whatever its content type.
#[utoipa::path(
    post,
    path = "/api/openstack-marketplace-tenants/{uuid}/upload_image_data/{image_id}/",
    operation_id = "openstack_marketplace_tenants_upload_image_data",
    tag = "openstack-marketplace-tenants",
    params(
        ("uuid" = Uuid, Path, description = "The tenant"),
        ("image_id" = Uuid, Path, description = "The image")
    ),
    request_body(content = String, content_type = "application/octet-stream"),
    responses(
        (status = 200, body = Uploaded),
        (status = 400, description = "The cloud refused", body = Detail),
        (status = 404, body = Detail),
        (status = 409, description = "The image has data", body = Detail)
    )
)]
pub(super) async fn upload(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path((uuid, image)): Path<(String, String)>,
    headers: HeaderMap,
    content: Body,
) -> Result<Json<Uploaded>, Refusal> {
    let (cloud, tenant) = writable(&api, &caller, &uuid, "upload_image_data").await?;
    let id = Uuid::parse_str(&image).map_err(|_| Refusal::not_found())?;
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let image = upload_image_data::upload(&cloud, &tenant, id, pieces(content), length)
        .await
        .map_err(|error| refused(&error))?;
    let message = format!("The image has its data and is {}.", image.status);
    Ok(Json(Uploaded { status: "success", message, response: "" }))
}

/// A body piece by piece, unless its sender falls silent.
fn pieces(content: Body) -> crate::openstack::Pieces {
    let next = |mut sent: axum::body::BodyDataStream| async move {
        let piece: io::Result<Bytes> = match tokio::time::timeout(SILENCE, sent.next()).await {
            Ok(piece) => piece?.map_err(io::Error::other),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "nothing was sent for too long")),
        };
        Some((piece, sent))
    };
    Box::pin(stream::unfold(content.into_data_stream(), next))
}

/// A tenant, and its cloud, if jobs of this kind may change it.
async fn writable(api: &Api, caller: &Caller, uuid: &str, name: &str) -> Result<(CloudEntry, Tenant), Refusal> {
    let tenant = entry(api, uuid).await?.tenant;
    caller.must_be(Role::Operator)?;
    may_write(api, kind(name).ok_or_else(Refusal::not_found)?, &tenant.cloud)?;
    if tenant.project().is_none() {
        return Err(Refusal::Because(StatusCode::BAD_REQUEST, "Resource does not have backend ID.".to_owned()));
    }
    let live = api.view.context.live();
    let cloud = live.cloud(&tenant.cloud).map_err(|error| Refusal::busy(error.to_string()))?;
    Ok((cloud.clone(), tenant))
}

/// What the cloud refused, in its own words.
fn refused(error: &JobError) -> Refusal {
    match error.reason() {
        "not_found" => Refusal::not_found(),
        "conflict" => Refusal::conflict(error.to_string()),
        _ => Refusal::Because(StatusCode::BAD_REQUEST, error.to_string()),
    }
}
