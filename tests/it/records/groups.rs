//! Security groups and server groups in both modes; what is gone is believed at the second look.

use insta::assert_snapshot;
use serde_json::{Value, json};
use tenantd::clock::Clock;
use tenantd::drift::rules::{Mode, Rules};
use tenantd::model::{Body, Observation, ResourceType};

use super::DRIFT;
use crate::support::app::none;
use crate::support::{Database, Setup, TestApp, on_both_databases};

on_both_databases!(
    rules_are_guarded,
    rules_are_followed,
    a_world_open_port_can_be_critical,
    a_removed_group_is_believed_at_the_second_look,
    a_removed_group_is_followed_at_the_second_look,
    a_removal_that_does_not_last_is_forgotten,
    a_default_group_that_neutron_just_made_is_expected,
);

fn guarding() -> Setup {
    Setup { rules: Rules { modes: [Mode::Guard; ResourceType::ALL.len()], ..Rules::default() }, ..Setup::default() }
}

async fn rules_are_guarded(database: Database) {
    let app = TestApp::with(&database, guarding()).await;
    app.run("pull_security_groups", "tenant-001", none()).await;
    app.changes().await;
    let meddle = app.cloud().meddle("rule_add", "tenant-001").await;
    app.run("pull_security_groups", "tenant-001", none()).await;
    assert_snapshot!(app.changes().await, @r#"
    + findings change=added field=rule ingress IPv4 tcp 22 from 0.0.0.0/0 last_seen_at=T+2 object=<id> object_name=tenant-001-sg2 observed={"cidr":null,"direction":"ingress","ethertype":"IPv4","port_max":22,"port_min":22,"protocol":"tcp"} opened_at=T+2 resource_type=security_groups severity=warning source=accepted state=open tenant=tenant-001
    + jobs attempt=1 cloud=sim kind=pull_security_groups not_before=T+1 outcome=succeeded params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + life after={"expected":null,"observed":{"cidr":null,"direction":"ingress","ethertype":"IPv4","port_max":22,"port_min":22,"protocol":"tcp"},"severity":"warning"} at=T+2 finding=<finding> job=<job> observed_at=T+2 request_ids=neutron snapshot=<snapshot> step=opened
    + outbox events drift.security_groups.opened
    + outbox events job.pull_security_groups.succeeded
    + outbox events snapshot.security_groups.changed
    + snapshots body=[default with 4 rules, tenant-001-sg0 with 3 rules, tenant-001-sg1 with 3 rules, tenant-001-sg2 with 4 rules] first_seen_at=T+2 last_seen_at=T+2 resource_type=security_groups tenant=tenant-001
    ~ resources tenant-001/security_groups: last_attempt_at T+1 → T+2, last_success_at T+1 → T+2, observed_at T+1 → T+2, snapshot <snapshot> → <snapshot>
    "#);
    app.cloud().revert(&meddle).await;
    app.run("pull_security_groups", "tenant-001", none()).await;
    assert_snapshot!(app.changes_in(&DRIFT).await, @"
    + jobs attempt=1 cloud=sim kind=pull_security_groups not_before=T+2 outcome=succeeded params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + outbox events drift.security_groups.resolved
    + outbox events job.pull_security_groups.succeeded
    + outbox events snapshot.security_groups.changed
    ~ findings <finding>: resolved_at null → T+3, state open → resolved
    ");
    app.cloud().meddle("rule_remove", "tenant-001").await;
    app.run("pull_security_groups", "tenant-001", none()).await;
    assert_snapshot!(app.changes_in(&DRIFT).await, @r#"
    + jobs attempt=1 cloud=sim kind=pull_security_groups not_before=T+3 outcome=succeeded params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + jobs cloud=sim kind=pull_security_groups not_before=T+64 params={} source=look-again state=queued subject=tenant-001 tenant=tenant-001
    + outbox events job.pull_security_groups.succeeded
    + outbox events snapshot.security_groups.changed
    + suspicions change=removed count=1 counted_at=T+4 expected={"cidr":null,"direction":"ingress","ethertype":"IPv4","port_max":null,"port_min":null,"protocol":null,"remote_group":"<id>"} field=rule ingress IPv4 any protocol from group <id> object=<id> object_name=default resource_type=security_groups since=T+4 tenant=tenant-001
    "#);
    app.advance(60);
    app.run_waiting().await;
    assert_snapshot!(app.changes_in(&DRIFT).await, @r#"
    + findings change=removed expected={"cidr":null,"direction":"ingress","ethertype":"IPv4","port_max":null,"port_min":null,"protocol":null,"remote_group":"<id>"} field=rule ingress IPv4 any protocol from group <id> last_seen_at=T+65 object=<id> object_name=default opened_at=T+65 resource_type=security_groups severity=warning source=accepted state=open tenant=tenant-001
    + outbox events drift.security_groups.opened
    + outbox events job.pull_security_groups.succeeded
    - suspicions change=removed count=1 counted_at=T+4 expected={"cidr":null,"direction":"ingress","ethertype":"IPv4","port_max":null,"port_min":null,"protocol":null,"remote_group":"<id>"} field=rule ingress IPv4 any protocol from group <id> object=<id> object_name=default resource_type=security_groups since=T+4 tenant=tenant-001
    ~ jobs <job>: attempt 0 → 1, outcome null → succeeded, state queued → succeeded
    "#);
}

async fn rules_are_followed(database: Database) {
    let app = TestApp::start(&database).await;
    app.run("pull_security_groups", "tenant-001", none()).await;
    app.changes().await;
    let meddle = app.cloud().meddle("rule_add", "tenant-001").await;
    app.run("pull_security_groups", "tenant-001", none()).await;
    assert_snapshot!(app.changes().await, @"
    + jobs attempt=1 cloud=sim kind=pull_security_groups not_before=T+1 outcome=succeeded params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + outbox events job.pull_security_groups.succeeded
    + outbox events snapshot.security_groups.changed
    + snapshots body=[default with 4 rules, tenant-001-sg0 with 3 rules, tenant-001-sg1 with 3 rules, tenant-001-sg2 with 4 rules] first_seen_at=T+2 last_seen_at=T+2 resource_type=security_groups tenant=tenant-001
    ~ expectations tenant-001/security_groups: author first observation → followed, body [default with 4 rules, tenant-001-sg0 with 3 rules, tenant-001-sg1 with 3 rules, tenant-001-sg2 with 3 rules] → [default with 4 rules, tenant-001-sg0 with 3 rules, tenant-001-sg1 with 3 rules, tenant-001-sg2 with 4 rules], set_at T+1 → T+2
    ~ resources tenant-001/security_groups: last_attempt_at T+1 → T+2, last_success_at T+1 → T+2, observed_at T+1 → T+2, snapshot <snapshot> → <snapshot>
    ");
    app.cloud().revert(&meddle).await;
    app.run("pull_security_groups", "tenant-001", none()).await;
    assert_snapshot!(app.changes_in(&DRIFT).await, @"
    + jobs attempt=1 cloud=sim kind=pull_security_groups not_before=T+2 outcome=succeeded params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + outbox events job.pull_security_groups.succeeded
    + outbox events snapshot.security_groups.changed
    ~ expectations tenant-001/security_groups: body [default with 4 rules, tenant-001-sg0 with 3 rules, tenant-001-sg1 with 3 rules, tenant-001-sg2 with 4 rules] → [default with 4 rules, tenant-001-sg0 with 3 rules, tenant-001-sg1 with 3 rules, tenant-001-sg2 with 3 rules], set_at T+2 → T+3
    ");
}

async fn a_world_open_port_can_be_critical(database: Database) {
    let mut setup = guarding();
    setup.rules.critical_ports = vec![22, 3389, 5432, 6379];
    let app = TestApp::with(&database, setup).await;
    app.run("pull_security_groups", "tenant-001", none()).await;
    app.cloud().meddle("rule_add", "tenant-001").await;
    app.run("pull_security_groups", "tenant-001", none()).await;
    let standing = app.context.store().finding_counts().await.unwrap();
    assert_eq!((standing.len(), standing[0].severity.as_str(), standing[0].count), (1, "critical", 1));
}

async fn a_removed_group_is_believed_at_the_second_look(database: Database) {
    let app = TestApp::with(&database, guarding()).await;
    app.run("pull_server_groups", "tenant-001", none()).await;
    app.changes().await;
    let meddle = app.cloud().meddle("server_group_delete", "tenant-001").await;
    app.run("pull_server_groups", "tenant-001", none()).await;
    assert_snapshot!(app.changes_in(&DRIFT).await, @r#"
    + jobs attempt=1 cloud=sim kind=pull_server_groups not_before=T+1 outcome=succeeded params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + jobs cloud=sim kind=pull_server_groups not_before=T+62 params={} source=look-again state=queued subject=tenant-001 tenant=tenant-001
    + outbox events job.pull_server_groups.succeeded
    + outbox events snapshot.server_groups.changed
    + suspicions change=removed count=1 counted_at=T+2 expected={"name":"tenant-001-group1","policy":"affinity"} field=existence object=<id> object_name=tenant-001-group1 resource_type=server_groups since=T+2 tenant=tenant-001
    "#);
    // One more look within the spacing confirms nothing and enqueues nothing more.
    app.run("pull_server_groups", "tenant-001", none()).await;
    assert_snapshot!(app.changes_in(&DRIFT).await, @"
    + jobs attempt=1 cloud=sim kind=pull_server_groups not_before=T+2 outcome=unchanged params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + outbox events job.pull_server_groups.unchanged
    ");
    app.advance(60);
    app.run_waiting().await;
    assert_snapshot!(app.changes_in(&DRIFT).await, @r#"
    + findings change=removed expected={"name":"tenant-001-group1","policy":"affinity"} field=existence last_seen_at=T+64 object=<id> object_name=tenant-001-group1 opened_at=T+64 resource_type=server_groups severity=warning source=accepted state=open tenant=tenant-001
    + outbox events drift.server_groups.opened
    + outbox events job.pull_server_groups.succeeded
    - suspicions change=removed count=1 counted_at=T+2 expected={"name":"tenant-001-group1","policy":"affinity"} field=existence object=<id> object_name=tenant-001-group1 resource_type=server_groups since=T+2 tenant=tenant-001
    ~ jobs <job>: attempt 0 → 1, outcome null → succeeded, state queued → succeeded
    "#);
    app.cloud().revert(&meddle).await;
    app.run("pull_server_groups", "tenant-001", none()).await;
    assert_snapshot!(app.changes_in(&DRIFT).await, @"
    + jobs attempt=1 cloud=sim kind=pull_server_groups not_before=T+64 outcome=succeeded params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + outbox events drift.server_groups.resolved
    + outbox events job.pull_server_groups.succeeded
    + outbox events snapshot.server_groups.changed
    ~ findings <finding>: resolved_at null → T+65, state open → resolved
    ");
}

async fn a_removed_group_is_followed_at_the_second_look(database: Database) {
    let app = TestApp::start(&database).await;
    app.run("pull_server_groups", "tenant-001", none()).await;
    app.changes().await;
    app.cloud().meddle("server_group_delete", "tenant-001").await;
    app.run("pull_server_groups", "tenant-001", none()).await;
    assert_snapshot!(app.changes_in(&DRIFT).await, @r#"
    + jobs attempt=1 cloud=sim kind=pull_server_groups not_before=T+1 outcome=succeeded params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + jobs cloud=sim kind=pull_server_groups not_before=T+62 params={} source=look-again state=queued subject=tenant-001 tenant=tenant-001
    + outbox events job.pull_server_groups.succeeded
    + outbox events snapshot.server_groups.changed
    + suspicions change=removed count=1 counted_at=T+2 expected={"name":"tenant-001-group1","policy":"affinity"} field=existence object=<id> object_name=tenant-001-group1 resource_type=server_groups since=T+2 tenant=tenant-001
    "#);
    app.advance(60);
    app.run_waiting().await;
    assert_snapshot!(app.changes_in(&DRIFT).await, @r#"
    + outbox events job.pull_server_groups.unchanged
    - suspicions change=removed count=1 counted_at=T+2 expected={"name":"tenant-001-group1","policy":"affinity"} field=existence object=<id> object_name=tenant-001-group1 resource_type=server_groups since=T+2 tenant=tenant-001
    ~ expectations tenant-001/server_groups: author first observation → followed, body [tenant-001-group0, tenant-001-group1] → [tenant-001-group0], set_at T+1 → T+63
    ~ jobs <job>: attempt 0 → 1, outcome null → unchanged, state queued → succeeded
    "#);
}

async fn a_removal_that_does_not_last_is_forgotten(database: Database) {
    let app = TestApp::with(&database, guarding()).await;
    app.run("pull_server_groups", "tenant-001", none()).await;
    let meddle = app.cloud().meddle("server_group_delete", "tenant-001").await;
    app.run("pull_server_groups", "tenant-001", none()).await;
    app.changes().await;
    app.cloud().revert(&meddle).await;
    app.advance(60);
    app.run_waiting().await;
    assert_snapshot!(app.changes_in(&["expectations", "findings", "suspicions"]).await, @r#"- suspicions change=removed count=1 counted_at=T+2 expected={"name":"tenant-001-group1","policy":"affinity"} field=existence object=<id> object_name=tenant-001-group1 resource_type=server_groups since=T+2 tenant=tenant-001"#);
}

async fn a_default_group_that_neutron_just_made_is_expected(database: Database) {
    let app = TestApp::with(&database, guarding()).await;
    app.run_for_cloud("pull_tenants", "sim").await;
    let rule = |direction: &str, ethertype: &str, group: Option<&str>| json!({"direction": direction, "ethertype": ethertype, "remote_group": group});
    let born = [
        rule("egress", "IPv4", None),
        rule("egress", "IPv6", None),
        rule("ingress", "IPv4", Some("d")),
        rule("ingress", "IPv6", Some("d")),
    ];
    let look = async |tenant: &str, name: &str, rules: &[Value]| {
        let tenant = app.tenant(tenant).await;
        for groups in [json!([]), json!([{"id": "d", "name": name, "rules": rules}])] {
            app.advance(1);
            let body = Body::from_json(ResourceType::SecurityGroups, &groups).unwrap();
            app.observe(&tenant, Observation::clean(app.clock.now(), body)).await;
        }
    };
    app.changes().await;
    look("tenant-001", "default", &born).await;
    assert_snapshot!(app.changes_in(&DRIFT).await, @r"
    + expectations author=first observation body=[default with 4 rules] resource_type=security_groups set_at=T+2 source=accepted tenant=tenant-001
    + outbox events snapshot.security_groups.changed
    + outbox events snapshot.security_groups.changed
    ");
    // One that lets somebody in, or bears another name, is somebody's doing.
    let opened: Vec<Value> = born.iter().cloned().chain([rule("ingress", "IPv4", None)]).collect();
    look("tenant-002", "default", &opened).await;
    let changes = app.changes_in(&DRIFT).await;
    assert_eq!(changes.matches("+ findings change=added").count(), 1, "{changes}");
}
