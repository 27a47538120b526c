//! The beginning and the end of a tenant.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::auth::Caller;
use super::body::Fields;
use super::groups::{TenantGroup, of_new_tenant};
use super::links::Links;
use super::order::{Asked, may_write, request};
use super::path::Path;
use super::refusal::{Detail, Refusal};
use super::view::{TenantView, cloud_id};
use crate::jobs::command::{Order, submit};
use crate::jobs::kind;
use crate::model::job::Request;
use crate::model::token::Role;
use crate::store::directory::{Entry, Portal, Wanted, Window};

/// A tenant to be.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the document is made from it; the body is read by `create`")]
pub(super) struct NewTenant {
    /// Unique among tenants.
    #[schema(max_length = 64)]
    name: String,
    /// The address of the cloud, as tenants have it.
    service_settings: String,
    /// The address of the portal's project that it belongs to.
    #[schema(nullable = false)]
    project: Option<String>,
    #[schema(nullable = false, max_length = 2000)]
    description: Option<String>,
    #[schema(nullable = false, max_length = 100)]
    availability_zone: Option<String>,
    #[schema(nullable = false, max_length = 100)]
    default_volume_type_name: Option<String>,
    /// Private, and of the size /24.
    #[schema(nullable = false, default = "192.168.42.0/24")]
    subnet_cidr: Option<String>,
    #[schema(nullable = false, default = false)]
    skip_creation_of_default_subnet: Option<bool>,
    #[schema(nullable = false, default = false)]
    skip_creation_of_default_router: Option<bool>,
    /// Its groups besides `default`.
    security_groups: Option<Vec<TenantGroup>>,
}

/// Make a tenant
///
/// Its project, user, network, router and security groups. The names of the user and its password are not taken from whoever asks.
#[utoipa::path(
    post,
    path = "/api/openstack-tenants/",
    operation_id = "openstack_tenants_create",
    tag = "openstack-tenants",
    request_body = NewTenant,
    responses(
        (status = 201, body = TenantView),
        (status = 400, description = "Something is wrong with the body", body = Value)
    )
)]
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    caller: Caller,
    links: Links,
    sent: Body,
) -> Result<(StatusCode, Json<TenantView>), Refusal> {
    caller.must_be(Role::Operator)?;
    let mut fields = Fields::read(sent).await?;
    let settings = fields.needed_text("service_settings").map(|url| id_of(&url));
    let project = fields.text("project").map(|url| id_of(&url));
    let params = params(&mut fields);
    let cloud = match settings {
        Some(Some(id)) => cloud(&api, id).await?,
        _ => None,
    };
    if settings.is_some() && cloud.is_none() {
        fields.refuse("service_settings", "Invalid hyperlink - Object does not exist.");
    }
    if project == Some(None) {
        fields.refuse("project", "Invalid hyperlink - No URL match.");
    }
    let params = fields.or(params)?;
    let cloud = cloud.unwrap_or_default();
    let kind = kind("create_tenant").ok_or_else(Refusal::not_found)?;
    may_write(&api, kind, &cloud)?;
    let request = Request { params: params.into(), cloud: Some(cloud), ..request(&api, caller, kind.name) };
    let context = &api.view.context;
    let portal = match project.flatten() {
        Some(project) => Some(owner(&api, project).await?),
        None => None,
    };
    let made = submit(context, Order { portal: portal.clone(), ..Order::of(request, None) }).await?;
    let made = made.ok_or_else(Refusal::not_found)?;
    // As it was when the job was accepted: by now the job may have begun.
    let entry = Entry { tenant: made, portal, quotas: None };
    Ok((StatusCode::CREATED, Json(TenantView::of(entry, &links, &context.live()))))
}

/// The kind's parameters among the fields.
fn params(fields: &mut Fields) -> Map<String, Value> {
    let mut params = Map::new();
    for name in ["name", "description", "availability_zone", "default_volume_type_name", "subnet_cidr"] {
        let text = if name == "name" { fields.needed_text(name) } else { fields.text(name) };
        if let Some(text) = text {
            params.insert(name.to_owned(), text.into());
        }
    }
    for name in ["skip_creation_of_default_subnet", "skip_creation_of_default_router"] {
        if let Some(flag) = fields.flag(name) {
            params.insert(name.to_owned(), flag.into());
        }
    }
    if fields.is_more_than_nothing("security_groups")
        && let Some(groups) = fields.needed_list("security_groups")
    {
        params.insert("security_groups".to_owned(), groups.iter().map(of_new_tenant).collect());
    }
    params
}

/// The id at the end of an address.
fn id_of(url: &str) -> Option<Uuid> {
    Uuid::parse_str(url.trim_end_matches('/').rsplit('/').next()?).ok()
}

/// The cloud that goes by an id: its own, or the portal's.
async fn cloud(api: &Api, id: Uuid) -> Result<Option<String>, Refusal> {
    let live = api.view.context.live();
    if let Some(name) = live.names().into_iter().find(|name| cloud_id(name) == id) {
        return Ok(Some(name.to_owned()));
    }
    let wanted = Wanted { service_settings: Some(id), ..Wanted::default() };
    let found = api.view.context.store().directory(&wanted, Window { limit: 1, offset: 0 }).await?;
    Ok(found.items.into_iter().next().map(|entry| entry.tenant.cloud))
}

/// What is known of the portal's project, from other tenants of it.
async fn owner(api: &Api, project: Uuid) -> Result<Portal, Refusal> {
    let context = &api.view.context;
    let wanted = Wanted { project: Some(project), ..Wanted::default() };
    let found = context.store().directory(&wanted, Window { limit: 1, offset: 0 }).await?;
    let known = found.items.into_iter().next().and_then(|entry| entry.portal);
    Ok(Portal {
        project: Some(project),
        // What was sold was sold with another tenant.
        marketplace: json!({}),
        imported_at: context.clock().now(),
        ..known.unwrap_or_default()
    })
}

/// Remove a tenant
///
/// Its project with all that is in it. The tenant is forgotten when the cloud says that the project is gone.
#[utoipa::path(
    delete,
    path = "/api/openstack-tenants/{uuid}/",
    operation_id = "openstack_tenants_destroy",
    tag = "openstack-tenants",
    params(("uuid" = Uuid, Path, description = "The tenant")),
    responses(
        (status = 204, description = "It will be done"),
        (status = 404, body = Detail),
        (status = 409, description = "Its state does not permit it", body = Detail)
    )
)]
pub(super) async fn destroy(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(uuid): Path<String>,
) -> Result<StatusCode, Refusal> {
    Asked::of(&api, caller, &uuid, "delete_tenant").await?.submit(json!({})).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Invalid;

    #[test]
    fn an_address_ends_in_an_id() {
        let id = Uuid::from_u128(7);
        for url in [format!("https://w/api/projects/{}/", id.simple()), format!("/api/projects/{id}"), id.to_string()] {
            assert_eq!(id_of(&url), Some(id), "{url}");
        }
        assert_eq!((id_of(""), id_of("https://w/api/projects/seven/")), (None, None));
    }

    #[test]
    fn groups_are_taken_over_and_nothing_is_no_group() {
        let read = |groups: Value| {
            let sent = json!({"name": "x", "security_groups": groups});
            let mut fields = Fields::from(sent.as_object().unwrap().clone());
            let params = params(&mut fields);
            fields.or(params.get("security_groups").cloned())
        };
        let web = json!({"name": "web", "rules": [{"protocol": "udp", "colour": "blue"}], "url": ""});
        let expected = json!([{"name": "web", "rules": [{"protocol": "udp"}]}]);
        assert_eq!(read(json!([web])).unwrap(), Some(expected));
        assert_eq!((read(json!([])).unwrap(), read(json!(null)).unwrap()), (None, None));
        assert_eq!(read(json!("web")).unwrap_err(), Invalid::in_field("security_groups", "Expected a list of items."));
    }

    #[test]
    fn a_flag_is_true_or_false() {
        let sent = json!({"name": "x", "skip_creation_of_default_router": "yes"});
        let mut fields = Fields::from(sent.as_object().unwrap().clone());
        params(&mut fields);
        let wrong = serde_json::to_value(fields.or(()).unwrap_err()).unwrap();
        assert_eq!(wrong["skip_creation_of_default_router"], json!(["Must be a valid boolean."]));
    }
}
