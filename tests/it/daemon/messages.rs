//! A thousand messages, twenty of them malformed in different ways.
#![expect(clippy::unwrap_used, reason = "a test helper that cannot go on has failed")]

use std::collections::BTreeMap;

use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeleteOptions, QueueDeleteOptions,
};
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use serde_json::{Value, json};

use super::rig::{Daemon, broker, spoken};

const MESSAGES: usize = 1_000;

/// Twenty messages that are no jobs, each with the reason that fits.
fn malformed(project: &str, used: &str) -> Vec<(&'static str, Vec<u8>)> {
    let text = |value: Value| value.to_string().into_bytes();
    let nested = [vec![b'['; 1 << 19], vec![b']'; 1 << 19]].concat();
    vec![
        ("unreadable", b"pull quotas, please".to_vec()),
        ("unreadable", Vec::new()),
        ("unreadable", vec![0xff, 0xfe, 0x00, 0x9f]),
        ("unreadable", br#"{"kind": "pull_quotas", "tenant": "#.to_vec()),
        ("unreadable", nested),
        ("unknown_kind", text(json!({"kind": "pull".repeat(200), "tenant": project}))),
        ("invalid_message", b"{}".to_vec()),
        ("invalid_message", b"[]".to_vec()),
        ("invalid_message", text(json!({"kind": "pull_quotas", "tenant": "a\u{0}b"}))),
        ("invalid_message", text(json!({"kind": 7, "tenant": project}))),
        ("invalid_message", text(json!({"kind": "pull_quotas", "tenant": {"id": project}}))),
        ("invalid_message", text(json!({"kind": "pull_quotas"}))),
        ("invalid_message", text(json!({"kind": "pull_quotas", "tenant": project, "scope": "all"}))),
        ("invalid_message", text(json!({"kind": "pull_quotas", "tenant": project, "colour": "red"}))),
        ("invalid_message", text(json!({"kind": "pull_quotas", "tenant": project, "deadline": "tomorrow"}))),
        ("unknown_kind", text(json!({"kind": "pull_quotes", "tenant": project}))),
        ("invalid_params", text(json!({"kind": "pull_quotas", "tenant": project, "params": {"sizes": "yes"}}))),
        ("unknown_tenant", text(json!({"kind": "pull_quotas", "tenant": "0".repeat(32)}))),
        ("unknown_tenant", text(json!({"kind": "pull_quotas", "tenant": "lab'; drop table tenants; --"}))),
        ("id_reused", text(json!({"id": used, "kind": "pull_floating_ips", "tenant": project}))),
    ]
}

async fn publish(channel: &Channel, prefix: &str, body: &[u8]) {
    let exchange = ShortString::from(format!("{prefix}.jobs"));
    let properties = BasicProperties::default().with_content_type("application/json".into());
    let sent = channel.basic_publish(exchange, "job".into(), BasicPublishOptions::default(), body, properties).await;
    sent.unwrap().await.unwrap();
}

async fn dead(channel: &Channel, prefix: &str) -> Vec<(String, String)> {
    let mut letters = Vec::new();
    let queue = ShortString::from(format!("{prefix}.dead"));
    while let Some(message) = channel.basic_get(queue.clone(), BasicGetOptions { no_ack: true }).await.unwrap() {
        let headers = message.delivery.properties.headers().clone().unwrap();
        let header = |name: &str| match headers.inner().get(name) {
            Some(lapin::types::AMQPValue::LongString(text)) => text.to_string(),
            other => format!("{other:?}"),
        };
        letters.push((header("x-tenantd-reason"), header("x-tenantd-error")));
    }
    letters
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_messages_the_sound_ones_succeed_and_each_other_is_dead_with_its_reason() {
    let Some(url) = broker() else {
        println!("skipped: TENANTD_TEST_AMQP_URL names no broker");
        return;
    };
    let daemon = Daemon::start(100, Some(&url), "[telemetry]\nlog = \"trace\"\nlog_format = \"json\"\n").await;
    let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    publish(&channel, &daemon.prefix, br#"{"id": "first", "kind": "pull_tenants", "scope": "all"}"#).await;
    let projects = daemon.wait("the tenants", async || Some(daemon.projects()).filter(|it| it.len() == 100)).await;

    let kinds = ["pull_quotas", "pull_security_groups", "pull_floating_ips", "pull_server_groups"];
    let broken = malformed(&projects[0], "job-0");
    let sound = MESSAGES - broken.len();
    for number in 0..sound {
        let (kind, tenant) = (kinds[number % kinds.len()], &projects[number / kinds.len() % projects.len()]);
        let body = json!({"id": format!("job-{number}"), "kind": kind, "tenant": tenant});
        publish(&channel, &daemon.prefix, body.to_string().as_bytes()).await;
    }
    daemon
        .wait("the first job", async || {
            let jobs = daemon.listed(&["jobs", "list", "--limit", "2000"]);
            (jobs.iter().filter(|job| job["state"] == "succeeded").count() == sound + 1).then_some(())
        })
        .await;
    for (_, body) in &broken {
        publish(&channel, &daemon.prefix, body).await;
    }
    let letters = daemon
        .wait("the dead letters", async || {
            Some(daemon.listed(&["dead", "list", "--limit", "100"])).filter(|letters| letters.len() == broken.len())
        })
        .await;

    let count = |reasons: &mut dyn Iterator<Item = &str>| {
        reasons.fold(BTreeMap::<String, usize>::new(), |mut counts, reason| {
            *counts.entry(reason.to_owned()).or_default() += 1;
            counts
        })
    };
    let expected = count(&mut broken.iter().map(|(reason, _)| *reason));
    assert_eq!(count(&mut letters.iter().map(|letter| letter["reason"].as_str().unwrap())), expected);
    let queued = daemon
        .wait("the dead queue", async || {
            daemon.get("/metrics").await.filter(|text| text.contains("\ntenantd_outbox_pending 0\n"))?;
            Some(dead(&channel, &daemon.prefix).await)
        })
        .await;
    assert_eq!(count(&mut queued.iter().map(|(reason, _)| reason.as_str())), expected, "{queued:?}");

    let jobs = daemon.listed(&["jobs", "list", "--limit", "2000"]);
    let succeeded = jobs.iter().filter(|job| job["state"] == "succeeded").count();
    let failed = jobs.iter().filter(|job| job["state"] == "failed").count();
    assert_eq!((succeeded, failed), (sound + 1, 2), "two unknown tenants had jobs of their own");
    for suffix in ["jobs", "dead"] {
        let name = format!("{}.{suffix}", daemon.prefix);
        channel.queue_delete(name.into(), QueueDeleteOptions::default()).await.unwrap();
    }
    for suffix in ["jobs", "dead", "events"] {
        let name = format!("{}.{suffix}", daemon.prefix);
        channel.exchange_delete(name.into(), ExchangeDeleteOptions::default()).await.unwrap();
    }
    let (status, log, folder) = daemon.stop();
    assert!(status.success(), "{status}");
    let errors: Vec<&str> = log.lines().filter(|line| line.contains("\"level\":\"ERROR\"")).collect();
    assert_eq!(errors, Vec::<&str>::new());
    assert!(!log.contains("panicked"), "something panicked");
    // Everything was logged, down to the last trace; no secret is in it, nor in the records.
    std::fs::remove_file(folder.path().join("clouds.yaml")).unwrap();
    assert_eq!(spoken(folder.path(), &["admin-secret", "gAAAAAB", "X-Subject-Token: "]), Vec::<String>::new());
}
