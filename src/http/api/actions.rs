//! What is asked of one tenant and becomes a job: `/api/openstack-tenants/{uuid}/<action>/`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::auth::Caller;
use super::body::Fields;
use super::order::Asked;
use super::path::Path;
use super::refusal::{Detail, Refusal};
use crate::model::token::Role;
use crate::model::{Invalid, TenantState};

/// What has been done, in words.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Status {
    status: String,
}

impl Status {
    /// That something will be done.
    pub fn scheduled(what: &str) -> Self {
        Self { status: format!("{what} has been scheduled.") }
    }
}

type Scheduled = (StatusCode, Json<Status>);

fn scheduled(what: &str) -> Scheduled {
    (StatusCode::ACCEPTED, Json(Status::scheduled(what)))
}

/// Read everything of a tenant
///
/// Each resource type succeeds or fails by itself; the tenant's state stays as it is.
#[utoipa::path(
    post,
    path = "/api/openstack-tenants/{uuid}/pull/",
    operation_id = "openstack_tenants_pull",
    tag = "openstack-tenants",
    params(("uuid" = Uuid, Path, description = "The tenant")),
    responses(
        (status = 202, body = Detail),
        (status = 400, description = "It has no project yet", body = [String]),
        (status = 404, body = Detail),
        (status = 409, description = "Its state does not permit it", body = Detail)
    )
)]
pub(super) async fn pull(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(uuid): Path<String>,
) -> Result<(StatusCode, Json<Detail>), Refusal> {
    let asked = Asked::of(&api, caller, &uuid, "pull").await?;
    if asked.tenant.project().is_none() {
        return Err(Invalid::because("Resource does not have backend ID.").into());
    }
    asked.submit(json!({})).await?;
    let detail = "Pull operation was successfully scheduled.".to_owned();
    Ok((StatusCode::ACCEPTED, Json(Detail { detail })))
}

/// Read the quotas of a tenant
#[utoipa::path(
    post,
    path = "/api/openstack-tenants/{uuid}/pull_quotas/",
    operation_id = "openstack_tenants_pull_quotas",
    tag = "openstack-tenants",
    params(("uuid" = Uuid, Path, description = "The tenant")),
    responses(
        (status = 202, body = Status),
        (status = 404, body = Detail),
        (status = 409, description = "Its state does not permit it", body = Detail)
    )
)]
pub(super) async fn pull_quotas(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(uuid): Path<String>,
) -> Result<Scheduled, Refusal> {
    Asked::of(&api, caller, &uuid, "pull_quotas").await?.submit(json!({})).await?;
    Ok(scheduled("Quotas pull"))
}

/// Read the security groups of a tenant
#[utoipa::path(
    post,
    path = "/api/openstack-tenants/{uuid}/pull_security_groups/",
    operation_id = "openstack_tenants_pull_security_groups",
    tag = "openstack-tenants",
    params(("uuid" = Uuid, Path, description = "The tenant")),
    responses(
        (status = 202, body = Status),
        (status = 404, body = Detail),
        (status = 409, description = "Its state does not permit it", body = Detail)
    )
)]
pub(super) async fn pull_security_groups(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(uuid): Path<String>,
) -> Result<Scheduled, Refusal> {
    Asked::of(&api, caller, &uuid, "pull_security_groups").await?.submit(json!({})).await?;
    Ok(scheduled("Security groups pull"))
}

/// Read the server groups of a tenant
#[utoipa::path(
    post,
    path = "/api/openstack-tenants/{uuid}/pull_server_groups/",
    operation_id = "openstack_tenants_pull_server_groups",
    tag = "openstack-tenants",
    params(("uuid" = Uuid, Path, description = "The tenant")),
    responses(
        (status = 202, body = Status),
        (status = 404, body = Detail),
        (status = 409, description = "Its state does not permit it", body = Detail)
    )
)]
pub(super) async fn pull_server_groups(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(uuid): Path<String>,
) -> Result<Scheduled, Refusal> {
    Asked::of(&api, caller, &uuid, "pull_server_groups").await?.submit(json!({})).await?;
    Ok(scheduled("Server groups pull"))
}

/// Read the floating IPs of a tenant
#[utoipa::path(
    post,
    path = "/api/openstack-tenants/{uuid}/pull_floating_ips/",
    operation_id = "openstack_tenants_pull_floating_ips",
    tag = "openstack-tenants",
    params(("uuid" = Uuid, Path, description = "The tenant")),
    responses(
        (status = 202, description = "It will be done"),
        (status = 404, body = Detail),
        (status = 409, description = "Its state does not permit it", body = Detail)
    )
)]
pub(super) async fn pull_floating_ips(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(uuid): Path<String>,
) -> Result<StatusCode, Refusal> {
    Asked::of(&api, caller, &uuid, "pull_floating_ips").await?.submit(json!({})).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Forget a tenant
///
/// Its project stays in the cloud as it is, and discovery leaves it alone.
#[utoipa::path(
    post,
    path = "/api/openstack-tenants/{uuid}/unlink/",
    operation_id = "openstack_tenants_unlink",
    tag = "openstack-tenants",
    params(("uuid" = Uuid, Path, description = "The tenant")),
    responses((status = 204, description = "It will be done"), (status = 404, body = Detail))
)]
pub(super) async fn unlink(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(uuid): Path<String>,
) -> Result<StatusCode, Refusal> {
    caller.must_be(Role::Staff)?;
    let author = caller.name.clone();
    let asked = Asked::of(&api, caller, &uuid, "unlink_tenant").await?;
    asked.submit(json!({ "author": author })).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Say that a tenant is all right
///
/// For one whose state says otherwise, and no job is going to change that.
#[utoipa::path(
    post,
    path = "/api/openstack-tenants/{uuid}/set_ok/",
    operation_id = "openstack_tenants_set_ok",
    tag = "openstack-tenants",
    params(("uuid" = Uuid, Path, description = "The tenant")),
    responses((status = 200, body = Detail), (status = 404, body = Detail))
)]
pub(super) async fn set_ok(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(uuid): Path<String>,
) -> Result<Json<Detail>, Refusal> {
    caller.must_be(Role::Staff)?;
    set_state(&api, &caller, &uuid, TenantState::Ok, "").await
}

/// Why a tenant is in trouble.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the document is made from it; the body is read by `set_erred`")]
pub(super) struct Trouble {
    #[schema(nullable = false)]
    error_message: Option<String>,
    /// Appended to the message.
    #[schema(nullable = false)]
    error_traceback: Option<String>,
}

/// Say that a tenant is in trouble
#[utoipa::path(
    post,
    path = "/api/openstack-tenants/{uuid}/set_erred/",
    operation_id = "openstack_tenants_set_erred",
    tag = "openstack-tenants",
    params(("uuid" = Uuid, Path, description = "The tenant")),
    request_body = Trouble,
    responses(
        (status = 200, body = Detail),
        (status = 400, description = "Something is wrong with the body", body = Value),
        (status = 404, body = Detail)
    )
)]
pub(super) async fn set_erred(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(uuid): Path<String>,
    content: Body,
) -> Result<Json<Detail>, Refusal> {
    caller.must_be(Role::Staff)?;
    let tenant = super::tenants::entry(&api, &uuid).await?.tenant;
    let mut fields = Fields::read(content).await?;
    let said = ["error_message", "error_traceback"].map(|name| fields.text(name).unwrap_or_default());
    let said = fields.or(said.join("\n"))?;
    set_state(&api, &caller, &tenant.uuid.to_string(), TenantState::Erred, said.trim()).await
}

async fn set_state(
    api: &Api,
    caller: &Caller,
    uuid: &str,
    state: TenantState,
    error: &str,
) -> Result<Json<Detail>, Refusal> {
    let uuid = Uuid::parse_str(uuid).map_err(|_| Refusal::not_found())?;
    let context = &api.view.context;
    let mut tx = context.store().begin().await?;
    if !tx.set_tenant_state(uuid, state, error, context.clock().now()).await? {
        return Err(Refusal::not_found());
    }
    context.tell(tx.commit().await?);
    tracing::info!(tenant = %uuid, state = state.as_str(), by = caller.name, "somebody set a tenant's state");
    Ok(Json(Detail { detail: format!("Resource has been marked as {state}.") }))
}
