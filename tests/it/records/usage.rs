//! Counters that differ from the objects counted, and limits that became the services' defaults.

use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};
use tenantd::jobs::runner::Ended;
use tenantd::model::job::Outcome;
use tenantd::store::findings::Filter;

use crate::support::app::none;
use crate::support::{Database, TestApp, eventually, on_both_databases};

on_both_databases!(
    a_wrong_counter_is_found_by_three_spaced_looks_and_resolved_when_it_is_mended,
    a_look_that_does_not_count_leaves_everything_as_it_is,
    each_service_has_its_own_counters,
    what_is_promised_is_uncertain,
    what_is_being_made_is_uncertain,
    what_is_made_between_two_readings_is_uncertain,
    a_service_that_does_not_list_is_not_counted,
    an_unchanged_look_that_counts_writes_nothing_anew,
    counting_asks_for_little_more_than_ids,
    a_limit_that_became_the_default_is_told_apart,
);

const RECORDS: [&str; 5] = ["findings", "jobs", "life", "snapshots", "suspicions"];
const BELIEFS: [&str; 3] = ["findings", "life", "suspicions"];

fn counting() -> Value {
    json!({"count": true})
}

/// An app that knows the quotas of a tenant, counted once.
async fn counted(database: &Database) -> TestApp {
    let app = TestApp::start(database).await;
    app.run("pull_quotas", "tenant-001", counting()).await;
    app.changes().await;
    app
}

/// A counter of the tenant that is off by so much.
async fn put_off(app: &TestApp, service: &str, resource: &str, (used, reserved): (i64, i64)) {
    let order = json!({
        "tenant": "tenant-001", "service": service, "resource": resource, "used": used, "reserved": reserved,
    });
    app.cloud().control(Method::PUT, "counters", order).await;
}

/// Looks, counting, three times as far apart as looks must be to agree.
async fn look_three_times(app: &TestApp) {
    for _ in 0..3 {
        app.run("pull_quotas", "tenant-001", counting()).await;
        app.advance(60);
    }
}

/// What stands: each difference with its values.
async fn standing(app: &TestApp) -> Vec<String> {
    let findings = app.context.store().findings(Filter::default()).await.unwrap();
    let tell = |finding: &tenantd::model::Finding| {
        format!("{} {} {}: {} → {}", finding.change, finding.object, finding.field, finding.expected, finding.observed)
    };
    let mut told: Vec<String> = findings.iter().map(|it| tell(&it.finding)).collect();
    told.sort();
    told
}

async fn a_wrong_counter_is_found_by_three_spaced_looks_and_resolved_when_it_is_mended(database: Database) {
    database.expect_leftovers();
    let app = counted(&database).await;
    put_off(&app, "compute", "cores", (2, 0)).await;
    app.run("pull_quotas", "tenant-001", counting()).await;
    assert_snapshot!(app.changes_in(&RECORDS).await, @r#"
    + jobs attempt=1 cloud=sim kind=pull_quotas not_before=T+1 outcome=succeeded params={"count":true} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + jobs cloud=sim kind=pull_quotas not_before=T+62 params={"count":true} source=look-again state=queued subject=tenant-001 tenant=tenant-001
    + snapshots body=[15 quotas, vcpu 46] first_seen_at=T+2 last_seen_at=T+2 resource_type=quotas tenant=tenant-001
    + suspicions change=usage count=1 counted_at=T+2 expected={"counted":2} field=counter object=vcpu object_name=vcpu observed={"counter":4,"service":"nova"} resource_type=quotas since=T+2 tenant=tenant-001
    "#);
    app.advance(60);
    app.run_waiting().await;
    assert_snapshot!(app.changes_in(&RECORDS).await, @r#"
    + jobs cloud=sim kind=pull_quotas not_before=T+123 params={"count":true} source=look-again state=queued subject=tenant-001 tenant=tenant-001
    ~ jobs <job>: attempt 0 → 1, outcome null → unchanged, state queued → succeeded
    ~ snapshots <snapshot>: last_seen_at T+2 → T+63
    ~ suspicions tenant-001/quotas/vcpu/counter: count 1 → 2, counted_at T+2 → T+63
    "#);
    app.advance(60);
    app.run_waiting().await;
    assert_snapshot!(app.changes_in(&RECORDS).await, @r#"
    + findings change=usage expected={"counted":2} field=counter last_seen_at=T+124 object=vcpu object_name=vcpu observed={"counter":4,"service":"nova"} opened_at=T+124 resource_type=quotas severity=warning source=counted state=open tenant=tenant-001
    + life after={"expected":{"counted":2},"observed":{"counter":4,"service":"nova"},"severity":"warning"} at=T+124 finding=<finding> job=<job> observed_at=T+124 request_ids=nova, nova, nova snapshot=<snapshot> step=opened
    - suspicions change=usage count=2 counted_at=T+63 expected={"counted":2} field=counter object=vcpu object_name=vcpu observed={"counter":4,"service":"nova"} resource_type=quotas since=T+2 tenant=tenant-001
    ~ jobs <job>: attempt 0 → 1, outcome null → succeeded, state queued → succeeded
    ~ snapshots <snapshot>: last_seen_at T+63 → T+124
    "#);
    put_off(&app, "compute", "cores", (0, 0)).await;
    app.run("pull_quotas", "tenant-001", counting()).await;
    assert_snapshot!(app.changes_in(&RECORDS).await, @r#"
    + jobs attempt=1 cloud=sim kind=pull_quotas not_before=T+124 outcome=succeeded params={"count":true} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + life at=T+125 finding=<finding> job=<job> observed_at=T+125 reason=the service counts what is there request_ids=nova, nova, nova snapshot=<snapshot> step=resolved
    + snapshots body=[15 quotas, vcpu 46] first_seen_at=T+125 last_seen_at=T+125 resource_type=quotas tenant=tenant-001
    ~ findings <finding>: resolved_at null → T+125, state open → resolved
    "#);
}

async fn a_look_that_does_not_count_leaves_everything_as_it_is(database: Database) {
    database.expect_leftovers();
    let app = counted(&database).await;
    put_off(&app, "compute", "cores", (2, 0)).await;
    app.run("pull_quotas", "tenant-001", counting()).await;
    app.changes().await;
    app.advance(60);
    app.run("pull_quotas", "tenant-001", none()).await;
    app.run("detect_drift", "tenant-001", none()).await;
    assert_eq!(app.changes_in(&BELIEFS).await, "", "neither confirmed nor forgotten");
    app.run_waiting().await;
    app.advance(60);
    app.run_waiting().await;
    assert_eq!(standing(&app).await.len(), 1);
    app.changes().await;
    put_off(&app, "compute", "cores", (0, 0)).await;
    app.run("pull_quotas", "tenant-001", none()).await;
    app.run("detect_drift", "tenant-001", none()).await;
    assert_eq!(app.changes_in(&BELIEFS).await, "", "neither kept nor resolved, although the counter is right");
    app.run("pull_quotas", "tenant-001", counting()).await;
    assert_eq!(standing(&app).await, [""; 0]);
}

async fn each_service_has_its_own_counters(database: Database) {
    database.expect_leftovers();
    let app = counted(&database).await;
    put_off(&app, "compute", "ram", (-512, 0)).await;
    put_off(&app, "network", "port", (1, 0)).await;
    put_off(&app, "network", "security_group_rule", (-1, 0)).await;
    put_off(&app, "volume", "gigabytes", (5, 0)).await;
    put_off(&app, "volume", "gigabytes___DEFAULT__", (7, 0)).await;
    look_three_times(&app).await;
    assert_snapshot!(standing(&app).await.join("\n"), @r#"
    usage gigabytes___DEFAULT__ counter: {"counted":4} → {"counter":11,"service":"cinder"}
    usage port_count counter: {"counted":2} → {"counter":3,"service":"neutron"}
    usage ram counter: {"counted":2560} → {"counter":2048,"service":"nova"}
    usage security_group_rule_count counter: {"counted":13} → {"counter":12,"service":"neutron"}
    usage storage counter: {"counted":4096} → {"counter":9216,"service":"cinder"}
    "#);
}

async fn what_is_promised_is_uncertain(database: Database) {
    let app = counted(&database).await;
    put_off(&app, "compute", "cores", (2, 2)).await;
    put_off(&app, "volume", "gigabytes", (5, 5)).await;
    look_three_times(&app).await;
    assert_eq!(app.changes_in(&BELIEFS).await, "");
}

async fn what_is_being_made_is_uncertain(database: Database) {
    let app = counted(&database).await;
    let project = app.cloud().project("tenant-001").await;
    let listed = async |path: &str, key: &str| {
        let path = format!("{path}?all_tenants=1&project_id={project}");
        app.cloud().admin(Method::GET, &path, None).await[key][0]["id"].clone()
    };
    let server = listed("/compute/v2.1/servers", "servers").await;
    let volume = listed("/volume/v3/volumes", "volumes").await;
    app.cloud()
        .control(Method::PUT, "status", json!({"id": server, "status": "BUILD", "task_state": "spawning"}))
        .await;
    app.cloud().control(Method::PUT, "status", json!({"id": volume, "status": "creating"})).await;
    put_off(&app, "compute", "cores", (-2, 0)).await;
    put_off(&app, "volume", "volumes", (-1, 0)).await;
    put_off(&app, "volume", "gigabytes", (-2, 0)).await;
    look_three_times(&app).await;
    assert_eq!(app.changes_in(&BELIEFS).await, "");
    app.cloud().control(Method::PUT, "status", json!({"id": server, "status": "ACTIVE"})).await;
    app.cloud().control(Method::PUT, "status", json!({"id": volume, "status": "available"})).await;
    app.run("pull_quotas", "tenant-001", counting()).await;
    assert_eq!(app.changes_in(&["suspicions"]).await.lines().count(), 3, "what is done counts");
    database.expect_leftovers();
}

async fn what_is_made_between_two_readings_is_uncertain(database: Database) {
    let app = counted(&database).await;
    let (project, cloud) = (app.cloud().project("tenant-001").await, app.cloud());
    cloud.faults(json!([{"path_prefix": "/network/v2.0/networks", "kind": "latency", "milliseconds": 300}])).await;
    let look = app.run("pull_quotas", "tenant-001", counting());
    let make = async {
        eventually("the listing", async || (cloud.struck().await == [1]).then_some(())).await;
        let network = json!({"network": {"name": "meanwhile", "project_id": project}});
        cloud.admin(Method::POST, "/network/v2.0/networks", Some(network)).await;
    };
    let (ended, ()) = tokio::join!(look, make);
    assert!(matches!(ended, Ended::Done { .. }), "{ended:?}");
    assert_eq!(app.changes_in(&BELIEFS).await, "");
    app.run("pull_quotas", "tenant-001", counting()).await;
    assert_eq!(app.changes_in(&BELIEFS).await, "", "now it counts, and both say so");
}

async fn a_service_that_does_not_list_is_not_counted(database: Database) {
    database.expect_leftovers();
    let app = counted(&database).await;
    put_off(&app, "compute", "cores", (2, 0)).await;
    put_off(&app, "volume", "volumes", (1, 0)).await;
    let refused = json!([{"path_prefix": "/compute/v2.1/servers", "kind": "status", "status": 403}]);
    app.cloud().faults(refused).await;
    let ended = app.run("pull_quotas", "tenant-001", counting()).await;
    let Ended::Done { outcome, left_out: Some(left_out) } = ended else { panic!("{ended:?}") };
    assert_eq!(outcome, Outcome::Partial);
    assert!(
        left_out.starts_with("1 looks could not count; the first: not allowed: compute answered 403 to server_list"),
        "{left_out}"
    );
    let suspected = app.changes_in(&["suspicions"]).await;
    assert!(suspected.contains("object=volumes") && !suspected.contains("object=vcpu"), "{suspected}");
}

async fn an_unchanged_look_that_counts_writes_nothing_anew(database: Database) {
    let app = counted(&database).await;
    for params in [none(), counting(), none(), counting()] {
        let ended = app.run("pull_quotas", "tenant-001", params).await;
        assert_eq!(ended, Ended::Done { outcome: Outcome::Unchanged, left_out: None });
    }
    let changes = app.changes_in(&["expectations", "findings", "life", "resources", "snapshots", "suspicions"]).await;
    assert!(changes.lines().all(|line| line.starts_with('~') && line.contains("_at T+")), "{changes}");
}

async fn counting_asks_for_little_more_than_ids(database: Database) {
    let app = counted(&database).await;
    app.cloud().forget_requests().await;
    app.run("pull_quotas", "tenant-001", counting()).await;
    let (project, admin) = (app.cloud().project("tenant-001").await, app.cloud().project("admin").await);
    let log = app.cloud().control(Method::GET, "requests", Value::Null).await;
    let paths = log["requests"].as_array().unwrap().iter().map(|entry| entry["path"].as_str().unwrap());
    let mut asked: Vec<String> = paths
        .filter(|path| !path.contains("/identity/"))
        .map(|path| {
            path.replace(&project, "PROJECT")
                .replace(&admin, "ADMIN")
                .replace("&limit=1000", "")
                .replace("&sort_key=id&sort_dir=asc", "")
        })
        .collect();
    asked.sort();
    assert_snapshot!(asked.join("\n"), @"
    /compute/v2.1/os-quota-sets/PROJECT/detail
    /compute/v2.1/os-quota-sets/PROJECT/detail
    /compute/v2.1/servers/detail?all_tenants=1&project_id=PROJECT
    /network/v2.0/floatingips?project_id=PROJECT&fields=id&fields=project_id
    /network/v2.0/networks?project_id=PROJECT&fields=id&fields=project_id
    /network/v2.0/ports?project_id=PROJECT&fields=id&fields=project_id
    /network/v2.0/quotas/PROJECT/details.json
    /network/v2.0/quotas/PROJECT/details.json
    /network/v2.0/security-group-rules?project_id=PROJECT&fields=id&fields=project_id
    /network/v2.0/security-groups?project_id=PROJECT&fields=id&fields=project_id
    /network/v2.0/subnets?project_id=PROJECT&fields=id&fields=project_id
    /volume/v3/ADMIN/os-quota-sets/PROJECT?usage=True
    /volume/v3/ADMIN/os-quota-sets/PROJECT?usage=True
    /volume/v3/ADMIN/snapshots/detail?all_tenants=1&project_id=PROJECT
    /volume/v3/ADMIN/volumes/detail?all_tenants=1&project_id=PROJECT
    ");
}

async fn a_limit_that_became_the_default_is_told_apart(database: Database) {
    let app = counted(&database).await;
    let path = format!("/compute/v2.1/os-quota-sets/{}", app.cloud().project("tenant-001").await);
    app.cloud().limit_cores("tenant-001", 30).await;
    app.run("pull_quotas", "tenant-001", none()).await;
    assert_snapshot!(standing(&app).await.join("\n"), @"limit vcpu limit: 46 → 30");
    app.cloud().admin(Method::DELETE, &path, None).await;
    app.run("pull_quotas", "tenant-001", none()).await;
    assert_snapshot!(standing(&app).await.join("\n"), @"
    default instances limit: 20 → 10
    default ram limit: 102400 → 51200
    default server_group_count limit: 14 → 10
    default vcpu limit: 46 → 20
    ");
    app.run("detect_drift", "tenant-001", none()).await;
    app.changes().await;
    app.cloud().faults(json!([{"contains": "default", "kind": "status", "status": 403}])).await;
    app.advance(601);
    app.run("pull_quotas", "tenant-001", none()).await;
    assert_eq!(app.changes_in(&["life"]).await, "", "a service that does not say it any more has not said otherwise");
    assert_eq!(app.cloud().struck().await, [3], "one question per service");
}
