//! What a failing service costs: its own resource types, an attempt, in the end a dead letter.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::json;
use tenantd::jobs::context::Retries;
use tenantd::jobs::runner::Ended;
use tenantd::model::job::Outcome;
use tenantd::retry::Backoff;

use crate::support::app::none;
use crate::support::{Database, Setup, TestApp, on_both_databases};

on_both_databases!(
    a_failing_service_costs_only_its_own_types,
    a_busy_service_is_asked_again_when_it_said,
    attempts_are_bounded,
    an_answer_cut_short_proves_nothing,
    a_revoked_token_is_renewed,
    tokens_that_are_revoked_twice_cost_an_attempt,
    an_interrupted_job_is_put_back_uncounted,
);

/// Three attempts, and no delay but the one that a service asks for.
async fn impatient(database: &Database) -> TestApp {
    let retries = Retries { attempts: 3, backoff: Backoff { base: Duration::ZERO, max: Duration::ZERO } };
    TestApp::with(database, Setup { retries, ..Setup::default() }).await
}

async fn a_failing_service_costs_only_its_own_types(database: Database) {
    let app = TestApp::start(&database).await;
    app.run("pull", "tenant-001", none()).await;
    app.changes().await;
    app.cloud().faults(json!([{"service": "volume", "kind": "status", "status": 503}])).await;
    app.cloud().meddle("server_group_create", "tenant-001").await;
    app.run("pull", "tenant-001", none()).await;
    assert_snapshot!(app.changes().await, @"
    + jobs attempt=1 cloud=sim error=2 of 9 looks failed; the first: unavailable: volume answered 503 to volume_list of project tenant-001: 503 Service Unavailable The server is currently unavailable. Please try again at a later time. (<id>); 1 looks missed a service; the first: unavailable: volume answered 503 to quota_show of project tenant-001: 503 Service Unavailable The server is currently unavailable. Please try again at a later time. (<id>) kind=pull not_before=T+1 outcome=partial params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + outbox events job.pull.partial
    + outbox events snapshot.quotas.changed
    + outbox events snapshot.server_groups.changed
    + snapshots body=[15 quotas, vcpu 46] first_seen_at=T+2 last_seen_at=T+2 resource_type=quotas tenant=tenant-001
    + snapshots body=[by-hand-910, tenant-001-group0, tenant-001-group1] first_seen_at=T+2 last_seen_at=T+2 resource_type=server_groups tenant=tenant-001
    ~ expectations tenant-001/server_groups: author first observation → followed, body [tenant-001-group0, tenant-001-group1] → [by-hand-910, tenant-001-group0, tenant-001-group1], set_at T+1 → T+2
    ~ resources tenant-001/floating_ips: last_attempt_at T+1 → T+2, last_success_at T+1 → T+2, observed_at T+1 → T+2
    ~ resources tenant-001/instances: last_attempt_at T+1 → T+2, last_success_at T+1 → T+2, observed_at T+1 → T+2
    ~ resources tenant-001/networks: last_attempt_at T+1 → T+2, last_success_at T+1 → T+2, observed_at T+1 → T+2
    ~ resources tenant-001/ports: last_attempt_at T+1 → T+2, last_success_at T+1 → T+2, observed_at T+1 → T+2
    ~ resources tenant-001/quotas: error null → unavailable: volume answered 503 to quota_show of project tenant-001: 503 Service Unavailable The server is currently unavailable. Please try again at a later time. (<id>), error_reason null → unavailable, failures 0 → 1, last_attempt_at T+1 → T+2, observed_at T+1 → T+2, snapshot <snapshot> → <snapshot>
    ~ resources tenant-001/security_groups: last_attempt_at T+1 → T+2, last_success_at T+1 → T+2, observed_at T+1 → T+2
    ~ resources tenant-001/server_groups: last_attempt_at T+1 → T+2, last_success_at T+1 → T+2, observed_at T+1 → T+2, snapshot <snapshot> → <snapshot>
    ~ resources tenant-001/volume_snapshots: error null → unavailable: volume answered 503 to volume_snapshot_list of project tenant-001: 503 Service Unavailable The server is currently unavailable. Please try again at a later time. (<id>), error_reason null → unavailable, failures 0 → 1, last_attempt_at T+1 → T+2
    ~ resources tenant-001/volumes: error null → unavailable: volume answered 503 to volume_list of project tenant-001: 503 Service Unavailable The server is currently unavailable. Please try again at a later time. (<id>), error_reason null → unavailable, failures 0 → 1, last_attempt_at T+1 → T+2
    ~ snapshots <snapshot>: last_seen_at T+1 → T+2
    ~ snapshots <snapshot>: last_seen_at T+1 → T+2
    ~ snapshots <snapshot>: last_seen_at T+1 → T+2
    ~ snapshots <snapshot>: last_seen_at T+1 → T+2
    ~ snapshots <snapshot>: last_seen_at T+1 → T+2
    ");
}

async fn a_busy_service_is_asked_again_when_it_said(database: Database) {
    let app = impatient(&database).await;
    let busy = json!([{"service": "network", "kind": "status", "status": 503, "retry_after": 20, "count": 1}]);
    app.cloud().faults(busy).await;
    app.run("pull_floating_ips", "tenant-001", none()).await;
    assert_snapshot!(app.changes_in(&["jobs", "resources", "dead_letters", "outbox"]).await, @"
    + jobs attempt=1 cloud=sim error=unavailable: network answered 503 to floating_ip_list of project tenant-001: 503 Service Unavailable The server is currently unavailable. Please try again at a later time. (<id>) kind=pull_floating_ips not_before=T+21 params={} reason=unavailable source=test state=queued subject=tenant-001 tenant=tenant-001
    + outbox events tenant.discovered
    + resources error=unavailable: network answered 503 to floating_ip_list of project tenant-001: 503 Service Unavailable The server is currently unavailable. Please try again at a later time. (<id>) error_reason=unavailable failures=1 last_attempt_at=T+1 resource_type=floating_ips tenant=tenant-001
    ");
    app.advance(19);
    assert_eq!(app.run_waiting().await, []);
    app.advance(1);
    app.run_waiting().await;
    assert_snapshot!(app.changes_in(&["jobs", "resources", "dead_letters", "outbox"]).await, @r"
    + outbox events job.pull_floating_ips.succeeded
    + outbox events snapshot.floating_ips.changed
    ~ jobs <job>: attempt 1 → 2, error unavailable: network answered 503 to floating_ip_list of project tenant-001: 503 Service Unavailable The server is currently unavailable. Please try again at a later time. (<id>) → null, outcome null → succeeded, reason unavailable → null, state queued → succeeded
    ~ resources tenant-001/floating_ips: error unavailable: network answered 503 to floating_ip_list of project tenant-001: 503 Service Unavailable The server is currently unavailable. Please try again at a later time. (<id>) → null, error_reason unavailable → null, failures 1 → 0, last_attempt_at T+1 → T+22, last_success_at null → T+22, observed_at null → T+22, snapshot null → <snapshot>
    ");
}

async fn attempts_are_bounded(database: Database) {
    let app = impatient(&database).await;
    app.cloud().faults(json!([{"service": "network", "kind": "status", "status": 503}])).await;
    assert!(matches!(app.run("pull_floating_ips", "tenant-001", none()).await, Ended::Parked { .. }));
    app.changes().await;
    let ended = app.run_waiting().await;
    assert!(matches!(ended.as_slice(), [Ended::Parked { .. }, Ended::Dead { .. }]), "{ended:?}");
    assert_eq!(app.cloud().struck().await, [3]);
    assert_snapshot!(app.changes().await, @r#"
    + dead_letters attempts=3 body={"cloud":"sim","id":"<job>","kind":"pull_floating_ips","params":{},"tenant":"tenant-001"} died_at=T+3 error=unavailable: network answered 503 to floating_ip_list of project tenant-001: 503 Service Unavailable The server is currently unavailable. Please try again at a later time. (<id>) job=<job> kind=pull_floating_ips reason=unavailable tenant=tenant-001
    + outbox dead pull_floating_ips
    + outbox events job.pull_floating_ips.failed
    ~ jobs <job>: attempt 1 → 3, error unavailable: network answered 503 to floating_ip_list of project tenant-001: 503 Service Unavailable The server is currently unavailable. Please try again at a later time. (<id>) → unavailable: network answered 503 to floating_ip_list of project tenant-001: 503 Service Unavailable The server is currently unavailable. Please try again at a later time. (<id>), not_before T+1 → T+2, outcome null → failed, state queued → failed
    ~ resources tenant-001/floating_ips: error unavailable: network answered 503 to floating_ip_list of project tenant-001: 503 Service Unavailable The server is currently unavailable. Please try again at a later time. (<id>) → unavailable: network answered 503 to floating_ip_list of project tenant-001: 503 Service Unavailable The server is currently unavailable. Please try again at a later time. (<id>), failures 1 → 3, last_attempt_at T+1 → T+3
    "#);
}

async fn an_answer_cut_short_proves_nothing(database: Database) {
    let app = impatient(&database).await;
    app.run("pull_security_groups", "tenant-001", none()).await;
    app.changes().await;
    for kind in ["truncate", "reset"] {
        app.cloud().faults(json!([{"service": "network", "kind": kind}])).await;
        app.run("pull_security_groups", "tenant-001", none()).await;
        let ended = app.run_waiting().await;
        assert!(matches!(ended.last(), Some(Ended::Dead { .. })), "{ended:?}");
    }
    assert_eq!(app.changes_in(&["expectations", "findings", "snapshots", "suspicions"]).await, "");
}

async fn a_revoked_token_is_renewed(database: Database) {
    let app = TestApp::start(&database).await;
    app.run("pull", "tenant-001", none()).await;
    app.cloud().faults(json!([{"service": "network", "kind": "revoke_tokens", "count": 1}])).await;
    let ended = app.run("pull", "tenant-001", none()).await;
    assert!(matches!(ended, Ended::Done { left_out: None, .. }), "{ended:?}");
    assert_eq!(app.cloud().struck().await, [1]);
}

async fn tokens_that_are_revoked_twice_cost_an_attempt(database: Database) {
    let app = impatient(&database).await;
    app.run("pull_floating_ips", "tenant-001", none()).await;
    app.cloud().faults(json!([{"service": "network", "kind": "revoke_tokens", "count": 2}])).await;
    let ended = app.run("pull_floating_ips", "tenant-001", none()).await;
    assert!(matches!(&ended, Ended::Parked { error: Some(error) } if error.contains("a fresh token")), "{ended:?}");
    let ended = app.run_waiting().await;
    assert_eq!(ended, [Ended::Done { outcome: Outcome::Unchanged, left_out: None }]);
    assert_eq!(app.cloud().struck().await, [2]);
}

async fn an_interrupted_job_is_put_back_uncounted(database: Database) {
    database.expect_leftovers();
    let app = TestApp::start(&database).await;
    app.run("pull_quotas", "tenant-001", none()).await;
    app.changes().await;
    app.cloud().faults(json!([{"service": "network", "kind": "hang"}])).await;
    let job = app.run("pull_floating_ips", "tenant-001", none());
    let stop = async {
        crate::support::eventually("the request that hangs", async || {
            (app.cloud().struck().await == [1]).then_some(())
        })
        .await;
        app.interrupt.cancel();
    };
    let (ended, ()) = tokio::join!(job, stop);
    assert!(matches!(ended, Ended::Parked { .. }), "{ended:?}");
    assert_snapshot!(app.changes().await, @"+ jobs cloud=sim error=interrupted: the daemon stops kind=pull_floating_ips not_before=T+2 params={} reason=interrupted source=test state=queued subject=tenant-001 tenant=tenant-001");
}
