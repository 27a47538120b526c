//! What the formats share, and the bytes that their real producers sent.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::*;

/// A task's name that the terms of these tests map.
pub(super) const TERMS_TASK: &str = "waldur_openstack.pull_quotas";

pub(super) fn now() -> DateTime<Utc> {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn read_it(properties: &Properties, body: &[u8]) -> Result<Request, Refusal> {
    static TASKS: LazyLock<BTreeMap<String, String>> =
        LazyLock::new(|| BTreeMap::from([(TERMS_TASK.to_owned(), "pull_quotas".to_owned())]));
    decode(properties, body, Terms { tasks: &TASKS, producers: &[], attempts: 12 }, now())
}

pub(super) fn decoded(properties: &Properties, body: &[u8]) -> Request {
    read_it(properties, body).unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

pub(super) fn refused(properties: &Properties, body: &[u8]) -> Refusal {
    read_it(properties, body).expect_err("a refusal")
}

/// Why a message is refused, if it is.
pub(super) fn reason(properties: &Properties, body: &[u8]) -> Option<&'static str> {
    read_it(properties, body).err().map(|refusal| refusal.reason)
}

/// A message as tests/producers/record kept it.
fn recorded(name: &str) -> (Properties, Vec<u8>) {
    let path = format!("{}/tests/it/fixtures/messages/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let record: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let text = |key: &str| record[key].as_str().map(str::to_owned);
    let unhex =
        |hex: String| (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    let body = text("body").map_or_else(|| unhex(text("body_hex").unwrap()), String::into_bytes);
    let properties = Properties {
        content_type: text("content_type"),
        content_encoding: text("content_encoding"),
        message_id: text("message_id"),
        correlation_id: text("correlation_id"),
        reply_to: text("reply_to"),
        user_id: text("user_id"),
        app_id: text("app_id"),
        headers: record["headers"].as_object().unwrap().clone(),
    };
    (properties, body)
}

const TENANT: &str = "75f20d49ca6b4d8899afa12c65a9da30";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[test]
fn what_the_sdk_of_cloudevents_sends_is_one_job_in_every_mode() {
    let read = |name: &str| {
        let (properties, body) = recorded(name);
        decoded(&properties, &body)
    };
    let one = read("cloudevents-structured");
    assert_eq!((one.kind.as_str(), one.subject.as_deref()), ("pull_quotas", Some(TENANT)));
    assert_eq!((one.cloud.as_deref(), &one.params), (Some("lab"), &serde_json::json!({"sizes": true})));
    assert_eq!(one.deadline, Some(at("2030-01-02T00:00:00Z")));
    assert_eq!(one.trace.as_deref(), Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    for name in ["cloudevents-base64", "cloudevents-ce", "cloudevents-underscore", "cloudevents-colon"] {
        assert_eq!(read(name), one, "{name}");
    }
}

#[test]
fn what_celery_sends_is_a_job() {
    let (properties, body) = recorded("celery");
    let job = decoded(&properties, &body);
    assert_eq!((job.kind.as_str(), job.subject.as_deref()), ("pull_quotas", Some(TENANT)));
    assert_eq!((job.cloud.as_deref(), &job.params), (Some("lab"), &serde_json::json!({"sizes": true})));
    let reply = job.reply.unwrap();
    assert_eq!((Some(reply.to), reply.format), (properties.reply_to, ReplyFormat::Celery));
    assert_eq!((reply.correlation_id, reply.asked_as), (properties.correlation_id, job.id.to_string()));

    let (properties, body) = recorded("celery-timed");
    let timed = decoded(&properties, &body);
    assert_eq!((timed.not_before, timed.deadline), (at("2030-01-01T12:00:00.25Z"), Some(at("2030-01-02T00:00:00Z"))));
    assert_eq!((timed.attempt, timed.reply), (3, None), "it said that it ignores the result");
    assert_eq!(timed.subject.as_deref(), Some("75f20d49ca6b4d8899afa12c65a9da30"));

    let (properties, body) = recorded("celery-mapped");
    assert_eq!(decoded(&properties, &body).kind, "pull_quotas");
}

#[test]
fn what_celery_would_have_to_do_itself_is_refused_and_told() {
    for (name, what) in [
        ("celery-chain", "embed.chain"),
        ("celery-linked", "embed.callbacks"),
        ("celery-pickle", "task_serializer"),
        ("celery-gzip", "task_compression"),
        ("celery-protocol-1", "task_protocol"),
    ] {
        let (properties, body) = recorded(name);
        let refusal = refused(&properties, &body);
        assert_eq!(refusal.reason, "unsupported_format", "{name}");
        assert!(refusal.error.contains(what), "{name}: {}", refusal.error);
        let reply = refusal.reply.unwrap();
        assert_eq!((reply.format, Some(reply.asked_as)), (ReplyFormat::Celery, properties.correlation_id), "{name}");
    }
}
