//! Acknowledging and noting findings over HTTP.

use serde_json::{Value, json};
use tenantd::model::token::Role;

use super::Rig;
use crate::support::app::none;
use crate::support::{Database, on_both_databases};

on_both_databases!(
    a_finding_is_acknowledged_with_its_reason,
    a_finding_is_noted,
    what_is_wrong_is_told_in_order,
    what_is_known_is_not_counted_as_open,
);

/// A finding's path, and tokens of a viewer and an operator.
async fn drifting(database: &Database) -> (Rig, String, [String; 2]) {
    let rig = Rig::start(database).await;
    rig.app.run("pull_quotas", "tenant-001", none()).await;
    rig.app.cloud().limit_cores("tenant-001", 50).await;
    rig.app.run("pull_quotas", "tenant-001", none()).await;
    let viewer = rig.token("viewer", Role::Viewer, None).await;
    let operator = rig.token("olga", Role::Operator, None).await;
    let open = rig.get("/api/drift/", &viewer).await;
    let path = open.body[0]["url"].as_str().unwrap().trim_start_matches(rig.base.as_str()).to_owned();
    (rig, path, [viewer, operator])
}

fn steps(finding: &Value) -> Vec<&str> {
    finding["life"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect()
}

async fn a_finding_is_acknowledged_with_its_reason(database: Database) {
    let (rig, path, [viewer, operator]) = drifting(&database).await;
    let body = json!({"reason": "ticket 7", "until": "2026-01-08T00:00:00Z"});
    assert_eq!(rig.post(&format!("{path}ack/"), &viewer, Some(&body)).await.status, 403);
    let known = rig.post(&format!("{path}ack/"), &operator, Some(&body)).await;
    assert_eq!((known.status, &known.body["state"]), (200, &json!("acknowledged")), "{known:?}");
    assert_eq!(steps(&known.body), ["opened", "acknowledged"]);
    let listed = rig.get("/api/drift/?state=acknowledged", &viewer).await.body[0].clone();
    for (key, value) in [("ack_reason", "ticket 7"), ("ack_by", "olga"), ("ack_until", "2026-01-08T00:00:00.000000Z")] {
        assert_eq!((&listed[key], &known.body[key]), (&json!(value), &json!(value)), "{key}");
    }
    assert_eq!(rig.get("/api/drift/?state=open", &viewer).await.body, json!([]));
    let shown = rig.get(&path, &viewer).await.body;
    assert_eq!(shown, known.body);
    let opened = &shown["life"][0];
    let after = json!({"expected": 46, "observed": 50, "severity": "warning"});
    assert_eq!((&opened["after"], &opened["observed_at"]), (&after, &json!("2026-01-01T00:00:02.000000Z")));
    let quotas = format!("/compute/v2.1/os-quota-sets/{}/detail", rig.app.cloud().project("tenant-001").await);
    let id = rig.app.cloud().request_ids(&quotas).await.pop().unwrap();
    let asked = json!([{"service": "nova", "id": id, "at": "2026-01-01T00:00:02.000000Z"}]);
    assert_eq!((&opened["request_ids"], &shown["life"][1]["request_ids"]), (&asked, &json!([])));
    for (collection, key) in [("jobs", "job"), ("snapshots", "snapshot")] {
        let named = format!("/api/{collection}/{}/", opened[key].as_str().unwrap());
        assert_eq!(rig.get(&named, &viewer).await.status, 200, "{named}");
    }
    let for_good = rig.post(&format!("{path}ack/"), &operator, Some(&json!({"reason": "wanted", "until": null}))).await;
    assert_eq!((for_good.status, &for_good.body["ack_until"]), (200, &Value::Null));
    let accepted = rig.post(&format!("{path}accept/"), &operator, None).await;
    assert_eq!(steps(&accepted.body), ["opened", "acknowledged", "acknowledged", "accepted"]);
}

async fn a_finding_is_noted(database: Database) {
    let (rig, path, [viewer, operator]) = drifting(&database).await;
    let body = json!({"text": "the customer asked for it"});
    assert_eq!(rig.post(&format!("{path}note/"), &viewer, Some(&body)).await.status, 403);
    let noted = rig.post(&format!("{path}note/"), &operator, Some(&body)).await;
    assert_eq!((noted.status, &noted.body["state"]), (200, &json!("open")), "{noted:?}");
    assert_eq!((&noted.body["life"][1]["reason"], &noted.body["life"][1]["by"]), (&body["text"], &json!("olga")));
    let empty = rig.post(&format!("{path}note/"), &operator, Some(&json!({"text": " "}))).await;
    assert_eq!((empty.status, empty.body), (400, json!({"text": ["This field may not be blank."]})));
    assert_eq!(rig.post("/api/drift/7/note/", &operator, Some(&body)).await.status, 404);
}

async fn what_is_wrong_is_told_in_order(database: Database) {
    let (rig, path, [_, operator]) = drifting(&database).await;
    let ack = format!("{path}ack/");
    let wrong = rig.post(&ack, &operator, Some(&json!({"until": "2025-01-01T00:00:00Z"}))).await;
    let told = json!({
        "reason": ["This field is required."], "until": ["Enter another moment: that moment has passed."],
    });
    assert_eq!((wrong.status, wrong.body), (400, told));
    let wrong = rig.post(&ack, &operator, Some(&json!({"reason": "", "until": "tomorrow"}))).await;
    assert_eq!((wrong.status, wrong.body.as_object().unwrap().len()), (400, 2), "{wrong:?}");
    assert_eq!(rig.post(&ack, &operator, Some(&json!([]))).await.status, 400);
    for nothing in ["/api/drift/7/ack/", "/api/drift/00000000000000000000000000000000/ack/"] {
        assert_eq!(rig.post(nothing, &operator, Some(&json!({}))).await.status, 404, "{nothing}");
    }
    rig.app.cloud().limit_cores("tenant-001", 46).await;
    rig.app.run("pull_quotas", "tenant-001", none()).await;
    let late = rig.post(&ack, &operator, Some(&json!({}))).await;
    assert_eq!(late.status, 409, "{late:?}");
    assert!(late.body["detail"].as_str().unwrap().ends_with("is resolved already"), "{late:?}");
}

async fn what_is_known_is_not_counted_as_open(database: Database) {
    let (rig, path, [viewer, operator]) = drifting(&database).await;
    let of_tenant = format!("tenant=\"{}\"", rig.app.cloud().project("tenant-001").await);
    let told = async || {
        let metrics = rig.get("/metrics", &viewer).await.text;
        let count = |family: &str, label: &str| {
            let mut lines = metrics.lines().filter(|line| line.starts_with(&format!("{family}{{")));
            let line = lines.find(|line| line.contains(label) && line.contains("\"quotas\"") && !line.contains("info"));
            line.and_then(|line| line.rsplit(' ').next().map(str::to_owned))
        };
        [
            count("tenantd_drift_open", "severity=\"warning\",state=\"open\""),
            count("tenantd_drift_open", "severity=\"warning\",state=\"acknowledged\""),
            count("tenantd_cloud_drift_open", "severity=\"warning\""),
            count("tenantd_drift_oldest_open_timestamp_seconds", &of_tenant).map(|_| "some".to_owned()),
        ]
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(told().await, [some("1"), None, some("1"), some("some")]);
    assert!(rig.get("/", &viewer).await.text.contains("<title>tenantd (1)</title>"));
    let body = json!({"reason": "ticket <7>", "until": "2026-01-08T00:00:00Z"});
    rig.post(&format!("{path}ack/"), &operator, Some(&body)).await;
    assert_eq!(told().await, [None, some("1"), some("0"), None]);
    let page = rig.get("/", &viewer).await.text;
    assert!(page.contains("<title>tenantd</title>") && page.contains("(1 acknowledged)"), "{page}");
    assert!(page.contains("acknowledged by olga until 2026-01-08 00:00 UTC: ticket &#60;7&#62;"), "{page}");
}
