//! A tenant that somebody takes out of the records, and what must not bring it back.

use insta::assert_snapshot;
use serde_json::json;
use tenantd::jobs::runner::Ended;
use tenantd::model::job::{Outcome, Request};
use tenantd::model::{Body, Observation, ResourceType};

use crate::support::app::none;
use crate::support::{Database, Setup, TestApp, on_both_databases, rows};

on_both_databases!(
    a_tenant_goes_with_all_that_hangs_off_it,
    nothing_brings_it_back_but_a_person,
    a_late_look_is_left_out
);

async fn a_tenant_goes_with_all_that_hangs_off_it(database: Database) {
    let app = TestApp::start(&database).await;
    app.run("pull", "tenant-001", none()).await;
    app.cloud().limit_cores("tenant-001", 50).await;
    app.run("pull_quotas", "tenant-001", none()).await;
    let tenant = app.tenant("tenant-001").await;
    let waiting = Request {
        subject: Some(tenant.uuid.to_string()),
        not_before: app.context.clock().now() + chrono::Duration::hours(1),
        ..app.request("pull_quotas")
    };
    let mut tx = app.context.store().begin().await.unwrap();
    tx.insert_job(&waiting, Some(tenant.uuid)).await.unwrap();
    tx.commit().await.unwrap();
    app.changes().await;

    let ended = app.run("unlink_tenant", "tenant-001", none()).await;
    assert_eq!(ended, Ended::Done { outcome: Outcome::Succeeded, left_out: None });
    assert_snapshot!(app.changes().await, @r#"
    + jobs attempt=1 cloud=sim kind=unlink_tenant not_before=T+2 outcome=succeeded params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + leases expires_at=T+3 name=tenant/tenant-001 token=1
    + outbox events drift.quotas.resolved
    + outbox events job.pull_quotas.cancelled
    + outbox events job.unlink_tenant.succeeded
    + outbox events tenant.unlinked
    + unlinked author=test backend_id=tenant-001 cloud=sim name=tenant-001 unlinked_at=T+3
    - expectations author=first observation body=[1 network, 1 subnet, 1 router] resource_type=networks set_at=T+1 source=accepted tenant=tenant-001
    - expectations author=first observation body=[1 snapshot, 1 GiB] resource_type=volume_snapshots set_at=T+1 source=accepted tenant=tenant-001
    - expectations author=first observation body=[15 quotas, vcpu 46] resource_type=quotas set_at=T+1 source=accepted tenant=tenant-001
    - expectations author=first observation body=[2 instances, 2 active] resource_type=instances set_at=T+1 source=accepted tenant=tenant-001
    - expectations author=first observation body=[2 ports, 0 unused] resource_type=ports set_at=T+1 source=accepted tenant=tenant-001
    - expectations author=first observation body=[2 volumes, 3 GiB] resource_type=volumes set_at=T+1 source=accepted tenant=tenant-001
    - expectations author=first observation body=[3 addresses] resource_type=floating_ips set_at=T+1 source=accepted tenant=tenant-001
    - expectations author=first observation body=[default with 4 rules, tenant-001-sg0 with 3 rules, tenant-001-sg1 with 3 rules, tenant-001-sg2 with 3 rules] resource_type=security_groups set_at=T+1 source=accepted tenant=tenant-001
    - expectations author=first observation body=[tenant-001-group0, tenant-001-group1] resource_type=server_groups set_at=T+1 source=accepted tenant=tenant-001
    - findings change=limit expected=46 field=limit last_seen_at=T+2 object=vcpu object_name=vcpu observed=50 opened_at=T+2 resource_type=quotas severity=warning source=accepted state=open tenant=tenant-001
    - life after={"expected":46,"observed":50,"severity":"warning"} at=T+2 finding=<finding> job=<job> observed_at=T+2 request_ids=nova snapshot=<snapshot> step=opened
    - resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=floating_ips snapshot=<snapshot> tenant=tenant-001
    - resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=instances snapshot=<snapshot> tenant=tenant-001
    - resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=networks snapshot=<snapshot> tenant=tenant-001
    - resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=ports snapshot=<snapshot> tenant=tenant-001
    - resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=security_groups snapshot=<snapshot> tenant=tenant-001
    - resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=server_groups snapshot=<snapshot> tenant=tenant-001
    - resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=volume_snapshots snapshot=<snapshot> tenant=tenant-001
    - resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=volumes snapshot=<snapshot> tenant=tenant-001
    - resources last_attempt_at=T+2 last_success_at=T+2 observed_at=T+2 resource_type=quotas snapshot=<snapshot> tenant=tenant-001
    - snapshots body=[1 network, 1 subnet, 1 router] first_seen_at=T+1 last_seen_at=T+1 resource_type=networks tenant=tenant-001
    - snapshots body=[1 snapshot, 1 GiB] first_seen_at=T+1 last_seen_at=T+1 resource_type=volume_snapshots tenant=tenant-001
    - snapshots body=[15 quotas, vcpu 46] first_seen_at=T+1 last_seen_at=T+1 resource_type=quotas tenant=tenant-001
    - snapshots body=[15 quotas, vcpu 50] first_seen_at=T+2 last_seen_at=T+2 resource_type=quotas tenant=tenant-001
    - snapshots body=[2 instances, 2 active] first_seen_at=T+1 last_seen_at=T+1 resource_type=instances tenant=tenant-001
    - snapshots body=[2 ports, 0 unused] first_seen_at=T+1 last_seen_at=T+1 resource_type=ports tenant=tenant-001
    - snapshots body=[2 volumes, 3 GiB] first_seen_at=T+1 last_seen_at=T+1 resource_type=volumes tenant=tenant-001
    - snapshots body=[3 addresses] first_seen_at=T+1 last_seen_at=T+1 resource_type=floating_ips tenant=tenant-001
    - snapshots body=[default with 4 rules, tenant-001-sg0 with 3 rules, tenant-001-sg1 with 3 rules, tenant-001-sg2 with 3 rules] first_seen_at=T+1 last_seen_at=T+1 resource_type=security_groups tenant=tenant-001
    - snapshots body=[tenant-001-group0, tenant-001-group1] first_seen_at=T+1 last_seen_at=T+1 resource_type=server_groups tenant=tenant-001
    - tenants backend_id=tenant-001 cloud=sim created_at=T+1 enabled=true name=tenant-001 state=OK tags=tenant, tier-2
    ~ jobs <job>: error null → its tenant was unlinked, outcome null → cancelled, reason null → cancelled, state queued → cancelled
    "#);
    let left = rows::all(&database).await;
    let tables = ["tenants", "snapshots", "resources", "expectations", "findings", "suspicions"];
    let of_a_tenant = left.keys().filter(|(table, _)| tables.contains(&table.as_str())).count();
    assert_eq!(of_a_tenant, 0);
}

async fn nothing_brings_it_back_but_a_person(database: Database) {
    let app = TestApp::with(&database, Setup { tenants: 1, ..Setup::default() }).await;
    app.run_for_cloud("pull_tenants", "sim").await;
    let project = app.cloud().project("tenant-001").await;
    app.run("unlink_tenant", "tenant-001", none()).await;
    app.changes().await;

    app.run_for_cloud("pull_tenants", "sim").await;
    app.run_for_cloud("pull", "sim").await;
    let dead = app.run("pull_quotas", "tenant-001", none()).await;
    let Ended::Dead { reason, error } = dead else { panic!("{dead:?}") };
    assert_eq!(reason, "unknown_tenant");
    assert!(error.contains("test unlinked it on 2026-01-01") && error.contains("tenants add"), "{error}");
    assert_eq!(app.changes_in(&["tenants", "unlinked"]).await, "");

    let mut tx = app.context.store().begin().await.unwrap();
    assert!(tx.relink("sim", &project).await.unwrap());
    tx.commit().await.unwrap();
    app.run_for_cloud("pull_tenants", "sim").await;
    assert_eq!(app.tenant("tenant-001").await.backend_id, project);
}

/// A look that began before and ends after finds nobody to record it for.
async fn a_late_look_is_left_out(database: Database) {
    let app = TestApp::start(&database).await;
    app.run("pull", "tenant-001", none()).await;
    let tenant = app.tenant("tenant-001").await;
    let body = Body::from_json(ResourceType::Quotas, &json!({ "vcpu": { "limit": 1, "usage": 0 } })).unwrap();
    app.run("unlink_tenant", "tenant-001", none()).await;
    app.changes().await;
    let observation = Observation::clean(app.context.clock().now(), body);
    app.observe(&tenant, observation).await;
    assert_eq!(app.changes().await, "");
}
