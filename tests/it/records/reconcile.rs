//! `reconcile`: after whatever was meddled with, a tenant is as it is expected to be; what is right is not touched, and
//! what cannot be is told in the cloud's words.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};
use tenantd::drift::rules::{Mode, Rules};
use tenantd::jobs::runner::Ended;
use tenantd::model::job::Outcome;
use tenantd::model::{Body, Object, ResourceType, TenantState};
use tenantd::store::findings::Filter;
use uuid::Uuid;

use crate::support::app::began;
use crate::support::{Database, Setup, TestApp, on_both_databases};

on_both_databases!(
    whatever_was_meddled_with_is_as_expected_again,
    what_was_made_anew_is_expected_under_its_new_id,
    what_came_back_by_other_hands_is_taken_for_what_was_expected,
    what_nobody_expects_stays_unless_it_is_to_go,
    what_the_cloud_refuses_is_told_and_the_rest_is_done,
    a_group_that_cannot_get_what_it_needs_loses_nothing,
    what_fails_for_a_while_is_done_later_and_nothing_else,
    what_follows_the_cloud_is_left_alone,
    what_is_gone_at_once_is_not_made_again_unseen,
    what_it_removed_itself_is_gone_without_a_finding,
    a_cloud_that_does_not_let_it_is_left_alone,
);

const KIND: &str = "reconcile";
const TENANT: &str = "tenant-001";

/// Every difference is a finding.
pub fn guarded() -> Rules {
    Rules { modes: [Mode::Guard; ResourceType::ALL.len()], ..Rules::default() }
}

async fn start(database: &Database) -> TestApp {
    let app = TestApp::with(database, Setup { write: vec![KIND], rules: guarded(), ..Setup::default() }).await;
    app.cloud().grant_admin(TENANT).await;
    app.run("pull", TENANT, json!({})).await;
    app.cloud().forget_requests().await;
    app
}

async fn listed(app: &TestApp, path: &str, key: &str) -> Vec<Value> {
    let project = app.cloud().project(TENANT).await;
    let answer = app.cloud().admin(Method::GET, &path.replace("{project}", &project), None).await;
    let own = |it: &&Value| it["project_id"] == json!(project);
    answer[key].as_array().unwrap().iter().filter(own).cloned().collect()
}

async fn groups(app: &TestApp) -> Vec<Value> {
    listed(app, "/network/v2.0/security-groups?project_id={project}", "security_groups").await
}

async fn addresses(app: &TestApp) -> Vec<Value> {
    listed(app, "/network/v2.0/floatingips?project_id={project}", "floatingips").await
}

async fn server_groups(app: &TestApp) -> Vec<Value> {
    listed(app, "/compute/v2.1/os-server-groups?all_projects=true", "server_groups").await
}

async fn ports(app: &TestApp) -> Vec<Value> {
    listed(app, "/network/v2.0/ports?project_id={project}", "ports").await
}

fn named<'a>(objects: &'a [Value], name: &str) -> &'a Value {
    let named = |it: &&Value| it["name"] == name || it["floating_ip_address"] == name;
    objects.iter().find(named).unwrap_or_else(|| panic!("no {name} in {objects:?}"))
}

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

/// What a rule lets through, the other side by its name.
fn rule_of(rule: &Value, groups: &[Value]) -> String {
    let fields = ["direction", "ethertype", "protocol", "port_range_min", "port_range_max", "normalized_cidr"];
    let fields: Vec<String> = fields.iter().map(|field| rule[*field].to_string()).collect();
    let peer = groups.iter().find(|it| it["id"] == rule["remote_group_id"]).map(|it| it["name"].clone());
    format!("{} {peer:?}", fields.join(" "))
}

/// Everything of the tenant that is compared, without ids.
pub async fn shape(app: &TestApp) -> Value {
    let mut shape = Vec::new();
    let all = groups(app).await;
    for group in &all {
        let rules = group["security_group_rules"].as_array().unwrap().iter();
        let rules: BTreeSet<String> = rules.map(|rule| rule_of(rule, &all)).collect();
        shape.push(json!([group["name"], group["description"], group["stateful"], rules]));
    }
    for it in addresses(app).await {
        shape.push(json!([it["floating_ip_address"], it["description"], it["port_id"], it["fixed_ip_address"]]));
    }
    for it in server_groups(app).await {
        shape.push(json!([it["name"], it["policy"]]));
    }
    let project = app.cloud().project(TENANT).await;
    for path in ["compute/v2.1/os-quota-sets", "network/v2.0/quotas", "volume/v3/os-quota-sets"] {
        shape.push(app.cloud().admin(Method::GET, &format!("/{path}/{project}"), None).await);
    }
    shape.sort_by_key(Value::to_string);
    Value::Array(shape)
}

async fn put(app: &TestApp, path: &str, key: &str, value: Value) {
    app.cloud().admin(Method::PUT, path, Some(json!({ key: value }))).await;
}

/// One change that somebody makes by hand.
async fn meddle(app: &TestApp, random: &mut StdRng) {
    let kinds = ["quota", "rule_add", "rule_remove", "floating_ip_allocate", "server_group_create"];
    let (groups, addresses) = (groups(app).await, addresses(app).await);
    let group = groups.choose(random).unwrap();
    let path = format!("/network/v2.0/security-groups/{}", id(group));
    match random.random_range(0..12) {
        0 if group["name"] != "default" => {
            put(app, &path, "security_group", json!({"name": "renamed", "description": "by hand"})).await;
        }
        1 if group["name"] != "default" && !group["name"].as_str().unwrap().ends_with("sg0") => {
            app.cloud().admin(Method::DELETE, &path, None).await;
        }
        2 => {
            let project = app.cloud().project(TENANT).await;
            let new = json!({"name": "by hand", "project_id": project});
            app.cloud()
                .admin(Method::POST, "/network/v2.0/security-groups", Some(json!({"security_group": new})))
                .await;
        }
        3 if !addresses.is_empty() => {
            let address = addresses.choose(random).unwrap();
            let port = ports(app).await.choose(random).unwrap()["id"].clone();
            let taken = addresses.iter().any(|it| it["port_id"] == port);
            let wish = json!({"port_id": if taken { Value::Null } else { port }, "description": "by hand"});
            put(app, &format!("/network/v2.0/floatingips/{}", id(address)), "floatingip", wish).await;
        }
        4 if addresses.len() > 1 => drop(app.cloud().meddle("floating_ip_release", TENANT).await),
        5 if !server_groups(app).await.is_empty() => {
            app.cloud().meddle("server_group_delete", TENANT).await;
        }
        _ => drop(app.cloud().meddle(kinds.choose(random).unwrap(), TENANT).await),
    }
}

/// Some of everything, the same each time.
pub async fn disturb(app: &TestApp) {
    app.cloud().limit_cores(TENANT, 90).await;
    let groups = groups(app).await;
    let path = |name: &str| format!("/network/v2.0/security-groups/{}", id(named(&groups, name)));
    app.cloud().admin(Method::DELETE, &path("tenant-001-sg1"), None).await;
    put(app, &path("tenant-001-sg2"), "security_group", json!({"name": "renamed"})).await;
    for kind in ["rule_add", "rule_remove", "floating_ip_allocate", "server_group_delete", "server_group_create"] {
        app.cloud().meddle(kind, TENANT).await;
    }
    let leading = addresses(app).await.into_iter().find(|it| !it["port_id"].is_null()).unwrap();
    app.cloud().admin(Method::DELETE, &format!("/network/v2.0/floatingips/{}", id(&leading)), None).await;
}

/// Findings that are open after another look, long enough after the first that nothing is only suspected.
async fn findings(app: &TestApp) -> Vec<String> {
    for _ in 0..2 {
        app.advance(90);
        app.run("pull", TENANT, json!({})).await;
    }
    let tenant = Some(app.tenant(TENANT).await.uuid);
    let listed = app.context.store().findings(Filter { tenant, ..Filter::default() }).await.unwrap();
    listed.into_iter().map(|it| format!("{} {}", it.finding.object_name, it.finding.field)).collect()
}

async fn expectation(app: &TestApp, resource_type: ResourceType) -> Body {
    let expectations = app.context.store().expectations(app.tenant(TENANT).await.uuid).await.unwrap();
    expectations.into_iter().find(|it| it.body.resource_type() == resource_type).unwrap().body
}

fn done(ended: &Ended) {
    assert_eq!(*ended, Ended::Done { outcome: Outcome::Succeeded, left_out: None });
}

fn partial(ended: Ended) -> String {
    let Ended::Done { outcome: Outcome::Partial, left_out: Some(told) } = ended else { panic!("{ended:?}") };
    told
}

fn dead(ended: Ended) -> (String, String) {
    let Ended::Dead { reason, error } = ended else { panic!("{ended:?}") };
    (reason, error)
}

/// Ids of the rules by what they mean.
async fn rules(app: &TestApp) -> BTreeMap<String, String> {
    let all = groups(app).await;
    let rules = all.iter().flat_map(|group| group["security_group_rules"].as_array().unwrap());
    rules.map(|rule| (id(rule).to_owned(), format!("{} {}", rule["security_group_id"], rule_of(rule, &all)))).collect()
}

async fn whatever_was_meddled_with_is_as_expected_again(database: Database) {
    let app = start(&database).await;
    let expected = shape(&app).await;
    for seed in 0..6 {
        let mut random = StdRng::seed_from_u64(seed);
        let before = rules(&app).await;
        for _ in 0..12 {
            meddle(&app, &mut random).await;
        }
        let kept: Vec<(String, String)> =
            rules(&app).await.into_iter().filter(|(id, _)| before.contains_key(id)).collect();
        app.cloud().forget_requests().await;
        done(&app.run(KIND, TENANT, json!({"delete": true})).await);
        assert_eq!(shape(&app).await, expected, "seed {seed}");
        let requests = app.cloud().changes().await;
        let first_removal = requests.iter().position(|it| it.starts_with("DELETE")).unwrap_or(requests.len());
        let late = requests[first_removal..].iter().any(|it| it.starts_with("POST"));
        assert!(!late, "seed {seed}: something came after something had gone: {requests:?}");
        // What lets through before and after what it should is the same rule all the time.
        let after = rules(&app).await;
        for (id, meaning) in kept {
            assert!(after.contains_key(&id) || !before.values().any(|it| *it == meaning), "seed {seed}: {meaning}");
        }
        assert_eq!(findings(&app).await, Vec::<String>::new(), "seed {seed}");
        app.cloud().forget_requests().await;
        let again = app.run(KIND, TENANT, json!({"delete": true})).await;
        assert_eq!(again, Ended::Done { outcome: Outcome::Unchanged, left_out: None });
        assert_eq!(app.cloud().changes().await, Vec::<String>::new());
        assert_eq!(app.tenant(TENANT).await.state, TenantState::Ok);
    }
}

async fn what_was_made_anew_is_expected_under_its_new_id(database: Database) {
    let app = start(&database).await;
    // A rule of another group names the one that goes, and a portal knows it.
    let all = groups(&app).await;
    let (gone, peer) = (named(&all, "tenant-001-sg1"), named(&all, "tenant-001-sg2"));
    let new = json!({
        "security_group_id": peer["id"], "direction": "ingress", "ethertype": "IPv4", "remote_group_id": gone["id"],
    });
    app.cloud()
        .admin(Method::POST, "/network/v2.0/security-group-rules", Some(json!({"security_group_rule": new})))
        .await;
    let path = format!("/network/v2.0/security-groups/{}", id(gone));
    put(&app, &path, "security_group", json!({"stateful": false})).await;
    let tenant = app.tenant(TENANT).await;
    let mut tx = app.context.store().begin().await.unwrap();
    tx.clear_expectation(tenant.uuid, ResourceType::SecurityGroups).await.unwrap();
    let known = Object {
        backend_id: Some(id(gone).to_owned()),
        state: TenantState::Ok,
        body: json!({"id": gone["id"]}),
        ..Object::asked_for(Uuid::from_u128(5), tenant.uuid, "security_groups", Uuid::from_u128(6), began())
    };
    tx.save_object(&known).await.unwrap();
    tx.commit().await.unwrap();
    app.run("pull_security_groups", TENANT, json!({})).await;
    let expected = shape(&app).await;
    for rule in peer["security_group_rules"].as_array().unwrap() {
        app.cloud().admin(Method::DELETE, &format!("/network/v2.0/security-group-rules/{}", id(rule)), None).await;
    }
    app.cloud().admin(Method::DELETE, &path, None).await;
    done(&app.run(KIND, TENANT, json!({})).await);
    assert_eq!(shape(&app).await, expected);
    let new = id(named(&groups(&app).await, "tenant-001-sg1")).to_owned();
    assert_ne!(new, id(gone));
    let Body::SecurityGroups(groups) = expectation(&app, ResourceType::SecurityGroups).await else { panic!() };
    assert!(groups.iter().any(|group| group.id == new) && groups.iter().all(|group| group.id != id(gone)));
    let peers = groups.iter().flat_map(|group| &group.rules).filter_map(|rule| rule.meaning.remote_group.as_deref());
    let peers: BTreeSet<&str> = peers.collect();
    assert!(peers.contains(new.as_str()) && !peers.contains(id(gone)), "{peers:?}");
    let known = app.context.store().object(known.uuid).await.unwrap().unwrap();
    assert_eq!((known.backend_id.as_deref(), &known.body["id"]), (Some(new.as_str()), &json!(new)));
    assert_eq!(findings(&app).await, Vec::<String>::new());
}

async fn what_came_back_by_other_hands_is_taken_for_what_was_expected(database: Database) {
    let app = start(&database).await;
    let expected = shape(&app).await;
    let address = addresses(&app).await.into_iter().find(|it| it["port_id"].is_null()).unwrap();
    app.cloud().admin(Method::DELETE, &format!("/network/v2.0/floatingips/{}", id(&address)), None).await;
    let again = json!({
        "floating_network_id": address["floating_network_id"], "floating_ip_address": address["floating_ip_address"],
        "description": "again", "project_id": address["project_id"],
    });
    app.cloud().admin(Method::POST, "/network/v2.0/floatingips", Some(json!({"floatingip": again}))).await;
    app.cloud().forget_requests().await;
    done(&app.run(KIND, TENANT, json!({"resource_types": ["floating_ips"]})).await);
    assert_eq!(shape(&app).await, expected);
    assert_eq!(app.cloud().changes().await.len(), 1, "it is only described");
    assert_eq!(findings(&app).await, Vec::<String>::new());
}

async fn what_nobody_expects_stays_unless_it_is_to_go(database: Database) {
    let app = start(&database).await;
    let expected = shape(&app).await;
    for kind in ["floating_ip_allocate", "server_group_create", "rule_add"] {
        app.cloud().meddle(kind, TENANT).await;
    }
    done(&app.run(KIND, TENANT, json!({})).await);
    assert_eq!((addresses(&app).await.len(), server_groups(&app).await.len()), (4, 3));
    assert_eq!(findings(&app).await.len(), 2, "the rule is gone, the objects stay and are told");
    done(&app.run(KIND, TENANT, json!({"delete": true})).await);
    assert_eq!(shape(&app).await, expected);
    assert_eq!(findings(&app).await, Vec::<String>::new());
}

async fn what_the_cloud_refuses_is_told_and_the_rest_is_done(database: Database) {
    let app = start(&database).await;
    // Less is expected than is used; a group that instances are in is expected to be another one; there is work too.
    let tenant = app.tenant(TENANT).await;
    let mut tx = app.context.store().begin().await.unwrap();
    for resource_type in [ResourceType::Quotas, ResourceType::SecurityGroups] {
        let mut expectation = tx.expectation(tenant.uuid, resource_type).await.unwrap().unwrap();
        let mut json = expectation.body.to_json();
        if resource_type == ResourceType::Quotas {
            json["vcpu"]["limit"] = json!(1);
        } else {
            let groups = json.as_array_mut().unwrap();
            groups.retain(|group| group["name"] != "tenant-001-sg0");
            groups.iter_mut().find(|group| group["name"] == "tenant-001-sg1").unwrap()["description"] = json!("other");
        }
        expectation.body = Body::from_json(resource_type, &json).unwrap();
        tx.set_expectation(&expectation).await.unwrap();
    }
    tx.commit().await.unwrap();
    let told = partial(app.run(KIND, TENANT, json!({"delete": true})).await);
    let below = "bad request: compute answered 400 to quota_update of project tenant-001: Quota limit 1 for cores must be \
        greater than or equal to already used and reserved 2.";
    let project = app.cloud().project(TENANT).await;
    let told = told.replace(&project, TENANT);
    assert!(told.contains(below), "{told}");
    assert!(told.contains("remove security group tenant-001-sg0: conflict: network answered 409"), "{told}");
    assert!(told.contains("done: describe group tenant-001-sg1 as \"other\""), "{told}");
    assert_eq!(named(&groups(&app).await, "tenant-001-sg1")["description"], "other");
    let tenant = app.tenant(TENANT).await;
    assert_eq!((tenant.state, tenant.error_message.replace(&project, TENANT)), (TenantState::Erred, told));
    // Where nothing at all can be done it has failed.
    let mut tx = app.context.store().begin().await.unwrap();
    let key = (tenant.uuid, ResourceType::SecurityGroups);
    let mut expectation = tx.expectation(key.0, key.1).await.unwrap().unwrap();
    let mut json = json!(groups_of(&app).await.to_json());
    let used = json.as_array_mut().unwrap().iter_mut().find(|group| group["name"] == "tenant-001-sg0").unwrap();
    used["stateful"] = json!(false);
    expectation.body = Body::from_json(key.1, &json).unwrap();
    tx.set_expectation(&expectation).await.unwrap();
    tx.commit().await.unwrap();
    let (reason, error) = dead(app.run(KIND, TENANT, json!({"resource_types": ["security_groups"]})).await);
    assert_eq!(reason, "conflict", "{error}");
    assert!(error.contains("make group tenant-001-sg0 stateless: conflict: ") && error.contains("in use"), "{error}");
}

/// The security groups as they were last seen.
async fn groups_of(app: &TestApp) -> Body {
    let store = app.context.store();
    let statuses = store.statuses(app.tenant(TENANT).await.uuid).await.unwrap();
    let status = statuses.into_iter().find(|it| it.resource_type == ResourceType::SecurityGroups).unwrap();
    store.snapshot(status.snapshot.unwrap()).await.unwrap().unwrap().body
}

async fn a_group_that_cannot_get_what_it_needs_loses_nothing(database: Database) {
    let app = start(&database).await;
    let group = named(&groups(&app).await, "tenant-001-sg1").clone();
    let is_ingress = |rule: &&Value| rule["direction"] == "ingress";
    let rule = group["security_group_rules"].as_array().unwrap().iter().find(is_ingress).unwrap();
    app.cloud().admin(Method::DELETE, &format!("/network/v2.0/security-group-rules/{}", id(rule)), None).await;
    let stray = json!({
        "security_group_id": group["id"], "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp",
        "port_range_min": 22, "port_range_max": 22,
    });
    app.cloud()
        .admin(Method::POST, "/network/v2.0/security-group-rules", Some(json!({"security_group_rule": stray})))
        .await;
    app.cloud().meddle("floating_ip_allocate", TENANT).await;
    // No room for a rule; what is expected of limits is another matter.
    let path = format!("/network/v2.0/quotas/{}", app.cloud().project(TENANT).await);
    put(&app, &path, "quota", json!({"security_group_rule": rules(&app).await.len()})).await;
    app.cloud().forget_requests().await;
    let wish = json!({"resource_types": ["security_groups", "floating_ips"], "delete": true});
    let told = partial(app.run(KIND, TENANT, wish).await);
    assert!(told.contains("add to group tenant-001-sg1: ") && told.contains("Quota exceeded"), "{told}");
    assert!(told.contains("remove from group tenant-001-sg1: ingress IPv4 tcp 22 from 0.0.0.0/0: left, for"), "{told}");
    let requests = app.cloud().changes().await;
    assert!(requests.len() == 1 && requests[0].starts_with("DELETE /network/v2.0/floatingips/"), "{requests:?}");
}

async fn what_fails_for_a_while_is_done_later_and_nothing_else(database: Database) {
    let app = start(&database).await;
    let expected = shape(&app).await;
    disturb(&app).await;
    let fault =
        json!([{"path_prefix": "/network/v2.0/security-group-rules", "kind": "status", "status": 503, "count": 1}]);
    app.cloud().faults(fault).await;
    app.cloud().forget_requests().await;
    let parked = app.run(KIND, TENANT, json!({"delete": true})).await;
    let Ended::Parked { error: Some(error) } = parked else { panic!("{parked:?}") };
    assert!(error.contains("unavailable") && error.contains("done: "), "{error}");
    assert_eq!(app.tenant(TENANT).await.state, TenantState::Updating);
    app.advance(60);
    done(&app.run_waiting().await[0]);
    assert_eq!(shape(&app).await, expected);
    let requests = app.cloud().changes().await;
    let made = |what: &str| requests.iter().filter(|it| it.ends_with(what) && it.starts_with("POST")).count();
    assert_eq!((made("/security-groups"), made("/floatingips"), made("/os-server-groups")), (1, 1, 1), "{requests:?}");
    assert_eq!(findings(&app).await, Vec::<String>::new());
}

async fn what_follows_the_cloud_is_left_alone(database: Database) {
    let app = TestApp::writing(&database, &[KIND]).await;
    app.run("pull", TENANT, json!({})).await;
    app.cloud().meddle("rule_add", TENANT).await;
    app.run("pull_quotas", TENANT, json!({})).await;
    app.cloud().forget_requests().await;
    let (reason, error) = dead(app.run(KIND, TENANT, json!({"resource_types": ["security_groups"]})).await);
    assert_eq!(reason, "nothing_expected", "{error}");
    let ended = app.run(KIND, TENANT, json!({"delete": true})).await;
    assert_eq!(
        ended,
        Ended::Done { outcome: Outcome::Unchanged, left_out: None },
        "the limits are as they are expected"
    );
    assert_eq!(app.cloud().changes().await, Vec::<String>::new());
}

async fn what_is_gone_at_once_is_not_made_again_unseen(database: Database) {
    let app = start(&database).await;
    for _ in 0..4 {
        app.cloud().meddle("floating_ip_allocate", TENANT).await;
    }
    let mut tx = app.context.store().begin().await.unwrap();
    tx.clear_expectation(app.tenant(TENANT).await.uuid, ResourceType::FloatingIps).await.unwrap();
    tx.commit().await.unwrap();
    app.run("pull_floating_ips", TENANT, json!({})).await;
    for address in addresses(&app).await {
        app.cloud().admin(Method::DELETE, &format!("/network/v2.0/floatingips/{}", id(&address)), None).await;
    }
    app.cloud().forget_requests().await;
    let (reason, error) = dead(app.run(KIND, TENANT, json!({"resource_types": ["floating_ips"]})).await);
    assert_eq!(reason, "vanished", "{error}");
    assert_eq!(app.cloud().changes().await, Vec::<String>::new());
    // Once enough looks agree it is believed, and made again.
    app.run("pull_floating_ips", TENANT, json!({})).await;
    for _ in 0..3 {
        app.advance(90);
        app.run_waiting().await;
    }
    done(&app.run(KIND, TENANT, json!({"resource_types": ["floating_ips"]})).await);
    assert_eq!(addresses(&app).await.len(), 7);
}

async fn what_it_removed_itself_is_gone_without_a_finding(database: Database) {
    let app = start(&database).await;
    for _ in 0..6 {
        app.cloud().meddle("floating_ip_allocate", TENANT).await;
    }
    app.run("pull_floating_ips", TENANT, json!({})).await;
    assert_eq!((findings(&app).await.len(), addresses(&app).await.len()), (6, 9));
    done(&app.run(KIND, TENANT, json!({"resource_types": ["floating_ips"], "delete": true})).await);
    assert_eq!((findings(&app).await, addresses(&app).await.len()), (Vec::<String>::new(), 3));
    let ended = app.context.store().findings(Filter { ended: true, ..Filter::default() }).await.unwrap();
    assert_eq!(ended.len(), 6, "the six, and nothing that had vanished");
}

async fn a_cloud_that_does_not_let_it_is_left_alone(database: Database) {
    let app = TestApp::with(&database, Setup { rules: guarded(), ..Setup::default() }).await;
    app.run("pull", TENANT, json!({})).await;
    app.cloud().limit_cores(TENANT, 90).await;
    app.cloud().forget_requests().await;
    let (_, error) = dead(app.run(KIND, TENANT, json!({})).await);
    assert!(error.contains("this cloud is read-only; name the job kind in its `write` list"), "{error}");
    assert_eq!(app.cloud().changes().await, Vec::<String>::new());
}
