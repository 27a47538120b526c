//! Which projects become tenants, and which tenant a request means.

use insta::assert_snapshot;
use reqwest::Method;
use serde_json::json;
use tenantd::clock::Clock;
use tenantd::jobs::context::Discovery;
use tenantd::jobs::runner::Ended;
use tenantd::model::job::Request;

use crate::support::app::none;
use crate::support::{Database, Login, Setup, TestApp, on_both_databases};

on_both_databases!(
    discovery_leaves_out_heat_and_disabled_projects,
    discovery_respects_domains,
    a_tenant_that_changes_is_recorded,
    a_vanished_project_comes_back,
    a_deleted_project_is_marked,
    an_unknown_tenant_is_looked_up_and_announced,
    what_no_cloud_has_is_dead,
    a_keystone_that_is_away_is_asked_again,
    another_clouds_trouble_does_not_hide_a_tenant,
    one_id_in_two_clouds_is_ambiguous,
);

fn discovering(discovery: Discovery) -> Setup {
    Setup { discovery, ..Setup::default() }
}

fn tagged() -> Setup {
    discovering(Discovery { tags: vec!["tenant".into()], ..Discovery::default() })
}

async fn discovery_leaves_out_heat_and_disabled_projects(database: Database) {
    let app = TestApp::start(&database).await;
    app.run_for_cloud("pull_tenants", "sim").await;
    assert_snapshot!(app.changes().await, @"
    + jobs attempt=1 cloud=sim kind=pull_tenants not_before=T+0 outcome=succeeded params={} source=test state=succeeded
    + outbox events job.pull_tenants.succeeded
    + outbox events tenant.discovered
    + outbox events tenant.discovered
    + outbox events tenant.discovered
    + tenants backend_id=admin cloud=sim created_at=T+1 domain_name=Default enabled=true name=admin state=OK
    + tenants backend_id=tenant-001 cloud=sim created_at=T+1 domain_name=Default enabled=true name=tenant-001 state=OK tags=tenant, tier-2
    + tenants backend_id=tenant-002 cloud=sim created_at=T+1 domain_name=Default enabled=true name=tenant-002 state=OK tags=tenant, tier-3
    ");
    app.run_for_cloud("pull_tenants", "sim").await;
    assert_snapshot!(app.changes().await, @r"
    + jobs attempt=1 cloud=sim kind=pull_tenants not_before=T+1 outcome=unchanged params={} source=test state=succeeded
    + outbox events job.pull_tenants.unchanged
    ");
}

async fn discovery_respects_domains(database: Database) {
    let only = Discovery { domains: vec!["heat".into()], ..Discovery::default() };
    let app = TestApp::with(&database, discovering(only)).await;
    app.run_for_cloud("pull_tenants", "sim").await;
    assert_snapshot!(app.changes_in(&["tenants"]).await, @"
    + tenants backend_id=stack-users cloud=sim created_at=T+1 domain_name=heat enabled=true name=stack-users state=OK
    ");
}

async fn a_tenant_that_changes_is_recorded(database: Database) {
    let app = TestApp::with(&database, tagged()).await;
    app.run_for_cloud("pull_tenants", "sim").await;
    assert_snapshot!(app.changes_in(&["tenants"]).await, @"
    + tenants backend_id=tenant-001 cloud=sim created_at=T+1 domain_name=Default enabled=true name=tenant-001 state=OK tags=tenant, tier-2
    + tenants backend_id=tenant-002 cloud=sim created_at=T+1 domain_name=Default enabled=true name=tenant-002 state=OK tags=tenant, tier-3
    ");
    app.cloud().change_project("tenant-002", json!({"enabled": false})).await;
    app.run_for_cloud("pull_tenants", "sim").await;
    assert_snapshot!(app.changes().await, @r"
    + jobs attempt=1 cloud=sim kind=pull_tenants not_before=T+1 outcome=succeeded params={} source=test state=succeeded
    + outbox events job.pull_tenants.succeeded
    + outbox events tenant.changed
    ~ tenants tenant-002: enabled true → false
    ");
    // A disabled one is not asked about.
    app.run_for_cloud("pull_server_groups", "sim").await;
    assert_snapshot!(app.changes_in(&["snapshots"]).await, @"+ snapshots body=[tenant-001-group0, tenant-001-group1] first_seen_at=T+3 last_seen_at=T+3 resource_type=server_groups tenant=tenant-001");
}

async fn a_vanished_project_comes_back(database: Database) {
    let app = TestApp::with(&database, tagged()).await;
    app.run_for_cloud("pull_tenants", "sim").await;
    app.run("pull_server_groups", "tenant-002", none()).await;
    // Who loses the tag is still there, and so is its tenant.
    app.cloud().change_project("tenant-002", json!({"tags": []})).await;
    app.changes().await;
    app.run_for_cloud("pull_tenants", "sim").await;
    assert_snapshot!(app.changes_in(&["tenants"]).await, @"
    ~ tenants tenant-002: tags tenant, tier-3 →
    ");
    let mut tx = app.context.store().begin().await.unwrap();
    tx.mark_vanished(app.tenant("tenant-002").await.uuid, app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    app.run_for_cloud("pull_server_groups", "sim").await;
    assert_snapshot!(app.changes_in(&["tenants", "snapshots"]).await, @r"
    + snapshots body=[tenant-001-group0, tenant-001-group1] first_seen_at=T+4 last_seen_at=T+4 resource_type=server_groups tenant=tenant-001
    ~ tenants tenant-002: vanished_at null → T+3
    ");
    app.cloud().change_project("tenant-002", json!({"tags": ["tenant"]})).await;
    app.run_for_cloud("pull_tenants", "sim").await;
    assert_snapshot!(app.changes().await, @"
    + jobs attempt=1 cloud=sim kind=pull_tenants not_before=T+4 outcome=succeeded params={} source=test state=succeeded
    + outbox events job.pull_tenants.succeeded
    + outbox events tenant.changed
    ~ tenants tenant-002: tags  → tenant, vanished_at T+3 → null
    ");
}

async fn a_deleted_project_is_marked(database: Database) {
    let app = TestApp::start(&database).await;
    let project = json!({"project": {"name": "short-lived", "domain_id": "default"}});
    let made = app.cloud().admin(Method::POST, "/identity/v3/projects", Some(project)).await;
    app.run_for_cloud("pull_tenants", "sim").await;
    app.changes().await;
    let path = format!("/identity/v3/projects/{}", made["project"]["id"].as_str().unwrap());
    app.cloud().admin(Method::DELETE, &path, None).await;
    app.run_for_cloud("pull_tenants", "sim").await;
    assert_snapshot!(app.changes().await, @r"
    + jobs attempt=1 cloud=sim kind=pull_tenants not_before=T+1 outcome=succeeded params={} source=test state=succeeded
    + outbox events job.pull_tenants.succeeded
    + outbox events tenant.vanished
    ~ tenants short-lived: vanished_at null → T+2
    ");
}

async fn an_unknown_tenant_is_looked_up_and_announced(database: Database) {
    let app = TestApp::start(&database).await;
    app.run("pull_floating_ips", "tenant-001", none()).await;
    assert_snapshot!(app.changes_in(&["tenants", "outbox", "jobs"]).await, @"
    + jobs attempt=1 cloud=sim kind=pull_floating_ips not_before=T+0 outcome=succeeded params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + outbox events job.pull_floating_ips.succeeded
    + outbox events snapshot.floating_ips.changed
    + outbox events tenant.discovered
    + tenants backend_id=tenant-001 cloud=sim created_at=T+1 enabled=true name=tenant-001 state=OK tags=tenant, tier-2
    ");
    let by_name = Request { subject: Some("sim/tenant-001".into()), ..app.request("pull_floating_ips") };
    assert!(matches!(app.deliver(by_name).await, Ended::Done { .. }));
    let uuid = app.tenant("tenant-001").await.uuid;
    for form in [uuid.to_string(), uuid.simple().to_string()] {
        let by_uuid = Request { subject: Some(form), ..app.request("pull_floating_ips") };
        assert!(matches!(app.deliver(by_uuid).await, Ended::Done { .. }));
    }
    assert_eq!(app.changes_in(&["tenants"]).await, "");
}

async fn what_no_cloud_has_is_dead(database: Database) {
    let app = TestApp::start(&database).await;
    let heat = app.cloud().project("stack-users").await;
    let subjects = ["0123456789abcdef0123456789abcdef", "sim/nobody", "../etc", heat.as_str()];
    for subject in subjects {
        app.deliver(Request { subject: Some(subject.into()), ..app.request("pull_quotas") }).await;
    }
    let elsewhere = Request { cloud: Some("mars".into()), subject: Some("x".into()), ..app.request("pull_quotas") };
    app.deliver(elsewhere).await;
    assert_snapshot!(app.changes_in(&["dead_letters", "tenants"]).await, @r#"
    + dead_letters attempts=1 body={"cloud":"mars","id":"<job>","kind":"pull_quotas","params":{},"tenant":"x"} died_at=T+5 error=no cloud `mars` is configured; there is sim job=<job> kind=pull_quotas reason=unknown_cloud tenant=x
    + dead_letters attempts=1 body={"id":"<job>","kind":"pull_quotas","params":{},"tenant":"../etc"} died_at=T+3 error=no tenant `../etc`: it is neither tenantd's id, nor a project id, nor cloud/name of a tenant job=<job> kind=pull_quotas reason=unknown_tenant tenant=../etc
    + dead_letters attempts=1 body={"id":"<job>","kind":"pull_quotas","params":{},"tenant":"<id>"} died_at=T+1 error=no tenant `<id>`: no configured cloud has such a project job=<job> kind=pull_quotas reason=unknown_tenant tenant=<id>
    + dead_letters attempts=1 body={"id":"<job>","kind":"pull_quotas","params":{},"tenant":"<id>"} died_at=T+4 error=no tenant `<id>`: the project exists, but `discover` leaves it out job=<job> kind=pull_quotas reason=unknown_tenant tenant=<id>
    + dead_letters attempts=1 body={"id":"<job>","kind":"pull_quotas","params":{},"tenant":"sim/nobody"} died_at=T+2 error=no tenant `sim/nobody`: it is neither tenantd's id, nor a project id, nor cloud/name of a tenant job=<job> kind=pull_quotas reason=unknown_tenant tenant=sim/nobody
    "#);
}

async fn a_keystone_that_is_away_is_asked_again(database: Database) {
    let app = TestApp::start(&database).await;
    let subject = Some(app.cloud().project("tenant-001").await);
    app.cloud().faults(json!([{"service": "identity", "kind": "status", "status": 503, "retry_after": 5}])).await;
    let ended = app.deliver(Request { subject, ..app.request("pull_quotas") }).await;
    assert!(matches!(ended, Ended::Parked { .. }), "{ended:?}");
    app.cloud().faults(json!([])).await;
    app.advance(10);
    let ended = app.run_waiting().await;
    assert!(matches!(ended.as_slice(), [Ended::Done { .. }]), "{ended:?}");
}

async fn another_clouds_trouble_does_not_hide_a_tenant(database: Database) {
    let clouds = vec![("broken", Login::WrongPassword, 1), ("whole", Login::Entry("sim"), 2)];
    let app = TestApp::with(&database, Setup { clouds, ..Setup::default() }).await;
    let subject = Some(app.cloud_named("whole").project("tenant-001").await);
    let ended = app.deliver(Request { subject, ..app.request("pull_floating_ips") }).await;
    assert!(matches!(ended, Ended::Done { .. }), "{ended:?}");
    let nowhere = Request { subject: Some("0123".into()), ..app.request("pull_floating_ips") };
    let ended = app.deliver(nowhere).await;
    assert!(matches!(&ended, Ended::Dead { reason, .. } if reason == "unauthorised"), "{ended:?}");
}

async fn one_id_in_two_clouds_is_ambiguous(database: Database) {
    let clouds = vec![("east", Login::Entry("sim"), 1), ("west", Login::Entry("sim"), 1)];
    let app = TestApp::with(&database, Setup { clouds, ..Setup::default() }).await;
    let subject = Some(app.cloud().project("tenant-001").await);
    // Nobody knows it yet, and both clouds have it.
    let asked = Request { subject: subject.clone(), ..app.request("pull_floating_ips") };
    let ended = app.deliver(asked).await;
    assert!(matches!(&ended, Ended::Dead { reason, .. } if reason == "ambiguous_tenant"), "{ended:?}");
    for cloud in ["east", "west"] {
        let asked = Request { subject: subject.clone(), cloud: Some(cloud.into()), ..app.request("pull_floating_ips") };
        assert!(matches!(app.deliver(asked).await, Ended::Done { .. }));
    }
    app.changes().await;
    app.deliver(Request { subject, ..app.request("pull_floating_ips") }).await;
    assert_snapshot!(app.changes().await, @r#"
    + dead_letters attempts=1 body={"id":"<job>","kind":"pull_floating_ips","params":{},"tenant":"tenant-001"} died_at=T+4 error=`tenant-001` is a tenant of east and of west; say which with `cloud` job=<job> kind=pull_floating_ips reason=ambiguous_tenant tenant=tenant-001
    + jobs attempt=1 error=`tenant-001` is a tenant of east and of west; say which with `cloud` kind=pull_floating_ips not_before=T+3 outcome=failed params={} reason=ambiguous_tenant source=test state=failed subject=tenant-001
    + outbox dead pull_floating_ips
    + outbox events job.pull_floating_ips.failed
    "#);
}
