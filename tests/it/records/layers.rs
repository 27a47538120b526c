//! What is expected, layer upon layer: announced, commanded, declared, accepted.

use serde_json::{Value, json};
use tenantd::drift::declared::{Declaration, Declarations, Forbidden};
use tenantd::drift::policy::{Bounds, Whom};
use tenantd::drift::rules::{Mode, Rules};
use tenantd::jobs::accept::{AcceptError, accept};
use tenantd::model::quota::Limit;
use tenantd::model::{Origin, ResourceType};
use tenantd::store::findings::Filter;

use crate::support::app::{Setup, began, none};
use crate::support::{Database, TestApp, on_both_databases};

on_both_databases!(
    while_an_announcement_settles_old_and_new_both_count,
    an_announcement_after_the_change_ends_the_finding,
    a_change_that_was_announced_and_did_not_come_is_a_finding,
    rules_are_announced_as_they_are_pushed,
    a_file_is_stronger_than_a_portal_and_a_default_gives_way,
    a_file_forbids_requires_and_counts_where_the_rest_follows,
    a_single_group_that_was_commanded_is_guarded_alone,
    what_is_announced_is_left_alone_by_reconcile,
);

/// The findings that last, in words.
async fn open(app: &TestApp) -> Vec<String> {
    let mut found = app.context.store().findings(Filter::default()).await.unwrap();
    found.sort_by(|left, right| left.finding.field.cmp(&right.finding.field));
    let say = |it: &Value| it.as_str().map_or_else(|| it.to_string(), str::to_owned);
    let told = found.iter().map(|it| &it.finding).map(|it| {
        let (expected, observed) = (say(&it.expected), say(&it.observed));
        format!("{} {}: {expected} → {observed} ({})", it.object_name, it.field, it.source)
    });
    told.collect()
}

async fn announce(app: &TestApp, values: Value, settle: &str) {
    app.run("expect", "tenant-001", json!({"resource_type": "quotas", "values": values, "settle": settle})).await;
}

async fn pull(app: &TestApp) {
    app.run("pull_quotas", "tenant-001", none()).await;
}

async fn while_an_announcement_settles_old_and_new_both_count(database: Database) {
    let app = TestApp::start(&database).await;
    pull(&app).await;
    announce(&app, json!({"vcpu": 60}), "10m").await;
    pull(&app).await;
    assert_eq!(open(&app).await, Vec::<String>::new(), "it is still as it was");
    app.cloud().limit_cores("tenant-001", 60).await;
    pull(&app).await;
    assert_eq!(open(&app).await, Vec::<String>::new(), "it is as it was announced");
    app.cloud().limit_cores("tenant-001", 70).await;
    pull(&app).await;
    assert_eq!(open(&app).await, ["vcpu limit: 46 → 70 (accepted)"], "it is neither");
    app.cloud().limit_cores("tenant-001", 60).await;
    app.advance(600);
    app.run_waiting().await;
    assert_eq!(open(&app).await, Vec::<String>::new());
    let expected = app.context.store().expectations(app.tenant("tenant-001").await.uuid).await.unwrap().remove(0);
    assert_eq!(expected.body.to_json()["vcpu"]["limit"], json!(60));
    let sources = (expected.origin_of("vcpu").source.as_str(), expected.origin_of("ram").source.as_str());
    assert_eq!(sources, ("commanded", "accepted"));
    app.cloud().limit_cores("tenant-001", 46).await;
    pull(&app).await;
    assert_eq!(open(&app).await, ["vcpu limit: 60 → 46 (commanded)"], "what was right before is not any more");
}

async fn an_announcement_after_the_change_ends_the_finding(database: Database) {
    let app = TestApp::start(&database).await;
    pull(&app).await;
    app.cloud().limit_cores("tenant-001", 60).await;
    pull(&app).await;
    assert_eq!(open(&app).await, ["vcpu limit: 46 → 60 (accepted)"]);
    announce(&app, json!({"vcpu": 60}), "10m").await;
    assert_eq!(open(&app).await, Vec::<String>::new());
    let tenant = app.tenant("tenant-001").await.uuid;
    assert_eq!(app.context.store().announcements(tenant).await.unwrap().len(), 1);
    app.advance(600);
    app.run_waiting().await;
    assert_eq!(open(&app).await, Vec::<String>::new());
    assert_eq!(app.context.store().announcements(tenant).await.unwrap(), []);
}

async fn a_change_that_was_announced_and_did_not_come_is_a_finding(database: Database) {
    let app = TestApp::start(&database).await;
    pull(&app).await;
    announce(&app, json!({"vcpu": 60}), "10m").await;
    app.advance(600);
    app.run_waiting().await;
    assert_eq!(open(&app).await, ["vcpu limit: 60 → 46 (commanded)"]);
}

async fn rules_are_announced_as_they_are_pushed(database: Database) {
    let app = TestApp::start(&database).await;
    groups(&app).await;
    let rule = json!({"protocol": "tcp", "from_port": 25, "to_port": 25});
    let values = json!({
        "mail": {"rules": [rule.clone()]}, "shut": {"rules": [rule], "default_egress_rules": false},
    });
    app.run("expect", "tenant-001", json!({"resource_type": "security_groups", "values": values, "settle": "10m"}))
        .await;
    let project = app.cloud().project("tenant-001").await;
    for name in ["mail", "shut"] {
        let group = json!({"security_group": {"name": name, "project_id": project}});
        app.cloud().admin(reqwest::Method::POST, "/network/v2.0/security-groups", Some(group)).await;
        add_rule(&app, name, 25).await;
    }
    groups(&app).await;
    app.advance(600);
    app.run_waiting().await;
    groups(&app).await;
    let found = open(&app).await;
    let told: Vec<&str> = found.iter().map(|it| it.split(": null → ").next().unwrap()).collect();
    let egress = ["shut rule egress IPv4 any protocol to 0.0.0.0/0", "shut rule egress IPv6 any protocol to ::/0"];
    assert_eq!(told, egress, "Neutron begins every group with two rules, and a push leaves them");
}

fn declaration(file: &str) -> Declaration {
    let origin = Origin { source: "declared".into(), author: file.into(), set_at: began() };
    Declaration {
        origin,
        only: Whom { domains: vec!["Def*".into()], ..Whom::default() },
        except: Whom::default(),
        default: false,
        limits: [].into(),
        required: [].into(),
        forbidden: Vec::new(),
        counts: [].into(),
        modes: [].into(),
    }
}

async fn with(database: &Database, entries: Vec<Declaration>, write: Vec<&'static str>) -> TestApp {
    let rules = Rules { declared: Declarations::new(entries), ..Rules::default() };
    let app = TestApp::with(database, Setup { rules, write, ..Setup::default() }).await;
    // Domains and tags are known after a discovery.
    app.run_for_cloud("pull_tenants", "sim").await;
    app
}

async fn a_file_is_stronger_than_a_portal_and_a_default_gives_way(database: Database) {
    let limits = |of: &[(&str, u64)]| of.iter().map(|(name, limit)| ((*name).to_owned(), Limit::Of(*limit))).collect();
    let entries = vec![
        Declaration { limits: limits(&[("vcpu", 10), ("volumes", 20)]), ..declaration("10-all.toml") },
        Declaration { limits: limits(&[("vcpu", 46)]), ..declaration("20-gold.toml") },
        Declaration { default: true, limits: limits(&[("snapshots", 7)]), ..declaration("90-default.toml") },
    ];
    let app = with(&database, entries, vec!["set_quotas"]).await;
    pull(&app).await;
    assert_eq!(open(&app).await, ["snapshots limit: 7 → 15 (declared)"], "the later file wins");
    app.run("set_quotas", "tenant-001", json!({"snapshots": 21, "volumes": 25})).await;
    pull(&app).await;
    assert_eq!(open(&app).await, ["volumes limit: 20 → 25 (declared)"]);
    let found = app.context.store().findings(Filter::default()).await.unwrap().remove(0);
    let refused = accept(&app.context, found.finding.id, "mari").await.unwrap_err();
    assert!(matches!(&refused, AcceptError::Refused { why, .. } if why.contains("change the file")), "{refused}");
}

async fn groups(app: &TestApp) {
    app.run("pull_security_groups", "tenant-001", none()).await;
}

async fn add_rule(app: &TestApp, group: &str, port: u16) {
    let project = app.cloud().project("tenant-001").await;
    let path = format!("/network/v2.0/security-groups?project_id={project}");
    let all = app.cloud().admin(reqwest::Method::GET, &path, None).await;
    let all = all["security_groups"].as_array().unwrap();
    let id = &all.iter().find(|it| it["name"] == group).unwrap()["id"];
    let rule = json!({"security_group_rule": {
        "security_group_id": id, "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp",
        "port_range_min": port, "port_range_max": port, "project_id": project,
    }});
    app.cloud().admin(reqwest::Method::POST, "/network/v2.0/security-group-rules", Some(rule)).await;
}

async fn a_file_forbids_requires_and_counts_where_the_rest_follows(database: Database) {
    let forbidden = Forbidden {
        groups: Vec::new(),
        direction: "ingress".into(),
        ethertype: None,
        protocols: vec!["tcp".into()],
        port: Some(3389),
        from_anywhere: true,
    };
    let web = serde_json::from_value(json!([{"protocol": "tcp", "from_port": 443, "to_port": 443}])).unwrap();
    let entry = Declaration {
        forbidden: vec![forbidden],
        required: [("default".to_owned(), web)].into(),
        counts: [(ResourceType::SecurityGroups, Bounds { at_least: None, at_most: Some(1) })].into(),
        ..declaration("rules.toml")
    };
    let app = with(&database, vec![entry], Vec::new()).await;
    groups(&app).await;
    add_rule(&app, "default", 3389).await;
    add_rule(&app, "default", 8080).await;
    app.advance(60);
    app.run_waiting().await;
    groups(&app).await;
    let found = open(&app).await;
    let told: Vec<&str> = found.iter().map(|it| it.split(" → ").next().unwrap()).collect();
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(told[0].starts_with("security_groups count: at most 1"), "{found:#?}");
    assert!(told[1].contains("rule ingress IPv4 tcp 3389 from 0.0.0.0/0: null"), "{found:#?}");
    assert!(found[2].starts_with("default rule ingress IPv4 tcp 443 from 0.0.0.0/0: {"), "{found:#?}");
    assert!(found.iter().all(|it| it.ends_with("(declared)")), "{found:#?}");
}

async fn a_single_group_that_was_commanded_is_guarded_alone(database: Database) {
    let app = TestApp::writing(&database, &["create_security_group"]).await;
    assert_eq!(Rules::default().mode(&[], ResourceType::SecurityGroups), Mode::Follow);
    groups(&app).await;
    let rules = json!([{"protocol": "tcp", "from_port": 22, "to_port": 22, "cidr": "192.0.2.0/24"}]);
    app.run("create_security_group", "tenant-001", json!({"name": "ours", "rules": rules})).await;
    add_rule(&app, "default", 8080).await;
    add_rule(&app, "ours", 8081).await;
    groups(&app).await;
    let found = open(&app).await;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with("ours rule ingress IPv4 tcp 8081 from 0.0.0.0/0: null → {"), "{found:#?}");
    assert!(found[0].ends_with("(commanded)"), "{found:#?}");
}

async fn what_is_announced_is_left_alone_by_reconcile(database: Database) {
    database.expect_leftovers();
    let entry = Declaration { limits: [("volumes".to_owned(), Limit::Of(33))].into(), ..declaration("all.toml") };
    let app = with(&database, vec![entry], vec!["reconcile"]).await;
    pull(&app).await;
    announce(&app, json!({"vcpu": 60}), "10m").await;
    app.cloud().limit_cores("tenant-001", 60).await;
    app.run("reconcile", "tenant-001", json!({"resource_types": ["quotas"]})).await;
    pull(&app).await;
    assert_eq!(open(&app).await, Vec::<String>::new());
    let tenant = app.tenant("tenant-001").await.uuid;
    let seen = app.context.store().statuses(tenant).await.unwrap().remove(0).snapshot.unwrap();
    let body = app.context.store().snapshot(seen).await.unwrap().unwrap().body.to_json();
    assert_eq!((&body["vcpu"]["limit"], &body["volumes"]["limit"]), (&json!(60), &json!(33)));
}
