//! Faults, the request log, the cap on concurrency, and changes behind the portal's back.

use std::time::{Duration, Instant};

use futures::future::Either;
use serde_json::{Value, json};

use tenantd::simulator::Options;

use super::{Cloud, ids};

const GROUPS: &str = "/network/v2.0/security-groups";

async fn fault(cloud: &Cloud, rules: Value) {
    let answer = cloud.send("PUT", "/simulator/faults", None, None, Some(rules)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn a_status_fault_counts_down() {
    let cloud = Cloud::start().await;
    let token = cloud.token("admin").await;
    fault(&cloud, json!([{"service": "network", "kind": "status", "status": 429, "retry_after": 7, "count": 1}])).await;
    let struck = cloud.get(&token, GROUPS).await;
    assert_eq!((struck.status, struck.headers["retry-after"].to_str().unwrap()), (429, "7"));
    assert_eq!(cloud.get(&token, GROUPS).await.status, 200);
    assert_eq!(cloud.get(&token, "/compute/v2.1/servers").await.status, 200);
}

#[tokio::test]
async fn every_second_request_can_fail() {
    let cloud = Cloud::start().await;
    let token = cloud.token("admin").await;
    fault(&cloud, json!([{"path_prefix": GROUPS, "method": "get", "kind": "status", "status": 503, "every": 2}])).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(cloud.get(&token, GROUPS).await.status);
    }
    assert_eq!(statuses, [200, 503, 200, 503]);
}

#[tokio::test]
async fn broken_connections_are_errors_of_the_transport() {
    let cloud = Cloud::start().await;
    let token = cloud.token("admin").await;
    fault(
        &cloud,
        json!([{"contains": "limit=1", "kind": "reset", "count": 2}, {"contains": "limit=2", "kind": "truncate"}]),
    )
    .await;
    let reset = cloud.try_send("POST", &format!("{GROUPS}?limit=1"), Some(&token), None, Some(json!({}))).await;
    assert!(reset.is_err_and(|error| error.is_request()));
    let truncated = cloud.try_send("GET", &format!("{GROUPS}?limit=2"), Some(&token), None, None).await;
    assert!(truncated.is_err_and(|error| error.is_body() || error.is_decode()));
}

#[tokio::test]
async fn revoked_tokens_are_refused_until_the_next_login() {
    let cloud = Cloud::start().await;
    let token = cloud.token("admin").await;
    fault(&cloud, json!([{"service": "network", "kind": "revoke_tokens", "count": 1}])).await;
    assert_eq!(cloud.get(&token, GROUPS).await.status, 401);
    let token = cloud.token("admin").await;
    assert_eq!(cloud.get(&token, GROUPS).await.status, 200);
}

#[tokio::test]
async fn a_hanging_request_does_not_keep_the_cloud_from_stopping() {
    let cloud = Cloud::start().await;
    let token = cloud.token("admin").await;
    fault(&cloud, json!([{"service": "network", "kind": "hang"}])).await;
    let http = cloud.http.clone();
    let url = format!("{}{GROUPS}", cloud.simulator.url());
    let hanging = http.get(url).header("X-Auth-Token", token).timeout(Duration::from_millis(50)).send().await;
    assert!(hanging.is_err_and(|error| error.is_timeout()));
    cloud.simulator.stop().await;
}

#[tokio::test]
async fn the_log_says_who_asked_what() {
    let cloud = Cloud::start().await;
    let token = cloud.token("member").await;
    cloud.send("DELETE", "/simulator/requests", None, None, None).await;
    let answer = cloud.get(&token, &format!("{GROUPS}?limit=1")).await;
    let log = cloud.get("", "/simulator/requests").await.body;
    let entry = &log["requests"][0];
    assert_eq!(log["requests"].as_array().unwrap().len(), 1);
    assert_eq!(
        [&entry["method"], &entry["path"], &entry["service"], &entry["status"]],
        [&json!("GET"), &json!(format!("{GROUPS}?limit=1")), &json!("network"), &json!(200)]
    );
    assert_eq!(entry["request_id"], answer.headers["x-openstack-request-id"].to_str().unwrap());
    let admin = cloud.token("admin").await;
    assert_eq!(entry["project"], json!(cloud.project(&admin, "tenant-001").await));
    let since = log["last"].as_u64().unwrap();
    let later = cloud.get("", &format!("/simulator/requests?since={since}")).await.body;
    assert_eq!(later["requests"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_crowd_is_refused() {
    let cloud = Cloud::start().await;
    let token = cloud.token("admin").await;
    fault(&cloud, json!([{"contains": "limit=1", "kind": "hang"}])).await;
    cloud.send("PUT", "/simulator/limits", None, None, Some(json!({"concurrent": 1}))).await;
    let path = format!("{GROUPS}?limit=1");
    let occupying = std::pin::pin!(cloud.get(&token, &path));
    let statuses = std::pin::pin!(async {
        while cloud.get("", "/simulator/faults").await.body["faults"][0]["fired"] != 1 {}
        [cloud.get(&token, GROUPS).await.status, cloud.get(&token, GROUPS).await.status]
    });
    match futures::future::select(occupying, statuses).await {
        Either::Left((answer, _)) => panic!("the hanging request was answered: {answer:?}"),
        Either::Right((statuses, _)) => assert_eq!(statuses, [429, 503]),
    }
}

#[tokio::test]
async fn each_service_bears_its_own_crowd() {
    let cloud = Cloud::start().await;
    let token = cloud.token("admin").await;
    fault(&cloud, json!([{"contains": "limit=1", "kind": "hang"}])).await;
    let bounds = json!({"services": {"network": {"concurrent": 1, "status": 503, "retry_after": 0}}});
    assert_eq!(cloud.send("PUT", "/simulator/limits", None, None, Some(bounds)).await.status, 200);
    let path = format!("{GROUPS}?limit=1");
    let occupying = std::pin::pin!(cloud.get(&token, &path));
    let others = std::pin::pin!(async {
        while cloud.get("", "/simulator/faults").await.body["faults"][0]["fired"] != 1 {}
        let refused = cloud.get(&token, GROUPS).await;
        assert_eq!((refused.status, refused.headers.get("retry-after")), (503, None));
        assert_eq!(cloud.get(&token, "/compute/v2.1/servers").await.status, 200);
        let services = cloud.get("", "/simulator/limits").await.body["services"].clone();
        let counted = |service: &str| ["now", "most", "asked", "refused"].map(|count| services[service][count].clone());
        assert_eq!(counted("network"), [1, 2, 2, 1]);
        assert_eq!(counted("compute"), [0, 1, 1, 0]);
    });
    match futures::future::select(occupying, others).await {
        Either::Left((answer, _)) => panic!("the hanging request was answered: {answer:?}"),
        Either::Right(_) => {}
    }
    let nobody = json!({"services": {"networks": {"concurrent": 1}}});
    assert_eq!(cloud.send("PUT", "/simulator/limits", None, None, Some(nobody)).await.status, 400);
}

#[tokio::test]
async fn requests_wait_in_line_for_a_worker() {
    let latency = Duration::from_millis(20);
    let cloud = Cloud::with(Options { workers: Some(1), latency, ..Options::default() }).await;
    let token = cloud.token("admin").await;
    let began = Instant::now();
    futures::future::join_all((0..5).map(|_| cloud.get(&token, GROUPS))).await;
    // One worker cannot do it faster, and does nothing twice.
    assert!(began.elapsed() >= 5 * latency);
    let network = cloud.get("", "/simulator/limits").await.body["services"]["network"].clone();
    assert_eq!((&network["asked"], &network["refused"]), (&json!(5), &json!(0)));
    assert!(network["busy_seconds"].as_f64().unwrap() >= 5.0 * latency.as_secs_f64());
}

#[tokio::test]
async fn each_kind_of_meddling_can_be_reverted() {
    let cloud = Cloud::start().await;
    let token = cloud.token("admin").await;
    let kinds = [
        "quota",
        "rule_add",
        "rule_remove",
        "floating_ip_allocate",
        "floating_ip_release",
        "server_group_create",
        "server_group_delete",
    ];
    let tenant = cloud.project(&token, "tenant-002").await;
    for kind in kinds {
        let before = state(&cloud, &token).await;
        let order = json!({"kind": kind, "tenant": "tenant-002"});
        let done = cloud.send("POST", "/simulator/meddle", None, None, Some(order)).await;
        assert_eq!((done.status, &done.body["project_id"], &done.body["kind"]), (200, &json!(tenant), &json!(kind)));
        assert_ne!(state(&cloud, &token).await, before, "{kind}");
        let order = json!({"revert": done.body["id"]});
        assert_eq!(cloud.send("POST", "/simulator/meddle", None, None, Some(order.clone())).await.status, 200);
        assert_eq!(state(&cloud, &token).await, before, "{kind}");
        assert_eq!(cloud.send("POST", "/simulator/meddle", None, None, Some(order)).await.status, 400);
    }
    let meddles = cloud.get("", "/simulator/meddles").await.body;
    assert_eq!(meddles["meddles"].as_array().unwrap().len(), kinds.len());
}

/// What meddling can change; the order of rules within a group is nobody's business.
async fn state(cloud: &Cloud, token: &str) -> Vec<Value> {
    let tenant = cloud.project(token, "tenant-002").await;
    let mut state = Vec::new();
    for path in [
        "/network/v2.0/security-group-rules".to_owned(),
        "/network/v2.0/floatingips".to_owned(),
        "/compute/v2.1/os-server-groups?all_projects=true".to_owned(),
        format!("/network/v2.0/quotas/{tenant}"),
        format!("/compute/v2.1/os-quota-sets/{tenant}"),
        format!("/volume/v3/os-quota-sets/{tenant}"),
    ] {
        state.push(cloud.get(token, &path).await.body);
    }
    state
}

#[tokio::test]
async fn meddling_is_random_but_repeatable() {
    let clouds = [Cloud::start().await, Cloud::start().await];
    let mut stories = Vec::new();
    for cloud in &clouds {
        let mut story = Vec::new();
        for _ in 0..10 {
            let done = cloud.send("POST", "/simulator/meddle", None, None, None).await.body;
            story.push([done["kind"].clone(), done["project_name"].clone(), done["object"].clone()]);
        }
        stories.push(story);
    }
    assert_eq!(stories[0], stories[1]);
    let token = clouds[0].token("admin").await;
    assert!(!ids(&clouds[0].get(&token, GROUPS).await, "security_groups").is_empty());
}

/// The names of the groups of a project after the cloud stopped at the second of three new groups.
async fn stopped(when: &str) -> (Vec<String>, Vec<String>) {
    let cloud = Cloud::start().await;
    let token = cloud.token("member").await;
    let halt = json!({"at": 2, "when": when});
    cloud.send("PUT", "/simulator/halt", None, None, Some(halt)).await;
    let make = async |name: &str| {
        let asked = json!({"security_group": {"name": name}});
        cloud.try_send("POST", GROUPS, Some(&token), None, Some(asked)).await
    };
    let names = async || {
        let groups = cloud.get(&token, GROUPS).await.body;
        let names = groups["security_groups"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap());
        let mut names: Vec<String> = names.filter(|name| name.len() == 1).map(str::to_owned).collect();
        names.sort();
        names
    };
    assert_eq!(make("a").await.unwrap().status, 201);
    let (second, third, stopped) = tokio::join!(make("b"), make("c"), async {
        let view = async || cloud.get("", "/simulator/halt").await.body;
        while view().await["seen"] != 3 {}
        assert_eq!(view().await["held"], json!(format!("POST {GROUPS}")));
        let names = names().await;
        assert_eq!(cloud.send("DELETE", "/simulator/halt", None, None, None).await.status, 204);
        names
    });
    assert!(second.is_err() && third.is_err(), "{second:?} {third:?}");
    (stopped, names().await)
}

#[tokio::test]
async fn a_cloud_stops_at_the_edge_of_a_change() {
    // Either of the two that are asked for at once may be the second.
    let (stopped_before, lifted) = stopped("before").await;
    assert_eq!((stopped_before.len(), lifted.len()), (1, 1));
    let (stopped_after, lifted) = stopped("after").await;
    assert_eq!((stopped_after.len(), lifted.len()), (2, 2));
    let (stopped_late, lifted) = stopped("late").await;
    assert_eq!((stopped_late.len(), lifted.len()), (1, 2));
}

#[tokio::test]
async fn counters_go_wrong_and_are_mended() {
    let cloud = Cloud::start().await;
    let token = cloud.token("admin").await;
    let quota = format!("/compute/v2.1/os-quota-sets/{}/detail", cloud.project(&token, "tenant-001").await);
    let cores = async || cloud.get(&token, &quota).await.body["quota_set"]["cores"].clone();
    let put_off = async |used: i64, reserved: i64| {
        let counter = json!({
            "tenant": "tenant-001", "service": "compute", "resource": "cores", "used": used, "reserved": reserved,
        });
        cloud.send("PUT", "/simulator/counters", None, None, Some(counter)).await.status
    };
    let before = cores().await;
    assert_eq!(put_off(3, 1).await, 200);
    let used = before["in_use"].as_i64().unwrap() + 3;
    assert_eq!(cores().await, json!({"limit": before["limit"], "in_use": used, "reserved": 1}));
    assert_eq!(put_off(0, 0).await, 200);
    assert_eq!(cores().await, before);
    let nobody = json!({"tenant": "nobody", "service": "compute", "resource": "cores"});
    assert_eq!(cloud.send("PUT", "/simulator/counters", None, None, Some(nobody)).await.status, 400);
}

#[tokio::test]
async fn a_server_can_be_at_work() {
    let cloud = Cloud::start().await;
    let token = cloud.token("admin").await;
    let servers =
        async || cloud.get(&token, "/compute/v2.1/servers/detail?all_tenants=1").await.body["servers"].clone();
    let id = servers().await[0]["id"].clone();
    let building = json!({"id": id, "status": "BUILD", "task_state": "spawning"});
    assert_eq!(cloud.send("PUT", "/simulator/status", None, None, Some(building)).await.status, 200);
    let shown = servers().await[0].clone();
    let states = ["status", "OS-EXT-STS:task_state", "OS-EXT-STS:vm_state"].map(|key| shown[key].clone());
    assert_eq!(states, ["BUILD", "spawning", "building"].map(|state| json!(state)));
    let nothing = json!({"id": uuid::Uuid::nil(), "status": "BUILD"});
    assert_eq!(cloud.send("PUT", "/simulator/status", None, None, Some(nothing)).await.status, 400);
}

#[tokio::test]
async fn an_answer_on_hold_tells_what_was_true_when_it_was_asked_for() {
    let cloud = Cloud::start().await;
    let token = cloud.token("member").await;
    fault(&cloud, json!([{"contains": "limit=1000", "kind": "hold", "count": 1}])).await;
    let path = format!("{GROUPS}?limit=1000");
    let (early, late) = tokio::join!(cloud.get(&token, &path), async {
        while cloud.get("", "/simulator/faults").await.body["faults"][0]["fired"] != 1 {}
        let asked = json!({"security_group": {"name": "made meanwhile"}});
        cloud.send("POST", GROUPS, Some(&token), None, Some(asked)).await;
        let late = cloud.get(&token, &path).await;
        fault(&cloud, json!([])).await;
        late
    });
    let count = |body: &Value| body["security_groups"].as_array().unwrap().len();
    assert_eq!(count(&early.body) + 1, count(&late.body));
}

#[tokio::test]
async fn a_stirred_cloud_changes_elsewhere_only() {
    let cloud = Cloud::start().await;
    let admin = cloud.token("admin").await;
    let project = json!({"project": {"name": "elsewhere", "domain_id": "default"}});
    let made = cloud.send("POST", "/identity/v3/projects", Some(&admin), None, Some(project)).await;
    let elsewhere = made.body["project"]["id"].clone();
    fault(&cloud, json!([{"method": "GET", "kind": "stir"}])).await;
    let (mut others, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..8 {
        let listing = cloud.get(&admin, GROUPS).await.body;
        let groups = listing["security_groups"].as_array().unwrap().clone();
        let (mine, rest): (Vec<Value>, Vec<Value>) = groups.into_iter().partition(|it| it["project_id"] == elsewhere);
        theirs.push(mine.len());
        others.push(rest);
    }
    others.dedup();
    theirs.dedup();
    assert_eq!(others.len(), 1);
    assert!(theirs.len() > 4, "{theirs:?}");
}

#[tokio::test]
async fn a_security_group_comes_back_with_its_rules() {
    let cloud = Cloud::start().await;
    let admin = cloud.token("admin").await;
    let order = json!({"kind": "security_group_delete", "tenant": "tenant-001"});
    let before = cloud.get(&admin, GROUPS).await.body;
    let meddle = cloud.send("POST", "/simulator/meddle", None, None, Some(order)).await.body;
    let path = format!("{GROUPS}/{}", meddle["object"].as_str().unwrap());
    assert_eq!(cloud.get(&admin, &path).await.status, 404);
    cloud.send("POST", "/simulator/meddle", None, None, Some(json!({"revert": meddle["id"]}))).await;
    assert_eq!(cloud.get(&admin, GROUPS).await.body, before);
}
