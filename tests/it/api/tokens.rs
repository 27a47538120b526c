//! Who is let in.

use reqwest::Method;
use serde_json::json;
use tenantd::model::token::Role;

use super::Rig;
use crate::support::{Database, TestApp, on_both_databases};

on_both_databases!(
    without_a_token_the_api_is_off,
    a_token_is_asked_for_before_anything_else,
    a_token_ends_when_it_is_not_used,
    a_revoked_token_is_refused_and_its_name_is_free,
    wrong_tokens_cost_time,
    pages_ask_for_a_viewer_off_loopback,
    roles_decide_after_the_object_is_found,
);

async fn without_a_token_the_api_is_off(database: Database) {
    let rig = Rig::start(&database).await;
    for authorization in [None, Some("Token abc")] {
        let answer = rig.ask(Method::GET, "/api/openstack-tenants/", authorization, None).await;
        assert_eq!(answer.status, 403, "{answer:?}");
        assert!(answer.body["detail"].as_str().unwrap().contains("tenantd tokens create"), "{answer:?}");
    }
    assert_eq!(rig.ask(Method::GET, "/metrics", None, None).await.status, 200);
    assert_eq!(rig.ask(Method::GET, "/", None, None).await.status, 200, "only this machine can reach it");
}

async fn a_token_is_asked_for_before_anything_else(database: Database) {
    let rig = Rig::start(&database).await;
    let token = rig.token("portal", Role::Viewer, None).await;
    let missing = json!({"detail": "Authentication credentials were not provided."});
    let invalid = json!({"detail": "Invalid token."});
    let cases = [
        (None, 401, &missing),
        (Some(format!("Bearer {token}")), 401, &missing),
        (Some(format!("Token {token} x")), 401, &missing),
        (Some("Token abc".to_owned()), 401, &invalid),
        (Some(format!("Token {}0", &token[..token.len() - 1])), 401, &invalid),
    ];
    for (authorization, status, body) in cases {
        for path in ["/api/openstack-tenants/", "/api/nothing/"] {
            let answer = rig.ask(Method::GET, path, authorization.as_deref(), None).await;
            // The last digit may have been a zero.
            if authorization.as_deref() == Some(&format!("Token {token}")) {
                continue;
            }
            assert_eq!((answer.status, &answer.body), (status, body), "{authorization:?} {path}");
            assert_eq!(answer.header("www-authenticate"), "Token");
        }
    }
    for scheme in ["Token", "token", "TOKEN "] {
        let authorization = format!("{scheme} {token}");
        let answer = rig.ask(Method::GET, "/api/openstack-tenants/", Some(&authorization), None).await;
        assert_eq!((answer.status, answer.body), (200, json!([])));
    }
    let unknown = rig.get("/api/nothing/", &token).await;
    assert_eq!((unknown.status, unknown.body), (404, json!({"detail": "Not found."})));
    let method = rig.ask(Method::DELETE, "/api/jobs/", Some(&format!("Token {token}")), None).await;
    assert_eq!((method.status, method.body), (405, json!({"detail": "Method \"DELETE\" not allowed."})));
    assert_eq!(method.headers["allow"], "GET,HEAD");
    let nobody = rig.ask(Method::DELETE, "/api/jobs/", None, None).await;
    assert_eq!(nobody.status, 401);
}

async fn a_token_ends_when_it_is_not_used(database: Database) {
    let rig = Rig::start(&database).await;
    let token = rig.token("portal", Role::Viewer, Some(3600)).await;
    for _ in 0..3 {
        rig.app.advance(3000);
        assert_eq!(rig.get("/api/jobs/", &token).await.status, 200, "each use moves the end");
    }
    rig.app.advance(3601);
    let ended = rig.get("/api/jobs/", &token).await;
    assert_eq!((ended.status, ended.body), (401, json!({"detail": "Token has expired."})));
}

async fn a_revoked_token_is_refused_and_its_name_is_free(database: Database) {
    let rig = Rig::start(&database).await;
    let (first, _other) = (rig.token("portal", Role::Viewer, None).await, rig.token("other", Role::Staff, None).await);
    let store = rig.app.context.store();
    let now = rig.app.context.clock().now();
    let mut tx = store.begin().await.unwrap();
    assert!(tx.revoke_token("portal", now).await.unwrap());
    assert!(!tx.revoke_token("portal", now).await.unwrap());
    tx.commit().await.unwrap();
    let refused = rig.get("/api/jobs/", &first).await;
    assert_eq!((refused.status, refused.body), (401, json!({"detail": "Invalid token."})));
    let second = rig.token("portal", Role::Viewer, None).await;
    assert_eq!(rig.get("/api/jobs/", &second).await.status, 200);
    assert_eq!(store.tokens().await.unwrap().len(), 3);
    let kept = crate::support::rows::all(&database).await;
    let secret = second.rsplit('_').next().unwrap();
    assert!(kept.values().all(|row| row.values().all(|value| !value.to_string().contains(secret))));
}

async fn wrong_tokens_cost_time(database: Database) {
    let rig = Rig::start(&database).await;
    let (token, other) = (rig.token("portal", Role::Viewer, None).await, rig.token("late", Role::Viewer, None).await);
    assert_eq!(rig.get("/api/jobs/", &token).await.status, 200);
    for _ in 0..10 {
        assert_eq!(rig.get("/api/jobs/", "abc").await.status, 401);
    }
    let throttled = rig.get("/api/jobs/", "abc").await;
    assert_eq!(throttled.status, 429, "{throttled:?}");
    assert!((1..=61).contains(&throttled.header("retry-after").parse::<u64>().unwrap()));
    assert_eq!(rig.get("/api/jobs/", &other).await.status, 429, "it may be a guess");
    assert_eq!(rig.get("/api/jobs/", &token).await.status, 200, "it was right before");
    rig.app.advance(61);
    assert_eq!(rig.get("/api/jobs/", &other).await.status, 200);
}

async fn pages_ask_for_a_viewer_off_loopback(database: Database) {
    use base64::Engine;
    let rig = Rig::with(TestApp::start(&database).await, false).await;
    let token = rig.token("eva", Role::Viewer, None).await;
    let password = |token: &str| {
        let text = base64::engine::general_purpose::STANDARD.encode(format!("eva:{token}"));
        format!("Basic {text}")
    };
    for path in ["/", "/api/docs/", "/api/schema/"] {
        let nobody = rig.ask(Method::GET, path, None, None).await;
        assert_eq!(nobody.status, 401);
        assert!(nobody.header("www-authenticate").starts_with("Basic"), "{nobody:?}");
        assert_eq!(rig.ask(Method::GET, path, Some(&password("abc")), None).await.status, 401);
        assert_eq!(rig.ask(Method::GET, path, Some(&password(&token)), None).await.status, 200);
        assert_eq!(rig.get(path, &token).await.status, 200);
    }
    assert_eq!(rig.ask(Method::GET, "/metrics", None, None).await.status, 200);
    assert_eq!(rig.ask(Method::GET, "/api/jobs/", Some(&password(&token)), None).await.status, 401);
}

async fn roles_decide_after_the_object_is_found(database: Database) {
    let rig = Rig::start(&database).await;
    let (viewer, operator) =
        (rig.token("viewer", Role::Viewer, None).await, rig.token("operator", Role::Operator, None).await);
    for path in ["/api/schedules/nightly/run/", "/api/jobs/00000000000000000000000000000001/cancel/"] {
        let refused = rig.post(path, &viewer, None).await;
        assert_eq!(refused.status, 403, "{path}");
        assert!(refused.body["detail"].as_str().unwrap().contains("operator"), "{refused:?}");
    }
    let unknown = rig.post("/api/jobs/00000000000000000000000000000001/cancel/", &operator, None).await;
    assert_eq!(unknown.status, 404);
}
