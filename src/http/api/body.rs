//! What a client sends: JSON of a bounded size.

use axum::body::{Body, to_bytes};
use axum::http::StatusCode;
use serde_json::Value;

use super::refusal::Refusal;
use crate::model::Invalid;

/// Bytes that a body has at most: some thousand rules.
const MOST: usize = 1 << 20;

/// Reads a body as JSON; nothing stands for an empty object.
pub(super) async fn json(body: Body) -> Result<Value, Refusal> {
    let too_large = |_| {
        let why = format!("The body is longer than {MOST} bytes, or it broke off.");
        Refusal::Because(StatusCode::PAYLOAD_TOO_LARGE, why)
    };
    let bytes = to_bytes(body, MOST).await.map_err(too_large)?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| Refusal::Because(StatusCode::BAD_REQUEST, format!("JSON parse error - {error}")))
}

/// Reads a body that must be an object.
pub(super) async fn object(body: Body) -> Result<serde_json::Map<String, Value>, Refusal> {
    match json(body).await? {
        Value::Object(object) => Ok(object),
        other => {
            let found = if other.is_array() { "list" } else { "scalar" };
            Err(Invalid::in_field("non_field_errors", format!("Invalid data. Expected a dictionary, but got {found}."))
                .into())
        }
    }
}
