//! How Nova and Cinder say no: the fault's name is the key.

use axum::http::StatusCode;
use serde_json::json;

use super::super::reply::Reply;

/// 400.
pub fn invalid(message: &str) -> Reply {
    fault(StatusCode::BAD_REQUEST, "badRequest", message)
}

/// 403 by policy.
pub fn policy(rule: &str) -> Reply {
    forbidden(&format!("Policy doesn't allow {rule} to be performed."))
}

/// 403; Nova also says it for a full quota.
pub fn forbidden(message: &str) -> Reply {
    fault(StatusCode::FORBIDDEN, "forbidden", message)
}

/// 404 for an object.
pub fn not_found(what: &str) -> Reply {
    fault(StatusCode::NOT_FOUND, "itemNotFound", &format!("{what} could not be found."))
}

/// 404 for a path: no service code was reached, so it is a page.
pub fn no_such_path() -> Reply {
    Reply::html(StatusCode::NOT_FOUND, "The resource could not be found.")
}

/// 406 for a version that is not spoken.
pub fn version(asked: &str, maximum: &str) -> Reply {
    let message = format!("Version {asked} is not supported by the API. Minimum is 2.1 and maximum is {maximum}.");
    fault(StatusCode::NOT_ACCEPTABLE, "computeFault", &message)
}

/// 413, Cinder's full quota.
pub fn over_limit(message: &str) -> Reply {
    let status = StatusCode::PAYLOAD_TOO_LARGE;
    Reply::json(status, &json!({"overLimit": {"code": status.as_u16(), "message": message, "retryAfter": "0"}}))
        .header("Retry-After", "0")
}

fn fault(status: StatusCode, name: &str, message: &str) -> Reply {
    let mut reply = Reply::json(status, &json!({name: {"code": status.as_u16(), "message": message}}));
    reply.content_type = "application/json; charset=UTF-8";
    reply
}
