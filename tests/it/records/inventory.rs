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
    let listed = app.cloud().admin(Method::GET, &format!("{path}?all_tenants=1&project_id={project}"), None).await;
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
    assert_snapshot!(app.changes().await, @"");
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
    assert_snapshot!(app.changes_in(&["resources", "snapshots"]).await, @"");
    // One of two listings that fails costs nothing but its own.
    app.cloud()
        .faults(json!([{"kind": "status", "status": 503, "path_prefix": "/volume/v3", "method": "GET", "count": 1}]))
        .await;
    app.run("pull_volumes", "tenant-001", none()).await;
    let failed = app.changes_in(&["resources"]).await;
    assert_eq!(failed.matches("error_reason null → unavailable").count(), 1, "{failed}");
}

async fn one_tenant_and_the_whole_cloud_show_the_same(database: Database) {
    let setup = Setup { tenants: 3, page_size: Some(2), ..Setup::default() };
    let app = TestApp::with(&database, setup).await;
    app.run_for_cloud("pull_tenants", "sim").await;
    for kind in PULLS {
        app.run(kind, "tenant-001", none()).await;
        app.run_for_cloud(kind, "sim").await;
        app.run(kind, "tenant-002", none()).await;
        let again = app.run_for_cloud(kind, "sim").await;
        assert_eq!(again, Ended::Done { outcome: Outcome::Unchanged, left_out: None }, "{kind}");
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
    let network = first(&app, "/network/v2.0/networks", "networks", "tenant-001").await["id"].clone();
    let asked = json!({"subnet": {"network_id": network, "name": "by-hand", "cidr": "10.99.0.0/24", "ip_version": 4}});
    let subnet = app.cloud().admin(Method::POST, "/network/v2.0/subnets", Some(asked)).await["subnet"].clone();
    assert_ne!(subnet["project_id"], app.cloud().project("tenant-001").await);
    for _ in 0..2 {
        app.run("pull_networks", "tenant-001", none()).await;
        app.run_for_cloud("pull_networks", "sim").await;
    }
    assert_snapshot!(app.changes_in(&["expectations", "snapshots", "suspicions", "findings"]).await, @"");
}

async fn an_instance_and_its_port_are_gone_at_the_second_look(database: Database) {
    let app = TestApp::with(&database, guarding()).await;
    for kind in PULLS {
        app.run(kind, "tenant-001", none()).await;
    }
    app.changes().await;
    let server = first(&app, "/compute/v2.1/servers/detail", "servers", "tenant-001").await["id"].clone();
    let path = format!("/compute/v2.1/servers/{}", server.as_str().unwrap());
    app.cloud().admin(Method::DELETE, &path, None).await;
    for kind in PULLS {
        app.run(kind, "tenant-001", none()).await;
    }
    assert_snapshot!(app.changes_in(&DRIFT).await, @"");
    app.advance(60);
    app.run_waiting().await;
    assert_snapshot!(app.changes_in(&DRIFT).await, @"");
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
    assert_snapshot!(app.changes_in(&["findings"]).await, @"");
}

async fn nothing_of_it_is_reconciled(database: Database) {
    let app = TestApp::writing(&database, &["reconcile"]).await;
    let refused = app.run("reconcile", "tenant-001", json!({"resource_types": ["quotas", "ports"]})).await;
    let Ended::Dead { error, .. } = refused else { panic!("{refused:?}") };
    assert_snapshot!(error, @"");
}
