//! Reads a message: which format it has is told by its media type, what it asks for by its body. A message that
//! cannot be a job is refused with a reason that fits, and never panics.

use chrono::{DateTime, Datelike, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::jobs;
use crate::model::ids::{job_id, new_id};
use crate::model::job::{PRIORITY_PRODUCER, Request};

/// What the broker says of a message beside its body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    /// The media type.
    pub content_type: Option<String>,
    /// The producer's id of the message.
    pub message_id: Option<String>,
    /// The user that the broker validated.
    pub user_id: Option<String>,
    /// The application that the producer claims to be.
    pub app_id: Option<String>,
    /// W3C `traceparent`.
    pub traceparent: Option<String>,
}

/// Why a message is no job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// One word, for the dead letter's header.
    pub reason: &'static str,
    /// What is wrong, with its path.
    pub error: String,
    /// The kind, as far as it could be read.
    pub kind: Option<String>,
    /// The tenant, as far as it could be read.
    pub tenant: Option<String>,
}

/// A native job message: `tenantd schema job` prints its schema.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NativeJob {
    /// The producer's id of the job; the same id is done once. Default: the message's `message_id`.
    pub id: Option<String>,
    /// The job kind.
    pub kind: String,
    /// tenantd's id of the tenant, the project's id, or `cloud/name`.
    pub tenant: Option<String>,
    /// The cloud, where the tenant alone does not tell; alone it means all tenants of it.
    pub cloud: Option<String>,
    /// `all`: every tenant.
    pub scope: Option<FleetScope>,
    /// The kind's parameters.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// Not to be started after.
    pub deadline: Option<DateTime<Utc>>,
}

/// Whom a fleet job concerns.
#[derive(Debug, Clone, Copy, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FleetScope {
    /// Every tenant.
    All,
}

/// Reads a message.
///
/// # Errors
/// Why it is no job.
pub fn decode(properties: &Properties, body: &[u8], now: DateTime<Utc>) -> Result<Request, Refusal> {
    let media_type = properties.content_type.as_deref().unwrap_or("application/json");
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media_type.as_str() {
        "" | "application/json" => native(properties, body, now),
        other => Err(refuse("unsupported_format", format!("messages of type `{other}` are not understood"))),
    }
}

fn refuse(reason: &'static str, error: impl Into<String>) -> Refusal {
    Refusal { reason, error: error.into(), kind: None, tenant: None }
}

fn native(properties: &Properties, body: &[u8], now: DateTime<Utc>) -> Result<Request, Refusal> {
    if body.is_empty() {
        return Err(refuse("unreadable", "the message is empty"));
    }
    let value: Value =
        serde_json::from_slice(body).map_err(|error| refuse("unreadable", format!("no JSON: {error}")))?;
    if let Some(path) = unstorable(&value) {
        return Err(refuse("invalid_message", format!("{path}: a NUL character, which PostgreSQL cannot keep")));
    }
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let (kind, tenant) = (text("kind"), text("tenant"));
    let about = |refusal: Refusal| Refusal { kind: kind.clone(), tenant: tenant.clone(), ..refusal };
    let job: NativeJob = serde_path_to_error::deserialize(&value).map_err(|error| {
        let path = error.path().to_string();
        let place = if path == "." { String::new() } else { format!("{path}: ") };
        about(refuse("invalid_message", format!("{place}{}", error.inner())))
    })?;
    to_request(job, properties, now).map_err(about)
}

/// The path of a text with a NUL character.
fn unstorable(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| Some(format!("[{index}]{}", unstorable(item)?)))
        }
        Value::Object(entries) => entries.iter().find_map(|(key, item)| {
            if key.contains('\0') {
                return Some("a key".to_owned());
            }
            Some(format!("{key} {}", unstorable(item)?).trim_end().to_owned())
        }),
        _ => None,
    }
}

fn to_request(job: NativeJob, properties: &Properties, now: DateTime<Utc>) -> Result<Request, Refusal> {
    let Some(kind) = jobs::kind(&job.kind) else {
        let known = jobs::kind_names().join(", ");
        return Err(refuse("unknown_kind", format!("kind: `{}` is no job kind; there are {known}", job.kind)));
    };
    let params = Value::Object(job.params);
    kind.check(&params).map_err(|why| refuse("invalid_params", why))?;
    if job.tenant.is_none() && job.cloud.is_none() && job.scope.is_none() {
        return Err(refuse("invalid_message", "tenant: missing; a job for every tenant says `\"scope\": \"all\"`"));
    }
    if job.tenant.is_some() && job.scope.is_some() {
        return Err(refuse("invalid_message", "scope: a job is for one tenant or for all, not both"));
    }
    if job.deadline.is_some_and(|deadline| !(1970..=9999).contains(&deadline.year())) {
        return Err(refuse("invalid_message", "deadline: not between the years 1970 and 9999"));
    }
    let producer = properties.user_id.as_deref().or(properties.app_id.as_deref()).unwrap_or("amqp");
    let named = job.id.as_deref().or(properties.message_id.as_deref()).filter(|id| !id.is_empty());
    let id: Uuid = named.map_or_else(|| new_id(now), |id| job_id(producer, id));
    Ok(Request {
        cloud: job.cloud,
        subject: job.tenant,
        params,
        priority: PRIORITY_PRODUCER,
        deadline: job.deadline,
        trace: properties.traceparent.clone().filter(|it| it.len() <= 64 && it.is_ascii() && !it.contains('\0')),
        ..Request::new(id, job.kind, "amqp", now)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reason(body: &str) -> (&'static str, String) {
        let refusal = decode(&Properties::default(), body.as_bytes(), DateTime::UNIX_EPOCH).unwrap_err();
        (refusal.reason, refusal.error)
    }

    #[test]
    fn each_mistake_has_the_reason_that_fits() {
        assert_eq!(reason(""), ("unreadable", "the message is empty".into()));
        assert_eq!(reason("pull please").0, "unreadable");
        assert_eq!(reason(&"[".repeat(1 << 20)).0, "unreadable");
        assert_eq!(reason("[1, 2]").0, "invalid_message");
        assert_eq!(reason(r#"{"kind": "pull_quotes", "tenant": "t"}"#).0, "unknown_kind");
        let (reason_of_type, error) = reason(r#"{"kind": "pull", "tenant": 7}"#);
        assert_eq!(
            (reason_of_type, error.as_str()),
            ("invalid_message", "tenant: invalid type: integer `7`, expected a string")
        );
        assert_eq!(reason(r#"{"kind": "pull", "tenant": "t", "colour": "red"}"#).0, "invalid_message");
        assert_eq!(reason(r#"{"kind": "pull"}"#).0, "invalid_message");
        assert_eq!(reason(r#"{"kind": "pull", "tenant": "t", "params": {"depth": 3}}"#).0, "invalid_params");
        assert_eq!(reason(r#"{"kind": "pull", "tenant": "t", "deadline": "soon"}"#).0, "invalid_message");
        assert_eq!(reason(r#"{"kind": "pull", "tenant": "t\u0000"}"#).0, "invalid_message");
        assert_eq!(
            reason(r#"{"kind": "pull", "tenant": "t", "deadline": "0001-01-01T00:00:00Z"}"#).0,
            "invalid_message"
        );
    }

    #[test]
    fn an_id_that_is_no_uuid_becomes_the_same_uuid_each_time() {
        let body = br#"{"id": "order-7", "kind": "pull", "tenant": "t"}"#;
        let read = || decode(&Properties::default(), body, DateTime::UNIX_EPOCH).unwrap();
        assert_eq!(read().id, read().id);
        assert_eq!(read(), read());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&Properties::default(), &body, DateTime::UNIX_EPOCH);
        }
    }
}
