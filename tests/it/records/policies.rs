//! Policies: findings in both modes, whatever was expected, and only once they have lasted.

use std::time::Duration;

use insta::assert_snapshot;
use reqwest::Method;
use serde_json::json;
use tenantd::drift::policy::{Condition, Policy, Whom};
use tenantd::drift::rules::Rules;
use tenantd::jobs::context::Live;
use tenantd::model::{Severity, TenantState};

use crate::support::app::{began, none};
use crate::support::{Database, Setup, TestApp, on_both_databases};

on_both_databases!(
    what_a_policy_forbids_is_a_finding_though_groups_are_followed,
    what_must_last_is_looked_at_again_when_it_has,
    a_policy_that_goes_takes_its_findings_with_it,
    a_change_meanwhile_puts_a_finding_off_and_forgets_nothing,
);

const TABLES: [&str; 4] = ["findings", "suspicions", "jobs", "outbox"];

fn policy(name: &str, condition: Condition) -> Policy {
    Policy {
        name: name.to_owned(),
        severity: Severity::Critical,
        only: Whom::default(),
        except: Whom::default(),
        except_objects: Vec::new(),
        condition,
    }
}

async fn start(database: &Database, policy: Policy) -> TestApp {
    let rules = Rules { policies: vec![policy], ..Rules::default() };
    TestApp::with(database, Setup { rules, ..Setup::default() }).await
}

fn desktop() -> Policy {
    policy("no-desktop", Condition::WorldOpen { ports: vec![3389], protocols: Vec::new(), ethertypes: Vec::new() })
}

/// Opens a group of the first tenant to anywhere; the path of the rule.
async fn open_desktop(app: &TestApp) -> String {
    let groups = app.cloud().admin(Method::GET, "/network/v2.0/security-groups?name=tenant-001-sg0", None).await;
    let rule = json!({"security_group_rule": {
        "security_group_id": groups["security_groups"][0]["id"], "direction": "ingress", "ethertype": "IPv4",
        "protocol": "tcp", "port_range_min": 3380, "port_range_max": 3390,
    }});
    let made = app.cloud().admin(Method::POST, "/network/v2.0/security-group-rules", Some(rule)).await;
    format!("/network/v2.0/security-group-rules/{}", made["security_group_rule"]["id"].as_str().unwrap())
}

async fn what_a_policy_forbids_is_a_finding_though_groups_are_followed(database: Database) {
    let app = start(&database, desktop()).await;
    app.run("pull_security_groups", "tenant-001", none()).await;
    assert_eq!(app.changes_in(&["findings", "suspicions"]).await, "");
    app.changes().await;
    let rule = open_desktop(&app).await;
    app.run("pull_security_groups", "tenant-001", none()).await;
    assert_snapshot!(app.changes_in(&TABLES).await, @"
    + findings change=policy expected=not open to anywhere field=policy no-desktop last_seen_at=T+2 object=<id> object_name=tenant-001-sg0 observed=ingress IPv4 tcp 3380-3390 from 0.0.0.0/0 opened_at=T+2 resource_type=security_groups severity=critical source=policy state=open tenant=tenant-001
    + jobs attempt=1 cloud=sim kind=pull_security_groups not_before=T+1 outcome=succeeded params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + outbox events drift.security_groups.opened
    + outbox events job.pull_security_groups.succeeded
    + outbox events snapshot.security_groups.changed
    ");
    app.run("pull_security_groups", "tenant-001", none()).await;
    assert_snapshot!(app.changes_in(&TABLES).await, @"
    + jobs attempt=1 cloud=sim kind=pull_security_groups not_before=T+2 outcome=unchanged params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + outbox events job.pull_security_groups.unchanged
    ~ findings <finding>: last_seen_at T+2 → T+3
    ");
    app.cloud().admin(Method::DELETE, &rule, None).await;
    app.run("pull_security_groups", "tenant-001", none()).await;
    assert_snapshot!(app.changes_in(&TABLES).await, @"
    + jobs attempt=1 cloud=sim kind=pull_security_groups not_before=T+3 outcome=succeeded params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + outbox events drift.security_groups.resolved
    + outbox events job.pull_security_groups.succeeded
    + outbox events snapshot.security_groups.changed
    ~ findings <finding>: resolved_at null → T+4, state open → resolved
    ");
}

async fn what_must_last_is_looked_at_again_when_it_has(database: Database) {
    let week = Duration::from_hours(7 * 24);
    let app = start(&database, policy("idle", Condition::IdleFloatingIp(week))).await;
    app.run("pull_floating_ips", "tenant-001", none()).await;
    assert_snapshot!(app.changes_in(&TABLES).await, @"
    + jobs attempt=1 cloud=sim kind=pull_floating_ips not_before=T+0 outcome=succeeded params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + outbox events job.pull_floating_ips.succeeded
    + outbox events snapshot.floating_ips.changed
    + outbox events tenant.discovered
    + suspicions change=policy count=1 counted_at=T+1 expected=leads to a port field=policy idle object=<id> object_name=100.64.62.209 observed=leads nowhere resource_type=floating_ips since=T+1 tenant=tenant-001
    + suspicions change=policy count=1 counted_at=T+1 expected=leads to a port field=policy idle object=<id> object_name=100.84.206.237 observed=leads nowhere resource_type=floating_ips since=T+1 tenant=tenant-001
    ");
    app.advance(week.as_secs() - 60);
    app.run("pull_floating_ips", "tenant-001", none()).await;
    assert_snapshot!(app.changes_in(&["findings", "jobs"]).await, @"
    + jobs attempt=1 cloud=sim kind=pull_floating_ips not_before=T+604741 outcome=unchanged params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + jobs cloud=sim kind=pull_floating_ips not_before=T+604802 params={} source=look-again state=queued subject=tenant-001 tenant=tenant-001
    ");
    app.advance(60);
    app.run_waiting().await;
    assert_snapshot!(app.changes_in(&["findings", "suspicions"]).await, @"
    + findings change=policy expected=leads to a port field=policy idle last_seen_at=T+604803 object=<id> object_name=100.64.62.209 observed=leads nowhere opened_at=T+604803 resource_type=floating_ips severity=critical source=policy state=open tenant=tenant-001
    + findings change=policy expected=leads to a port field=policy idle last_seen_at=T+604803 object=<id> object_name=100.84.206.237 observed=leads nowhere opened_at=T+604803 resource_type=floating_ips severity=critical source=policy state=open tenant=tenant-001
    - suspicions change=policy count=2 counted_at=T+604742 expected=leads to a port field=policy idle object=<id> object_name=100.64.62.209 observed=leads nowhere resource_type=floating_ips since=T+1 tenant=tenant-001
    - suspicions change=policy count=2 counted_at=T+604742 expected=leads to a port field=policy idle object=<id> object_name=100.84.206.237 observed=leads nowhere resource_type=floating_ips since=T+1 tenant=tenant-001
    ");
}

async fn a_policy_that_goes_takes_its_findings_with_it(database: Database) {
    let app = start(&database, desktop()).await;
    open_desktop(&app).await;
    app.run("pull_security_groups", "tenant-001", none()).await;
    app.changes().await;
    let before = app.context.live();
    let (clouds, retries) = (before.clouds.clone(), before.retries);
    app.context.replace_live(Live { clouds, retries, rules: Rules::default(), ..Live::default() });
    app.run("detect_drift", "tenant-001", none()).await;
    assert_snapshot!(app.changes_in(&["findings"]).await, @"~ findings <finding>: resolved_at null → T+2, state open → resolved");
}

async fn a_change_meanwhile_puts_a_finding_off_and_forgets_nothing(database: Database) {
    database.expect_leftovers();
    let week = Duration::from_hours(7 * 24);
    let app = start(&database, policy("idle", Condition::IdleFloatingIp(week))).await;
    app.run("pull_floating_ips", "tenant-001", none()).await;
    app.advance(week.as_secs());
    let (tenant, job) = (app.tenant("tenant-001").await, app.request("pull"));
    let mut tx = app.context.store().begin().await.unwrap();
    assert!(tx.insert_job(&job, None).await.unwrap());
    let (from, to) = ([TenantState::Ok], TenantState::UpdateScheduled);
    assert!(tx.schedule_tenant(tenant.uuid, &from, to, job.id, began()).await.unwrap());
    tx.commit().await.unwrap();
    app.run("pull_floating_ips", "tenant-001", none()).await;
    assert_eq!(app.changes_in(&["findings"]).await, "");
    let mut tx = app.context.store().begin().await.unwrap();
    tx.settle_tenant(job.id, TenantState::Ok, "", began()).await.unwrap();
    tx.commit().await.unwrap();
    app.run("pull_floating_ips", "tenant-001", none()).await;
    assert_eq!(app.changes_in(&["findings"]).await.matches("field=policy idle").count(), 2);
}
