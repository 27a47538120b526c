//! Absence needs evidence: thin, partial and late answers take nothing away.

use std::collections::BTreeSet;

use chrono::Duration;
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::json;
use tenantd::clock::Clock;
use tenantd::jobs::accept::accept;
use tenantd::jobs::acknowledge::{Known, acknowledge};
use tenantd::jobs::runner::Ended;
use tenantd::model::floating_ip::FloatingIp;
use tenantd::model::job::Outcome;
use tenantd::model::{Body, Observation, Tenant};
use tenantd::store::findings::Filter;

use crate::support::{Database, Login, TestApp, on_both_databases};

on_both_databases!(
    mass_disappearance_is_believed_after_agreeing_looks,
    mass_disappearance_that_does_not_last_is_resolved,
    mass_disappearance_is_believed_when_it_is_accepted,
    more_that_vanishes_opens_what_somebody_knew_of,
    what_cannot_be_read_is_not_gone,
    an_older_look_never_overwrites_a_newer_one,
    the_last_server_group_of_a_cloud_may_go_too,
    a_version_that_cannot_be_read_takes_no_server_group_away,
);

const RECORDS: [&str; 4] = ["expectations", "findings", "snapshots", "suspicions"];

fn addresses(count: usize) -> Body {
    let address = |number: usize| FloatingIp {
        id: format!("address-{number}"),
        address: format!("192.0.2.{number}"),
        description: String::new(),
        status: "ACTIVE".into(),
        network_id: String::new(),
        port_id: None,
        fixed_ip: None,
        router_id: None,
    };
    Body::FloatingIps((0..count).map(address).collect())
}

/// An app that knows eight addresses of a tenant.
async fn with_addresses(database: &Database) -> (TestApp, Tenant) {
    let app = TestApp::start(database).await;
    app.run_for_cloud("pull_tenants", "sim").await;
    let tenant = app.tenant("tenant-001").await;
    look(&app, &tenant, 1, addresses(8)).await;
    app.changes().await;
    (app, tenant)
}

/// A look that saw `body`, some seconds later.
async fn look(app: &TestApp, tenant: &Tenant, seconds: u64, body: Body) {
    app.advance(seconds);
    app.observe(tenant, Observation::clean(app.clock.now(), body)).await;
}

async fn mass_disappearance_is_believed_after_agreeing_looks(database: Database) {
    database.expect_leftovers();
    let (app, tenant) = with_addresses(&database).await;
    look(&app, &tenant, 1, addresses(0)).await;
    assert_snapshot!(app.changes().await, @r#"
    + findings change=removed expected=8 field=existence last_seen_at=T+3 object=* object_name=8 of 8 objects observed=0 opened_at=T+3 resource_type=floating_ips severity=critical source=guard state=open tenant=tenant-001
    + jobs cloud=sim kind=pull_floating_ips not_before=T+63 params={} source=look-again state=queued subject=tenant-001 tenant=tenant-001
    + life after={"expected":8,"observed":0,"severity":"critical"} at=T+3 finding=<finding> observed_at=T+3 step=opened
    + outbox events drift.floating_ips.opened
    + suspicions change=removed count=1 counted_at=T+3 expected=8 field=existence object=* object_name=8 of 8 objects observed=0 resource_type=floating_ips since=T+3 tenant=tenant-001
    ~ resources tenant-001/floating_ips: last_attempt_at T+2 → T+3, last_success_at T+2 → T+3, observed_at T+2 → T+3
    "#);
    look(&app, &tenant, 1, addresses(0)).await;
    assert_snapshot!(app.changes().await, @r"
    ~ findings <finding>: last_seen_at T+3 → T+4
    ~ resources tenant-001/floating_ips: last_attempt_at T+3 → T+4, last_success_at T+3 → T+4, observed_at T+3 → T+4
    ");
    look(&app, &tenant, 60, addresses(0)).await;
    assert_snapshot!(app.changes_in(&RECORDS).await, @"
    ~ findings <finding>: last_seen_at T+4 → T+64
    ~ suspicions tenant-001/floating_ips/*/existence: count 1 → 2, counted_at T+3 → T+64
    ");
    look(&app, &tenant, 60, addresses(0)).await;
    let changes = app.changes_in(&RECORDS).await;
    assert_snapshot!(changes.lines().filter(|line| !line.contains("address-")).collect::<Vec<_>>().join("\n"), @"
    + snapshots body=[0 addresses] first_seen_at=T+124 last_seen_at=T+124 resource_type=floating_ips tenant=tenant-001
    - suspicions change=removed count=2 counted_at=T+64 expected=8 field=existence object=* object_name=8 of 8 objects observed=0 resource_type=floating_ips since=T+3 tenant=tenant-001
    ~ findings <finding>: resolved_at null → T+124, state open → resolved
    ");
    look(&app, &tenant, 60, addresses(0)).await;
    let changes = app.changes_in(&RECORDS).await;
    assert_snapshot!(changes.lines().filter(|line| !line.contains("address-")).collect::<Vec<_>>().join("\n"), @r"
    ~ expectations tenant-001/floating_ips: author first observation → followed, body [8 addresses] → [0 addresses], set_at T+2 → T+184
    ~ snapshots <snapshot>: last_seen_at T+124 → T+184
    ");
}

async fn mass_disappearance_that_does_not_last_is_resolved(database: Database) {
    database.expect_leftovers();
    let (app, tenant) = with_addresses(&database).await;
    look(&app, &tenant, 1, addresses(0)).await;
    app.changes().await;
    look(&app, &tenant, 1, addresses(8)).await;
    assert_snapshot!(app.changes_in(&RECORDS).await, @r"
    - suspicions change=removed count=1 counted_at=T+3 expected=8 field=existence object=* object_name=8 of 8 objects observed=0 resource_type=floating_ips since=T+3 tenant=tenant-001
    ~ findings <finding>: resolved_at null → T+4, state open → resolved
    ~ snapshots <snapshot>: last_seen_at T+2 → T+4
    ");
}

async fn mass_disappearance_is_believed_when_it_is_accepted(database: Database) {
    database.expect_leftovers();
    let (app, tenant) = with_addresses(&database).await;
    look(&app, &tenant, 1, addresses(0)).await;
    let standing = app.context.store().findings(Filter::default()).await.unwrap();
    app.changes().await;
    accept(&app.context, standing[0].finding.id, "mari").await.unwrap();
    assert_snapshot!(app.changes_in(&RECORDS).await, @r"
    ~ findings <finding>: resolved_at null → T+3, state open → accepted
    ~ suspicions tenant-001/floating_ips/*/existence: count 1 → 2147483647
    ");
    look(&app, &tenant, 1, addresses(0)).await;
    let changes = app.changes_in(&RECORDS).await;
    assert_snapshot!(changes.lines().filter(|line| !line.contains("address-")).collect::<Vec<_>>().join("\n"), @r"
    + snapshots body=[0 addresses] first_seen_at=T+4 last_seen_at=T+4 resource_type=floating_ips tenant=tenant-001
    - suspicions change=removed count=2147483647 counted_at=T+3 expected=8 field=existence object=* object_name=8 of 8 objects observed=0 resource_type=floating_ips since=T+3 tenant=tenant-001
    ");
}

async fn more_that_vanishes_opens_what_somebody_knew_of(database: Database) {
    database.expect_leftovers();
    let (app, tenant) = with_addresses(&database).await;
    look(&app, &tenant, 1, addresses(3)).await;
    let standing = app.context.store().findings(Filter::default()).await.unwrap();
    let reason = "the tenant moves".parse().unwrap();
    let known = Known { by: "mari", reason: &reason, until: None };
    acknowledge(&app.context, standing[0].finding.id, known).await.unwrap();
    app.changes().await;
    look(&app, &tenant, 1, addresses(0)).await;
    assert_snapshot!(app.changes_in(&["findings", "life"]).await, @r#"
    + life after={"expected":8,"observed":0,"severity":"critical"} at=T+4 before={"expected":8,"observed":3,"severity":"critical"} finding=<finding> observed_at=T+4 step=changed
    + life at=T+4 finding=<finding> observed_at=T+4 reason=another value was observed step=reopened
    ~ findings <finding>: ack_at T+3 → null, ack_by mari → null, ack_reason the tenant moves → null, last_seen_at T+3 → T+4, object_name 5 of 8 objects → 8 of 8 objects, observed 3 → 0, state acknowledged → open
    "#);
}

async fn what_cannot_be_read_is_not_gone(database: Database) {
    let (app, tenant) = with_addresses(&database).await;
    app.advance(1);
    let unreadable = BTreeSet::from(["address-7".to_owned()]);
    let seen = Observation { unreadable, ..Observation::clean(app.clock.now(), addresses(7)) };
    app.observe(&tenant, seen).await;
    app.advance(1);
    let seen = Observation { absence_unknown: true, ..Observation::clean(app.clock.now(), addresses(1)) };
    app.observe(&tenant, seen).await;
    assert_snapshot!(app.changes().await, @r"
    ~ resources tenant-001/floating_ips: last_attempt_at T+2 → T+4, last_success_at T+2 → T+4, observed_at T+2 → T+4
    ~ snapshots <snapshot>: last_seen_at T+2 → T+4
    ");
}

async fn an_older_look_never_overwrites_a_newer_one(database: Database) {
    let (app, tenant) = with_addresses(&database).await;
    let earlier = app.clock.now() - Duration::seconds(1);
    app.advance(30);
    app.observe(&tenant, Observation::clean(earlier, addresses(7))).await;
    assert_snapshot!(app.changes().await, @"~ resources tenant-001/floating_ips: last_attempt_at T+2 → T+32");
}

async fn a_version_that_cannot_be_read_takes_no_server_group_away(database: Database) {
    let app = TestApp::start(&database).await;
    app.run_for_cloud("pull_tenants", "sim").await;
    app.run_for_cloud("pull_server_groups", "sim").await;
    app.changes().await;
    // Before microversion 2.13 Nova does not say whose a group is.
    app.log_in("sim", Login::Entry("sim")).await;
    app.cloud().faults(json!([{"kind": "status", "status": 404, "path_prefix": "/compute/v2.1", "count": 1}])).await;
    let ended = app.run_for_cloud("pull_server_groups", "sim").await;
    assert_eq!(app.cloud().struck().await, [1]);
    assert!(matches!(&ended, Ended::Dead { reason, .. } if reason == "protocol"), "{ended:?}");
    assert_eq!(app.changes_in(&RECORDS).await, "");
    let ended = app.run_for_cloud("pull_server_groups", "sim").await;
    assert_eq!(ended, Ended::Done { outcome: Outcome::Unchanged, left_out: None });
}

async fn the_last_server_group_of_a_cloud_may_go_too(database: Database) {
    database.expect_leftovers();
    let app = TestApp::start(&database).await;
    app.run_for_cloud("pull_tenants", "sim").await;
    app.run_for_cloud("pull_server_groups", "sim").await;
    let path = "/compute/v2.1/os-server-groups";
    let listed = app.cloud().admin(Method::GET, &format!("{path}?all_projects=true"), None).await;
    for group in listed["server_groups"].as_array().unwrap() {
        app.cloud().admin(Method::DELETE, &format!("{path}/{}", group["id"].as_str().unwrap()), None).await;
    }
    app.changes().await;
    for _ in 0..2 {
        app.run_for_cloud("pull_server_groups", "sim").await;
        app.advance(60);
    }
    let seen = app.changes_in(&["snapshots"]).await;
    assert_eq!(seen.lines().filter(|line| line.starts_with("+ snapshots body=[]")).count(), 2, "{seen}");
}
