//! How Keystone says no. Its 401 is also what the other services answer to a bad token.

use axum::http::StatusCode;
use serde_json::json;

use super::super::call::Call;
use super::super::reply::Reply;

/// 400.
pub fn invalid(message: &str) -> Reply {
    error(StatusCode::BAD_REQUEST, "Bad Request", message)
}

/// 401, with the address at which to log in.
pub fn unauthorised(call: &Call) -> Reply {
    error(StatusCode::UNAUTHORIZED, "Unauthorized", "The request you have made requires authentication.")
        .header("WWW-Authenticate", format!("Keystone uri=\"{}/identity/v3\"", call.base))
}

/// 403 for a policy such as `identity:list_projects`.
pub fn forbidden(action: &str) -> Reply {
    let message = format!("You are not authorized to perform the requested action: {action}.");
    error(StatusCode::FORBIDDEN, "Forbidden", &message)
}

/// 404 for an object.
pub fn not_found(kind: &str, id: &str) -> Reply {
    error(StatusCode::NOT_FOUND, "Not Found", &format!("Could not find {kind}: {id}."))
}

/// 404 for a path.
pub fn no_such_path() -> Reply {
    let message = "The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.";
    error(StatusCode::NOT_FOUND, "Not Found", message)
}

/// 409.
pub fn conflict(message: &str) -> Reply {
    error(StatusCode::CONFLICT, "Conflict", message)
}

fn error(status: StatusCode, title: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"error": {"code": status.as_u16(), "message": message, "title": title}}))
}
