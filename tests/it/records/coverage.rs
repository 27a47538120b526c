//! A listing that shows less than there is is not taken for the truth, whatever made it short.

use std::time::Duration;

use insta::assert_snapshot;
use reqwest::Method;
use serde_json::json;
use tenantd::drift::rules::Rules;
use tenantd::jobs::context::Retries;
use tenantd::jobs::runner::Ended;
use tenantd::model::job::Outcome;
use tenantd::retry::Backoff;

use super::unused::unused;
use crate::support::cloud::SimulatedCloud;
use crate::support::{Database, Login, Setup, TestApp, on_both_databases};

on_both_databases!(
    a_listing_that_a_policy_filters_removes_nothing,
    a_listing_that_was_always_filtered_is_no_first_look,
    groups_that_many_projects_lost_at_once_are_not_gone,
    a_listing_whose_use_is_asked_for_is_doubted_too,
    what_the_services_still_count_is_not_gone,
    what_no_service_counts_is_gone,
    what_everybody_gave_back_is_gone,
    a_listing_that_breaks_off_keeps_what_it_showed,
);

async fn pulled(database: &Database, setup: Setup) -> TestApp {
    let app = TestApp::with(database, setup).await;
    app.run_for_cloud("pull_tenants", "sim").await;
    app.run_for_cloud("pull", "sim").await;
    app.changes().await;
    app
}

/// A role that is believed to see everything, and sees its own project only.
async fn a_listing_that_a_policy_filters_removes_nothing(database: Database) {
    let mut app = pulled(&database, Setup::default()).await;
    app.cloud_mut().seeing_roles = vec!["member".to_owned()];
    app.log_in("sim", Login::Entry("sim-member")).await;
    for kind in ["pull_security_groups", "pull_floating_ips", "pull_networks", "pull_server_groups", "pull_volumes"] {
        app.run_for_cloud(kind, "sim").await;
    }
    let changes = app.changes().await;
    let of = |table: &str| changes.lines().filter(|line| line.split(' ').nth(1) == Some(table)).collect::<Vec<_>>();
    for table in ["expectations", "findings", "suspicions"] {
        assert_eq!(of(table), [""; 0]);
    }
    assert!(of("snapshots").iter().all(|line| line.contains("last_seen_at")), "{changes}");
    let doubted = |table: &str| of(table).iter().filter(|line| line.contains("short_listing")).count();
    // The login's own project among them, where what it sees may be somebody else's.
    assert_eq!((doubted("resources"), of("jobs").len()), (2 + 2 + (3 + 2) + 2 + (2 + 2), 5), "{changes}");
    assert!(of("jobs").iter().all(|line| line.contains("outcome=partial")), "{changes}");
    let told =
        "1 listings are not believed; the first: the listing of floating_ips showed nothing of any project but one";
    assert!(of("jobs")[0].contains(told), "{changes}");
}

/// Nobody is known to have anything yet.
async fn a_listing_that_was_always_filtered_is_no_first_look(database: Database) {
    let mut app = TestApp::with(&database, Setup::default()).await;
    app.run_for_cloud("pull_tenants", "sim").await;
    app.cloud_mut().seeing_roles = vec!["member".to_owned()];
    app.log_in("sim", Login::Entry("sim-member")).await;
    app.changes().await;
    for kind in ["pull_security_groups", "pull_floating_ips", "pull_networks", "pull_server_groups", "pull_volumes"] {
        let ended = app.run_for_cloud(kind, "sim").await;
        assert!(matches!(ended, Ended::Done { outcome: Outcome::Partial, .. }), "{kind}: {ended:?}");
    }
    let others = ["admin", "tenant-002"];
    let changes = app.changes_in(&["expectations", "snapshots"]).await;
    assert!(others.iter().all(|tenant| !changes.contains(tenant)), "{changes}");
}

/// A listing that shows some, and not all.
async fn groups_that_many_projects_lost_at_once_are_not_gone(database: Database) {
    let app = pulled(&database, Setup { tenants: 6, ..Setup::default() }).await;
    let cloud = app.cloud();
    for port in listed(cloud, "ports", "").await {
        cloud
            .admin(Method::PUT, &format!("/network/v2.0/ports/{port}"), Some(json!({"port": {"security_groups": []}})))
            .await;
    }
    for tenant in ["tenant-002", "tenant-003", "tenant-004"] {
        let project = cloud.project(tenant).await;
        for group in listed(cloud, "security-groups", &format!("?project_id={project}")).await {
            cloud.admin(Method::DELETE, &format!("/network/v2.0/security-groups/{group}"), None).await;
        }
    }
    let ended = app.run_for_cloud("pull_security_groups", "sim").await;
    let Ended::Done { outcome: Outcome::Partial, left_out: Some(why) } = ended else { unreachable!("{ended:?}") };
    assert!(why.contains("showed nothing of 3 of 7 projects that are known to have some"), "{why}");
    let changes = app.changes().await;
    assert_eq!(changes.matches("error_reason null → short_listing").count(), 3, "{changes}");
    for kept in [" expectations ", " findings ", " suspicions "] {
        assert!(!changes.contains(kept), "{changes}");
    }
}

/// The ids of what Neutron lists.
async fn listed(cloud: &SimulatedCloud, what: &str, filter: &str) -> Vec<String> {
    let listed = cloud.admin(Method::GET, &format!("/network/v2.0/{what}{filter}"), None).await;
    let objects = listed[what.replace('-', "_")].as_array().cloned().unwrap_or_default();
    objects.iter().map(|it| it["id"].as_str().unwrap_or_default().to_owned()).collect()
}

async fn a_listing_whose_use_is_asked_for_is_doubted_too(database: Database) {
    database.expect_leftovers();
    let rules = Rules { policies: vec![unused(0, &[])], ..Rules::default() };
    let mut app = pulled(&database, Setup { rules, ..Setup::default() }).await;
    app.cloud_mut().seeing_roles = vec!["member".to_owned()];
    app.log_in("sim", Login::Entry("sim-member")).await;
    app.run_for_cloud("pull_security_groups", "sim").await;
    let changes = app.changes_in(&["findings", "jobs", "resources", "suspicions"]).await;
    assert_eq!(changes.matches("error_reason null → short_listing").count(), 2, "{changes}");
    assert!(changes.contains("1 looks could not count; the first: which security groups are in use is not known"));
    assert!(!changes.contains("findings") && !changes.contains("suspicions"), "{changes}");
}

const HELD_AS_A_WHOLE: [&str; 3] = ["pull_server_groups", "pull_instances", "pull_volumes"];

/// Removes whatever Nova and Cinder have, of everybody.
async fn emptied(app: &TestApp) {
    let cloud = app.cloud();
    for tenant in ["tenant-001", "tenant-002"] {
        while cloud.try_meddle("server_group_delete", tenant).await.is_some() {}
    }
    for (path, key) in
        [("/compute/v2.1/servers", "servers"), ("/volume/v3/snapshots", "snapshots"), ("/volume/v3/volumes", "volumes")]
    {
        let listed = cloud.admin(Method::GET, &format!("{path}/detail?all_tenants=1"), None).await;
        for object in listed[key].as_array().into_iter().flatten() {
            let id = object["id"].as_str().unwrap_or_default();
            cloud.admin(Method::DELETE, &format!("{path}/{id}"), None).await;
        }
    }
}

/// A listing that ended early, or a policy that filters without a word.
async fn what_the_services_still_count_is_not_gone(database: Database) {
    let app = pulled(&database, Setup::default()).await;
    emptied(&app).await;
    for (service, resource) in
        [("compute", "server_groups"), ("compute", "instances"), ("volume", "volumes"), ("volume", "snapshots")]
    {
        let order = json!({"tenant": "tenant-002", "service": service, "resource": resource, "used": 1});
        app.cloud().control(Method::PUT, "counters", order).await;
    }
    for kind in HELD_AS_A_WHOLE {
        let ended = app.run_for_cloud(kind, "sim").await;
        assert!(matches!(ended, Ended::Done { outcome: Outcome::Partial, left_out: Some(_) }), "{kind}: {ended:?}");
    }
    let changes = app.changes().await;
    assert_eq!(changes.matches("error_reason null → short_listing").count(), 3 * 4, "{changes}");
    for kept in [" expectations ", " findings ", " snapshots ", " suspicions "] {
        assert!(!changes.contains(kept), "{changes}");
    }
}

async fn what_no_service_counts_is_gone(database: Database) {
    database.expect_leftovers();
    let app = pulled(&database, Setup::default()).await;
    emptied(&app).await;
    for kind in HELD_AS_A_WHOLE {
        let ended = app.run_for_cloud(kind, "sim").await;
        assert!(matches!(ended, Ended::Done { outcome: Outcome::Succeeded, left_out: None }), "{kind}: {ended:?}");
    }
    let changes = app.changes_in(&["resources", "suspicions"]).await;
    assert!(changes.contains("suspicions") && !changes.contains("short_listing"), "{changes}");
}

async fn what_everybody_gave_back_is_gone(database: Database) {
    database.expect_leftovers();
    let app = pulled(&database, Setup { tenants: 2, ..Setup::default() }).await;
    for tenant in ["tenant-001", "tenant-001", "tenant-001", "tenant-002", "tenant-002", "tenant-002"] {
        app.cloud().meddle("floating_ip_release", tenant).await;
    }
    app.run_for_cloud("pull_floating_ips", "sim").await;
    let jobs = app.changes_in(&["jobs"]).await;
    assert!(!jobs.contains("short_listing") && jobs.contains("pull_floating_ips"), "{jobs}");
}

async fn a_listing_that_breaks_off_keeps_what_it_showed(database: Database) {
    database.expect_leftovers();
    let retries = Retries { attempts: 3, backoff: Backoff { base: Duration::ZERO, max: Duration::ZERO } };
    let app = pulled(&database, Setup { page_size: Some(5), retries, ..Setup::default() }).await;
    let broken = json!([{"path_prefix": "/network/v2.0/security-groups", "kind": "status", "status": 503, "every": 2}]);
    app.cloud().faults(broken).await;
    for tenant in ["tenant-001", "tenant-002"] {
        app.cloud().meddle("rule_add", tenant).await;
    }
    app.run_for_cloud("pull_security_groups", "sim").await;
    let changes = app.changes_in(&["findings", "jobs", "resources", "snapshots", "suspicions"]).await;
    assert_snapshot!(changes, @"
    + jobs attempt=1 cloud=sim error=unavailable: network answered 503 to security_group_list: 503 Service Unavailable The server is currently unavailable. Please try again at a later time. (<id>) kind=pull_security_groups not_before=T+3 params={} reason=unavailable source=test state=queued
    ~ resources admin/security_groups: last_attempt_at T+2 → T+3, last_success_at T+2 → T+3, observed_at T+2 → T+3
    ~ resources tenant-001/security_groups: error null → unavailable: network answered 503 to security_group_list: 503 Service Unavailable The server is currently unavailable. Please try again at a later time. (<id>), error_reason null → unavailable, failures 0 → 1, last_attempt_at T+2 → T+3
    ~ resources tenant-002/security_groups: error null → unavailable: network answered 503 to security_group_list: 503 Service Unavailable The server is currently unavailable. Please try again at a later time. (<id>), error_reason null → unavailable, failures 0 → 1, last_attempt_at T+2 → T+3
    ~ snapshots <snapshot>: last_seen_at T+2 → T+3
    ");
}
