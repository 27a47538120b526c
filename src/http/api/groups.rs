//! Security groups that a tenant is to have: one more, or all of them at once.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::Api;
use super::actions::Status;
use super::auth::Caller;
use super::body::{Fields, json as read_json};
use super::links::Links;
use super::objects::{ObjectView, described};
use super::order::Asked;
use super::path::Path;
use super::refusal::{Detail, Refusal};
use crate::model::{Invalid, Object};

/// A security group.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SecurityGroupView {
    #[serde(flatten)]
    object: ObjectView,
    /// As they were asked for, with what was left out.
    rules: Vec<Value>,
}

/// A rule of a security group.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the document is made from it; the body is read by `rule`")]
pub(super) struct NewRule {
    /// `IPv4` (the default) or `IPv6`.
    ethertype: Option<String>,
    /// `ingress` (the default) or `egress`.
    direction: Option<String>,
    /// `tcp`, `udp`, `icmp`, another name or number, or empty: any.
    protocol: Option<String>,
    /// The first port, or the ICMP type; -1: any.
    from_port: Option<i32>,
    /// The last port, or the ICMP code; -1: any.
    to_port: Option<i32>,
    cidr: Option<String>,
    /// Another security group of the tenant: its address, or its id.
    remote_group: Option<String>,
    /// The same, by its name.
    remote_group_name: Option<String>,
    description: Option<String>,
}

/// A security group to be.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the document is made from it; the body is read by `create_security_group`")]
pub(super) struct NewSecurityGroup {
    #[schema(max_length = 150)]
    name: String,
    #[schema(nullable = false)]
    description: Option<String>,
    rules: Vec<NewRule>,
}

/// A security group that a tenant is made with.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the document is made from it; the body is read by `of_new_tenant`")]
pub(super) struct TenantGroup {
    #[schema(max_length = 150)]
    name: String,
    description: Option<String>,
    /// They name other groups of the list by `remote_group_name`.
    rules: Option<Vec<NewRule>>,
}

/// A security group as it is to be.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the document is made from it; the body is read by `push_security_groups`")]
pub(super) struct GroupChange {
    /// The group that it is already; without it, it is new.
    uuid: Option<String>,
    name: String,
    description: Option<String>,
    rules: Option<Vec<NewRule>>,
}

/// Make a security group
#[utoipa::path(
    post,
    path = "/api/openstack-tenants/{uuid}/create_security_group/",
    operation_id = "openstack_tenants_create_security_group",
    tag = "openstack-tenants",
    params(("uuid" = Uuid, Path, description = "The tenant")),
    request_body = NewSecurityGroup,
    responses(
        (status = 201, body = SecurityGroupView),
        (status = 400, description = "Something is wrong with the body", body = Value),
        (status = 404, body = Detail),
        (status = 409, description = "Its state does not permit it", body = Detail)
    )
)]
pub(super) async fn create_security_group(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(uuid): Path<String>,
    links: Links,
    content: Body,
) -> Result<(StatusCode, Json<SecurityGroupView>), Refusal> {
    let asked = Asked::of(&api, caller, &uuid, "create_security_group").await?;
    let mut fields = Fields::read(content).await?;
    let (name, description) = described(&mut fields);
    let rules = fields.needed_list("rules").unwrap_or_default().iter().map(rule).collect::<Vec<_>>();
    fields.or(())?;
    let object = Object { name, description, body: json!({ "rules": rules }), ..asked.new_object("security_groups") };
    let params = json!({ "name": object.name, "description": object.description, "rules": rules });
    let kind = ("openstack-security-groups", "OpenStack.SecurityGroup");
    let view = SecurityGroupView {
        object: ObjectView::of(&object, kind, &asked, &links),
        rules: rules.into_iter().map(completed).collect(),
    };
    asked.making(object).submit(params).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// Make the security groups of a tenant what is sent
///
/// All of them but `default`: those that are not named go. Groups are the same by their ids.
#[utoipa::path(
    post,
    path = "/api/openstack-tenants/{uuid}/push_security_groups/",
    operation_id = "openstack_tenants_push_security_groups",
    tag = "openstack-tenants",
    params(("uuid" = Uuid, Path, description = "The tenant")),
    request_body = [GroupChange],
    responses(
        (status = 202, body = Status),
        (status = 400, description = "Something is wrong with the body", body = Value),
        (status = 404, body = Detail),
        (status = 409, description = "Its state does not permit it", body = Detail)
    )
)]
pub(super) async fn push_security_groups(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(uuid): Path<String>,
    content: Body,
) -> Result<(StatusCode, Json<Status>), Refusal> {
    let asked = Asked::of(&api, caller, &uuid, "push_security_groups").await?;
    // An empty list removes every group: that must not be what comes of sending nothing.
    let Value::Array(groups) = read_json(content).await? else {
        return Err(Invalid::in_field("non_field_errors", "Expected a list of items.").into());
    };
    let groups: Vec<Value> = groups.iter().map(group).collect();
    let submitted = asked.submit(json!({ "security_groups": groups })).await;
    submitted.map_err(|refusal| refusal.within("security_groups"))?;
    Ok((StatusCode::ACCEPTED, Json(Status::scheduled("Security groups update"))))
}

/// The keys of a rule; others are passed over. The last part of an address is the group's id.
const RULE: [&str; 10] = [
    "id",
    "ethertype",
    "direction",
    "protocol",
    "from_port",
    "to_port",
    "cidr",
    "remote_group",
    "remote_group_name",
    "description",
];

fn only(value: &Value, names: &[&str]) -> Value {
    let Value::Object(object) = value else { return value.clone() };
    let kept = object.iter().filter(|(name, value)| names.contains(&name.as_str()) && !value.is_null());
    Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
}

fn rule(sent: &Value) -> Value {
    only(sent, &RULE)
}

fn group(sent: &Value) -> Value {
    group_of(sent, &["uuid", "name", "description", "rules"])
}

/// A group that is made with its tenant, and has no id yet.
pub(super) fn of_new_tenant(sent: &Value) -> Value {
    group_of(sent, &["name", "description", "rules"])
}

fn group_of(sent: &Value, names: &[&str]) -> Value {
    let mut group = only(sent, names);
    if let Some(Value::Array(rules)) = group.get_mut("rules") {
        *rules = rules.iter().map(rule).collect();
    }
    group
}

/// A rule with what was left out of it.
fn completed(mut rule: Value) -> Value {
    let usual = [
        ("ethertype", json!("IPv4")),
        ("direction", json!("ingress")),
        ("protocol", json!("")),
        ("cidr", Value::Null),
        ("description", json!("")),
        ("remote_group", Value::Null),
    ];
    if let Value::Object(object) = &mut rule {
        for (name, value) in usual {
            object.entry(name).or_insert(value);
        }
    }
    rule
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_rule_does_not_say_is_as_usual() {
        let sent = json!({"protocol": "tcp", "from_port": 1, "to_port": 10, "cidr": null, "colour": "blue"});
        let read = rule(&sent);
        assert_eq!(read, json!({"protocol": "tcp", "from_port": 1, "to_port": 10}));
        let shown = completed(read);
        assert_eq!(
            (&shown["ethertype"], &shown["direction"], &shown["cidr"]),
            (&json!("IPv4"), &json!("ingress"), &Value::Null)
        );
        assert_eq!(rule(&json!("tcp")), json!("tcp"), "the kind says what is wrong with it");
    }

    #[test]
    fn groups_keep_their_ids() {
        let sent = json!({"uuid": "8b1c", "name": "web", "rules": [{"protocol": "udp", "x": 1}], "y": 2});
        assert_eq!(group(&sent), json!({"uuid": "8b1c", "name": "web", "rules": [{"protocol": "udp"}]}));
        assert_eq!(of_new_tenant(&sent), json!({"name": "web", "rules": [{"protocol": "udp"}]}));
    }
}
