//! The life of a finding, from a limit that someone changed by hand.

use insta::assert_snapshot;
use tenantd::jobs::accept::{AcceptError, accept};
use tenantd::model::Body;
use tenantd::model::Origin;
use tenantd::model::quota::Limit;
use tenantd::store::expectations::Expectation;
use tenantd::store::findings::Filter;
use uuid::Uuid;

use super::DRIFT;
use crate::support::app::none;
use crate::support::{Database, TestApp, on_both_databases};

on_both_databases!(
    a_changed_limit_is_one_finding_from_beginning_to_end,
    accepting_takes_over_just_that_field,
    a_finding_is_accepted_once,
    detect_drift_compares_with_a_new_expectation,
    events_are_cloudevents,
);

async fn a_changed_limit_is_one_finding_from_beginning_to_end(database: Database) {
    let app = TestApp::start(&database).await;
    app.run("pull_quotas", "tenant-001", none()).await;
    app.changes().await;

    app.cloud().limit_cores("tenant-001", 50).await;
    app.run("pull_quotas", "tenant-001", none()).await;
    assert_snapshot!(app.changes().await, @r#"
    + findings change=limit expected=46 field=limit last_seen_at=T+2 object=vcpu object_name=vcpu observed=50 opened_at=T+2 resource_type=quotas severity=warning source=accepted state=open tenant=tenant-001
    + jobs attempt=1 cloud=sim kind=pull_quotas not_before=T+1 outcome=succeeded params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + life after={"expected":46,"observed":50,"severity":"warning"} at=T+2 finding=<finding> job=<job> observed_at=T+2 request_ids=nova snapshot=<snapshot> step=opened
    + outbox events drift.quotas.opened
    + outbox events job.pull_quotas.succeeded
    + outbox events snapshot.quotas.changed
    + snapshots body=[15 quotas, vcpu 50] first_seen_at=T+2 last_seen_at=T+2 resource_type=quotas tenant=tenant-001
    ~ resources tenant-001/quotas: last_attempt_at T+1 → T+2, last_success_at T+1 → T+2, observed_at T+1 → T+2, snapshot <snapshot> → <snapshot>
    "#);

    app.run("pull_quotas", "tenant-001", none()).await;
    assert_snapshot!(app.changes().await, @"
    + jobs attempt=1 cloud=sim kind=pull_quotas not_before=T+2 outcome=unchanged params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + outbox events job.pull_quotas.unchanged
    ~ findings <finding>: last_seen_at T+2 → T+3
    ~ resources tenant-001/quotas: last_attempt_at T+2 → T+3, last_success_at T+2 → T+3, observed_at T+2 → T+3
    ~ snapshots <snapshot>: last_seen_at T+2 → T+3
    ");

    app.cloud().limit_cores("tenant-001", -1).await;
    app.run("pull_quotas", "tenant-001", none()).await;
    assert_snapshot!(app.changes().await, @r#"
    + jobs attempt=1 cloud=sim kind=pull_quotas not_before=T+3 outcome=succeeded params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + life after={"expected":46,"observed":"unlimited","severity":"warning"} at=T+4 before={"expected":46,"observed":50,"severity":"warning"} finding=<finding> job=<job> observed_at=T+4 request_ids=nova snapshot=<snapshot> step=changed
    + outbox events drift.quotas.changed
    + outbox events job.pull_quotas.succeeded
    + outbox events snapshot.quotas.changed
    + snapshots body=[15 quotas, vcpu unlimited] first_seen_at=T+4 last_seen_at=T+4 resource_type=quotas tenant=tenant-001
    ~ findings <finding>: last_seen_at T+3 → T+4, observed 50 → unlimited
    ~ resources tenant-001/quotas: last_attempt_at T+3 → T+4, last_success_at T+3 → T+4, observed_at T+3 → T+4, snapshot <snapshot> → <snapshot>
    "#);

    app.cloud().limit_cores("tenant-001", 46).await;
    app.run("pull_quotas", "tenant-001", none()).await;
    assert_snapshot!(app.changes().await, @"
    + jobs attempt=1 cloud=sim kind=pull_quotas not_before=T+4 outcome=succeeded params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + life at=T+5 finding=<finding> job=<job> observed_at=T+5 reason=what is there is what is expected request_ids=nova snapshot=<snapshot> step=resolved
    + outbox events drift.quotas.resolved
    + outbox events job.pull_quotas.succeeded
    + outbox events snapshot.quotas.changed
    + snapshots body=[15 quotas, vcpu 46] first_seen_at=T+5 last_seen_at=T+5 resource_type=quotas tenant=tenant-001
    ~ findings <finding>: resolved_at null → T+5, state open → resolved
    ~ resources tenant-001/quotas: last_attempt_at T+4 → T+5, last_success_at T+4 → T+5, observed_at T+4 → T+5, snapshot <snapshot> → <snapshot>
    ");

    app.run("pull_quotas", "tenant-001", none()).await;
    assert_eq!(
        app.changes_in(&["findings", "snapshots", "expectations"]).await.lines().count(),
        1,
        "only last_seen_at"
    );
}

async fn accepting_takes_over_just_that_field(database: Database) {
    let app = TestApp::start(&database).await;
    app.run("pull_quotas", "tenant-001", none()).await;
    app.cloud().limit_cores("tenant-001", 50).await;
    let other = app.cloud().project("tenant-001").await;
    let volumes = serde_json::json!({"quota_set": {"volumes": 99}});
    let path = format!("/volume/v3/os-quota-sets/{other}");
    app.cloud().admin(reqwest::Method::PUT, &path, Some(volumes)).await;
    app.run("pull_quotas", "tenant-001", none()).await;
    assert_snapshot!(app.changes_in(&["findings"]).await, @r"
    + findings change=limit expected=20 field=limit last_seen_at=T+2 object=volumes object_name=volumes observed=99 opened_at=T+2 resource_type=quotas severity=warning source=accepted state=open tenant=tenant-001
    + findings change=limit expected=46 field=limit last_seen_at=T+2 object=vcpu object_name=vcpu observed=50 opened_at=T+2 resource_type=quotas severity=warning source=accepted state=open tenant=tenant-001
    ");

    accept(&app.context, finding(&app, "vcpu").await, "mari").await.unwrap();
    assert_snapshot!(app.changes().await, @"
    + life at=T+2 author=mari finding=<finding> step=accepted
    + outbox events drift.quotas.accepted
    ~ expectations tenant-001/quotas: body [15 quotas, vcpu 46] → [15 quotas, vcpu 50], objects  → vcpu accepted by mari
    ~ findings <finding>: resolved_at null → T+2, state open → accepted
    ");

    app.run("pull_quotas", "tenant-001", none()).await;
    assert_snapshot!(app.changes_in(&DRIFT).await, @"
    + jobs attempt=1 cloud=sim kind=pull_quotas not_before=T+2 outcome=unchanged params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + outbox events job.pull_quotas.unchanged
    ~ findings <finding>: last_seen_at T+2 → T+3
    ");
}

async fn a_finding_is_accepted_once(database: Database) {
    let app = TestApp::start(&database).await;
    app.run("pull_quotas", "tenant-001", none()).await;
    app.cloud().limit_cores("tenant-001", 50).await;
    app.run("pull_quotas", "tenant-001", none()).await;
    let id = finding(&app, "vcpu").await;
    accept(&app.context, id, "mari").await.unwrap();
    app.changes().await;
    let again = accept(&app.context, id, "mari").await.unwrap_err();
    assert!(matches!(again, AcceptError::Ended(..)), "{again}");
    let unknown = accept(&app.context, Uuid::nil(), "mari").await.unwrap_err();
    assert!(matches!(unknown, AcceptError::Unknown(_)), "{unknown}");
    assert_eq!(app.changes().await, "");
}

async fn detect_drift_compares_with_a_new_expectation(database: Database) {
    let app = TestApp::start(&database).await;
    app.run("pull_quotas", "tenant-001", none()).await;
    let tenant = app.tenant("tenant-001").await;
    let mut expected = app.context.store().expectations(tenant.uuid).await.unwrap().remove(0);
    if let Body::Quotas(quotas) = &mut expected.body {
        quotas.get_mut("vcpu").unwrap().limit = Some(Limit::Of(10));
    }
    let expected = Expectation {
        origin: Origin { source: "commanded".into(), author: "mari".into(), ..expected.origin },
        ..expected
    };
    let mut tx = app.context.store().begin().await.unwrap();
    tx.set_expectation(&expected).await.unwrap();
    tx.commit().await.unwrap();
    app.changes().await;
    app.cloud().faults(serde_json::json!([{"kind": "reset"}])).await;
    let request =
        tenantd::model::job::Request { subject: Some("sim/tenant-001".into()), ..app.request("detect_drift") };
    app.deliver(request).await;
    assert_snapshot!(app.changes().await, @r#"
    + findings change=limit expected=10 field=limit last_seen_at=T+2 object=vcpu object_name=vcpu observed=46 opened_at=T+2 resource_type=quotas severity=warning source=commanded state=open tenant=tenant-001
    + jobs attempt=1 cloud=sim kind=detect_drift not_before=T+1 outcome=succeeded params={} source=test state=succeeded subject=sim/tenant-001 tenant=tenant-001
    + life after={"expected":10,"observed":46,"severity":"warning"} at=T+2 finding=<finding> job=<job> snapshot=<snapshot> step=opened
    + outbox events drift.quotas.opened
    + outbox events job.detect_drift.succeeded
    "#);
    app.deliver(app.request("detect_drift")).await;
    assert_snapshot!(app.changes_in(&DRIFT).await, @"
    + jobs attempt=1 kind=detect_drift not_before=T+2 outcome=unchanged params={} source=test state=succeeded
    + outbox events job.detect_drift.unchanged
    ");
}

async fn events_are_cloudevents(database: Database) {
    let app = TestApp::start(&database).await;
    app.run("pull_quotas", "tenant-001", none()).await;
    app.cloud().limit_cores("tenant-001", 50).await;
    app.run("pull_quotas", "tenant-001", none()).await;
    let outbox = app.context.store().outgoing(100).await.unwrap();
    for message in &outbox {
        let event: serde_json::Value = serde_json::from_slice(&message.body).unwrap();
        assert_eq!(message.content_type, "application/cloudevents+json; charset=utf-8");
        assert_eq!(message.exchange, "events");
        assert_eq!(event["type"], format!("tenantd.{}", message.routing_key));
        assert_eq!((&event["specversion"], &event["source"]), (&"1.0".into(), &"/tenantd/test".into()));
        assert_eq!(event["id"], message.id.to_string());
    }
    let opened = outbox.iter().find(|message| message.routing_key == "drift.quotas.opened").unwrap();
    let event: serde_json::Value = serde_json::from_slice(&opened.body).unwrap();
    assert_eq!(event["subject"], app.cloud().project("tenant-001").await);
    let data = &event["data"];
    assert_eq!((&data["object"], &data["expected"], &data["observed"]), (&"vcpu".into(), &46.into(), &50.into()));
    assert_eq!((&data["cloud"], &data["severity"]), (&"sim".into(), &"warning".into()));
}

/// The id of the standing finding about `object`.
async fn finding(app: &TestApp, object: &str) -> Uuid {
    let standing = app.context.store().findings(Filter::default()).await.unwrap();
    standing.iter().find(|listed| listed.finding.object == object).unwrap().finding.id
}
