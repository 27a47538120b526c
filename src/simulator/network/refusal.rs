//! How Neutron says no.

use axum::http::StatusCode;
use serde_json::json;

use super::super::reply::Reply;

/// 400 `HTTPBadRequest`.
pub fn invalid(message: &str) -> Reply {
    error(StatusCode::BAD_REQUEST, "HTTPBadRequest", message)
}

/// 403 by policy.
pub fn forbidden(rule: &str) -> Reply {
    let message = format!("{rule} is disallowed by policy");
    error(StatusCode::FORBIDDEN, "PolicyNotAuthorized", &message)
}

/// 403 for a system token where Neutron knows projects only.
pub fn wrong_scope(rule: &str) -> Reply {
    let message = format!(
        "Failed scope check for rule:{rule}: the API requires scope ['project'] but the token is scoped to system."
    );
    error(StatusCode::FORBIDDEN, "InvalidScope", &message)
}

/// 404 for a path.
pub fn no_such_path() -> Reply {
    error(StatusCode::NOT_FOUND, "HTTPNotFound", "The resource could not be found.")
}

/// 404 for an object, in the words of each kind.
pub fn not_found(kind: &str, id: &str) -> Reply {
    let (name, message) = match kind {
        "security_group" => ("SecurityGroupNotFound", format!("Security group {id} does not exist")),
        "security_group_rule" => ("SecurityGroupRuleNotFound", format!("Security group rule {id} does not exist")),
        "floatingip" => ("FloatingIPNotFound", format!("Floating IP {id} could not be found")),
        "network" => ("NetworkNotFound", format!("Network {id} could not be found.")),
        "subnet" => ("SubnetNotFound", format!("Subnet {id} could not be found.")),
        "port" => ("PortNotFound", format!("Port {id} could not be found.")),
        _ => ("RouterNotFound", format!("Router {id} could not be found")),
    };
    error(StatusCode::NOT_FOUND, name, &message)
}

/// 404 of a named kind.
pub fn missing(kind: &str, message: &str) -> Reply {
    error(StatusCode::NOT_FOUND, kind, message)
}

/// 409 for a full quota.
pub fn over_quota(resource: &str) -> Reply {
    conflict("OverQuota", &format!("Quota exceeded for resources: ['{resource}']."))
}

/// 409 of a named kind.
pub fn conflict(kind: &str, message: &str) -> Reply {
    error(StatusCode::CONFLICT, kind, message)
}

/// 400 of a named kind.
pub fn bad(kind: &str, message: &str) -> Reply {
    error(StatusCode::BAD_REQUEST, kind, message)
}

fn error(status: StatusCode, kind: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"NeutronError": {"type": kind, "message": message, "detail": ""}}))
}
