//! What becomes of messages, good and bad.

use std::collections::BTreeMap;

use lapin::message::BasicGetMessage;
use lapin::types::AMQPValue;

use super::rig::{Daemon, Rig, with};
use super::{job, outcomes, until_ended};
use crate::support::{Setup, rows};

const KINDS: [&str; 5] = ["pull", "pull_quotas", "pull_security_groups", "pull_floating_ips", "pull_server_groups"];

/// Messages that are no jobs, and the word for why.
const MALFORMED: [(&str, &str, &str); 10] = [
    ("application/json", "", "unreadable"),
    ("application/json", "pull please", "unreadable"),
    ("application/json", "\u{0}\u{1}", "unreadable"),
    ("application/json", "[1, 2]", "invalid_message"),
    ("application/json", r#"{"kind": "pull"}"#, "invalid_message"),
    ("application/json", r#"{"kind": "pull", "tenant": 7}"#, "invalid_message"),
    ("application/json", r#"{"kind": "pull", "tenant": "t", "colour": "red"}"#, "invalid_message"),
    ("application/json", r#"{"kind": "pull_quotes", "tenant": "t"}"#, "unknown_kind"),
    ("application/json", r#"{"kind": "pull", "tenant": "t", "params": {"depth": 3}}"#, "invalid_params"),
    ("text/plain", r#"{"kind": "pull", "tenant": "t"}"#, "unsupported_format"),
];

#[tokio::test]
async fn a_hundred_messages_all_come_to_their_end() {
    with(async |rig: Rig, database| {
        rig.declare().await;
        let app = rig.app(&database, Setup::default()).await;
        let tenants = [app.cloud().project("tenant-001").await, app.cloud().project("tenant-002").await];
        for number in 0..100 {
            if number % 10 == 9 {
                let (content_type, body, _) = MALFORMED[number / 10];
                rig.publish("pull", content_type, body.as_bytes()).await;
            } else {
                rig.enqueue(&job(&format!("order-{number}"), KINDS[number % 5], &tenants[number % 2])).await;
            }
        }
        let daemon = Daemon::start(&app, &rig.url, &rig.prefix).await;
        until_ended(&database, 90).await;

        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        for dead in rig.dead(10).await {
            assert_eq!(header(&dead, "x-tenantd-attempts"), "0");
            assert!(!header(&dead, "x-tenantd-error").is_empty());
            let reason = header(&dead, "x-tenantd-reason");
            *reasons.entry(reason.clone()).or_default() += 1;
            let body = String::from_utf8(dead.delivery.data.clone()).unwrap();
            let sent = MALFORMED.iter().find(|(_, sent, _)| *sent == body).unwrap();
            assert_eq!(sent.2, reason, "{body}");
        }
        let expected = [("invalid_message", 4), ("invalid_params", 1), ("unknown_kind", 1), ("unreadable", 3)];
        let expected = expected.into_iter().chain([("unsupported_format", 1)]);
        assert_eq!(reasons, expected.map(|(reason, count)| (reason.to_owned(), count)).collect());
        assert_eq!(app.context.store().dead_letter_count().await.unwrap(), 10);

        let about_jobs = |key: &str| key.starts_with("job.");
        let events = rig.events(|all| all.iter().filter(|it| about_jobs(&it.routing_key)).count() == 90).await;
        for event in &events {
            assert_eq!(event.body["type"], format!("tenantd.{}", event.routing_key));
        }
        let count = |key: &str| events.iter().filter(|event| event.routing_key == key).count();
        assert_eq!(count("tenant.discovered"), 2);
        assert_eq!(count("snapshot.quotas.changed"), 2);

        daemon.stop().await;
        assert_eq!(rig.ready().await, 0, "nothing came back: everything was acknowledged");
        let outcomes = outcomes(&database).await;
        assert_eq!(outcomes.len(), 90);
        assert!(outcomes.iter().all(|outcome| outcome.ends_with("succeeded after 1")), "{outcomes:?}");
        assert_eq!(app.context.store().outgoing_count().await.unwrap(), 0, "everything was published");
    })
    .await;
}

#[tokio::test]
async fn the_same_message_twice_is_one_job() {
    with(async |rig: Rig, database| {
        rig.declare().await;
        let app = rig.app(&database, Setup::default()).await;
        let tenant = app.cloud().project("tenant-001").await;
        for _ in 0..3 {
            rig.enqueue(&job("order-1", "pull_floating_ips", &tenant)).await;
        }
        let daemon = Daemon::start(&app, &rig.url, &rig.prefix).await;
        until_ended(&database, 1).await;
        rig.enqueue(&job("order-1", "pull_quotas", &tenant)).await;
        let dead = rig.dead(1).await.remove(0);
        assert_eq!(header(&dead, "x-tenantd-reason"), "id_reused");
        daemon.stop().await;
        assert_eq!(rig.ready().await, 0);
        assert_eq!(outcomes(&database).await, ["pull_floating_ips succeeded after 1"]);
        let letters = rows::all(&database).await.into_keys().filter(|(table, _)| table == "dead_letters").count();
        assert_eq!(letters, 1);
    })
    .await;
}

/// A header of a dead letter, as text.
fn header(dead: &BasicGetMessage, name: &str) -> String {
    let headers = dead.delivery.properties.headers().clone().unwrap();
    match headers.inner().get(name) {
        Some(AMQPValue::LongString(text)) => text.to_string(),
        Some(AMQPValue::LongLongInt(number)) => number.to_string(),
        other => panic!("{name} is {other:?}"),
    }
}
