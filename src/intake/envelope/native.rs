//! tenantd's own form: one JSON object. `tenantd schema job` prints its schema.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Draft, Mistake, Paths, Properties, ReplyFormat, check};

pub(super) const PATHS: Paths = Paths {
    kind: "kind",
    id: "id",
    tenant: "tenant",
    cloud: "cloud",
    scope: "scope",
    params: "params",
    for_all: "`\"scope\": \"all\"`",
};

/// A job message.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NativeJob {
    /// The producer's id of the job; the same id is done once. Default: the message's `message_id`.
    id: Option<String>,
    /// The job kind.
    kind: String,
    /// tenantd's id of the tenant, the project's id, or `cloud/name`.
    #[schemars(length(min = 1))]
    tenant: Option<String>,
    /// The cloud, where the tenant alone does not tell; alone it means all tenants of it.
    #[schemars(length(min = 1))]
    cloud: Option<String>,
    /// `all`: every tenant.
    scope: Option<FleetScope>,
    /// The kind's parameters.
    #[serde(default)]
    params: Map<String, Value>,
    /// Not to be started after.
    deadline: Option<DateTime<Utc>>,
}

/// Whom a fleet job concerns.
#[derive(Debug, Clone, Copy, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum FleetScope {
    /// Every tenant.
    All,
}

pub(super) fn read(properties: &Properties, body: &[u8], draft: &mut Draft) -> Result<(), Mistake> {
    let value = properties.json(body)?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    if let Some(task) = text("task").filter(|_| value.get("args").is_some() && value.get("kind").is_none()) {
        // Its correlation id is the task's id, so that its producer can be told.
        (draft.format, draft.id) = (ReplyFormat::Celery, text("id").or_else(|| properties.correlation_id.clone()));
        draft.kind = task;
        let what = "this is a message of Celery's protocol 1; set `task_protocol = 2` in the producer";
        return Err(Mistake::unsupported(what));
    }
    // As much as can be read is told, even of a message that is no job.
    let of_message = draft.id.take();
    let named = |id: Option<String>| id.filter(|id| !id.is_empty()).or_else(|| of_message.clone());
    draft.id = named(text("id"));
    draft.kind = text("kind").unwrap_or_default();
    draft.tenant = text("tenant");
    let job: NativeJob = shaped("", value)?;
    (draft.id, draft.kind, draft.tenant) = (named(job.id), job.kind, job.tenant);
    draft.cloud = job.cloud;
    draft.all = matches!(job.scope, Some(FleetScope::All));
    draft.params = job.params;
    draft.deadline = job.deadline.map(|deadline| check::in_range("deadline", deadline)).transpose()?;
    Ok(())
}

/// A JSON object as what it should be, or the path of what it should not be.
pub(super) fn shaped<T: DeserializeOwned>(place: &str, value: Value) -> Result<T, Mistake> {
    // A list in the order of the keys would be taken for the object otherwise.
    let value = Value::Object(check::object(if place.is_empty() { "the message" } else { place }, value)?);
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let path = [place, path.as_str()].into_iter().filter(|part| !matches!(*part, "" | ".")).collect::<Vec<_>>();
        let colon = if path.is_empty() { "" } else { ": " };
        Mistake::invalid(format!("{}{colon}{}", path.join("."), error.inner()))
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{decoded, reason, refused};
    use super::*;
    use proptest::prelude::*;

    fn mistake(body: &str) -> (&'static str, String) {
        let refusal = refused(&Properties::default(), body.as_bytes());
        (refusal.reason, refusal.error)
    }

    #[test]
    fn each_mistake_has_the_reason_that_fits() {
        for (body, expected, error) in [
            ("", "unreadable", "the message is empty"),
            ("pull please", "unreadable", "no JSON: expected value at line 1 column 1"),
            ("[1, 2]", "invalid_message", "the message: expected an object, not a list"),
            (
                r#"["order-7", "pull", "t", null, null, {}, null]"#,
                "invalid_message",
                "the message: expected an object, not a list",
            ),
            (
                r#"{"kind": "pull", "tenant": 7}"#,
                "invalid_message",
                "tenant: invalid type: integer `7`, expected a string",
            ),
            (r#"{"kind": "pull", "tenant": ""}"#, "invalid_message", "tenant: is empty"),
            (r#"{"kind": "pull", "tenant": "t", "cloud": ""}"#, "invalid_message", "cloud: is empty"),
            (
                r#"{"kind": "pull"}"#,
                "invalid_message",
                "tenant: missing; a job for every tenant says `\"scope\": \"all\"`",
            ),
            (
                r#"{"kind": "pull", "tenant": "t", "scope": "all"}"#,
                "invalid_message",
                "scope: a job is for one tenant or for all, not both",
            ),
            (
                r#"{"kind": "pull", "tenant": "t\u0000"}"#,
                "invalid_message",
                "tenant: a NUL character, which PostgreSQL cannot keep",
            ),
            (
                r#"{"kind": "pull", "tenant": "t", "deadline": "0001-01-01T00:00:00Z"}"#,
                "invalid_message",
                "deadline: not between the years 1970 and 9999",
            ),
            (
                r#"{"kind": "pull_quotas", "tenant": "t", "params": {"sizes": "yes"}}"#,
                "invalid_params",
                "params.sizes: invalid type: string \"yes\", expected a boolean",
            ),
        ] {
            assert_eq!(mistake(body), (expected, error.to_owned()), "{body}");
        }
        assert_eq!(mistake(&"[".repeat(1 << 20)).0, "unreadable");
        assert_eq!(mistake(r#"{"kind": "pull_quotes", "tenant": "t"}"#).0, "unknown_kind");
        assert_eq!(mistake(r#"{"kind": "pull", "tenant": "t", "colour": "red"}"#).0, "invalid_message");
        assert_eq!(mistake(r#"{"kind": "pull", "tenant": "t", "deadline": "soon"}"#).0, "invalid_message");
    }

    #[test]
    fn protocol_1_of_celery_is_told_what_to_configure() {
        let body = r#"{"task": "tenantd.pull", "id": "1", "args": ["t"], "kwargs": {}, "retries": 0, "eta": null}"#;
        let (reason, error) = mistake(body);
        assert_eq!(reason, "unsupported_format");
        assert!(error.contains("task_protocol = 2"), "{error}");
    }

    #[test]
    fn an_id_that_is_no_uuid_becomes_the_same_uuid_each_time() {
        let body = br#"{"id": "order-7", "kind": "pull", "tenant": "t"}"#;
        let read = || decoded(&Properties::default(), body);
        assert_eq!(read(), read());
        let by_message = Properties { message_id: Some("order-7".to_owned()), ..Properties::default() };
        assert_eq!(decoded(&by_message, br#"{"kind": "pull", "tenant": "t"}"#).id, read().id);
        assert_eq!(decoded(&by_message, br#"{"id": "", "kind": "pull", "tenant": "t"}"#).id, read().id);
    }

    #[test]
    fn the_answer_goes_where_the_producer_waits() {
        let properties = Properties {
            reply_to: Some("amq.gen-7".to_owned()),
            correlation_id: Some("c-1".to_owned()),
            ..Properties::default()
        };
        let reply = decoded(&properties, br#"{"id": "order-7", "kind": "pull", "tenant": "t"}"#).reply.unwrap();
        assert_eq!((reply.to.as_str(), reply.correlation_id.as_deref()), ("amq.gen-7", Some("c-1")));
        assert_eq!((reply.format, reply.asked_as.as_str()), (ReplyFormat::Native, "order-7"));
        let refusal = refused(&properties, br#"{"id": "order-7", "kind": "push", "tenant": "t"}"#);
        assert_eq!(refusal.reply.as_deref(), Some(&reply), "a refusal is an answer too");
    }

    #[test]
    fn other_types_and_encodings_are_unsupported() {
        let body = br#"{"kind": "pull", "tenant": "t"}"#;
        let of = |content_type: Option<&str>, encoding: Option<&str>| Properties {
            content_type: content_type.map(str::to_owned),
            content_encoding: encoding.map(str::to_owned),
            ..Properties::default()
        };
        assert_eq!(reason(&of(Some("text/plain"), None), body), Some("unsupported_format"));
        assert_eq!(reason(&of(None, Some("gzip")), body), Some("unsupported_format"));
        assert_eq!(reason(&of(Some("Application/JSON; charset=utf-8"), Some("UTF-8")), body), None);
        assert_eq!(reason(&of(Some(""), None), body), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = reason(&Properties::default(), &body);
        }
    }
}
