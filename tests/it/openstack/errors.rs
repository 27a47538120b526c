//! What recorded refusals of genuine services mean, and when a request is sent again.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tenantd::clock::Clock;
use tenantd::openstack::{Error, Options, Which};
use tenantd::retry::Retryable;

use super::fake::{Fake, Reply, json_reply, start_of_time, status};

fn recorded(name: &str) -> Reply {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/openstack").join(format!("{name}.json"));
    let capture: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let headers = capture["headers"].as_object().unwrap().iter();
    Reply {
        status: u16::try_from(capture["status"].as_u64().unwrap()).unwrap(),
        headers: headers.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect(),
        body: capture["body"].as_str().map_or_else(|| capture["body"].to_string(), str::to_owned),
    }
}

#[tokio::test]
async fn recorded_refusals_are_named_by_what_to_do() {
    let table = [
        ("cinder-error-400-project-mismatch", "bad_request", "Malformed request url"),
        ("cinder-error-401-bad-token", "unauthorised", "requires authentication"),
        ("cinder-error-403-other-project-quota", "forbidden", "Policy doesn't allow"),
        ("cinder-error-404-path", "not_found", "404 Not Found The resource could not be found."),
        ("cinder-error-404-volume", "not_found", "could not be found"),
        ("cinder-error-413-over-quota-volumes", "quota_exceeded", "VolumeLimitExceeded"),
        ("glance-error-404", "not_found", "No image found with ID"),
        ("keystone-error-403", "forbidden", "not authorized"),
        ("keystone-error-404-project", "not_found", "Could not find project"),
        ("keystone-error-409-project", "conflict", "Conflict occurred"),
        ("neutron-error-400-limit", "bad_request", "limit"),
        ("neutron-error-401-bad-token", "unauthorised", "requires authentication"),
        ("neutron-error-403", "forbidden", "disallowed by policy"),
        ("neutron-error-404", "not_found", "does not exist"),
        ("neutron-error-404-path", "not_found", "could not be found"),
        ("neutron-error-409-over-quota-floatingip", "quota_exceeded", "Quota exceeded"),
        ("neutron-error-409-rule-exists", "conflict", "already exists"),
        ("nova-error-400-microversion", "bad_request", "invalid format"),
        ("nova-error-403-all-tenants", "forbidden", "Policy doesn't allow"),
        ("nova-error-403-over-quota-server", "quota_exceeded", "Quota exceeded for instances"),
        ("nova-error-404-path", "not_found", "404 Not Found The resource could not be found."),
        ("nova-error-406-microversion", "bad_request", "not supported by the API"),
        ("nova-error-409-action", "conflict", "while it is in"),
    ];
    for (name, reason, words) in table {
        let fake = Fake::start("admin", move |_| recorded(name)).await;
        let error = fake.cloud(Fake::options()).network_quota("p7").await.unwrap_err();
        // A token that is new may be accepted later: its keys have not reached every node, or all were revoked just then.
        assert_eq!((error.reason(), error.is_retryable()), (reason, reason == "unauthorised"), "{name}: {error}");
        let text = error.to_string();
        assert!(text.contains(words), "{name}: {text}");
        assert!(text.contains("network") && text.contains("quota_show of project p7"), "{name}: {text}");
        assert!(text.contains("req-") || !recorded(name).headers.iter().any(|(key, _)| key.contains("Request-Id")));
        assert!(!text.contains('<') && !text.ends_with('.'), "{text}");
    }
}

#[tokio::test]
async fn a_busy_service_is_asked_again_when_it_says() {
    let calls = AtomicUsize::new(0);
    let fake = Fake::start("admin", move |_| match calls.fetch_add(1, Ordering::SeqCst) {
        0 => status(503).header("retry-after", "7"),
        1 => status(429).header("retry-after", "Sat, 21 Nov 2026 20:00:10 GMT"),
        _ => json_reply(&json!({"quota": {"port": {"limit": -1, "used": 2, "reserved": 0}, "odd": [], "id": "p"}})),
    })
    .await;
    let cloud = fake.cloud(Fake::options());
    let asking = cloud.network_quota("p");
    let moving = async {
        for seconds in [7, 3] {
            while fake.clock.sleepers() == 0 {
                tokio::task::yield_now().await;
            }
            fake.clock.advance(Duration::from_millis(seconds * 1_000 - 1));
            tokio::task::yield_now().await;
            assert_eq!(fake.clock.sleepers(), 1, "it waits as long as it was told");
            fake.clock.advance(Duration::from_millis(1));
            while fake.clock.sleepers() == 1 {
                tokio::task::yield_now().await;
            }
        }
    };
    let (answer, ()) = tokio::join!(asking, moving);
    let answer = answer.unwrap();
    assert_eq!(answer.asked_at, start_of_time() + chrono::Duration::seconds(10));
    assert_eq!(answer.asked_at, fake.clock.now());
    assert_eq!((answer.value.values["port"].limit, answer.value.values["port"].used), (-1, 2));
    assert_eq!(answer.value.broken[0].id.as_deref(), Some("odd"));
}

#[tokio::test]
async fn whoever_wants_us_to_wait_for_long_gets_no_waiting_request() {
    let fake = Fake::start("admin", |_| status(503).header("retry-after", "600")).await;
    let error = fake.cloud(Fake::options()).network_quota("p").await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_mins(10)));
    assert_eq!(fake.requests("/v2.0/quotas/p/details.json").len(), 1);
}

#[tokio::test]
async fn attempts_end() {
    let fake = Fake::start("admin", |_| status(502)).await;
    let error = fake.cloud(Fake::options()).volume_quota("p").await.unwrap_err();
    assert_eq!((error.reason(), error.is_retryable()), ("unavailable", true));
    assert_eq!(fake.requests("/v3/own/os-quota-sets/p").len(), 3);
}

#[tokio::test]
async fn answers_that_are_no_api_are_protocol_errors() {
    for body in ["<html>a portal</html>", "", "{}", "[]", r#"{"floatingips": 7}"#] {
        let fake =
            Fake::start("admin", move |_| Reply { status: 200, headers: Vec::new(), body: body.to_owned() }).await;
        let error = fake.cloud(Fake::options()).floating_ips(Which::All).await.unwrap_err();
        assert_eq!(error.reason(), "protocol", "{body}: {error}");
        assert!(error.to_string().contains(&format!("{body:?}")) || body.is_empty(), "{error}");
    }
    let fake = Fake::start("admin", |_| status(302).header("location", "http://elsewhere.invalid/")).await;
    let error = fake.cloud(Fake::options()).floating_ips(Which::All).await.unwrap_err();
    assert!(error.to_string().contains("elsewhere.invalid"), "{error}");
}

#[tokio::test]
async fn only_a_confirmed_absence_is_one() {
    let fake = Fake::start("admin", |_| recorded("keystone-error-404-project")).await;
    assert_eq!(fake.cloud(Fake::options()).project("gone").await.unwrap(), None);
    let fake = Fake::start("admin", |_| recorded("nova-error-404-path")).await;
    assert!(fake.cloud(Fake::options()).project("gone").await.is_err());
}

#[tokio::test]
async fn a_closed_port_and_a_missing_endpoint_are_said_in_words() {
    let fake = Fake::start("admin", |_| status(500)).await;
    let mut profile = fake.profile("x");
    profile.auth_url = "http://127.0.0.1:1/v3".to_owned();
    let cloud = fake.cloud(Options { attempts: 2, ..Fake::options() });
    cloud.replace_profile(profile).unwrap();
    let error = cloud.identity().await.unwrap_err();
    assert_eq!(error.reason(), "connect");
    assert!(error.to_string().contains("127.0.0.1:1: Connection refused"), "{error}");
    let mut profile = fake.profile(super::fake::PASSWORD);
    profile.region = Some("R9".to_owned());
    cloud.replace_profile(profile).unwrap();
    let error = cloud.floating_ips(Which::All).await.unwrap_err();
    assert!(matches!(error, Error::NoEndpoint { .. }));
    assert!(error.to_string().contains("R9") && error.to_string().contains("public in R1"), "{error}");
}
