//! Objects that a tenant is to have: networks, floating IPs, server groups. Each is shown at once as it
//! is recorded, and made by a job.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::body::Fields;
use super::filter::StateName;
use super::links::{Links, hex};
use super::order::Asked;
use super::path::Path;
use super::refusal::{Detail, Refusal};
use super::view::{TenantView, stamp};
use crate::jobs::JobError;
use crate::jobs::create_floating_ip::network;
use crate::model::{Invalid, Object};

/// How long whoever asks for a floating IP waits for the cloud to say whether there can be one.
const PATIENCE: Duration = Duration::from_secs(5);

/// What every object has.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ObjectView {
    url: String,
    #[schema(pattern = "^[0-9a-f]{32}$")]
    uuid: String,
    name: String,
    description: String,
    error_message: String,
    error_traceback: String,
    resource_type: &'static str,
    #[schema(value_type = StateName)]
    state: &'static str,
    #[serde(serialize_with = "stamp")]
    created: DateTime<Utc>,
    #[serde(serialize_with = "stamp")]
    modified: DateTime<Utc>,
    backend_id: String,
    /// The tenant's address.
    tenant: String,
    tenant_name: String,
    #[schema(pattern = "^[0-9a-f]{32}$")]
    tenant_uuid: String,
    #[serde(flatten)]
    surroundings: Map<String, Value>,
}

/// A floating IP.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FloatingIpView {
    #[serde(flatten)]
    object: ObjectView,
    runtime_state: &'static str,
    address: Option<String>,
    backend_network_id: &'static str,
    port: Option<String>,
    external_address: Option<String>,
    instance_uuid: Option<String>,
    instance_name: Option<String>,
    instance_url: Option<String>,
}

/// A network.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NetworkView {
    #[serde(flatten)]
    object: ObjectView,
    is_external: bool,
    #[serde(rename = "type")]
    network_type: &'static str,
    subnets: [Value; 0],
    mtu: Option<i64>,
    rbac_policies: [Value; 0],
}

/// A server group.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ServerGroupView {
    #[serde(flatten)]
    object: ObjectView,
    policy: String,
    display_name: String,
    instances: [Value; 0],
}

/// A name, and free text.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the document is made from it; the body is read by `create_network`")]
pub(super) struct NewNetwork {
    #[schema(max_length = 150)]
    name: String,
    #[schema(nullable = false)]
    description: Option<String>,
}

/// Where an address comes from, if that is to be said.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the document is made from it; the body is read by `create_floating_ip`")]
pub(super) struct NewFloatingIp {
    /// A router of the tenant: its address, or its id in the cloud.
    router: Option<String>,
}

/// A server group to be.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the document is made from it; the body is read by `create_server_group`")]
pub(super) struct NewServerGroup {
    #[schema(max_length = 150)]
    name: String,
    #[schema(nullable = false)]
    description: Option<String>,
    /// `affinity`, `anti-affinity`, `soft-affinity` or `soft-anti-affinity`.
    policy: String,
}

impl ObjectView {
    pub fn of(
        object: &Object,
        (collection, resource_type): (&str, &'static str),
        asked: &Asked<'_>,
        links: &Links,
    ) -> Self {
        let live = asked.api().view.context.live();
        let tenant = asked.entry().clone();
        let shown = serde_json::to_value(TenantView::of(tenant, links, &live)).unwrap_or_default();
        let is_surrounding = |name: &str| {
            ["service_", "project", "customer", "marketplace_", "is_usage", "is_limit"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
        };
        let surroundings = shown.as_object().into_iter().flatten().filter(|(name, _)| is_surrounding(name));
        Self {
            url: links.to(collection, &hex(object.uuid)),
            uuid: hex(object.uuid),
            name: object.name.clone(),
            description: object.description.clone(),
            error_message: object.error_message.clone(),
            error_traceback: String::new(),
            resource_type,
            state: object.state.as_str(),
            created: object.created_at,
            modified: object.modified_at,
            backend_id: object.backend_id.clone().unwrap_or_default(),
            tenant: links.to("openstack-tenants", &hex(asked.tenant.uuid)),
            tenant_name: asked.tenant.name.clone(),
            tenant_uuid: hex(asked.tenant.uuid),
            surroundings: surroundings.map(|(name, value)| (name.clone(), value.clone())).collect(),
        }
    }
}

/// Take a floating IP
#[utoipa::path(
    post,
    path = "/api/openstack-tenants/{uuid}/create_floating_ip/",
    operation_id = "openstack_tenants_create_floating_ip",
    tag = "openstack-tenants",
    params(("uuid" = Uuid, Path, description = "The tenant")),
    request_body = NewFloatingIp,
    responses(
        (status = 200, body = FloatingIpView),
        (status = 400, description = "Something is wrong with the body", body = Value),
        (status = 404, body = Detail),
        (status = 409, description = "Its state does not permit it, or there is no external network", body = Detail)
    )
)]
pub(super) async fn create_floating_ip(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(uuid): Path<String>,
    links: Links,
    content: Body,
) -> Result<Json<FloatingIpView>, Refusal> {
    let asked = Asked::of(&api, caller, &uuid, "create_floating_ip").await?;
    let mut fields = Fields::read(content).await?;
    let mut params = Map::new();
    if let Some(router) = fields.text_or_null("router") {
        params.insert("router".to_owned(), last_part(&router).into());
    }
    let params = fields.or(params)?;
    outside(&asked, params.get("router").and_then(Value::as_str)).await?;
    let object = asked.new_object("floating_ips");
    let view = FloatingIpView {
        object: ObjectView::of(&object, ("openstack-floating-ips", "OpenStack.FloatingIP"), &asked, &links),
        runtime_state: "",
        address: None,
        backend_network_id: "",
        port: None,
        external_address: None,
        instance_uuid: None,
        instance_name: None,
        instance_url: None,
    };
    asked.making(object).submit(params.into()).await?;
    Ok(Json(view))
}

/// Refuses what the cloud shows to be impossible; while it does not answer, the job will find out.
async fn outside(asked: &Asked<'_>, router: Option<&str>) -> Result<(), Refusal> {
    let context = &asked.api().view.context;
    let live = context.live();
    let Ok(entry) = live.cloud(&asked.tenant.cloud) else { return Ok(()) };
    let looked = tokio::select! {
        looked = network(&entry.api, &asked.tenant, (router, None)) => looked,
        () = context.clock().sleep(PATIENCE) => return Ok(()),
    };
    match looked {
        Err(JobError::GiveUp { reason: "no_external_network", message, .. }) => Err(Refusal::conflict(message)),
        Err(JobError::GiveUp { reason: "invalid_params", message, .. }) => {
            Err(Invalid::in_field("router", message.strip_prefix("router: ").unwrap_or(&message)).into())
        }
        _ => Ok(()),
    }
}

/// Make a network
#[utoipa::path(
    post,
    path = "/api/openstack-tenants/{uuid}/create_network/",
    operation_id = "openstack_tenants_create_network",
    tag = "openstack-tenants",
    params(("uuid" = Uuid, Path, description = "The tenant")),
    request_body = NewNetwork,
    responses(
        (status = 201, body = NetworkView),
        (status = 400, description = "Something is wrong with the body", body = Value),
        (status = 404, body = Detail),
        (status = 409, description = "Its state does not permit it", body = Detail)
    )
)]
pub(super) async fn create_network(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(uuid): Path<String>,
    links: Links,
    content: Body,
) -> Result<(StatusCode, Json<NetworkView>), Refusal> {
    let asked = Asked::of(&api, caller, &uuid, "create_network").await?;
    let mut fields = Fields::read(content).await?;
    let (name, description) = described(&mut fields);
    fields.or(())?;
    let object = Object { name, description, ..asked.new_object("networks") };
    let params = json!({ "name": object.name, "description": object.description });
    let view = NetworkView {
        object: ObjectView::of(&object, ("openstack-networks", "OpenStack.Network"), &asked, &links),
        is_external: false,
        network_type: "",
        subnets: [],
        mtu: None,
        rbac_policies: [],
    };
    asked.making(object).submit(params).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// Make a server group
#[utoipa::path(
    post,
    path = "/api/openstack-tenants/{uuid}/create_server_group/",
    operation_id = "openstack_tenants_create_server_group",
    tag = "openstack-tenants",
    params(("uuid" = Uuid, Path, description = "The tenant")),
    request_body = NewServerGroup,
    responses(
        (status = 201, body = ServerGroupView),
        (status = 400, description = "Something is wrong with the body", body = Value),
        (status = 404, body = Detail),
        (status = 409, description = "Its state does not permit it", body = Detail)
    )
)]
pub(super) async fn create_server_group(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(uuid): Path<String>,
    links: Links,
    content: Body,
) -> Result<(StatusCode, Json<ServerGroupView>), Refusal> {
    let asked = Asked::of(&api, caller, &uuid, "create_server_group").await?;
    let mut fields = Fields::read(content).await?;
    let (name, description) = described(&mut fields);
    let policy = fields.text("policy").unwrap_or_default();
    fields.or(())?;
    let body = json!({ "policy": policy });
    let object = Object { name, description, body, ..asked.new_object("server_groups") };
    let params = json!({ "name": object.name, "description": object.description, "policy": policy });
    let view = ServerGroupView {
        display_name: format!("Name: {}, Policy: {policy}", object.name),
        object: ObjectView::of(&object, ("openstack-server-groups", "OpenStack.ServerGroup"), &asked, &links),
        policy,
        instances: [],
    };
    asked.making(object).submit(params).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// A name and a description; what is wrong with a name the kind says.
pub(super) fn described(fields: &mut Fields) -> (String, String) {
    let name = fields.needed_text("name").unwrap_or_default();
    (name, fields.text("description").unwrap_or_default())
}

/// The last part of an address, or the whole of what is none.
fn last_part(address: &str) -> String {
    address.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_router_is_named_by_its_address_or_its_id() {
        assert_eq!(last_part("https://w/api/openstack-routers/8b1c/"), "8b1c");
        assert_eq!((last_part("8b1c").as_str(), last_part("").as_str()), ("8b1c", ""));
    }
}
