//! `create_tenant`: what it makes, under which names, and what becomes of one that cannot be made.

use insta::assert_snapshot;
use serde_json::{Value, json};
use tenantd::jobs::command::{Order, submit};
use tenantd::jobs::runner::Ended;
use tenantd::model::TenantState;
use tenantd::model::job::{Outcome, Request};

use crate::support::{Database, Login, Setup, TestApp, on_both_databases};

on_both_databases!(
    a_tenant_is_made_with_all_that_belongs_to_it,
    somebody_who_waits_sees_it_at_once,
    a_discovery_meanwhile_leaves_it_alone,
    one_that_cannot_be_made_says_why_and_can_be_made_later,
    what_means_nothing_makes_nothing,
    groups_that_name_each_other_are_made_with_it,
    a_group_that_cannot_be_filled_is_filled_later,
    a_login_that_does_not_see_the_whole_makes_nothing,
    a_tenant_is_made_though_our_own_login_gets_no_role,
);

const KIND: &str = "create_tenant";

fn order(app: &TestApp, params: Value) -> Request {
    Request { cloud: Some("sim".to_owned()), params, ..app.request(KIND) }
}

async fn a_tenant_is_made_with_all_that_belongs_to_it(database: Database) {
    let app = TestApp::writing(&database, &[KIND]).await;
    app.changes().await;
    let wish = json!({
        "name": "Genomics", "description": "sequences", "availability_zone": "nova", "subnet_cidr": "10.7.7.0/24",
        "quotas": {"vcpu": 7, "storage": 10_240},
    });
    let ended = app.deliver(order(&app, wish)).await;
    assert_eq!(ended, Ended::Done { outcome: Outcome::Succeeded, left_out: None });
    assert_snapshot!(app.changes().await, @r#"
    + expectations author=first observation body=[0 addresses] resource_type=floating_ips set_at=T+1 source=accepted tenant=Genomics
    + expectations author=first observation body=[] resource_type=server_groups set_at=T+1 source=accepted tenant=Genomics
    + expectations author=first observation body=[default with 4 rules] resource_type=security_groups set_at=T+1 source=accepted tenant=Genomics
    + expectations author=test body=[15 quotas, vcpu 7] objects=storage commanded by test, vcpu commanded by test resource_type=quotas set_at=T+1 source=accepted tenant=Genomics
    + jobs attempt=1 cloud=sim kind=create_tenant not_before=T+0 outcome=succeeded params={"availability_zone":"nova","description":"sequences","name":"Genomics","quotas":{"storage":10240,"vcpu":7},"subnet_cidr":"10.7.7.0/24"} source=test state=succeeded tenant=Genomics
    + leases expires_at=T+1 name=tenant/Genomics token=1
    + outbox events job.create_tenant.succeeded
    + outbox events snapshot.floating_ips.changed
    + outbox events snapshot.quotas.changed
    + outbox events snapshot.security_groups.changed
    + outbox events snapshot.server_groups.changed
    + resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=floating_ips snapshot=<snapshot> tenant=Genomics
    + resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=quotas snapshot=<snapshot> tenant=Genomics
    + resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=security_groups snapshot=<snapshot> tenant=Genomics
    + resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=server_groups snapshot=<snapshot> tenant=Genomics
    + snapshots body=[0 addresses] first_seen_at=T+1 last_seen_at=T+1 resource_type=floating_ips tenant=Genomics
    + snapshots body=[15 quotas, vcpu 7] first_seen_at=T+1 last_seen_at=T+1 resource_type=quotas tenant=Genomics
    + snapshots body=[] first_seen_at=T+1 last_seen_at=T+1 resource_type=server_groups tenant=Genomics
    + snapshots body=[default with 4 rules] first_seen_at=T+1 last_seen_at=T+1 resource_type=security_groups tenant=Genomics
    + steps done_at=T+1 existing=[] intended_at=T+1 job=<job> name=gateway of the router tenant=Genomics
    + steps done_at=T+1 existing=[] intended_at=T+1 job=<job> name=interface of the router result=<id> tenant=Genomics
    + steps done_at=T+1 existing=[] intended_at=T+1 job=<job> name=limits of compute tenant=Genomics
    + steps done_at=T+1 existing=[] intended_at=T+1 job=<job> name=limits of volume tenant=Genomics
    + steps done_at=T+1 existing=[] intended_at=T+1 job=<job> name=network result=<id> tenant=Genomics
    + steps done_at=T+1 existing=[] intended_at=T+1 job=<job> name=project result={"description":"sequences","domain_id":"default","enabled":true,"id":"Genomics","is_domain":false,"name":"Genomics","parent_id":"default","tags":["tenantd-c4f7b07ed5be5293b9ec84c7c27f94ea"]} tenant=Genomics
    + steps done_at=T+1 existing=[] intended_at=T+1 job=<job> name=role of our own login tenant=Genomics
    + steps done_at=T+1 existing=[] intended_at=T+1 job=<job> name=role of the user tenant=Genomics
    + steps done_at=T+1 existing=[] intended_at=T+1 job=<job> name=router result=<id> tenant=Genomics
    + steps done_at=T+1 existing=[] intended_at=T+1 job=<job> name=subnet result=<id> tenant=Genomics
    + steps done_at=T+1 existing=[] intended_at=T+1 job=<job> name=user result={"default_project_id":"Genomics","domain_id":"default","id":"<id>","name":"genomics-user-c27f94ea"} tenant=Genomics
    + tenants availability_zone=nova backend_id=Genomics cloud=sim created_at=T+1 enabled=true external_network=<id> internal_network=<id> name=Genomics state=OK user_name=genomics-user-c27f94ea version=2
    "#);
    let tenant = app.tenant("Genomics").await;
    assert_eq!(
        (tenant.state, tenant.project()),
        (TenantState::Ok, Some(app.cloud().project("Genomics").await.as_str()))
    );
    assert!(tenant.user_name.starts_with("genomics-user-") && !tenant.internal_network.is_empty());
    assert_snapshot!(app.cloud().changes().await.iter().map(|it| plain(it)).collect::<Vec<_>>().join("\n"), @"
    POST /identity/v3/projects
    POST /identity/v3/users
    PUT /identity/v3/projects/<id>/users/<id>/roles/<id>
    PUT /identity/v3/projects/<id>/users/<id>/roles/<id>
    PUT /compute/v2.1/os-quota-sets/<id>
    PUT /volume/v3/<id>/os-quota-sets/<id>
    POST /network/v2.0/networks
    POST /network/v2.0/subnets
    POST /network/v2.0/routers
    PUT /network/v2.0/routers/<id>/add_router_interface
    PUT /network/v2.0/routers/<id>
    ");
}

/// A request without ids.
fn plain(request: &str) -> String {
    let is_id = |part: &&str| part.len() >= 32 && part.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    request.split('/').map(|part| if is_id(&part) { "<id>" } else { part }).collect::<Vec<_>>().join("/")
}

async fn somebody_who_waits_sees_it_at_once(database: Database) {
    let app = TestApp::writing(&database, &[KIND]).await;
    let request = order(&app, json!({"name": "fresh", "skip_creation_of_default_router": true}));
    let wish = Order::of(request, None);
    let tenant = submit(&app.context, wish).await.unwrap().unwrap();
    assert_eq!((tenant.state, tenant.project()), (TenantState::CreationScheduled, None));
    let ended = app.run_waiting().await;
    assert!(matches!(ended.as_slice(), [Ended::Done { outcome: Outcome::Succeeded, .. }]), "{ended:?}");
    let made = app.tenant("fresh").await;
    assert_eq!((made.uuid, made.state, made.external_network.as_str()), (tenant.uuid, TenantState::Ok, ""));
}

async fn a_discovery_meanwhile_leaves_it_alone(database: Database) {
    let app = TestApp::writing(&database, &[KIND]).await;
    app.cloud().halt(1, "after").await;
    {
        let making = app.deliver(order(&app, json!({"name": "fresh"})));
        tokio::pin!(making);
        let held = crate::support::eventually("the project", async || app.cloud().halted().await.0);
        tokio::select! { ended = &mut making => panic!("{ended:?}"), _ = held => {} }
        app.run_for_cloud("pull_tenants", "sim").await;
        let known = app.context.store().tenants_by_name("fresh", None).await.unwrap();
        assert_eq!((known.len(), known[0].state, known[0].project()), (1, TenantState::Creating, None));
        app.cloud().lift().await;
        assert!(matches!(making.await, Ended::Parked { .. }));
    }
    app.advance(60);
    app.run_waiting().await;
    assert_eq!(app.tenant("fresh").await.state, TenantState::Ok);
    assert_eq!(app.context.store().tenants_by_name("fresh", None).await.unwrap().len(), 1);
}

async fn one_that_cannot_be_made_says_why_and_can_be_made_later(database: Database) {
    let app = TestApp::writing(&database, &[KIND]).await;
    let fault =
        json!([{"service": "network", "method": "POST", "contains": "routers", "kind": "status", "status": 409}]);
    app.cloud().faults(fault).await;
    let first = order(&app, json!({"name": "fresh"}));
    let ended = app.deliver(first.clone()).await;
    assert!(matches!(&ended, Ended::Dead { reason, .. } if reason == "conflict"), "{ended:?}");
    let erred = app.tenant("fresh").await;
    assert_eq!(erred.state, TenantState::Erred);
    assert!(erred.error_message.contains("router_create") && erred.project().is_some(), "{}", erred.error_message);
    app.cloud().faults(json!([])).await;
    // Another order of that name is another tenant; the dead one asked for again is this one.
    let other = app.deliver(order(&app, json!({"name": "fresh"}))).await;
    assert!(matches!(&other, Ended::Dead { reason, .. } if reason == "invalid_params"), "{other:?}");
    let again = Request { retry_of: Some(first.id), ..order(&app, json!({"name": "fresh"})) };
    let ended = app.deliver(again).await;
    assert_eq!(ended, Ended::Done { outcome: Outcome::Succeeded, left_out: None });
    assert_eq!(app.tenant("fresh").await.uuid, erred.uuid);
}

async fn what_means_nothing_makes_nothing(database: Database) {
    let app = TestApp::writing(&database, &[KIND]).await;
    app.run("pull_quotas", "tenant-001", json!({})).await;
    app.cloud().count_changes().await;
    for wish in [
        json!({"name": ""}),
        json!({"name": "fresh", "subnet_cidr": "8.8.8.0/24"}),
        json!({"name": "fresh", "quotas": {"vcpu": -9}}),
        json!({"name": "tenant-001"}),
        json!({"name": "other", "external_network_id": "nowhere"}),
        json!({"name": "fresh", "security_groups": [{"name": "default"}]}),
        json!({"name": "fresh", "security_groups": [{"name": "web"}, {"name": "web"}]}),
        json!({"name": "fresh", "security_groups": [{"rules": []}]}),
        json!({"name": "fresh", "security_groups": [{"name": "web", "rules": [{"protocol": "tcp", "from_port": 2}]}]}),
        json!({"name": "fresh", "security_groups": [{"name": "web", "rules": [from("db")]}]}),
        json!({"name": "fresh", "security_groups": [{"name": "web", "uuid": "8b1c"}]}),
    ] {
        let ended = app.deliver(order(&app, wish.clone())).await;
        assert!(matches!(&ended, Ended::Dead { reason, .. } if reason == "invalid_params"), "{wish}: {ended:?}");
    }
    let subject = Some(app.tenant("tenant-001").await.uuid.to_string());
    let existing = Request { subject, ..order(&app, json!({"name": "fresh"})) };
    let ended = app.deliver(existing).await;
    assert!(matches!(&ended, Ended::Dead { reason, .. } if reason == "invalid_params"), "{ended:?}");
    assert_eq!(app.tenant("tenant-001").await.state, TenantState::Ok);
    let nowhere = app.deliver(Request { params: json!({"name": "fresh"}), ..app.request(KIND) }).await;
    assert!(matches!(&nowhere, Ended::Dead { reason, .. } if reason == "invalid_params"), "{nowhere:?}");
    assert_eq!(app.cloud().halted().await.1, 0);
}

/// A rule that lets another group in.
fn from(group: &str) -> Value {
    json!({"protocol": "tcp", "from_port": 1, "to_port": 2, "remote_group_name": group})
}

fn with_groups() -> Value {
    json!({"name": "fresh", "skip_creation_of_default_subnet": true, "security_groups": [
        {"name": "web", "description": "in front", "rules": [
            from("db"), from("web"), {"protocol": "tcp", "from_port": 443, "to_port": 443},
        ]},
        {"name": "db", "default_egress_rules": false, "rules": [from("web")]},
    ]})
}

async fn groups_that_name_each_other_are_made_with_it(database: Database) {
    let app = TestApp::writing(&database, &[KIND]).await;
    app.changes().await;
    let ended = app.deliver(order(&app, with_groups())).await;
    assert_eq!(ended, Ended::Done { outcome: Outcome::Succeeded, left_out: None });
    let changes = app.changes_in(&["expectations"]).await;
    let groups = changes.lines().find(|line| line.contains("resource_type=security_groups")).unwrap();
    assert!(groups.contains("objects=<id> commanded by test, <id> commanded by test"), "{groups}");
    assert!(groups.contains("db with 1 rule"), "{groups}");
    assert!(groups.contains("web with 5 rules"), "{groups}");
    app.run("pull_security_groups", "fresh", json!({})).await;
    assert_eq!(app.changes_in(&["expectations", "findings"]).await, "", "it is what was asked for");
}

async fn a_group_that_cannot_be_filled_is_filled_later(database: Database) {
    let app = TestApp::writing(&database, &[KIND]).await;
    let fault = json!({
        "service": "network", "method": "POST", "contains": "security-group-rules", "kind": "status", "status": 403,
    });
    app.cloud().faults(json!([fault])).await;
    let first = order(&app, with_groups());
    let ended = app.deliver(first.clone()).await;
    assert!(matches!(ended, Ended::Dead { .. }), "{ended:?}");
    assert_eq!(app.tenant("fresh").await.state, TenantState::Erred);
    app.cloud().faults(json!([])).await;
    let ended = app.deliver(Request { retry_of: Some(first.id), ..order(&app, with_groups()) }).await;
    assert_eq!(ended, Ended::Done { outcome: Outcome::Succeeded, left_out: None });
    let made = app.cloud().changes().await;
    let groups = made.iter().filter(|it| it.ends_with("/security-groups")).count();
    assert_eq!(groups, 2, "each once: {made:?}");
}

async fn a_login_that_does_not_see_the_whole_makes_nothing(database: Database) {
    let clouds = vec![("sim", Login::Entry("sim-system"), 1)];
    let app = TestApp::with(&database, Setup { clouds, write: vec![KIND], ..Setup::default() }).await;
    let ended = app.deliver(order(&app, json!({"name": "fresh"}))).await;
    assert!(matches!(&ended, Ended::Dead { reason, .. } if reason == "wrong_scope"), "{ended:?}");
    assert!(app.cloud().changes().await.is_empty());
}

async fn a_tenant_is_made_though_our_own_login_gets_no_role(database: Database) {
    let app = TestApp::writing(&database, &[KIND]).await;
    // The second of the two grants.
    let refused = json!([{"service": "identity", "method": "PUT", "contains": "/roles/", "every": 2, "kind": "status", "status": 403}]);
    app.cloud().faults(refused).await;
    let ended = app.deliver(order(&app, json!({"name": "fresh"}))).await;
    assert_eq!(ended, Ended::Done { outcome: Outcome::Succeeded, left_out: None });
    assert_eq!(app.tenant("fresh").await.state, TenantState::Ok);
}
