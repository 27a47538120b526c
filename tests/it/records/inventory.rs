//! Networks, ports, instances, volumes and snapshots: recorded, followed, and never changed.

use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};
use tenantd::drift::rules::{Mode, Rules};
use tenantd::jobs::runner::Ended;
use tenantd::model::job::Outcome;
use tenantd::model::{Body, ResourceType};

use super::DRIFT;
use crate::support::app::none;
use crate::support::{Database, Setup, TestApp, on_both_databases, rows};

on_both_databases!(
    networks_come_with_subnets_routers_and_ports,
    volumes_come_with_snapshots,
    one_tenant_and_the_whole_cloud_show_the_same,
    a_subnet_that_an_administrator_makes_is_followed,
    an_instance_and_its_port_are_gone_at_the_second_look,
    a_volume_that_grows_can_be_announced,
    nothing_of_it_is_reconciled,
);

const PULLS: [&str; 3] = ["pull_networks", "pull_instances", "pull_volumes"];

fn guarding() -> Setup {
    Setup { rules: Rules { modes: [Mode::Guard; ResourceType::ALL.len()], ..Rules::default() }, ..Setup::default() }
}

/// The first object of a tenant in a listing.
async fn first(app: &TestApp, path: &str, key: &str, tenant: &str) -> Value {
    let project = app.cloud().project(tenant).await;
    let listed = app.cloud().admin(Method::GET, &format!("{path}project_id={project}"), None).await;
    listed[key][0].clone()
}

/// What is known of a resource type.
async fn known(app: &TestApp, tenant: &str, resource_type: ResourceType) -> Body {
    let (store, tenant) = (app.context.store(), app.tenant(tenant).await);
    let statuses = store.statuses(tenant.uuid).await.unwrap();
    let status = statuses.iter().find(|status| status.resource_type == resource_type).unwrap();
    store.snapshot(status.snapshot.unwrap()).await.unwrap().unwrap().body
}

async fn networks_come_with_subnets_routers_and_ports(database: Database) {
    let app = TestApp::start(&database).await;
    app.run("pull_networks", "tenant-001", none()).await;
    assert_snapshot!(app.changes().await, @"
    + expectations author=first observation body=[1 network, 1 subnet, 1 router] resource_type=networks set_at=T+1 source=accepted tenant=tenant-001
    + expectations author=first observation body=[2 ports, 0 unused] resource_type=ports set_at=T+1 source=accepted tenant=tenant-001
    + jobs attempt=1 cloud=sim kind=pull_networks not_before=T+0 outcome=succeeded params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + outbox events job.pull_networks.succeeded
    + outbox events snapshot.networks.changed
    + outbox events snapshot.ports.changed
    + outbox events tenant.discovered
    + resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=networks snapshot=<snapshot> tenant=tenant-001
    + resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=ports snapshot=<snapshot> tenant=tenant-001
    + snapshots body=[1 network, 1 subnet, 1 router] first_seen_at=T+1 last_seen_at=T+1 resource_type=networks tenant=tenant-001
    + snapshots body=[2 ports, 0 unused] first_seen_at=T+1 last_seen_at=T+1 resource_type=ports tenant=tenant-001
    + tenants backend_id=tenant-001 cloud=sim created_at=T+1 enabled=true name=tenant-001 state=OK tags=tenant, tier-2
    ");
    assert_eq!(
        app.run("pull_networks", "tenant-001", none()).await,
        Ended::Done { outcome: Outcome::Unchanged, left_out: None }
    );
    let Body::Networks(parts) = known(&app, "tenant-001", ResourceType::Networks).await else { panic!() };
    let network = parts.iter().find_map(|part| part.network()).unwrap();
    let subnets: Vec<&str> = network.subnets.iter().map(|subnet| subnet.cidr.as_str()).collect();
    assert_eq!((parts.len(), network.name.as_str(), subnets), (2, "tenant-001-net", vec!["10.10.0.0/24"]));
}

async fn volumes_come_with_snapshots(database: Database) {
    let app = TestApp::start(&database).await;
    app.run("pull_volumes", "tenant-001", none()).await;
    app.run("pull_instances", "tenant-001", none()).await;
    assert_snapshot!(app.changes_in(&["resources", "snapshots"]).await, @"
    + resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=volume_snapshots snapshot=<snapshot> tenant=tenant-001
    + resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=volumes snapshot=<snapshot> tenant=tenant-001
    + resources last_attempt_at=T+2 last_success_at=T+2 observed_at=T+2 resource_type=instances snapshot=<snapshot> tenant=tenant-001
    + snapshots body=[1 snapshot, 1 GiB] first_seen_at=T+1 last_seen_at=T+1 resource_type=volume_snapshots tenant=tenant-001
    + snapshots body=[2 instances, 2 active] first_seen_at=T+2 last_seen_at=T+2 resource_type=instances tenant=tenant-001
    + snapshots body=[2 volumes, 3 GiB] first_seen_at=T+1 last_seen_at=T+1 resource_type=volumes tenant=tenant-001
    ");
    // One of two listings that fails costs nothing but its own.
    app.cloud()
        .faults(json!([{"kind": "status", "status": 503, "path_prefix": "/volume/v3", "method": "GET", "count": 1}]))
        .await;
    app.run("pull_volumes", "tenant-001", none()).await;
    let failed = app.changes_in(&["resources"]).await;
    assert_eq!(failed.matches("error_reason null → unavailable").count(), 1, "{failed}");
}

async fn one_tenant_and_the_whole_cloud_show_the_same(database: Database) {
    let setup = Setup { tenants: 3, page_size: Some(5), ..Setup::default() };
    let app = TestApp::with(&database, setup).await;
    let done = |outcome| Ended::Done { outcome, left_out: None };
    assert_eq!(app.run_for_cloud("pull_tenants", "sim").await, done(Outcome::Succeeded));
    for kind in PULLS {
        assert_eq!(app.run(kind, "tenant-001", none()).await, done(Outcome::Succeeded), "{kind}");
        assert_eq!(app.run_for_cloud(kind, "sim").await, done(Outcome::Succeeded), "{kind}");
        assert_eq!(app.run(kind, "tenant-002", none()).await, done(Outcome::Unchanged), "{kind}");
        assert_eq!(app.run_for_cloud(kind, "sim").await, done(Outcome::Unchanged), "{kind}");
    }
    let rows = rows::all(&database).await;
    let snapshots = rows.keys().filter(|(table, _)| table == "snapshots").count();
    assert_eq!(snapshots, 4 * 5, "three tenants and admin have one of each of five");
}

async fn a_subnet_that_an_administrator_makes_is_followed(database: Database) {
    let app = TestApp::start(&database).await;
    app.run_for_cloud("pull_tenants", "sim").await;
    app.run_for_cloud("pull_networks", "sim").await;
    app.changes().await;
    let network = first(&app, "/network/v2.0/networks?", "networks", "tenant-001").await["id"].clone();
    let asked = json!({"subnet": {"network_id": network, "name": "by-hand", "cidr": "10.99.0.0/24", "ip_version": 4}});
    let subnet = app.cloud().admin(Method::POST, "/network/v2.0/subnets", Some(asked)).await["subnet"].clone();
    assert_ne!(subnet["project_id"], app.cloud().project("tenant-001").await);
    for _ in 0..2 {
        app.run("pull_networks", "tenant-001", none()).await;
        app.run_for_cloud("pull_networks", "sim").await;
    }
    assert_snapshot!(app.changes_in(&["expectations", "snapshots", "suspicions", "findings"]).await, @"
    + snapshots body=[1 network, 2 subnets, 1 router] first_seen_at=T+3 last_seen_at=T+6 resource_type=networks tenant=tenant-001
    ~ expectations tenant-001/networks: author first observation → followed, body [1 network, 1 subnet, 1 router] → [1 network, 2 subnets, 1 router], set_at T+2 → T+3
    ~ snapshots <snapshot>: last_seen_at T+2 → T+6
    ~ snapshots <snapshot>: last_seen_at T+2 → T+6
    ~ snapshots <snapshot>: last_seen_at T+2 → T+6
    ~ snapshots <snapshot>: last_seen_at T+2 → T+6
    ~ snapshots <snapshot>: last_seen_at T+2 → T+6
    ");
}

async fn an_instance_and_its_port_are_gone_at_the_second_look(database: Database) {
    let app = TestApp::with(&database, guarding()).await;
    for kind in PULLS {
        app.run(kind, "tenant-001", none()).await;
    }
    app.changes().await;
    let server =
        first(&app, "/compute/v2.1/servers/detail?all_tenants=1&", "servers", "tenant-001").await["id"].clone();
    let path = format!("/compute/v2.1/servers/{}", server.as_str().unwrap());
    app.cloud().admin(Method::DELETE, &path, None).await;
    for kind in PULLS {
        app.run(kind, "tenant-001", none()).await;
    }
    assert_snapshot!(app.changes_in(&DRIFT).await, @r#"
    + jobs attempt=1 cloud=sim kind=pull_instances not_before=T+4 outcome=succeeded params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + jobs attempt=1 cloud=sim kind=pull_networks not_before=T+3 outcome=succeeded params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + jobs attempt=1 cloud=sim kind=pull_volumes not_before=T+5 outcome=unchanged params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + jobs cloud=sim kind=pull_instances not_before=T+65 params={} source=look-again state=queued subject=tenant-001 tenant=tenant-001
    + jobs cloud=sim kind=pull_networks not_before=T+64 params={} source=look-again state=queued subject=tenant-001 tenant=tenant-001
    + outbox events job.pull_instances.succeeded
    + outbox events job.pull_networks.succeeded
    + outbox events job.pull_volumes.unchanged
    + outbox events snapshot.instances.changed
    + outbox events snapshot.ports.changed
    + suspicions change=removed count=1 counted_at=T+4 expected={"device_id":"<id>","device_owner":"compute:nova","fixed_ips":["10.10.0.11"],"name":"tenant-001-port1"} field=existence object=<id> object_name=tenant-001-port1 resource_type=ports since=T+4 tenant=tenant-001
    + suspicions change=removed count=1 counted_at=T+5 expected={"addresses":["tenant-001-net 10.10.0.11"],"flavor":"m1.small, 1 vCPU, 2048 MiB, 20 GiB","name":"tenant-001-server1"} field=existence object=<id> object_name=tenant-001-server1 resource_type=instances since=T+5 tenant=tenant-001
    "#);
    app.advance(60);
    app.run_waiting().await;
    assert_snapshot!(app.changes_in(&DRIFT).await, @r#"
    + findings change=removed expected={"addresses":["tenant-001-net 10.10.0.11"],"flavor":"m1.small, 1 vCPU, 2048 MiB, 20 GiB","name":"tenant-001-server1"} field=existence last_seen_at=T+68 object=<id> object_name=tenant-001-server1 opened_at=T+68 resource_type=instances severity=warning source=accepted state=open tenant=tenant-001
    + findings change=removed expected={"device_id":"<id>","device_owner":"compute:nova","fixed_ips":["10.10.0.11"],"name":"tenant-001-port1"} field=existence last_seen_at=T+67 object=<id> object_name=tenant-001-port1 opened_at=T+67 resource_type=ports severity=warning source=accepted state=open tenant=tenant-001
    + outbox events drift.instances.opened
    + outbox events drift.ports.opened
    + outbox events job.pull_instances.succeeded
    + outbox events job.pull_networks.succeeded
    - suspicions change=removed count=1 counted_at=T+4 expected={"device_id":"<id>","device_owner":"compute:nova","fixed_ips":["10.10.0.11"],"name":"tenant-001-port1"} field=existence object=<id> object_name=tenant-001-port1 resource_type=ports since=T+4 tenant=tenant-001
    - suspicions change=removed count=1 counted_at=T+5 expected={"addresses":["tenant-001-net 10.10.0.11"],"flavor":"m1.small, 1 vCPU, 2048 MiB, 20 GiB","name":"tenant-001-server1"} field=existence object=<id> object_name=tenant-001-server1 resource_type=instances since=T+5 tenant=tenant-001
    ~ jobs <job>: attempt 0 → 1, outcome null → succeeded, state queued → succeeded
    ~ jobs <job>: attempt 0 → 1, outcome null → succeeded, state queued → succeeded
    "#);
}

async fn a_volume_that_grows_can_be_announced(database: Database) {
    let app = TestApp::with(&database, guarding()).await;
    app.run("pull_volumes", "tenant-001", none()).await;
    let wrong = json!({"resource_type": "volumes", "values": {"tenant-001-volume1": {"status": "error"}}});
    let refused = app.run("expect", "tenant-001", wrong).await;
    assert!(
        matches!(&refused, Ended::Dead { error, .. } if error.contains("`status` is no field that is compared; there are name, description, size_gib")),
        "{refused:?}"
    );
    let grown = json!({"resource_type": "volumes", "values": {"tenant-001-volume1": {"size_gib": 9}, "new": {}}});
    let taken = app.run("expect", "tenant-001", grown).await;
    assert!(matches!(taken, Ended::Done { .. }), "{taken:?}");
    app.changes().await;
    app.advance(600);
    app.run_waiting().await;
    assert_snapshot!(app.changes_in(&["findings"]).await, @"+ findings change=changed expected=9 field=size_gib last_seen_at=T+604 object=<id> object_name=tenant-001-volume1 observed=1 opened_at=T+604 resource_type=volumes severity=warning source=commanded state=open tenant=tenant-001");
}

async fn nothing_of_it_is_reconciled(database: Database) {
    let app = TestApp::writing(&database, &["reconcile"]).await;
    let refused = app.run("reconcile", "tenant-001", json!({"resource_types": ["quotas", "ports"]})).await;
    let Ended::Dead { error, .. } = refused else { panic!("{refused:?}") };
    assert_snapshot!(error, @"params: resource_types: ports are read and compared, and never changed; what can be reconciled: quotas, security_groups, floating_ips, server_groups");
}
