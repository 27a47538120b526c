//! The day's news of drift: counted once, told as an event, by a schedule that nobody has to write.

use insta::assert_snapshot;
use serde_json::{Value, json};
use tenantd::config::Config;
use tenantd::intake::schedule::{Fired, look};
use tenantd::jobs::runner::Ended;
use tenantd::model::job::{Outcome, Request};

use crate::support::app::none;
use crate::support::{Database, Login, Setup, TestApp, on_both_databases};

on_both_databases!(
    a_day_of_drift_is_told,
    it_looks_as_far_back_as_it_is_told,
    it_comes_every_morning_by_itself,
    it_is_of_one_cloud_or_of_all,
    it_is_for_no_tenant_alone,
);

/// One limit that was changed and set back, one that stays changed.
async fn drifted(database: &Database) -> TestApp {
    let app = TestApp::start(database).await;
    app.run("pull_quotas", "tenant-001", none()).await;
    app.run("pull_quotas", "tenant-002", none()).await;
    app.cloud().limit_cores("tenant-001", 50).await;
    app.run("pull_quotas", "tenant-001", none()).await;
    app.cloud().limit_cores("tenant-001", 46).await;
    app.run("pull_quotas", "tenant-001", none()).await;
    app.cloud().limit_cores("tenant-002", 7).await;
    app.run("pull_quotas", "tenant-002", none()).await;
    app.advance(1);
    app.changes().await;
    app
}

/// What the newest digest says, its ids replaced.
async fn told(app: &TestApp) -> Value {
    let outgoing = app.context.store().outgoing(100).await.unwrap();
    let newest = outgoing.iter().rfind(|it| it.routing_key == "drift.digest").unwrap();
    let mut text = String::from_utf8(newest.body.clone()).unwrap();
    for tenant in ["tenant-001", "tenant-002"] {
        text = text.replace(&app.cloud().project(tenant).await, &format!("<{tenant}>"));
    }
    let mut event: Value = serde_json::from_str(&text).unwrap();
    let of = event["data"]["cloud"].as_str().unwrap_or("all");
    assert_eq!((&event["type"], &event["subject"]), (&json!("tenantd.drift.digest"), &json!(of)));
    if let Some(oldest) = event["data"]["oldest"].as_object_mut() {
        oldest.insert("id".to_owned(), json!("<finding>"));
    }
    event["data"].take()
}

async fn a_day_of_drift_is_told(database: Database) {
    let app = drifted(&database).await;
    let ended = app.deliver(app.request("digest")).await;
    assert_eq!(ended, Ended::Done { outcome: Outcome::Succeeded, left_out: None });
    assert_snapshot!(app.changes().await, @"
    + jobs attempt=1 kind=digest not_before=T+6 outcome=succeeded params={} source=test state=succeeded
    + outbox events drift.digest
    + outbox events job.digest.succeeded
    ");
    insta::assert_json_snapshot!(told(&app).await, @r#"
    {
      "accepted": 0,
      "acknowledged": 0,
      "cloud": "sim",
      "noisiest_objects": [
        {
          "cloud": "sim",
          "object": "vcpu",
          "object_name": "vcpu",
          "opened": 1,
          "resource_type": "quotas",
          "tenant": "<tenant-001>",
          "tenant_name": "tenant-001"
        },
        {
          "cloud": "sim",
          "object": "vcpu",
          "object_name": "vcpu",
          "opened": 1,
          "resource_type": "quotas",
          "tenant": "<tenant-002>",
          "tenant_name": "tenant-002"
        }
      ],
      "noisiest_tenants": [
        {
          "cloud": "sim",
          "opened": 1,
          "tenant": "<tenant-001>",
          "tenant_name": "tenant-001"
        },
        {
          "cloud": "sim",
          "opened": 1,
          "tenant": "<tenant-002>",
          "tenant_name": "tenant-002"
        }
      ],
      "oldest": {
        "cloud": "sim",
        "field": "limit",
        "id": "<finding>",
        "object": "vcpu",
        "object_name": "vcpu",
        "opened_at": "2026-01-01T00:00:05Z",
        "resolved_at": null,
        "resource_type": "quotas",
        "severity": "warning",
        "state": "open",
        "tenant": "<tenant-002>",
        "tenant_name": "tenant-002"
      },
      "opened": 2,
      "resolved": 1,
      "since": "2025-12-31T00:00:06Z",
      "standing": {
        "critical": 0,
        "info": 0,
        "warning": 1
      },
      "until": "2026-01-01T00:00:06Z"
    }
    "#);
}

async fn it_looks_as_far_back_as_it_is_told(database: Database) {
    let app = drifted(&database).await;
    app.advance(7200);
    app.deliver(Request { params: json!({ "since": "1h" }), ..app.request("digest") }).await;
    let digest = told(&app).await;
    assert_eq!((&digest["opened"], &digest["resolved"]), (&json!(0), &json!(0)));
    assert_eq!((&digest["oldest"]["tenant_name"], &digest["noisiest_tenants"]), (&json!("tenant-002"), &json!([])));
    let check = tenantd::jobs::kind("digest").unwrap().check(&json!({ "since": "soon" })).unwrap_err();
    assert!(check.starts_with("params.since: `soon` is no duration"), "{check}");
}

async fn it_comes_every_morning_by_itself(database: Database) {
    let app = drifted(&database).await;
    let timetable = Config::default().timetable();
    let schedule = timetable.iter().find(|it| it.job == "digest").unwrap();
    assert_eq!(look(&app.context, schedule).await.unwrap(), Fired::NotDue);
    app.advance(6 * 3600);
    assert!(matches!(look(&app.context, schedule).await.unwrap(), Fired::Job(_)));
    app.run_waiting().await;
    assert_snapshot!(app.changes_in(&["jobs", "outbox"]).await, @"
    + jobs attempt=1 kind=digest not_before=T+21600 outcome=succeeded params={} source=schedule:digest state=succeeded
    + outbox events drift.digest
    + outbox events job.digest.succeeded
    ");
    assert_eq!(told(&app).await["opened"], json!(2));
}

async fn it_is_of_one_cloud_or_of_all(database: Database) {
    let clouds = vec![("east", Login::Entry("sim"), 1), ("west", Login::Entry("sim"), 2)];
    let app = TestApp::with(&database, Setup { clouds, ..Setup::default() }).await;
    app.deliver(app.request("digest")).await;
    assert_eq!(told(&app).await["cloud"], Value::Null);
    app.run_for_cloud("digest", "west").await;
    assert_eq!(told(&app).await["cloud"], json!("west"));
}

async fn it_is_for_no_tenant_alone(database: Database) {
    let app = TestApp::start(&database).await;
    app.run("pull_quotas", "tenant-001", none()).await;
    app.changes().await;
    app.run("digest", "tenant-001", none()).await;
    assert_snapshot!(app.changes_in(&["outbox", "dead_letters"]).await, @r#"
    + dead_letters attempts=1 body={"cloud":"sim","id":"<job>","kind":"digest","params":{},"tenant":"tenant-001"} died_at=T+2 error=digest is for the records as a whole or for one cloud: leave the tenant out job=<job> kind=digest reason=invalid_params tenant=tenant-001
    + outbox dead digest
    + outbox events job.digest.failed
    "#);
}
