//! Security groups that nothing uses: found by looks that list ports, and by no other.

use std::time::Duration;

use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};
use tenantd::drift::policy::{Condition, Policy, Whom};
use tenantd::drift::rules::Rules;
use tenantd::jobs::runner::Ended;
use tenantd::model::job::Outcome;
use tenantd::model::{FindingState, Severity};
use tenantd::store::findings::Filter;

use crate::support::app::none;
use crate::support::cloud::Login;
use crate::support::{Database, Setup, TestApp, eventually, on_both_databases};

on_both_databases!(
    a_group_that_nothing_uses_is_found_when_it_has_lasted_and_resolved_when_it_is_used,
    a_pull_of_the_whole_cloud_sees_ports_and_rules_of_every_project,
    a_pull_of_one_tenant_sees_ports_and_rules_of_every_project,
    a_look_that_does_not_know_leaves_everything_as_it_is,
    a_group_that_lost_its_last_port_is_found_though_no_group_changed,
    what_is_used_since_groups_were_listed_is_not_called_unused,
    whoever_sees_only_their_own_project_calls_nothing_unused,
    ports_are_asked_for_only_where_a_policy_wants_it,
);

const DAY: u64 = 24 * 3_600;
const BELIEFS: [&str; 3] = ["findings", "life", "suspicions"];

pub(super) fn unused(patience: u64, only: &[&str]) -> Policy {
    Policy {
        name: "unused".to_owned(),
        severity: Severity::Info,
        only: Whom { tenants: only.iter().map(|it| (*it).to_owned()).collect(), ..Whom::default() },
        except: Whom::default(),
        except_objects: vec!["*-spare".to_owned()],
        condition: Condition::UnusedSecurityGroup(Duration::from_secs(patience)),
    }
}

/// Two looks find what nothing uses, without more patience than that.
async fn start(database: &Database) -> TestApp {
    with(database, unused(0, &[]), "sim").await
}

async fn with(database: &Database, policy: Policy, login: &'static str) -> TestApp {
    database.expect_leftovers();
    let rules = Rules { policies: vec![policy], ..Rules::default() };
    // Few objects a page, so that there is more than one page of everything.
    let clouds = vec![("sim", Login::Entry(login), 1)];
    TestApp::with(database, Setup { rules, clouds, page_size: Some(5), ..Setup::default() }).await
}

/// The id of the first object of a tenant's that is called so.
async fn id_of(app: &TestApp, what: &str, name: &str) -> String {
    let listed = app.cloud().admin(Method::GET, &format!("/network/v2.0/{what}?name={name}"), None).await;
    listed[what.replace('-', "_")][0]["id"].as_str().unwrap_or_else(|| panic!("no {name}")).to_owned()
}

/// Gives a port other security groups than it has.
async fn wear(app: &TestApp, port: &str, groups: &[&str]) {
    let mut ids = Vec::new();
    for group in groups {
        ids.push(id_of(app, "security-groups", group).await);
    }
    let path = format!("/network/v2.0/ports/{}", id_of(app, "ports", port).await);
    app.cloud().admin(Method::PUT, &path, Some(json!({"port": {"security_groups": ids}}))).await;
}

/// Lets a group let in the members of another.
async fn name_in_rule(app: &TestApp, group: &str, other: &str) {
    let rule = json!({"security_group_rule": {
        "security_group_id": id_of(app, "security-groups", group).await, "direction": "ingress",
        "ethertype": "IPv4", "remote_group_id": id_of(app, "security-groups", other).await,
    }});
    app.cloud().admin(Method::POST, "/network/v2.0/security-group-rules", Some(rule)).await;
}

/// Two looks far enough apart to agree.
async fn look_twice(app: &TestApp, tenant: Option<&str>) {
    for _ in 0..2 {
        match tenant {
            Some(tenant) => app.run("pull_security_groups", tenant, none()).await,
            None => app.run_for_cloud("pull_security_groups", "sim").await,
        };
        app.advance(60);
    }
}

/// The groups that open findings are about.
async fn found(app: &TestApp) -> Vec<String> {
    let findings = app.context.store().findings(Filter::default()).await.unwrap();
    let open = findings.into_iter().filter(|it| it.finding.state == FindingState::Open);
    let mut names: Vec<String> = open.map(|it| it.finding.object_name).collect();
    names.sort();
    names
}

async fn a_group_that_nothing_uses_is_found_when_it_has_lasted_and_resolved_when_it_is_used(database: Database) {
    let app = with(&database, unused(7 * DAY, &[]), "sim").await;
    wear(&app, "tenant-001-port1", &["tenant-001-sg1"]).await;
    app.run("pull_security_groups", "tenant-001", none()).await;
    assert_snapshot!(app.changes_in(&BELIEFS).await, @"
    + suspicions change=policy count=1 counted_at=T+1 expected=a port has it or a rule names it field=policy unused object=<id> object_name=tenant-001-sg2 observed=nothing uses it resource_type=security_groups since=T+1 tenant=tenant-001
    ");
    app.advance(7 * DAY);
    app.run("pull_security_groups", "tenant-001", none()).await;
    assert_snapshot!(app.changes_in(&BELIEFS).await, @r#"
    + findings change=policy expected=a port has it or a rule names it field=policy unused last_seen_at=T+604802 object=<id> object_name=tenant-001-sg2 observed=nothing uses it opened_at=T+604802 resource_type=security_groups severity=info source=policy state=open tenant=tenant-001
    + life after={"expected":"a port has it or a rule names it","observed":"nothing uses it","severity":"info"} at=T+604802 finding=<finding> job=<job> observed_at=T+604802 request_ids=neutron snapshot=<snapshot> step=opened
    - suspicions change=policy count=1 counted_at=T+1 expected=a port has it or a rule names it field=policy unused object=<id> object_name=tenant-001-sg2 observed=nothing uses it resource_type=security_groups since=T+1 tenant=tenant-001
    "#);
    wear(&app, "tenant-001-port0", &["tenant-001-sg0", "tenant-001-sg2"]).await;
    app.run("pull_security_groups", "tenant-001", none()).await;
    assert_snapshot!(app.changes_in(&["findings", "life", "snapshots", "suspicions"]).await, @"
    + life at=T+604803 finding=<finding> job=<job> observed_at=T+604803 reason=the tenant keeps to the policy, or nobody asks for it any more request_ids=neutron snapshot=<snapshot> step=resolved
    ~ findings <finding>: resolved_at null → T+604803, state open → resolved
    ~ snapshots <snapshot>: last_seen_at T+604802 → T+604803
    ");
}

async fn a_pull_of_the_whole_cloud_sees_ports_and_rules_of_every_project(database: Database) {
    let app = start(&database).await;
    wear(&app, "tenant-002-port1", &["tenant-001-sg1"]).await;
    name_in_rule(&app, "tenant-002-sg1", "tenant-001-sg2").await;
    name_in_rule(&app, "tenant-002-sg2", "tenant-002-sg2").await;
    app.run_for_cloud("pull_tenants", "sim").await;
    look_twice(&app, None).await;
    assert_eq!(found(&app).await, ["tenant-002-sg1", "tenant-002-sg2"]);
    look_twice(&app, Some("tenant-002")).await;
    assert_eq!(found(&app).await, ["tenant-002-sg1", "tenant-002-sg2"], "a look at one tenant says the same");
    wear(&app, "tenant-002-port1", &[]).await;
    look_twice(&app, None).await;
    assert_eq!(found(&app).await, ["tenant-001-sg1", "tenant-002-sg1", "tenant-002-sg2"]);
}

async fn a_pull_of_one_tenant_sees_ports_and_rules_of_every_project(database: Database) {
    let app = start(&database).await;
    wear(&app, "tenant-002-port1", &["tenant-001-sg1"]).await;
    name_in_rule(&app, "tenant-002-sg1", "tenant-001-sg2").await;
    look_twice(&app, Some("tenant-001")).await;
    assert_eq!(found(&app).await, [""; 0]);
    wear(&app, "tenant-002-port1", &[]).await;
    look_twice(&app, Some("tenant-001")).await;
    assert_eq!(found(&app).await, ["tenant-001-sg1"]);
}

async fn a_look_that_does_not_know_leaves_everything_as_it_is(database: Database) {
    let app = start(&database).await;
    app.run("pull_security_groups", "tenant-001", none()).await;
    app.changes().await;
    let refused = |path: &str| json!([{"path_prefix": path, "kind": "status", "status": 403}]);
    let unknowing = async |path: &str| {
        app.advance(60);
        app.cloud().faults(refused(path)).await;
        let ended = app.run("pull_security_groups", "tenant-001", none()).await;
        app.run("detect_drift", "tenant-001", none()).await;
        app.cloud().faults(json!([])).await;
        let Ended::Done { outcome: Outcome::Partial, left_out: Some(left_out) } = ended else { panic!("{ended:?}") };
        let why = "1 looks could not count; the first: which security groups are in use is not known: not allowed";
        assert!(left_out.starts_with(why), "{left_out}");
        app.changes_in(&BELIEFS).await
    };
    assert_eq!(unknowing("/network/v2.0/ports").await, "", "neither confirmed nor forgotten");
    app.run("pull_security_groups", "tenant-001", none()).await;
    assert_eq!(found(&app).await, ["tenant-001-sg1", "tenant-001-sg2"]);
    app.changes().await;
    wear(&app, "tenant-001-port1", &["tenant-001-sg1", "tenant-001-sg2"]).await;
    assert_eq!(unknowing("/network/v2.0/ports").await, "", "neither kept nor resolved");
    wear(&app, "tenant-001-port1", &["tenant-001-sg1"]).await;
    assert_eq!(unknowing("/network/v2.0/security-group-rules").await, "", "a rule may name it");
    app.run("pull_security_groups", "tenant-001", none()).await;
    assert_eq!(found(&app).await, ["tenant-001-sg2"]);

    let unreadable = json!([{"path_prefix": "/network/v2.0/ports", "kind": "status", "status": 403}]);
    app.cloud().faults(unreadable).await;
    let path = format!("/network/v2.0/security-groups/{}", id_of(&app, "security-groups", "tenant-001-sg2").await);
    app.cloud().admin(Method::DELETE, &path, None).await;
    look_twice(&app, Some("tenant-001")).await;
    assert!(!found(&app).await.contains(&"tenant-001-sg2".to_owned()), "what is gone is used by nobody");
}

async fn a_group_that_lost_its_last_port_is_found_though_no_group_changed(database: Database) {
    let app = start(&database).await;
    wear(&app, "tenant-001-port1", &["tenant-001-sg1", "tenant-001-sg2"]).await;
    for _ in 0..2 {
        app.run("pull_security_groups", "tenant-001", none()).await;
    }
    app.changes().await;
    let ended = app.run("pull_security_groups", "tenant-001", none()).await;
    assert_eq!(ended, Ended::Done { outcome: Outcome::Unchanged, left_out: None });
    let settled = app.changes_in(&["resources", "snapshots", "suspicions"]).await;
    assert!(settled.lines().all(|line| line.starts_with('~') && line.contains("_at T+")), "{settled}");
    wear(&app, "tenant-001-port1", &["tenant-001-sg1"]).await;
    look_twice(&app, Some("tenant-001")).await;
    assert_eq!(found(&app).await, ["tenant-001-sg2"]);
    let changes = app.changes_in(&["snapshots"]).await;
    assert!(changes.starts_with("~ ") && changes.lines().count() == 1, "{changes}");
}

async fn what_is_used_since_groups_were_listed_is_not_called_unused(database: Database) {
    let app = start(&database).await;
    let cloud = app.cloud();
    let late = json!([{"path_prefix": "/network/v2.0/ports", "kind": "latency", "milliseconds": 1000, "count": 1}]);
    cloud.faults(late).await;
    let look = app.run("pull_security_groups", "tenant-001", none());
    let change = async {
        eventually("ports are asked for", async || (cloud.struck().await == [1]).then_some(())).await;
        wear(&app, "tenant-001-port1", &["tenant-001-sg1"]).await;
    };
    let (ended, ()) = tokio::join!(look, change);
    assert!(matches!(ended, Ended::Done { .. }), "{ended:?}");
    let suspected = app.changes_in(&["suspicions"]).await;
    assert!(suspected.contains("tenant-001-sg2") && !suspected.contains("tenant-001-sg1"), "{suspected}");
}

async fn whoever_sees_only_their_own_project_calls_nothing_unused(database: Database) {
    let app = with(&database, unused(0, &[]), "sim-member").await;
    let ended = app.run("pull_security_groups", "tenant-001", none()).await;
    let Ended::Done { outcome: Outcome::Partial, left_out: Some(left_out) } = ended else { panic!("{ended:?}") };
    assert_snapshot!(left_out, @"
    1 looks could not count; the first: which security groups are in use is not known: network was not asked for port_list: it would list nothing but project af60baae69574109b0dad8272e600eb1 to the roles member, reader; use a login with one of the roles admin, or name the role that sees everything in `all_projects_roles`
    ");
    look_twice(&app, Some("tenant-001")).await;
    assert_eq!(app.changes_in(&BELIEFS).await, "");
}

async fn ports_are_asked_for_only_where_a_policy_wants_it(database: Database) {
    let app = with(&database, unused(0, &["tenant-002"]), "sim").await;
    app.run_for_cloud("pull_tenants", "sim").await;
    let asked = async |look: &dyn Fn() -> Option<&'static str>| {
        app.cloud().forget_requests().await;
        match look() {
            Some(tenant) => app.run("pull_security_groups", tenant, none()).await,
            None => app.run_for_cloud("pull_security_groups", "sim").await,
        };
        let log = app.cloud().control(Method::GET, "requests", Value::Null).await;
        let paths = log["requests"].as_array().unwrap().iter().map(|entry| entry["path"].as_str().unwrap().to_owned());
        let is_about_use = |path: &String| path.contains("/ports") || path.contains("/security-group-rules");
        paths.filter(|path| is_about_use(path) && !path.contains("marker=")).collect::<Vec<_>>()
    };
    assert_eq!(asked(&|| Some("tenant-001")).await, [""; 0]);
    let (all, sort) = ("/network/v2.0/ports?fields=id&fields=security_groups", "&limit=5&sort_key=id&sort_dir=asc");
    assert_eq!(asked(&|| None).await, [format!("{all}{sort}")]);
    let one = asked(&|| Some("tenant-002")).await;
    assert_eq!(one.iter().map(|path| path.matches("security_groups=").count()).collect::<Vec<_>>(), [4, 0]);
    assert_eq!(one[1].matches("remote_group_id=").count(), 3, "one group is on ports: {one:?}");
}
