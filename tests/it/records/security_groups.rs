//! `create_security_group` and `push_security_groups`: what they change, what they leave alone, what they refuse.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};
use tenantd::jobs::command::{Order, Refused, submit};
use tenantd::jobs::runner::Ended;
use tenantd::model::job::{Outcome, Request};
use tenantd::model::{Body, Object, ResourceType, TenantState};
use uuid::Uuid;

use crate::support::app::began;
use crate::support::{Database, TestApp, on_both_databases};

on_both_databases!(
    a_group_is_made_with_its_rules_and_expected,
    what_lets_everything_out_goes_only_when_that_is_asked_for,
    a_group_that_may_not_be_is_never_asked_for,
    a_group_without_all_its_rules_is_told,
    what_a_pull_saw_of_its_own_doing_does_not_stop_it,
    a_push_changes_what_differs_and_nothing_else,
    a_push_that_may_not_be_is_never_begun,
    what_cannot_go_is_told_and_the_rest_is_done,
    nothing_goes_where_something_could_not_come,
);

const CREATE: &str = "create_security_group";
const PUSH: &str = "push_security_groups";

async fn start(database: &Database) -> TestApp {
    let app = TestApp::writing(database, &[CREATE, PUSH]).await;
    app.run("pull", "tenant-001", json!({})).await;
    app.changes().await;
    app.cloud().forget_requests().await;
    app
}

/// The groups of a tenant in the cloud, by name.
async fn there(app: &TestApp, tenant: &str) -> BTreeMap<String, Value> {
    let path = format!("/network/v2.0/security-groups?project_id={}", app.cloud().project(tenant).await);
    let listing = app.cloud().admin(Method::GET, &path, None).await;
    let groups = listing["security_groups"].as_array().unwrap().iter();
    groups.map(|group| (group["name"].as_str().unwrap().to_owned(), group.clone())).collect()
}

fn id(groups: &BTreeMap<String, Value>, name: &str) -> String {
    groups[name]["id"].as_str().unwrap().to_owned()
}

/// The rules of a group as they were recorded.
async fn rules(app: &TestApp, name: &str) -> Vec<String> {
    let tenant = app.tenant("tenant-001").await;
    let expected = app.context.store().expectations(tenant.uuid).await.unwrap();
    let expected = expected.into_iter().find(|it| it.body.resource_type() == ResourceType::SecurityGroups).unwrap();
    let Body::SecurityGroups(groups) = expected.body else { panic!("no groups") };
    let ids: BTreeMap<&str, &str> = groups.iter().map(|it| (it.id.as_str(), it.name.as_str())).collect();
    let group = groups.iter().find(|group| group.name == name).unwrap_or_else(|| panic!("no {name} is expected"));
    let told = group.rules.iter().map(|rule| rule.meaning.to_string());
    told.map(|told| ids.iter().fold(told, |told, (id, name)| told.replace(id, name))).collect()
}

fn done(ended: &Ended) {
    assert_eq!(*ended, Ended::Done { outcome: Outcome::Succeeded, left_out: None });
}

fn dead(ended: Ended) -> (String, String) {
    let Ended::Dead { reason, error } = ended else { panic!("{ended:?}") };
    (reason, error)
}

async fn a_group_is_made_with_its_rules_and_expected(database: Database) {
    let app = start(&database).await;
    let other = there(&app, "tenant-001").await;
    let wish = json!({"name": "web", "description": "for everybody", "rules": [
        {"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr": "10.1.1.5/8", "description": "browsers"},
        {"protocol": "6", "from_port": 5432, "to_port": 5432, "remote_group": id(&other, "default")},
        {"protocol": "tcp", "from_port": 1, "to_port": 2, "remote_group_name": "web"},
        {"direction": "egress", "from_port": -1, "to_port": -1},
    ]});
    done(&app.run(CREATE, "tenant-001", wish).await);
    assert_snapshot!(app.changes_in(&["expectations", "findings", "objects", "steps", "tenants"]).await, @r#"
    + objects backend_id=<id> body={"description":"for everybody","id":"<id>","name":"web","rules":[{"cidr":null,"direction":"egress","ethertype":"IPv4","id":"<id>","port_max":null,"port_min":null,"protocol":null},{"cidr":null,"direction":"egress","ethertype":"IPv6","id":"<id>","port_max":null,"port_min":null,"protocol":null},{"cidr":null,"direction":"ingress","ethertype":"IPv4","id":"<id>","port_max":2,"port_min":1,"protocol":"tcp","remote_group":"<id>"},{"cidr":"10.0.0.0/8","description":"browsers","direction":"ingress","ethertype":"IPv4","id":"<id>","port_max":443,"port_min":443,"protocol":"tcp"},{"cidr":null,"direction":"ingress","ethertype":"IPv4","id":"<id>","port_max":5432,"port_min":5432,"protocol":"tcp","remote_group":"<id>"}],"stateful":true} created_at=T+2 job=<job> name=web resource_type=security_groups state=OK tenant=tenant-001
    + steps done_at=T+2 existing=[] intended_at=T+2 job=<job> name=security group <id>: add ingress IPv4 tcp 1-2 from group <id> tenant=tenant-001
    + steps done_at=T+2 existing=[] intended_at=T+2 job=<job> name=security group <id>: add ingress IPv4 tcp 443 from 10.0.0.0/8 tenant=tenant-001
    + steps done_at=T+2 existing=[] intended_at=T+2 job=<job> name=security group <id>: add ingress IPv4 tcp 5432 from group <id> tenant=tenant-001
    + steps done_at=T+2 existing=[] intended_at=T+2 job=<job> name=security group web result={"id":"<id>"} tenant=tenant-001
    ~ expectations tenant-001/security_groups: body [default with 4 rules, tenant-001-sg0 with 3 rules, tenant-001-sg1 with 3 rules, tenant-001-sg2 with 3 rules] → [default with 4 rules, tenant-001-sg0 with 3 rules, tenant-001-sg1 with 3 rules, tenant-001-sg2 with 3 rules, web with 5 rules], objects  → <id> commanded by test
    ~ tenants tenant-001: version 0 → 2
    "#);
    let expected = [
        "egress IPv4 any protocol to 0.0.0.0/0",
        "egress IPv6 any protocol to ::/0",
        "ingress IPv4 tcp 1-2 from group web",
        "ingress IPv4 tcp 443 from 10.0.0.0/8",
        "ingress IPv4 tcp 5432 from group default",
    ];
    assert_eq!(rules(&app, "web").await, expected);
    let made = there(&app, "tenant-001").await;
    assert_eq!(made["web"]["description"], json!("for everybody"));
    assert_eq!(app.cloud().changes().await.len(), 4, "one group and three rules: the fourth was there");
    // A later look finds nothing to say.
    app.run("pull_security_groups", "tenant-001", json!({})).await;
    assert_eq!(app.changes_in(&["findings", "suspicions"]).await, "");
}

async fn what_lets_everything_out_goes_only_when_that_is_asked_for(database: Database) {
    let app = start(&database).await;
    let egress = json!({"direction": "egress", "protocol": "tcp", "from_port": 443, "to_port": 443});
    let wish = json!({"name": "strict", "rules": [egress], "default_egress_rules": false});
    done(&app.run(CREATE, "tenant-001", wish).await);
    assert_eq!(rules(&app, "strict").await, ["egress IPv4 tcp 443 to 0.0.0.0/0"]);
    let requests = app.cloud().changes().await;
    let removed = requests.iter().position(|request| request.starts_with("DELETE")).unwrap();
    assert!(requests[..removed].iter().any(|it| it.ends_with("security-group-rules")), "{requests:?}");
}

async fn a_group_that_may_not_be_is_never_asked_for(database: Database) {
    let app = start(&database).await;
    app.run("pull", "tenant-002", json!({})).await;
    let foreign = id(&there(&app, "tenant-002").await, "default");
    app.cloud().count_changes().await;
    let tcp = |more: Value| {
        let mut rule = json!({"protocol": "tcp", "from_port": 1, "to_port": 2});
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        rule
    };
    let wrong = json!({"name": " ", "rules": [tcp(json!({"cidr": "10.0.0.0/99"})), tcp(json!({"to_port": 0}))]});
    let said = "params: name: This field may not be blank.; rules[0].cidr: 10.0.0.0/99 is no network; \
        rules[1].from_port: the first port is not above the last; \
        rules[1].to_port: a port is between 1 and 65535, or both are -1 for any";
    let (reason, error) = dead(app.run(CREATE, "tenant-001", wrong).await);
    assert_eq!((reason.as_str(), error.as_str()), ("invalid_params", said));
    for (wish, said) in [
        (json!({"name": "default"}), "managed by OpenStack"),
        (json!({"name": "tenant-001-sg0"}), "name: the tenant has a security group of this name"),
        (
            json!({"name": "a", "rules": [tcp(json!({"remote_group": foreign}))]}),
            "rules[0].remote_group: the tenant has no",
        ),
        (json!({"name": "a", "rules": vec![tcp(json!({})); 2]}), "rules[1]: another rule of the request is the same"),
        (json!({"name": "a", "rules": [tcp(json!({"id": 1}))]}), "rules[0].id: a rule has no id"),
    ] {
        let (reason, error) = dead(app.run(CREATE, "tenant-001", wish).await);
        assert!(reason == "invalid_params" && error.contains(said), "{error}");
    }
    // Over HTTP whoever asks is told so at once, each mistake at its place.
    let tenant = Some(app.tenant("tenant-001").await);
    let params = json!({"name": "tenant-001-sg0", "rules": [tcp(json!({"remote_group_name": "nobody"}))]});
    let order = Order::of(Request { params, ..app.request(CREATE) }, tenant);
    let refused = submit(&app.context, order).await.unwrap_err();
    let Refused::Invalid(invalid) = refused else { panic!("{refused}") };
    let expected = json!({
        "name": ["the tenant has a security group of this name"],
        "rules": [{"remote_group_name": ["the tenant has no security group nobody"]}],
    });
    assert_eq!(serde_json::to_value(invalid).unwrap(), expected);
    assert_eq!(app.cloud().halted().await.1, 0);
    assert_eq!(app.tenant("tenant-001").await.state, TenantState::Ok);
}

async fn a_group_without_all_its_rules_is_told(database: Database) {
    let app = start(&database).await;
    let project = app.cloud().project("tenant-001").await;
    let path = format!("/network/v2.0/quotas/{project}");
    // Room for the group with its two and for one more; the records do not know.
    let used = app.cloud().admin(Method::GET, &format!("{path}/details.json"), None).await;
    let limit = used["quota"]["security_group_rule"]["used"].as_i64().unwrap() + 3;
    app.cloud().admin(Method::PUT, &path, Some(json!({"quota": {"security_group_rule": limit}}))).await;
    let tenant = app.tenant("tenant-001").await;
    let rule = |port: u16| json!({"protocol": "tcp", "from_port": port, "to_port": port});
    let params = json!({"name": "web", "rules": [rule(1), rule(2), rule(3)]});
    let request = Request { params, ..app.request(CREATE) };
    let mut object = Object::asked_for(Uuid::from_u128(5), tenant.uuid, "security_groups", request.id, began());
    "web".clone_into(&mut object.name);
    let order = Order { objects: vec![object], ..Order::of(request, Some(tenant)) };
    submit(&app.context, order).await.unwrap();
    let (reason, error) = dead(app.run_waiting().await.remove(0));
    assert_eq!(reason, "quota_exceeded");
    let tenant = app.tenant("tenant-001").await;
    assert_eq!((tenant.state, tenant.error_message.as_str()), (TenantState::Erred, error.as_str()));
    let object = app.context.store().object(Uuid::from_u128(5)).await.unwrap().unwrap();
    let made = there(&app, "tenant-001").await;
    assert_eq!(object.backend_id, Some(id(&made, "web")), "it is known what was made");
    assert_eq!((object.state, object.error_message.as_str()), (TenantState::Erred, error.as_str()));
    assert_eq!(made["web"]["security_group_rules"].as_array().unwrap().len(), 3);
}

/// A pull comes between two attempts and sees the group that the first one made.
async fn what_a_pull_saw_of_its_own_doing_does_not_stop_it(database: Database) {
    let app = start(&database).await;
    let fault =
        json!([{"path_prefix": "/network/v2.0/security-group-rules", "kind": "status", "status": 503, "count": 1}]);
    app.cloud().faults(fault).await;
    let wish = json!({"name": "web", "rules": [{"protocol": "tcp", "from_port": 1, "to_port": 1}]});
    let parked = app.run(CREATE, "tenant-001", wish).await;
    assert!(matches!(parked, Ended::Parked { .. }), "{parked:?}");
    app.run("pull_security_groups", "tenant-001", json!({})).await;
    app.advance(60);
    done(&app.run_waiting().await[0]);
    assert_eq!(app.cloud().changes().await.len(), 2);
    assert!(rules(&app, "web").await.contains(&"ingress IPv4 tcp 1 from 0.0.0.0/0".to_owned()));
}

async fn a_push_changes_what_differs_and_nothing_else(database: Database) {
    let app = start(&database).await;
    let before = there(&app, "tenant-001").await;
    let kept = id(&before, "tenant-001-sg0");
    let wish = json!({"security_groups": [
        {"uuid": kept, "name": "front", "rules": [
            {"protocol": "tcp", "from_port": 443, "to_port": 443},
            {"protocol": "tcp", "from_port": 80, "to_port": 80, "remote_group_name": "back"},
        ]},
        {"name": "back", "description": "new", "default_egress_rules": false, "rules": [
            {"protocol": "tcp", "from_port": 5432, "to_port": 5432, "remote_group": kept},
            {"protocol": "", "from_port": -1, "to_port": -1, "remote_group_name": "back"},
        ]},
        {"uuid": id(&before, "tenant-001-sg1"), "name": "tenant-001-sg1"},
    ]});
    done(&app.run(PUSH, "tenant-001", wish.clone()).await);
    let after = there(&app, "tenant-001").await;
    let names: Vec<&String> = after.keys().collect();
    assert_eq!(names, ["back", "default", "front", "tenant-001-sg1"]);
    assert_eq!(id(&after, "front"), kept, "a new name is no new group");
    for same in ["default", "tenant-001-sg1"] {
        assert_eq!(after[same], before[same], "nothing was said of it");
    }
    let front = rules(&app, "front").await;
    let expected = [
        "egress IPv4 any protocol to 0.0.0.0/0",
        "egress IPv6 any protocol to ::/0",
        "ingress IPv4 tcp 80 from group back",
        "ingress IPv4 tcp 443 from 0.0.0.0/0",
    ];
    assert_eq!(front, expected);
    let back = rules(&app, "back").await;
    assert_eq!(back, ["ingress IPv4 any protocol from group back", "ingress IPv4 tcp 5432 from group front"]);
    // What was there and stays is the same rule as before.
    let ids = |group: &Value| {
        let rules = group["security_group_rules"].as_array().unwrap().iter();
        let egress = rules.filter(|rule| rule["direction"] == "egress").map(|rule| rule["id"].clone());
        egress.collect::<Vec<_>>()
    };
    assert_eq!(ids(&after["front"]), ids(&before["tenant-001-sg0"]));
    let requests = app.cloud().changes().await;
    let first_removal = requests.iter().position(|it| it.starts_with("DELETE")).unwrap();
    assert!(requests[first_removal..].iter().all(|it| it.starts_with("DELETE")), "{requests:?}");
    assert!(requests.last().unwrap().ends_with(&id(&before, "tenant-001-sg2")), "{requests:?}");
    // The same again does nothing: only the one that is there by now has an id.
    let mut again = wish;
    again["security_groups"][1]["uuid"] = json!(id(&after, "back"));
    app.cloud().forget_requests().await;
    let ended = app.run(PUSH, "tenant-001", again).await;
    assert_eq!(ended, Ended::Done { outcome: Outcome::Unchanged, left_out: None });
    assert!(app.cloud().changes().await.is_empty());
}

async fn a_push_that_may_not_be_is_never_begun(database: Database) {
    let app = start(&database).await;
    let foreign = id(&there(&app, "tenant-002").await, "default");
    let there = there(&app, "tenant-001").await;
    app.cloud().count_changes().await;
    let rule = |more: Value| json!([{"protocol": "tcp", "from_port": 1, "to_port": 2, "remote_group": more}]);
    for (groups, said) in [
        (json!([{"uuid": foreign, "name": "a"}]), "security_groups[0].uuid: the tenant has no security group"),
        (json!([{"uuid": id(&there, "default"), "name": "a"}]), "security_groups[0].uuid: the default security group"),
        (json!([{"name": "tenant-001-sg0"}]), "security_groups[0].name: the tenant has another"),
        (
            json!([{"name": "a", "rules": rule(json!(foreign))}]),
            "security_groups[0].rules[0].remote_group: the tenant has no",
        ),
        (
            json!([{"name": "a", "rules": rule(json!(id(&there, "tenant-001-sg1")))}]),
            "security_groups[0].rules[0].remote_group: the security group tenant-001-sg1 is not among those",
        ),
    ] {
        let (reason, error) = dead(app.run(PUSH, "tenant-001", json!({"security_groups": groups})).await);
        assert!(reason == "invalid_params" && error.contains(said), "{error}");
    }
    assert_eq!(app.cloud().halted().await.1, 0);
}

async fn what_cannot_go_is_told_and_the_rest_is_done(database: Database) {
    let app = start(&database).await;
    // Instances are in the first group.
    let wish = json!({"security_groups": [{"name": "only"}]});
    let ended = app.run(PUSH, "tenant-001", wish).await;
    let Ended::Done { outcome: Outcome::Partial, left_out: Some(told) } = ended else { panic!("{ended:?}") };
    assert!(told.starts_with("only: made; ") && told.contains("tenant-001-sg1: removed"), "{told}");
    assert!(told.contains("tenant-001-sg0: conflict: network answered 409 to security_group_delete"), "{told}");
    let names: Vec<String> = there(&app, "tenant-001").await.into_keys().collect();
    assert_eq!(names, ["default", "only", "tenant-001-sg0"]);
    let tenant = app.tenant("tenant-001").await;
    assert_eq!((tenant.state, tenant.error_message), (TenantState::Erred, told));
}

async fn nothing_goes_where_something_could_not_come(database: Database) {
    let app = start(&database).await;
    let before = there(&app, "tenant-001").await;
    let path = format!("/network/v2.0/quotas/{}", app.cloud().project("tenant-001").await);
    app.cloud().admin(Method::PUT, &path, Some(json!({"quota": {"security_group": before.len()}}))).await;
    app.cloud().forget_requests().await;
    let one = id(&before, "tenant-001-sg1");
    let wish = json!({"security_groups": [{"name": "new"}, {"uuid": one, "name": "renamed"}]});
    let ended = app.run(PUSH, "tenant-001", wish).await;
    let Ended::Done { outcome: Outcome::Partial, left_out: Some(told) } = ended else { panic!("{ended:?}") };
    assert!(told.contains("new: over quota") || told.contains("new: quota"), "{told}");
    assert!(told.contains("renamed: is called renamed; tenant-001-sg"), "{told}");
    let names: Vec<String> = there(&app, "tenant-001").await.into_keys().collect();
    assert_eq!(names, ["default", "renamed", "tenant-001-sg0", "tenant-001-sg2"]);
    assert_eq!(app.cloud().changes().await.len(), 1);
}
