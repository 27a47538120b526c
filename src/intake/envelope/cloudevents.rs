//! CloudEvents 1.0: structured (all of it in the body) or binary (attributes in headers, data in the body). Of the
//! binary form there are three prefixes in use: `ce-` of the RabbitMQ and HTTP bindings, `cloudEvents_` and
//! `cloudEvents:` of the AMQP binding. `type` is `tenantd.job.<kind>`, `subject` the tenant, `data` the rest.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::native::{FleetScope, shaped};
use super::{Draft, Mistake, Paths, Properties, ReplyFormat, check, json, media_type};

const PATHS: Paths = Paths {
    kind: "type",
    id: "id",
    tenant: "subject",
    cloud: "data.cloud",
    scope: "data.scope",
    params: "data.params",
    for_all: "`\"data\": {\"scope\": \"all\"}`",
};

/// What `type` begins with.
const TYPE: &str = "tenantd.job.";
const PREFIXES: [&str; 3] = ["ce-", "cloudEvents_", "cloudEvents:"];
/// What every event must have; one of them in a header makes a message an event.
const REQUIRED: [&str; 4] = ["specversion", "id", "source", "type"];

/// What `data` may say: a native job without what the attributes say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Data {
    cloud: Option<String>,
    scope: Option<FleetScope>,
    params: Map<String, Value>,
    deadline: Option<DateTime<Utc>>,
}

/// Whether the headers make the message an event in binary mode.
pub(super) fn is_binary(properties: &Properties) -> bool {
    REQUIRED.iter().any(|name| attribute(properties, name).is_some())
}

/// An attribute in the headers, whatever its prefix; their case does not count.
fn attribute<'a>(properties: &'a Properties, name: &str) -> Option<&'a Value> {
    properties.headers.iter().find_map(|(header, value)| {
        let named = |prefix: &&str| {
            let (start, rest) = (header.get(..prefix.len())?, header.get(prefix.len()..)?);
            (start.eq_ignore_ascii_case(prefix) && rest.eq_ignore_ascii_case(name)).then_some(())
        };
        PREFIXES.iter().find_map(named).map(|()| value)
    })
}

/// An event whose attributes are headers.
pub(super) fn binary(properties: &Properties, media_type: &str, body: &[u8], draft: &mut Draft) -> Result<(), Mistake> {
    attributes(|name| attribute(properties, name).cloned(), draft)?;
    must_be_json(media_type)?;
    let data = if body.is_empty() { Value::Null } else { properties.json(body)? };
    read_data(data, draft)
}

/// An event that is the body.
pub(super) fn structured(
    properties: &Properties,
    media_type: &str,
    body: &[u8],
    draft: &mut Draft,
) -> Result<(), Mistake> {
    draft.format = ReplyFormat::CloudEvents;
    if media_type != "application/cloudevents+json" {
        let what = "send one event a message, as application/cloudevents+json";
        return Err(Mistake::unsupported(format!("messages of type `{media_type}` are not understood; {what}")));
    }
    let mut event = check::object("the message", properties.json(body)?)?;
    attributes(|name| event.get(name).cloned(), draft)?;
    let data = match (event.remove("data"), event.remove("data_base64")) {
        (Some(Value::Null) | None, Some(Value::String(text))) => {
            must_be_json(&media_of(event.get("datacontenttype")))?;
            let bytes = BASE64_STANDARD.decode(text).map_err(|why| Mistake::invalid(format!("data_base64: {why}")))?;
            json(&bytes).map_err(|it| Mistake::new(it.reason, format!("data_base64: {}", it.error)))?
        }
        (data, None | Some(Value::Null)) => data.unwrap_or_default(),
        (_, Some(Value::String(_))) => return Err(Mistake::invalid("data_base64: there is `data` already")),
        (_, Some(_)) => return Err(Mistake::invalid("data_base64: expected a text")),
    };
    read_data(data, draft)
}

fn media_of(datacontenttype: Option<&Value>) -> String {
    media_type(datacontenttype.and_then(Value::as_str))
}

fn must_be_json(media_type: &str) -> Result<(), Mistake> {
    if media_type == super::JSON || (media_type.starts_with("application/") && media_type.ends_with("+json")) {
        return Ok(());
    }
    let what = format!("datacontenttype: the data must be application/json, not `{media_type}`");
    Err(Mistake::unsupported(what))
}

/// Reads the attributes, each through `get`.
fn attributes(get: impl Fn(&str) -> Option<Value>, draft: &mut Draft) -> Result<(), Mistake> {
    (draft.format, draft.paths) = (ReplyFormat::CloudEvents, &PATHS);
    let text = |name: &str| check::text(name, get(name).unwrap_or_default());
    let known = |name: &str| get(name).and_then(|value| value.as_str().map(str::to_owned));
    // As much as can be read is told, even of an event that is none.
    draft.id = known("id");
    draft.id_of = known("source");
    draft.tenant = known("subject");
    draft.kind = known("type").map(|it| it.strip_prefix(TYPE).unwrap_or(&it).to_owned()).unwrap_or_default();
    match text("specversion")?.as_deref() {
        Some("1.0") => {}
        Some(other) => {
            return Err(Mistake::unsupported(format!("specversion: `{other}` is not understood; send 1.0")));
        }
        None => return Err(Mistake::invalid("specversion: missing")),
    }
    for name in ["source", "type"] {
        if text(name)?.is_none_or(|it| it.is_empty()) {
            return Err(Mistake::invalid(format!("{name}: missing")));
        }
    }
    let event_type = known("type").unwrap_or_default();
    if !event_type.starts_with(TYPE) {
        let what = format!("type: `{event_type}` is no job; it must be `{TYPE}<kind>`");
        return Err(Mistake::new("unknown_kind", what));
    }
    text("subject")?;
    let writes = crate::jobs::kind(&draft.kind).is_some_and(|kind| kind.writes);
    // A write without one is refused as such.
    if text("id")?.is_none_or(|it| it.is_empty()) && !writes {
        return Err(Mistake::invalid("id: missing"));
    }
    if let Some(trace) = known("traceparent") {
        draft.trace = Some(trace);
    }
    Ok(())
}

fn read_data(data: Value, draft: &mut Draft) -> Result<(), Mistake> {
    if data.is_null() {
        return Ok(());
    }
    let data: Data = shaped("data", data)?;
    draft.cloud = data.cloud;
    draft.all = matches!(data.scope, Some(FleetScope::All));
    draft.params = data.params;
    draft.deadline = data.deadline.map(|deadline| check::in_range("data.deadline", deadline)).transpose()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{decoded, reason, refused};
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn whole(changes: &Value) -> Vec<u8> {
        let mut event = json!({
            "specversion": "1.0", "id": "order-7", "source": "/portal", "type": "tenantd.job.pull_quotas", "subject": "t",
        });
        for (key, value) in changes.as_object().unwrap() {
            event[key] = value.clone();
        }
        event.to_string().into_bytes()
    }

    fn typed(content_type: &str) -> Properties {
        Properties { content_type: Some(content_type.to_owned()), ..Properties::default() }
    }

    fn structured() -> Properties {
        typed("application/cloudevents+json; charset=utf-8")
    }

    /// A binary event with this prefix.
    fn split(prefix: &str) -> Properties {
        let attributes = [
            ("specversion", "1.0"),
            ("id", "order-7"),
            ("source", "/portal"),
            ("type", "tenantd.job.pull_quotas"),
            ("subject", "t"),
        ];
        let headers = attributes.map(|(name, value)| (format!("{prefix}{name}"), json!(value)));
        Properties { headers: headers.into_iter().collect(), ..typed("application/json") }
    }

    #[test]
    fn both_modes_and_all_prefixes_ask_for_the_same() {
        let data = json!({"cloud": "lab", "params": {"sizes": true}, "deadline": "2030-01-01T00:00:00Z"});
        let one = decoded(&structured(), &whole(&json!({ "data": data })));
        assert_eq!((one.kind.as_str(), one.subject.as_deref()), ("pull_quotas", Some("t")));
        assert_eq!((one.cloud.as_deref(), &one.params), (Some("lab"), &json!({"sizes": true})));
        assert!(one.deadline.is_some());
        for prefix in ["ce-", "CE-", "cloudEvents_", "cloudEvents:", "cloudevents:"] {
            assert_eq!(decoded(&split(prefix), data.to_string().as_bytes()), one, "{prefix}");
        }
        let encoded = BASE64_STANDARD.encode(data.to_string());
        assert_eq!(decoded(&structured(), &whole(&json!({ "data_base64": encoded }))), one);
    }

    #[test]
    fn an_id_counts_for_its_source() {
        let id = |source: &str| decoded(&structured(), &whole(&json!({ "source": source }))).id;
        assert_eq!(id("/portal"), id("/portal"));
        assert_ne!(id("/portal"), id("/other"));
        let uuid = "01890a5d-ac96-774b-bcce-b302099a8057";
        assert_eq!(decoded(&structured(), &whole(&json!({ "id": uuid }))).id.to_string(), uuid);
    }

    #[test]
    fn the_trace_is_an_extension() {
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(decoded(&structured(), &whole(&json!({ "traceparent": trace }))).trace.as_deref(), Some(trace));
    }

    #[test]
    fn each_mistake_has_the_reason_and_the_path() {
        for (changes, expected, error) in [
            (json!({"specversion": "0.3"}), "unsupported_format", "specversion: `0.3` is not understood; send 1.0"),
            (json!({"specversion": null}), "invalid_message", "specversion: missing"),
            (json!({"id": null}), "invalid_message", "id: missing"),
            (json!({"id": 7}), "invalid_message", "id: expected a text, not a number"),
            (json!({"source": ""}), "invalid_message", "source: missing"),
            (json!({"type": null}), "invalid_message", "type: missing"),
            (
                json!({"type": "com.example.pull"}),
                "unknown_kind",
                "type: `com.example.pull` is no job; it must be `tenantd.job.<kind>`",
            ),
            (json!({"subject": 7}), "invalid_message", "subject: expected a text, not a number"),
            (
                json!({"subject": null}),
                "invalid_message",
                "subject: missing; a job for every tenant says `\"data\": {\"scope\": \"all\"}`",
            ),
            (json!({"data": "all"}), "invalid_message", "data: expected an object, not a text"),
            (
                json!({"data": {"params": {"sizes": 7}}}),
                "invalid_params",
                "data.params.sizes: invalid type: integer `7`, expected a boolean",
            ),
            (
                json!({"data": {"scope": "some"}}),
                "invalid_message",
                "data.scope: unknown variant `some`, expected `all`",
            ),
            (json!({"data": {}, "data_base64": "e30="}), "invalid_message", "data_base64: there is `data` already"),
            (json!({"data_base64": 7}), "invalid_message", "data_base64: expected a text"),
            (json!({"data_base64": "bm8="}), "unreadable", "data_base64: no JSON: expected ident at line 1 column 2"),
        ] {
            let refusal = refused(&structured(), &whole(&changes));
            assert_eq!((refusal.reason, refusal.error.as_str()), (expected, error), "{changes}");
        }
        assert_eq!(reason(&structured(), &whole(&json!({"type": "tenantd.job.pull_quotes"}))), Some("unknown_kind"));
        assert_eq!(reason(&structured(), &whole(&json!({"data_base64": "%%"}))), Some("invalid_message"));
        assert_eq!(reason(&structured(), b"[]"), Some("invalid_message"));
        assert_eq!(reason(&typed("application/cloudevents-batch+json"), b"[]"), Some("unsupported_format"));
        assert_eq!(reason(&typed("application/cloudevents+avro"), b""), Some("unsupported_format"));
        let xml = Properties { content_type: Some("text/xml".to_owned()), ..split("ce-") };
        assert_eq!(reason(&xml, b"<job/>"), Some("unsupported_format"));
        assert_eq!(reason(&split("ce-"), b"pull"), Some("unreadable"));
    }

    #[test]
    fn no_data_is_enough_for_one_tenant() {
        let untyped = Properties { content_type: None, ..split("ce-") };
        assert_eq!(decoded(&untyped, b""), decoded(&structured(), &whole(&json!({}))));
    }

    #[test]
    fn whoever_sent_an_event_gets_one() {
        let waits = Properties { reply_to: Some("q".to_owned()), ..structured() };
        let reply = decoded(&waits, &whole(&json!({}))).reply.unwrap();
        assert_eq!((reply.format, reply.asked_as.as_str()), (ReplyFormat::CloudEvents, "order-7"));
        let refusal = refused(&waits, &whole(&json!({"type": "x"})));
        assert_eq!(refusal.reply.unwrap().asked_as, "order-7");
        assert_eq!((refusal.kind.as_deref(), refusal.tenant.as_deref()), (Some("x"), Some("t")));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(
            body in prop::collection::vec(any::<u8>(), 0..100),
            headers in prop::collection::hash_map("(ce-|cloudEvents[_:]|é)?(id|type|source|specversion|subject)?", ".{0,9}", 0..6),
        ) {
            let headers = headers.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
            let _ = reason(&Properties { headers, ..Properties::default() }, &body);
            let _ = reason(&structured(), &body);
        }
    }
}
