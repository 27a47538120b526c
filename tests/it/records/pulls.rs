//! Pulls of an untouched cloud: the first accepts what is there, the second changes nothing.

use insta::assert_snapshot;
use tenantd::jobs::runner::Ended;
use tenantd::model::job::Outcome;

use crate::support::app::none;
use crate::support::{Database, Login, Setup, TestApp, on_both_databases, rows};

on_both_databases!(
    a_first_pull_accepts_what_is_there,
    every_kind_of_pull_repeated_changes_nothing,
    a_pull_for_a_cloud_reads_every_tenant,
    a_job_for_everything_fans_out_to_the_clouds,
    sizes_are_summed_up_when_asked_for,
);

const PULLS: [&str; 8] = [
    "pull",
    "pull_quotas",
    "pull_security_groups",
    "pull_floating_ips",
    "pull_server_groups",
    "pull_networks",
    "pull_instances",
    "pull_volumes",
];

async fn a_first_pull_accepts_what_is_there(database: Database) {
    let app = TestApp::start(&database).await;
    app.run("pull", "tenant-001", none()).await;
    assert_snapshot!(app.changes().await, @"
    + expectations author=first observation body=[1 network, 1 subnet, 1 router] resource_type=networks set_at=T+1 source=accepted tenant=tenant-001
    + expectations author=first observation body=[1 snapshot, 1 GiB] resource_type=volume_snapshots set_at=T+1 source=accepted tenant=tenant-001
    + expectations author=first observation body=[15 quotas, vcpu 46] resource_type=quotas set_at=T+1 source=accepted tenant=tenant-001
    + expectations author=first observation body=[2 instances, 2 active] resource_type=instances set_at=T+1 source=accepted tenant=tenant-001
    + expectations author=first observation body=[2 ports, 0 unused] resource_type=ports set_at=T+1 source=accepted tenant=tenant-001
    + expectations author=first observation body=[2 volumes, 3 GiB] resource_type=volumes set_at=T+1 source=accepted tenant=tenant-001
    + expectations author=first observation body=[3 addresses] resource_type=floating_ips set_at=T+1 source=accepted tenant=tenant-001
    + expectations author=first observation body=[default with 4 rules, tenant-001-sg0 with 3 rules, tenant-001-sg1 with 3 rules, tenant-001-sg2 with 3 rules] resource_type=security_groups set_at=T+1 source=accepted tenant=tenant-001
    + expectations author=first observation body=[tenant-001-group0, tenant-001-group1] resource_type=server_groups set_at=T+1 source=accepted tenant=tenant-001
    + jobs attempt=1 cloud=sim kind=pull not_before=T+0 outcome=succeeded params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + outbox events job.pull.succeeded
    + outbox events snapshot.floating_ips.changed
    + outbox events snapshot.instances.changed
    + outbox events snapshot.networks.changed
    + outbox events snapshot.ports.changed
    + outbox events snapshot.quotas.changed
    + outbox events snapshot.security_groups.changed
    + outbox events snapshot.server_groups.changed
    + outbox events snapshot.volume_snapshots.changed
    + outbox events snapshot.volumes.changed
    + outbox events tenant.discovered
    + resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=floating_ips snapshot=<snapshot> tenant=tenant-001
    + resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=instances snapshot=<snapshot> tenant=tenant-001
    + resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=networks snapshot=<snapshot> tenant=tenant-001
    + resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=ports snapshot=<snapshot> tenant=tenant-001
    + resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=quotas snapshot=<snapshot> tenant=tenant-001
    + resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=security_groups snapshot=<snapshot> tenant=tenant-001
    + resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=server_groups snapshot=<snapshot> tenant=tenant-001
    + resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=volume_snapshots snapshot=<snapshot> tenant=tenant-001
    + resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=volumes snapshot=<snapshot> tenant=tenant-001
    + snapshots body=[1 network, 1 subnet, 1 router] first_seen_at=T+1 last_seen_at=T+1 resource_type=networks tenant=tenant-001
    + snapshots body=[1 snapshot, 1 GiB] first_seen_at=T+1 last_seen_at=T+1 resource_type=volume_snapshots tenant=tenant-001
    + snapshots body=[15 quotas, vcpu 46] first_seen_at=T+1 last_seen_at=T+1 resource_type=quotas tenant=tenant-001
    + snapshots body=[2 instances, 2 active] first_seen_at=T+1 last_seen_at=T+1 resource_type=instances tenant=tenant-001
    + snapshots body=[2 ports, 0 unused] first_seen_at=T+1 last_seen_at=T+1 resource_type=ports tenant=tenant-001
    + snapshots body=[2 volumes, 3 GiB] first_seen_at=T+1 last_seen_at=T+1 resource_type=volumes tenant=tenant-001
    + snapshots body=[3 addresses] first_seen_at=T+1 last_seen_at=T+1 resource_type=floating_ips tenant=tenant-001
    + snapshots body=[default with 4 rules, tenant-001-sg0 with 3 rules, tenant-001-sg1 with 3 rules, tenant-001-sg2 with 3 rules] first_seen_at=T+1 last_seen_at=T+1 resource_type=security_groups tenant=tenant-001
    + snapshots body=[tenant-001-group0, tenant-001-group1] first_seen_at=T+1 last_seen_at=T+1 resource_type=server_groups tenant=tenant-001
    + tenants backend_id=tenant-001 cloud=sim created_at=T+1 enabled=true name=tenant-001 state=OK tags=tenant, tier-2
    ");
    app.run("pull", "tenant-001", none()).await;
    assert_snapshot!(app.changes().await, @"
    + jobs attempt=1 cloud=sim kind=pull not_before=T+1 outcome=unchanged params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + outbox events job.pull.unchanged
    ~ resources tenant-001/floating_ips: last_attempt_at T+1 → T+2, last_success_at T+1 → T+2, observed_at T+1 → T+2
    ~ resources tenant-001/instances: last_attempt_at T+1 → T+2, last_success_at T+1 → T+2, observed_at T+1 → T+2
    ~ resources tenant-001/networks: last_attempt_at T+1 → T+2, last_success_at T+1 → T+2, observed_at T+1 → T+2
    ~ resources tenant-001/ports: last_attempt_at T+1 → T+2, last_success_at T+1 → T+2, observed_at T+1 → T+2
    ~ resources tenant-001/quotas: last_attempt_at T+1 → T+2, last_success_at T+1 → T+2, observed_at T+1 → T+2
    ~ resources tenant-001/security_groups: last_attempt_at T+1 → T+2, last_success_at T+1 → T+2, observed_at T+1 → T+2
    ~ resources tenant-001/server_groups: last_attempt_at T+1 → T+2, last_success_at T+1 → T+2, observed_at T+1 → T+2
    ~ resources tenant-001/volume_snapshots: last_attempt_at T+1 → T+2, last_success_at T+1 → T+2, observed_at T+1 → T+2
    ~ resources tenant-001/volumes: last_attempt_at T+1 → T+2, last_success_at T+1 → T+2, observed_at T+1 → T+2
    ~ snapshots <snapshot>: last_seen_at T+1 → T+2
    ~ snapshots <snapshot>: last_seen_at T+1 → T+2
    ~ snapshots <snapshot>: last_seen_at T+1 → T+2
    ~ snapshots <snapshot>: last_seen_at T+1 → T+2
    ~ snapshots <snapshot>: last_seen_at T+1 → T+2
    ~ snapshots <snapshot>: last_seen_at T+1 → T+2
    ~ snapshots <snapshot>: last_seen_at T+1 → T+2
    ~ snapshots <snapshot>: last_seen_at T+1 → T+2
    ~ snapshots <snapshot>: last_seen_at T+1 → T+2
    ");
}

async fn every_kind_of_pull_repeated_changes_nothing(database: Database) {
    let app = TestApp::start(&database).await;
    app.run_for_cloud("pull_tenants", "sim").await;
    for kind in PULLS {
        app.run(kind, "tenant-001", none()).await;
        app.run_for_cloud(kind, "sim").await;
    }
    app.changes().await;
    let before = rows::all(&database).await;
    for kind in PULLS {
        let unchanged = Ended::Done { outcome: Outcome::Unchanged, left_out: None };
        assert_eq!(app.run(kind, "tenant-001", none()).await, unchanged, "{kind}");
        assert_eq!(app.run_for_cloud(kind, "sim").await, unchanged, "{kind}");
    }
    let after = rows::all(&database).await;
    for table in ["expectations", "findings", "suspicions", "tenants"] {
        let of = |rows: &rows::Rows| rows.iter().filter(|((name, _), _)| name == table).count();
        assert_eq!(of(&before), of(&after), "{table}");
        assert_eq!(app.changes_in(&[table]).await, "");
    }
    let of = |rows: &rows::Rows| rows.iter().filter(|((name, _), _)| name == "snapshots").count();
    assert_eq!((of(&before), of(&after)), (27, 27), "tenant-001, tenant-002 and admin have nine snapshots each");
}

async fn a_pull_for_a_cloud_reads_every_tenant(database: Database) {
    let app = TestApp::start(&database).await;
    app.run_for_cloud("pull_tenants", "sim").await;
    app.changes().await;
    app.run_for_cloud("pull_server_groups", "sim").await;
    assert_snapshot!(app.changes().await, @r"
    + expectations author=first observation body=[] resource_type=server_groups set_at=T+2 source=accepted tenant=admin
    + expectations author=first observation body=[tenant-001-group0, tenant-001-group1] resource_type=server_groups set_at=T+2 source=accepted tenant=tenant-001
    + expectations author=first observation body=[tenant-002-group0, tenant-002-group1] resource_type=server_groups set_at=T+2 source=accepted tenant=tenant-002
    + jobs attempt=1 cloud=sim kind=pull_server_groups not_before=T+1 outcome=succeeded params={} source=test state=succeeded
    + outbox events job.pull_server_groups.succeeded
    + outbox events snapshot.server_groups.changed
    + outbox events snapshot.server_groups.changed
    + outbox events snapshot.server_groups.changed
    + resources last_attempt_at=T+2 last_success_at=T+2 observed_at=T+2 resource_type=server_groups snapshot=<snapshot> tenant=admin
    + resources last_attempt_at=T+2 last_success_at=T+2 observed_at=T+2 resource_type=server_groups snapshot=<snapshot> tenant=tenant-001
    + resources last_attempt_at=T+2 last_success_at=T+2 observed_at=T+2 resource_type=server_groups snapshot=<snapshot> tenant=tenant-002
    + snapshots body=[] first_seen_at=T+2 last_seen_at=T+2 resource_type=server_groups tenant=admin
    + snapshots body=[tenant-001-group0, tenant-001-group1] first_seen_at=T+2 last_seen_at=T+2 resource_type=server_groups tenant=tenant-001
    + snapshots body=[tenant-002-group0, tenant-002-group1] first_seen_at=T+2 last_seen_at=T+2 resource_type=server_groups tenant=tenant-002
    ");
}

async fn a_job_for_everything_fans_out_to_the_clouds(database: Database) {
    let clouds = vec![("east", Login::Entry("sim"), 1), ("west", Login::Entry("sim"), 2)];
    let app = TestApp::with(&database, Setup { tenants: 1, clouds, ..Setup::default() }).await;
    app.deliver(app.request("pull_tenants")).await;
    assert_snapshot!(app.changes().await, @"
    + jobs attempt=1 kind=pull_tenants not_before=T+0 outcome=succeeded params={} source=test state=succeeded
    + jobs cloud=east kind=pull_tenants not_before=T+0 params={} source=test state=queued
    + jobs cloud=west kind=pull_tenants not_before=T+0 params={} source=test state=queued
    + outbox events job.pull_tenants.succeeded
    ");
    app.run_waiting().await;
    assert_snapshot!(app.changes().await, @"
    + outbox events job.pull_tenants.succeeded
    + outbox events job.pull_tenants.succeeded
    + outbox events tenant.discovered
    + outbox events tenant.discovered
    + outbox events tenant.discovered
    + outbox events tenant.discovered
    + tenants backend_id=admin cloud=east created_at=T+2 domain_name=Default enabled=true name=admin state=OK
    + tenants backend_id=admin cloud=west created_at=T+3 domain_name=Default enabled=true name=admin state=OK
    + tenants backend_id=tenant-001 cloud=east created_at=T+2 domain_name=Default enabled=true name=tenant-001 state=OK tags=tenant, tier-2
    + tenants backend_id=tenant-001 cloud=west created_at=T+3 domain_name=Default enabled=true name=tenant-001 state=OK tags=tenant, tier-2
    ~ jobs <job>: attempt 0 → 1, outcome null → succeeded, state queued → succeeded
    ~ jobs <job>: attempt 0 → 1, outcome null → succeeded, state queued → succeeded
    ");
}

async fn sizes_are_summed_up_when_asked_for(database: Database) {
    let app = TestApp::start(&database).await;
    app.run("pull_quotas", "tenant-001", serde_json::json!({"sizes": true})).await;
    let rows = rows::all(&database).await;
    let snapshot = rows.iter().find(|((table, _), _)| table == "snapshots").unwrap().1;
    let body = &snapshot["body"];
    assert!(body["volumes_size"]["usage"].as_u64().unwrap() > 0, "{body}");
    assert!(body["volumes_size"].get("limit").is_none(), "no service limits it: {body}");
    app.run("pull_quotas", "tenant-001", none()).await;
    assert_snapshot!(app.changes_in(&["findings", "suspicions", "dead_letters"]).await, @"");
}
