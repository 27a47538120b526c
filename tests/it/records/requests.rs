//! Requests that come twice, too late, or ask for what nobody can do.

use chrono::Duration;
use insta::assert_snapshot;
use serde_json::json;
use tenantd::clock::Clock;
use tenantd::jobs::runner::Ended;
use tenantd::model::job::Request;

use crate::support::rows::queued_jobs;
use crate::support::{Database, TestApp, eventually, on_both_databases};

on_both_databases!(
    a_repeated_request_is_done_once,
    an_id_for_another_job_is_dead,
    a_passed_deadline_is_expired,
    what_nobody_can_do_is_dead,
    a_request_for_later_waits,
    what_a_person_waits_for_goes_first_then_each_tenant_in_turn,
    two_claims_never_share_a_job,
    a_lost_owners_job_is_taken_over_and_counted,
);

async fn request(app: &TestApp) -> Request {
    Request { subject: Some(app.cloud().project("tenant-001").await), ..app.request("pull_floating_ips") }
}

async fn a_repeated_request_is_done_once(database: Database) {
    let app = TestApp::start(&database).await;
    let request = request(&app).await;
    let (first, second) = tokio::join!(app.deliver(request.clone()), app.deliver(request.clone()));
    assert!(matches!((&first, &second), (Ended::Done { .. }, Ended::Duplicate)), "{first:?} {second:?}");
    app.changes().await;
    assert_eq!(app.deliver(request).await, Ended::Duplicate);
    assert_eq!(app.changes().await, "");
}

async fn an_id_for_another_job_is_dead(database: Database) {
    let app = TestApp::start(&database).await;
    let request = request(&app).await;
    app.deliver(request.clone()).await;
    app.changes().await;
    app.deliver(Request { kind: "pull_server_groups".into(), ..request }).await;
    assert_snapshot!(app.changes().await, @r#"
    + dead_letters attempts=0 body={"id":"<job>","kind":"pull_server_groups","params":{},"tenant":"tenant-001"} died_at=T+2 error=job id <job> was used before, for another pull_floating_ips job=<job> kind=pull_server_groups reason=id_reused tenant=tenant-001
    + outbox dead pull_server_groups
    "#);
}

async fn a_passed_deadline_is_expired(database: Database) {
    let app = TestApp::start(&database).await;
    let deadline = Some(app.clock.now());
    app.deliver(Request { deadline, ..request(&app).await }).await;
    assert_snapshot!(app.changes().await, @r"
    + jobs attempt=1 deadline=T+0 error=its deadline has passed kind=pull_floating_ips not_before=T+0 outcome=expired params={} reason=expired source=test state=failed subject=<id>
    + outbox events job.pull_floating_ips.expired
    ");
}

async fn what_nobody_can_do_is_dead(database: Database) {
    let app = TestApp::start(&database).await;
    app.deliver(app.request("pull_quotes")).await;
    app.deliver(Request { params: json!({"sizes": "yes"}), ..app.request("pull_quotas") }).await;
    app.deliver(Request { cloud: Some("mars".into()), ..app.request("pull_quotas") }).await;
    assert_snapshot!(app.changes_in(&["dead_letters"]).await, @r#"
    + dead_letters attempts=1 body={"cloud":"mars","id":"<job>","kind":"pull_quotas","params":{}} died_at=T+3 error=no cloud `mars` is configured; there is sim job=<job> kind=pull_quotas reason=unknown_cloud
    + dead_letters attempts=1 body={"id":"<job>","kind":"pull_quotas","params":{"sizes":"yes"},"scope":"all"} died_at=T+2 error=params.sizes: invalid type: string "yes", expected a boolean job=<job> kind=pull_quotas reason=invalid_params
    + dead_letters attempts=1 body={"id":"<job>","kind":"pull_quotes","params":{},"scope":"all"} died_at=T+1 error=`pull_quotes` is no job kind; there are change_password, create_floating_ip, create_image, create_network, create_security_group, create_server_group, create_tenant, delete_tenant, detect_drift, digest, expect, prune, pull, pull_floating_ips, pull_instances, pull_networks, pull_quotas, pull_security_groups, pull_server_groups, pull_tenants, pull_volumes, push_security_groups, reconcile, set_quotas, unlink_tenant, update_tenant, upload_image_data job=<job> kind=pull_quotes reason=unknown_kind
    "#);
}

async fn a_request_for_later_waits(database: Database) {
    let app = TestApp::start(&database).await;
    let not_before = app.clock.now() + Duration::seconds(30);
    let ended = app.deliver(Request { not_before, ..request(&app).await }).await;
    assert_eq!(ended, Ended::Parked { error: None });
    assert_eq!(app.run_waiting().await, []);
    app.advance(30);
    let ended = app.run_waiting().await;
    assert!(matches!(ended.as_slice(), [Ended::Done { .. }]), "{ended:?}");
}

async fn what_a_person_waits_for_goes_first_then_each_tenant_in_turn(database: Database) {
    let app = TestApp::start(&database).await;
    let mut tx = app.context.store().begin().await.unwrap();
    let asked = [("a1", 0), ("a2", 0), ("a3", 0), ("b1", 0), ("b2", 0), ("c1", 5), ("c2", 10), ("d1", 0)];
    for (name, priority) in asked {
        let (source, subject) = (name.to_owned(), Some(name[..1].to_owned()));
        let request = Request { priority, source, subject, ..app.request("detect_drift") };
        tx.insert_job(&request, None).await.unwrap();
    }
    tx.commit().await.unwrap();
    app.advance(10);
    let order: Vec<String> = app.claim().await.into_iter().map(|job| job.request.source).collect();
    let rounds: Vec<Vec<&str>> = [0..1, 1..2, 2..5, 5..7, 7..8]
        .map(|round| {
            let mut round: Vec<&str> = order[round].iter().map(String::as_str).collect();
            round.sort_unstable();
            round
        })
        .into();
    assert_eq!(rounds, [vec!["c2"], vec!["c1"], vec!["a1", "b1", "d1"], vec!["a2", "b2"], vec!["a3"]]);
}

async fn two_claims_never_share_a_job(database: Database) {
    let app = TestApp::start(&database).await;
    let mut tx = app.context.store().begin().await.unwrap();
    for _ in 0..50 {
        tx.insert_job(&app.request("detect_drift"), None).await.unwrap();
    }
    tx.commit().await.unwrap();
    let claims = futures::future::join_all((0..5).map(|_| app.claim())).await;
    let mut ids: Vec<_> = claims.iter().flatten().map(|job| job.request.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), claims.iter().map(Vec::len).sum::<usize>()), (50, 50));
}

async fn a_lost_owners_job_is_taken_over_and_counted(database: Database) {
    let app = TestApp::start(&database).await;
    let mut tx = app.context.store().begin().await.unwrap();
    tx.insert_job(&app.request("detect_drift"), None).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(app.claim().await.len(), 1);
    assert_eq!(app.claim().await, [], "the owner may still be at it");
    app.changes().await;
    // It gave no sign of life for longer than a hold lasts.
    app.advance(3605);
    eventually("the rescue", async || (!queued_jobs(&app.database).await.is_empty()).then_some(())).await;
    app.run_waiting().await;
    assert_snapshot!(app.changes_in(&["jobs"]).await, @"~ jobs <job>: attempt 0 → 2, outcome null → unchanged, state running → succeeded");
}
