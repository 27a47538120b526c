//! Changes of a tenant as a whole: its name, its user's password, its limits. Each becomes a job; whether its parameters
//! make sense is the kind's to say, and what is only the API's is said here.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::Api;
use super::actions::Status;
use super::auth::Caller;
use super::body::Fields;
use super::links::Links;
use super::order::Asked;
use super::path::Path;
use super::refusal::{Detail, Refusal};
use super::view::TenantView;
use crate::model::token::Role;
use crate::store::directory::Entry;

/// What is to be different; what else a client sends is passed over.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the document is made from it; the body is read by `texts`")]
pub(super) struct TenantChange {
    /// Unique among tenants; needed by PUT.
    #[schema(nullable = false, max_length = 64)]
    name: Option<String>,
    #[schema(nullable = false, max_length = 2000)]
    description: Option<String>,
    #[schema(nullable = false, max_length = 100)]
    availability_zone: Option<String>,
    #[schema(nullable = false, max_length = 100)]
    default_volume_type_name: Option<String>,
}

/// A new password.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the document is made from it; the body is read by `change_password`")]
pub(super) struct PasswordChange {
    #[schema(max_length = 50)]
    user_password: String,
}

/// New limits; what is not named stays. `gigabytes_<volume type>` come on top.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the document is made from it; the body is read by `limits`")]
pub(super) struct QuotaChange {
    #[schema(nullable = false, minimum = 1)]
    instances: Option<i32>,
    #[schema(nullable = false, minimum = 1)]
    volumes: Option<i32>,
    #[schema(nullable = false, minimum = 1)]
    snapshots: Option<i32>,
    /// In MiB.
    #[schema(nullable = false, minimum = 1)]
    ram: Option<i32>,
    #[schema(nullable = false, minimum = 1)]
    vcpu: Option<i32>,
    /// In MiB, whole GiB of them.
    #[schema(nullable = false, minimum = 1)]
    storage: Option<i64>,
    #[schema(nullable = false, minimum = 1)]
    security_group_count: Option<i32>,
    #[schema(nullable = false, minimum = 1)]
    security_group_rule_count: Option<i32>,
    /// 0: none; -1: as many as there are.
    #[schema(nullable = false, minimum = -1)]
    floating_ip_count: Option<i32>,
    #[schema(nullable = false, minimum = -1)]
    network_count: Option<i32>,
    #[schema(nullable = false, minimum = -1)]
    subnet_count: Option<i32>,
    #[schema(nullable = false, minimum = -1)]
    port_count: Option<i32>,
}

/// What will be done, under both of the names that clients look for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct QuotaStatus {
    status: &'static str,
    detail: &'static str,
}

/// Change a tenant
#[utoipa::path(
    put,
    path = "/api/openstack-tenants/{uuid}/",
    operation_id = "openstack_tenants_update",
    tag = "openstack-tenants",
    params(("uuid" = Uuid, Path, description = "The tenant")),
    request_body = TenantChange,
    responses(
        (status = 200, body = TenantView),
        (status = 400, description = "Something is wrong with the body", body = Value),
        (status = 404, body = Detail),
        (status = 409, description = "Its state does not permit it", body = Detail)
    )
)]
pub(super) async fn update(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(uuid): Path<String>,
    links: Links,
    content: Body,
) -> Result<Json<TenantView>, Refusal> {
    change(&api, caller, &uuid, &links, content, true).await
}

/// Change some of a tenant
#[utoipa::path(
    patch,
    path = "/api/openstack-tenants/{uuid}/",
    operation_id = "openstack_tenants_partial_update",
    tag = "openstack-tenants",
    params(("uuid" = Uuid, Path, description = "The tenant")),
    request_body = TenantChange,
    responses(
        (status = 200, body = TenantView),
        (status = 400, description = "Something is wrong with the body", body = Value),
        (status = 404, body = Detail),
        (status = 409, description = "Its state does not permit it", body = Detail)
    )
)]
pub(super) async fn partial_update(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(uuid): Path<String>,
    links: Links,
    content: Body,
) -> Result<Json<TenantView>, Refusal> {
    change(&api, caller, &uuid, &links, content, false).await
}

async fn change(
    api: &Api,
    caller: Caller,
    uuid: &str,
    links: &Links,
    content: Body,
    whole: bool,
) -> Result<Json<TenantView>, Refusal> {
    let asked = Asked::of(api, caller, uuid, "update_tenant").await?;
    let mut fields = Fields::read(content).await?;
    let mut params = Map::new();
    for name in ["name", "description", "availability_zone", "default_volume_type_name"] {
        let text = if whole && name == "name" { fields.needed_text(name) } else { fields.text(name) };
        if let Some(text) = text {
            params.insert(name.to_owned(), text.into());
        }
    }
    let params = fields.or(params.into())?;
    let entry = asked.entry().clone();
    // As it was when the job was accepted: by now the job may have begun, or be over.
    let entry = Entry { tenant: asked.submit(params).await?, ..entry };
    Ok(Json(TenantView::of(entry, links, &api.view.context.live())))
}

/// Change the password of a tenant's user
#[utoipa::path(
    post,
    path = "/api/openstack-tenants/{uuid}/change_password/",
    operation_id = "openstack_tenants_change_password",
    tag = "openstack-tenants",
    params(("uuid" = Uuid, Path, description = "The tenant")),
    request_body = PasswordChange,
    responses(
        (status = 202, body = Status),
        (status = 400, description = "Something is wrong with the body", body = Value),
        (status = 404, body = Detail),
        (status = 409, description = "Its state does not permit it", body = Detail)
    )
)]
pub(super) async fn change_password(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(uuid): Path<String>,
    content: Body,
) -> Result<(StatusCode, Json<Status>), Refusal> {
    let asked = Asked::of(&api, caller, &uuid, "change_password").await?;
    let mut fields = Fields::read(content).await?;
    let password = fields.needed_text("user_password").unwrap_or_default();
    asked.submit(fields.or(json!({ "user_password": password }))?).await?;
    Ok((StatusCode::ACCEPTED, Json(Status::scheduled("Password update"))))
}

/// Change the limits of a tenant
///
/// They are set in each service, read back, and expected from then on. What a service refuses is told with the tenant.
#[utoipa::path(
    post,
    path = "/api/openstack-tenants/{uuid}/set_quotas/",
    operation_id = "openstack_tenants_set_quotas",
    tag = "openstack-tenants",
    params(("uuid" = Uuid, Path, description = "The tenant")),
    request_body = QuotaChange,
    responses(
        (status = 202, body = QuotaStatus),
        (status = 400, description = "Something is wrong with the body", body = Value),
        (status = 404, body = Detail),
        (status = 409, description = "Its state does not permit it", body = Detail)
    )
)]
pub(super) async fn set_quotas(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(uuid): Path<String>,
    content: Body,
) -> Result<(StatusCode, Json<QuotaStatus>), Refusal> {
    caller.must_be(Role::Staff)?;
    let asked = Asked::of(&api, caller, &uuid, "set_quotas").await?;
    let mut fields = Fields::read(content).await?;
    let limits = limits(&mut fields);
    asked.submit(fields.or(limits.into())?).await?;
    let said = "Quota update has been scheduled";
    Ok((StatusCode::ACCEPTED, Json(QuotaStatus { status: said, detail: said })))
}

/// Limits that the API does not let be switched off, for a portal that sends 0 does not know what it wants.
const POSITIVE: [&str; 8] = [
    "instances",
    "volumes",
    "snapshots",
    "ram",
    "vcpu",
    "storage",
    "security_group_count",
    "security_group_rule_count",
];
/// Limits that may be 0 or -1.
const FREE: [&str; 4] = ["floating_ip_count", "network_count", "subnet_count", "port_count"];

/// The limits among the fields.
fn limits(fields: &mut Fields) -> Map<String, Value> {
    let names: Vec<String> = fields.names().map(str::to_owned).collect();
    let mut limits = Map::new();
    for name in names {
        let least = match name.as_str() {
            known if POSITIVE.contains(&known) => 1,
            known if FREE.contains(&known) || known.starts_with("gigabytes_") => -1,
            _ => continue,
        };
        if let Some(limit) = fields.number(&name, least) {
            limits.insert(name, limit.into());
        }
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Invalid;

    #[test]
    fn limits_are_told_from_what_else_is_sent() {
        let sent = json!({"ram": 1024, "gigabytes_ssd": -1, "network_count": "0", "colour": "blue"});
        let mut fields = Fields::from(sent.as_object().unwrap().clone());
        let found = limits(&mut fields);
        assert_eq!(Value::from(found), json!({"ram": 1024, "gigabytes_ssd": -1, "network_count": 0}));
        assert!(fields.or(()).is_ok());
    }

    #[test]
    fn limits_that_make_no_sense_are_told_all_at_once() {
        let sent = json!({"ram": 0, "gigabytes_ssd": -2, "vcpu": "many", "storage": null, "volumes": 1.5});
        let mut fields = Fields::from(sent.as_object().unwrap().clone());
        limits(&mut fields);
        let wrong: Invalid = fields.or(()).unwrap_err();
        let expected = json!({
            "ram": ["Ensure this value is greater than or equal to 1."],
            "gigabytes_ssd": ["Ensure this value is greater than or equal to -1."],
            "vcpu": ["A valid integer is required."],
            "storage": ["This field may not be null."],
            "volumes": ["A valid integer is required."],
        });
        assert_eq!(serde_json::to_value(wrong).unwrap(), expected);
    }
}
