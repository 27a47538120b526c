//! Celery's protocol 2: the task's name, id, time and expiry in headers, `[args, kwargs, embed]` in a JSON body.
//!
//! `tenantd.<kind>` is the task of a kind; the configuration maps other names. The first positional argument is the
//! tenant. Of the keywords, `tenant`, `cloud`, `scope` and `deadline` are those of a native job, `params` is an object
//! of parameters, and every other keyword is a parameter. What Celery's worker would do after the task (callbacks,
//! chains, chords) is refused, for nobody would do it. Celery's time limits are not used: each kind has its own.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{Draft, Mistake, Paths, Properties, ReplyFormat, check};

const PATHS: Paths = Paths {
    kind: "headers.task",
    id: "headers.id",
    tenant: "args[0]",
    cloud: "kwargs.cloud",
    scope: "kwargs.scope",
    params: "kwargs",
    for_all: "`kwargs={\"scope\": \"all\"}`",
};

/// What the name of a task begins with, unless the configuration maps it.
const TASK: &str = "tenantd.";

/// Reads a task.
pub(super) fn read(
    properties: &Properties,
    media_type: &str,
    body: &[u8],
    tasks: &BTreeMap<String, String>,
    now: DateTime<Utc>,
    draft: &mut Draft,
) -> Result<(), Mistake> {
    (draft.format, draft.paths) = (ReplyFormat::Celery, &PATHS);
    draft.silent = properties.headers.get("ignore_result") == Some(&Value::Bool(true));
    let named = |name: &str| check::text(&format!("headers.{name}"), header(properties, name));
    // Celery's id is the task's, never the message's.
    draft.id = properties.header("id").map(str::to_owned);
    let task = named("task")?.unwrap_or_default();
    draft.kind = kind_of(&task, tasks);
    if named("id")?.is_none_or(|id| id.is_empty()) && !writes(draft) {
        return Err(Mistake::invalid("headers.id: missing; Celery sends the task's id there"));
    }
    if media_type != super::JSON {
        let what = "set `task_serializer = \"json\"` in the producer";
        return Err(Mistake::unsupported(format!("the task's body is `{media_type}`; {what}")));
    }
    if let Some(compression) = named("compression")?.filter(|it| !it.is_empty()) {
        let what = "set `task_compression = None` in the producer";
        return Err(Mistake::unsupported(format!("the task's body is compressed ({compression}); {what}")));
    }
    draft.not_before =
        named("eta")?.filter(|it| !it.is_empty()).map(|it| check::moment("headers.eta", &it)).transpose()?;
    draft.deadline = expires(properties, now)?;
    draft.attempt = match header(properties, "retries") {
        Value::Null => 0,
        number => {
            number.as_i64().ok_or_else(|| Mistake::invalid(format!("headers.retries: `{number}` is no number")))?
        }
    };
    let parts = parts(properties.json(body)?)?;
    without_continuation(&parts.embed)?;
    arguments(parts.args, parts.kwargs, draft)
}

fn header(properties: &Properties, name: &str) -> Value {
    properties.headers.get(name).cloned().unwrap_or_default()
}

/// The kind that a task's name stands for; an unknown one stands for itself.
fn kind_of(task: &str, tasks: &BTreeMap<String, String>) -> String {
    let mapped = tasks.get(task).map(String::as_str);
    mapped.or_else(|| task.strip_prefix(TASK)).unwrap_or(task).to_owned()
}

fn writes(draft: &Draft) -> bool {
    crate::jobs::kind(&draft.kind).is_some_and(|kind| kind.writes)
}

/// When the task is not to be done any more: a time, or seconds from now.
fn expires(properties: &Properties, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, Mistake> {
    const PATH: &str = "headers.expires";
    match header(properties, "expires") {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) => check::moment(PATH, &text).map(Some),
        Value::Number(seconds) => {
            #[expect(clippy::cast_possible_truncation, reason = "a float that is out of range saturates")]
            let milliseconds = seconds.as_f64().map(|it| (it * 1000.0) as i64).unwrap_or_default();
            let at = chrono::Duration::try_milliseconds(milliseconds).and_then(|it| now.checked_add_signed(it));
            check::in_range(PATH, at.unwrap_or(DateTime::<Utc>::MAX_UTC)).map(Some)
        }
        other => Err(Mistake::invalid(format!("{PATH}: `{other}` is no time"))),
    }
}

/// The three parts of a body.
struct Parts {
    args: Vec<Value>,
    kwargs: Map<String, Value>,
    embed: Map<String, Value>,
}

fn parts(body: Value) -> Result<Parts, Mistake> {
    let Value::Array(parts) = body else {
        return Err(Mistake::invalid("the message: expected Celery's `[args, kwargs, embed]`"));
    };
    let Ok([args, kwargs, embed]) = <[Value; 3]>::try_from(parts) else {
        return Err(Mistake::invalid("the message: expected Celery's `[args, kwargs, embed]`"));
    };
    let Value::Array(args) = plain(args) else { return Err(Mistake::invalid("args: expected a list")) };
    let embed = if embed.is_null() { Map::new() } else { check::object("embed", embed)? };
    Ok(Parts { args, kwargs: check::object("kwargs", plain(kwargs))?, embed })
}

/// A value without what Celery's JSON wraps around ids, times and numbers of Python.
fn plain(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(plain).collect()),
        Value::Object(mut entries) if entries.len() == 2 && entries.contains_key("__type__") => {
            match entries.remove("__value__") {
                Some(Value::Object(uuid)) if uuid.len() == 1 && uuid.contains_key("hex") => {
                    uuid.into_iter().next().map(|(_, hex)| hex).unwrap_or_default()
                }
                Some(wrapped) => wrapped,
                None => Value::Object(entries),
            }
        }
        Value::Object(entries) => Value::Object(entries.into_iter().map(|(key, item)| (key, plain(item))).collect()),
        other => other,
    }
}

/// Refuses what would have to be done after the task.
fn without_continuation(embed: &Map<String, Value>) -> Result<(), Mistake> {
    let nothing = |value: &Value| match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    match embed.iter().find(|(_, value)| !nothing(value)) {
        None => Ok(()),
        Some((name, _)) => {
            let what = "tenantd would not run what follows the task; send the task alone and await its result";
            Err(Mistake::unsupported(format!("embed.{name}: {what}")))
        }
    }
}

/// The tenant, the rest of a native job, and the parameters.
fn arguments(args: Vec<Value>, mut kwargs: Map<String, Value>, draft: &mut Draft) -> Result<(), Mistake> {
    if args.len() > 1 {
        return Err(Mistake::invalid("args[1]: only the tenant is positional; send the rest as keywords"));
    }
    let positional = args.into_iter().next().unwrap_or_default();
    let mut take = |key: &str| kwargs.remove(key).unwrap_or_default();
    let named = take("tenant");
    if !positional.is_null() && !named.is_null() {
        return Err(Mistake::invalid("kwargs.tenant: the tenant is the first argument already"));
    }
    let (path, tenant) = if named.is_null() { ("args[0]", positional) } else { ("kwargs.tenant", named) };
    draft.tenant = check::text(path, tenant)?;
    draft.cloud = check::text("kwargs.cloud", take("cloud"))?;
    draft.all = match take("scope") {
        Value::Null => false,
        Value::String(scope) if scope == "all" => true,
        other => return Err(Mistake::invalid(format!("kwargs.scope: `{other}` is no scope; there is \"all\""))),
    };
    let deadline = check::text("kwargs.deadline", take("deadline"))?;
    let deadline = deadline.map(|it| check::moment("kwargs.deadline", &it)).transpose()?;
    draft.deadline = draft.deadline.into_iter().chain(deadline).min();
    let params = take("params");
    draft.params = if params.is_null() { Map::new() } else { check::object("kwargs.params", params)? };
    for (key, value) in kwargs {
        if draft.params.contains_key(&key) {
            return Err(Mistake::new("invalid_params", format!("kwargs.{key}: it stands in `params` too")));
        }
        draft.params.insert(key, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{TERMS_TASK, decoded, now, reason, refused};
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// A task with these headers instead of the usual ones.
    fn task(changes: &Value) -> Properties {
        let mut headers = json!({
            "lang": "py", "task": "tenantd.pull_quotas", "id": "e6bbe67c-4327-4a6a-a5e5-79f6a6d8a5c3", "retries": 0,
            "root_id": "e6bbe67c-4327-4a6a-a5e5-79f6a6d8a5c3", "ignore_result": false, "origin": "gen1@portal",
        });
        for (key, value) in changes.as_object().unwrap() {
            headers[key] = value.clone();
        }
        Properties {
            content_type: Some("application/json".to_owned()),
            content_encoding: Some("utf-8".to_owned()),
            correlation_id: Some("e6bbe67c-4327-4a6a-a5e5-79f6a6d8a5c3".to_owned()),
            reply_to: Some("a2c1".to_owned()),
            headers: headers.as_object().unwrap().clone(),
            ..Properties::default()
        }
    }

    fn body(args: &Value, kwargs: &Value) -> Vec<u8> {
        let embed = json!({"callbacks": null, "errbacks": null, "chain": null, "chord": null});
        json!([args, kwargs, embed]).to_string().into_bytes()
    }

    #[test]
    fn a_task_is_a_job() {
        let request = decoded(&task(&json!({})), &body(&json!(["t"]), &json!({"sizes": true, "cloud": "lab"})));
        assert_eq!((request.kind.as_str(), request.subject.as_deref()), ("pull_quotas", Some("t")));
        assert_eq!((request.cloud.as_deref(), &request.params), (Some("lab"), &json!({"sizes": true})));
        assert_eq!(request.id.to_string(), "e6bbe67c-4327-4a6a-a5e5-79f6a6d8a5c3");
        let reply = request.reply.unwrap();
        assert_eq!((reply.format, reply.to.as_str()), (ReplyFormat::Celery, "a2c1"));
        assert_eq!((reply.correlation_id, reply.asked_as), (Some(request.id.to_string()), request.id.to_string()));
        let keywords = json!({"tenant": "t", "cloud": "lab", "params": {"sizes": true}});
        assert_eq!(decoded(&task(&json!({})), &body(&json!([]), &keywords)).digest(), {
            decoded(&task(&json!({})), &body(&json!(["t"]), &json!({"sizes": true, "cloud": "lab"}))).digest()
        });
    }

    #[test]
    fn eta_expires_and_retries_are_honoured() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let headers = json!({
            "eta": "2026-01-01T12:00:00.250000+00:00", "expires": "2026-01-02T02:00:00+02:00", "retries": 3,
        });
        let request = decoded(&task(&headers), &body(&json!(["t"]), &json!({})));
        assert_eq!(request.not_before, at("2026-01-01T12:00:00.25Z"));
        assert_eq!((request.deadline, request.attempt), (Some(at("2026-01-02T00:00:00Z")), 3));
        let seconds = decoded(&task(&json!({"expires": 90.5})), &body(&json!(["t"]), &json!({})));
        assert_eq!(seconds.deadline, Some(now() + chrono::Duration::milliseconds(90_500)));
        let earlier = json!({"deadline": "2026-01-01T00:00:00Z"});
        let both = decoded(&task(&json!({"expires": "2026-01-02T00:00:00Z"})), &body(&json!(["t"]), &earlier));
        assert_eq!(both.deadline, Some(at("2026-01-01T00:00:00Z")));
        for (retries, attempt) in [(-1, 0), (1000, 11)] {
            let request = decoded(&task(&json!({ "retries": retries })), &body(&json!(["t"]), &json!({})));
            assert_eq!(request.attempt, attempt, "at least one attempt is made here");
        }
    }

    #[test]
    fn other_names_of_tasks_are_mapped() {
        let request = decoded(&task(&json!({ "task": TERMS_TASK })), &body(&json!(["t"]), &json!({})));
        assert_eq!(request.kind, "pull_quotas");
        let refusal = refused(&task(&json!({"task": "portal.pull_quotas"})), &body(&json!(["t"]), &json!({})));
        assert_eq!((refusal.reason, refusal.kind.as_deref()), ("unknown_kind", Some("portal.pull_quotas")));
    }

    #[test]
    fn what_python_wraps_is_unwrapped() {
        let uuid = json!({"__type__": "uuid", "__value__": {"hex": "75f20d49ca6b4d8899afa12c65a9da30"}});
        let deadline = json!({"__type__": "datetime", "__value__": "2030-01-01T00:00:00+00:00"});
        let request = decoded(&task(&json!({})), &body(&json!([uuid]), &json!({ "deadline": deadline })));
        assert_eq!(request.subject.as_deref(), Some("75f20d49ca6b4d8899afa12c65a9da30"));
        assert!(request.deadline.is_some());
    }

    #[test]
    fn a_result_that_nobody_wants_is_not_sent() {
        let request = decoded(&task(&json!({"ignore_result": true})), &body(&json!(["t"]), &json!({})));
        assert_eq!(request.reply, None);
        let nowhere = Properties { reply_to: Some(String::new()), ..task(&json!({})) };
        assert_eq!(decoded(&nowhere, &body(&json!(["t"]), &json!({}))).reply, None);
    }

    #[test]
    fn each_mistake_has_the_reason_and_the_path() {
        let missing = "args[0]: missing; a job for every tenant says `kwargs={\"scope\": \"all\"}`";
        for (args, kwargs, expected, error) in [
            (json!([]), json!({}), "invalid_message", missing),
            (json!([7]), json!({}), "invalid_message", "args[0]: expected a text, not a number"),
            (
                json!(["t", 1]),
                json!({}),
                "invalid_message",
                "args[1]: only the tenant is positional; send the rest as keywords",
            ),
            (
                json!(["t"]),
                json!({"tenant": "u"}),
                "invalid_message",
                "kwargs.tenant: the tenant is the first argument already",
            ),
            (
                json!(["t"]),
                json!({"scope": "all"}),
                "invalid_message",
                "kwargs.scope: a job is for one tenant or for all, not both",
            ),
            (json!([]), json!({"scope": 1}), "invalid_message", "kwargs.scope: `1` is no scope; there is \"all\""),
            (
                json!(["t"]),
                json!({"deadline": "soon"}),
                "invalid_message",
                "kwargs.deadline: `soon` is no time; write RFC 3339",
            ),
            (
                json!(["t"]),
                json!({"sizes": 1}),
                "invalid_params",
                "kwargs.sizes: invalid type: integer `1`, expected a boolean",
            ),
            (
                json!(["t"]),
                json!({"sizes": true, "params": {"sizes": true}}),
                "invalid_params",
                "kwargs.sizes: it stands in `params` too",
            ),
            (json!(["t"]), json!({"params": []}), "invalid_message", "kwargs.params: expected an object, not a list"),
        ] {
            let refusal = refused(&task(&json!({})), &body(&args, &kwargs));
            assert_eq!((refusal.reason, refusal.error.as_str()), (expected, error));
            assert!(refusal.reply.is_some(), "whoever waits is told");
        }
    }

    #[test]
    fn headers_that_make_no_sense_are_told() {
        let usual = body(&json!(["t"]), &json!({}));
        for (changes, expected) in [
            (json!({"task": 7}), "invalid_message"),
            (json!({"id": null}), "invalid_message"),
            (json!({"id": 7}), "invalid_message"),
            (json!({"eta": "soon"}), "invalid_message"),
            (json!({"eta": 7}), "invalid_message"),
            (json!({"expires": "0001-01-01T00:00:00"}), "invalid_message"),
            (json!({"expires": 1e300}), "invalid_message"),
            (json!({"expires": true}), "invalid_message"),
            (json!({"retries": "many"}), "invalid_message"),
            (json!({"compression": "application/x-gzip"}), "unsupported_format"),
        ] {
            assert_eq!(reason(&task(&changes), &usual), Some(expected), "{changes}");
        }
    }

    #[test]
    fn what_tenantd_would_not_do_is_refused() {
        for embed in [
            json!({"callbacks": [{"task": "portal.done"}]}),
            json!({"errbacks": [{"task": "portal.failed"}]}),
            json!({"chain": [{"task": "portal.next"}]}),
            json!({"chord": {"task": "portal.all_done"}}),
        ] {
            let refusal = refused(&task(&json!({})), json!([["t"], {}, embed]).to_string().as_bytes());
            assert_eq!(refusal.reason, "unsupported_format", "{}", refusal.error);
            assert!(refusal.error.starts_with("embed."), "{}", refusal.error);
        }
        for content_type in ["application/x-python-serialize", "application/x-yaml", "application/x-msgpack"] {
            let pickled = Properties { content_type: Some(content_type.to_owned()), ..task(&json!({})) };
            let refusal = refused(&pickled, b"\x80\x04");
            assert_eq!(refusal.reason, "unsupported_format");
            assert!(refusal.error.contains("task_serializer"), "{}", refusal.error);
        }
        for wrong in [&b"{}"[..], b"[]", b"[{}, {}, {}]", b"[[], [], {}]", b"[[], {}, []]", b"[[], {}]"] {
            assert_eq!(reason(&task(&json!({})), wrong), Some("invalid_message"), "{}", String::from_utf8_lossy(wrong));
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..100),
            text in ".{0,40}",
            number in any::<f64>(),
            name in "id|eta|expires|retries|task|compression|ignore_result",
        ) {
            let _ = reason(&task(&json!({})), &bytes);
            for value in [json!(text), json!(number), json!(true)] {
                let _ = reason(&task(&json!({ &name: value })), &body(&json!([&text]), &json!({ &text: value })));
            }
        }
    }
}
