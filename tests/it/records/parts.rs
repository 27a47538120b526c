//! A pull of a large cloud, shared out: the same comes of it as of one job, whoever does which part.

use insta::assert_snapshot;
use serde_json::json;
use tenantd::intake::table;
use tenantd::jobs::cancel::{Cancelled, cancel};
use tenantd::jobs::context::Retries;
use tenantd::jobs::runner::{Ended, Origin, Runner};
use tenantd::lifecycle::Lifecycle;
use tenantd::model::job::{Job, JobState, Outcome, PRIORITY_PERSON, Request};
use tenantd::retry::Backoff;
use tenantd::store::holds::Hold;
use tenantd::store::jobs::Ending;
use tenantd::store::jobs::Filter;

use crate::support::{Database, Engine, Setup, TestApp, eventually, on_both_databases, parts, rows};

on_both_databases!(
    what_is_shared_out_comes_to_the_same,
    the_whole_waits_for_its_parts_and_tells_what_became_of_them,
    replicas_share_the_parts,
    parts_of_different_jobs_take_turns,
    parts_find_a_place_beside_a_long_line,
    a_part_that_was_left_is_done_again_and_no_other,
    parts_that_fail_leave_no_dead_letters_of_their_own,
    the_end_of_the_whole_is_the_end_of_its_parts,
    what_was_shared_out_unwanted_ends_with_its_parts,
    the_end_of_the_last_part_wakes_the_whole,
    a_whole_that_goes_back_to_wait_is_seen_by_its_last_part,
    where_there_is_one_place_parts_and_others_take_turns,
);

/// Five tenants beside the administrator's project, in parts of two.
async fn shared(database: &Database) -> TestApp {
    let retries =
        Retries { attempts: 2, backoff: Backoff { base: std::time::Duration::ZERO, max: std::time::Duration::ZERO } };
    let app = TestApp::with(database, Setup { tenants: 5, batch: Some(2), retries, ..Setup::default() }).await;
    app.run_for_cloud("pull_tenants", "sim").await;
    app.changes().await;
    app
}

fn parted(parts: usize) -> Ended {
    Ended::Parked { error: Some(format!("waits for its {parts} parts")) }
}

const fn done(outcome: Outcome) -> Ended {
    Ended::Done { outcome, left_out: None }
}

/// What was seen of everyone, without ids and times.
async fn seen(app: &TestApp) -> Vec<(String, String, String)> {
    let mut seen = Vec::new();
    let tenants = app.context.store().tenants(None).await.unwrap();
    for age in app.context.store().ages().await.unwrap() {
        let tenant = tenants.iter().find(|it| it.uuid == age.tenant).unwrap();
        let snapshot = app.context.store().snapshot(age.snapshot.unwrap()).await.unwrap();
        let body = snapshot.map(|it| it.body.to_json().to_string()).unwrap_or_default();
        seen.push((tenant.name.clone(), age.resource_type.to_string(), body));
    }
    seen.sort();
    seen
}

async fn what_is_shared_out_comes_to_the_same(database: Database) {
    let app = shared(&database).await;
    assert!(matches!(app.run_for_cloud("pull", "sim").await, Ended::Parked { .. }));
    app.run_waiting().await;
    let in_parts = seen(&app).await;
    let types = tenantd::model::ResourceType::ALL.len();
    assert_eq!(in_parts.len(), 6 * types);
    let before = rows::all(&database).await;
    for tenant in ["admin", "tenant-001", "tenant-002", "tenant-003", "tenant-004", "tenant-005"] {
        assert_eq!(app.run("pull", tenant, json!({})).await, done(Outcome::Unchanged), "{tenant}");
    }
    assert_eq!(seen(&app).await, in_parts);
    let count = |rows: &rows::Rows| rows.iter().filter(|((name, _), _)| name == "snapshots").count();
    assert_eq!(count(&before), count(&rows::all(&database).await));
}

async fn the_whole_waits_for_its_parts_and_tells_what_became_of_them(database: Database) {
    let app = shared(&database).await;
    for outcome in [Outcome::Succeeded, Outcome::Unchanged] {
        let whole = app.request("pull_quotas");
        let whole = Request { cloud: Some("sim".to_owned()), ..whole };
        let id = whole.id;
        assert_eq!(app.deliver(whole).await, parted(3));
        let store = app.context.store();
        let filter = Filter { part_of: Some(id), limit: 10, ..Filter::default() };
        let parts = store.jobs(filter).await.unwrap();
        assert!(parts.iter().all(|it| it.state == JobState::Queued && it.request.source == "test"));
        assert_eq!(parts.len(), 3);
        assert!(!store.jobs(Filter { limit: 99, ..Filter::default() }).await.unwrap().contains(&parts[0]));
        // Nobody moves the clock: the last part wakes the whole.
        let ended = app.run_waiting().await;
        assert_eq!(ended, vec![done(outcome); 4]);
        let job = store.job(id).await.unwrap().unwrap();
        assert_eq!((job.outcome, job.request.attempt, job.error), (Some(outcome), 1, None));
        let progress = store.progress(id).await.unwrap().unwrap();
        assert_eq!((progress.count, progress.over()), (3, 3));
    }
}

async fn replicas_share_the_parts(database: Database) {
    let app = shared(&database).await;
    let (context, runner) = app.replica().await;
    app.run_for_cloud("pull_quotas", "sim").await;
    let now = app.context.clock().now();
    let until = now + chrono::Duration::hours(1);
    let mut ended = Vec::new();
    for (context, runner) in [(&app.context, &app.runner), (&context, &runner)].into_iter().cycle().take(3) {
        let hold = Hold { owner: context.owner(), until };
        let mut parts = context.store().claim_jobs(hold, now, (1, &[]), parts(1)).await.unwrap().jobs;
        let part = parts.pop().unwrap();
        ended.push(runner.run(part.request, Origin::Table).await.unwrap());
    }
    assert_eq!(ended, vec![done(Outcome::Succeeded); 3]);
    assert_eq!(app.run_waiting().await, [done(Outcome::Succeeded)], "the whole");
    context.store().close().await;
}

async fn parts_of_different_jobs_take_turns(database: Database) {
    database.expect_leftovers();
    let app = shared(&database).await;
    app.run_for_cloud("pull_quotas", "sim").await;
    app.run_for_cloud("pull_floating_ips", "sim").await;
    let now = app.context.clock().now();
    let hold = Hold { owner: app.context.owner(), until: now + chrono::Duration::hours(1) };
    let parts = app.context.store().claim_jobs(hold, now, (2, &[]), parts(2)).await.unwrap().jobs;
    let mut kinds: Vec<&str> = parts.iter().map(|it| it.request.kind.as_str()).collect();
    kinds.sort_unstable();
    assert_eq!(
        kinds,
        ["pull_floating_ips", "pull_quotas"],
        "the first of the three parts, and the only one of the other"
    );
}

/// Each place that becomes free would be taken by one of those that wait in line.
async fn parts_find_a_place_beside_a_long_line(database: Database) {
    database.expect_leftovers();
    let app = shared(&database).await;
    app.run_for_cloud("pull_quotas", "sim").await;
    let mut tx = app.context.store().begin().await.unwrap();
    for _ in 0..20 {
        let request = app.request("pull_floating_ips");
        let tenant = Some(app.tenant("tenant-001").await.uuid.to_string());
        tx.insert_job(&Request { subject: tenant, ..request }, None).await.unwrap();
    }
    tx.commit().await.unwrap();
    let now = app.context.clock().now();
    let hold = Hold { owner: app.context.owner(), until: now + chrono::Duration::hours(1) };
    let store = app.context.store();
    let kinds = async |count, room| {
        let jobs = store.claim_jobs(hold, now, (count, &[]), parts(room)).await.unwrap().jobs;
        jobs.into_iter().map(|it| it.request.kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds(1, 1).await, ["pull_quotas"]);
    assert_eq!(kinds(1, 0).await, ["pull_floating_ips"], "there are enough parts");
    assert_eq!(kinds(3, 1).await, ["pull_quotas", "pull_floating_ips", "pull_floating_ips"]);
}

async fn a_part_that_was_left_is_done_again_and_no_other(database: Database) {
    let app = shared(&database).await;
    app.run_for_cloud("pull_quotas", "sim").await;
    let now = app.context.clock().now();
    let gone = Hold { owner: "gone", until: now + chrono::Duration::seconds(20) };
    let left = app.context.store().claim_jobs(gone, now, (1, &[]), parts(1)).await.unwrap().jobs;
    assert_eq!(left.len(), 1);
    assert_eq!(app.run_waiting().await, vec![done(Outcome::Succeeded); 2]);
    app.advance(60);
    let now = app.context.clock().now();
    // The runner looks for such jobs by itself, and may have found it already.
    app.context.store().rescue_jobs(now).await.unwrap();
    // The whole looks after its parts by itself after a while; it waits on.
    let ended = app.run_waiting().await;
    assert_eq!(ended.last(), Some(&done(Outcome::Succeeded)));
    assert_eq!(ended.iter().filter(|it| **it == done(Outcome::Succeeded)).count(), 2, "the part and the whole");
}

async fn parts_that_fail_leave_no_dead_letters_of_their_own(database: Database) {
    let app = shared(&database).await;
    app.cloud().faults(json!([{"kind": "status", "status": 503, "path_prefix": "/network/v2.0/floatingips"}])).await;
    let types = json!({});
    let request = Request { cloud: Some("sim".to_owned()), params: types, ..app.request("pull") };
    let id = request.id;
    app.deliver(request).await;
    app.run_waiting().await;
    let job = app.context.store().job(id).await.unwrap().unwrap();
    assert_eq!(job.outcome, Some(Outcome::Partial));
    let said = job.error.unwrap();
    assert!(said.contains("1 of its") && said.contains("failed") && said.contains("503"), "{said}");
    let only = app.run_for_cloud("pull_floating_ips", "sim").await;
    assert_eq!(only, parted(1));
    let ended = app.run_waiting().await;
    assert!(matches!(ended.last(), Some(Ended::Dead { reason, .. }) if reason == "parts_failed"), "{ended:?}");
    let letters: Vec<_> = rows::all(&database).await.into_keys().filter(|(name, _)| name == "dead_letters").collect();
    assert_eq!(letters.len(), 1, "that of the whole");
}

async fn the_end_of_the_whole_is_the_end_of_its_parts(database: Database) {
    let app = shared(&database).await;
    let request = Request { cloud: Some("sim".to_owned()), ..app.request("pull_quotas") };
    let id = request.id;
    app.deliver(request).await;
    let mut tx = app.context.store().begin().await.unwrap();
    cancel(&app.context, &mut tx, id, "cancelled by a test").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(app.run_waiting().await, []);
    let filter = Filter { part_of: Some(id), limit: 10, ..Filter::default() };
    let parts = app.context.store().jobs(filter).await.unwrap();
    assert!(parts.len() == 3 && parts.iter().all(|it| it.state == JobState::Cancelled));
}

/// The wish came while it was being shared out, and before whoever holds it looked for wishes.
async fn what_was_shared_out_unwanted_ends_with_its_parts(database: Database) {
    let app = shared(&database).await;
    let request = Request { cloud: Some("sim".to_owned()), ..app.request("pull_quotas") };
    let job = app.claimed(&request).await;
    let store = app.context.store();
    let mut tx = store.begin().await.unwrap();
    let asked = cancel(&app.context, &mut tx, request.id, "cancelled by a test").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(asked, Cancelled::Asked);
    assert_eq!(app.run_claimed(Job { cancel_asked_at: None, ..job }).await, parted(3));
    let now = app.context.clock().now();
    let hold = Hold { owner: app.context.owner(), until: now + chrono::Duration::hours(1) };
    let mut whole = store.claim_jobs(hold, now, (9, &[]), parts(0)).await.unwrap().jobs;
    let ended = app.run_claimed(whole.pop().unwrap()).await;
    assert!(matches!(ended, Ended::Done { outcome: Outcome::Cancelled, .. }) && whole.is_empty(), "{ended:?}");
    assert_eq!(app.run_waiting().await, []);
    let parts = store.jobs(Filter { part_of: Some(request.id), limit: 10, ..Filter::default() }).await.unwrap();
    assert!(parts.len() == 3 && parts.iter().all(|it| it.state == JobState::Cancelled));
}

async fn the_end_of_the_last_part_wakes_the_whole(database: Database) {
    let app = shared(&database).await;
    let request = Request { cloud: Some("sim".to_owned()), ..app.request("pull_quotas") };
    let id = request.id;
    app.deliver(request).await;
    let store = app.context.store();
    let parts = store.jobs(Filter { part_of: Some(id), limit: 10, ..Filter::default() }).await.unwrap();
    app.changes().await;
    let mut woken = Vec::new();
    for part in parts {
        let mut tx = store.begin().await.unwrap();
        cancel(&app.context, &mut tx, part.request.id, "cancelled by a test").await.unwrap();
        woken.push(tx.commit().await.unwrap().jobs);
    }
    assert_eq!(woken, [false, false, true]);
    assert_snapshot!(app.changes_in(&["jobs", "outbox"]).await, @r"
    + outbox events job.pull_quotas.cancelled
    + outbox events job.pull_quotas.cancelled
    + outbox events job.pull_quotas.cancelled
    ~ jobs <job>: error null → cancelled by a test, outcome null → cancelled, reason null → cancelled, state queued → cancelled
    ~ jobs <job>: error null → cancelled by a test, outcome null → cancelled, reason null → cancelled, state queued → cancelled
    ~ jobs <job>: error null → cancelled by a test, outcome null → cancelled, reason null → cancelled, state queued → cancelled
    ~ jobs <job>: not_before T+32 → T+2
    ");
    // Nobody moves the clock.
    let ended = app.run_waiting().await;
    assert!(matches!(ended.as_slice(), [Ended::Dead { reason, .. }] if *reason == "parts_failed"), "{ended:?}");
}

/// The two transactions do not see each other.
async fn a_whole_that_goes_back_to_wait_is_seen_by_its_last_part(database: Database) {
    database.expect_leftovers();
    let app = shared(&database).await;
    let request = Request { cloud: Some("sim".to_owned()), ..app.request("pull_floating_ips") };
    assert_eq!(app.deliver(request.clone()).await, parted(1));
    let (store, owner) = (app.context.store(), app.context.owner());
    let part = store.jobs(Filter { part_of: Some(request.id), limit: 9, ..Filter::default() }).await.unwrap().remove(0);
    app.advance(60);
    let now = app.context.clock().now();
    let hold = Hold { owner, until: now + chrono::Duration::hours(1) };
    let whole = store.claim_jobs(hold, now, (9, &[]), parts(0)).await.unwrap().jobs.remove(0).request;
    let again = now + chrono::Duration::seconds(30);

    let mut ends = store.begin().await.unwrap();
    cancel(&app.context, &mut ends, part.request.id, "cancelled by a test").await.unwrap();
    let goes_back = async {
        let mut tx = store.begin().await.unwrap();
        let waits = Request { not_before: again, ..whole };
        assert!(tx.park_job(&waits, &ending(), owner).await.unwrap());
        let woken = tx.wake_whole(waits.id, now).await.unwrap();
        tx.commit().await.unwrap();
        woken
    };
    let mut goes_back = std::pin::pin!(goes_back);
    // SQLite lets only one begin.
    let waits = async {
        if database.engine == Engine::Postgres {
            database.until_wait(1).await;
        }
    };
    tokio::select! {
        biased;
        woken = &mut goes_back => panic!("it did not wait for the end of its part, and was woken: {woken}"),
        () = waits => {}
    }
    ends.commit().await.unwrap();
    assert!(goes_back.await, "nobody else wakes it");
}

/// What is noted of a job that goes back to wait.
fn ending() -> Ending<'static> {
    let (state, reason) = (JobState::Queued, Some("waits"));
    Ending { state, reason, outcome: None, tenant: None, started_at: None, finished_at: None, error: None }
}

/// What a person waits for would otherwise come behind all parts of a pull of everything.
async fn where_there_is_one_place_parts_and_others_take_turns(database: Database) {
    let app = shared(&database).await;
    app.run_for_cloud("pull_quotas", "sim").await;
    let mut tx = app.context.store().begin().await.unwrap();
    for tenant in ["tenant-001", "tenant-002", "tenant-003"] {
        let subject = Some(app.tenant(tenant).await.uuid.to_string());
        let asked = Request { subject, priority: PRIORITY_PERSON, ..app.request("pull_floating_ips") };
        tx.insert_job(&asked, None).await.unwrap();
    }
    tx.commit().await.unwrap();
    app.cloud().forget_requests().await;

    let (runner, lifecycle) = (Runner::new(app.context.clone(), 1, app.interrupt.clone()), Lifecycle::default());
    lifecycle.spawn(table::run(app.context.clone(), runner, lifecycle.clone()));
    let all = || app.context.store().jobs(Filter { limit: 99, ..Filter::default() });
    let over = async || all().await.unwrap().iter().all(|it| it.finished_at.is_some()).then_some(());
    eventually("the end of all jobs", over).await;
    lifecycle.end(std::time::Duration::from_secs(20), std::future::pending()).await;
    let mut asked: Vec<&str> = Vec::new();
    for path in app.cloud().asked().await {
        asked.push(if path.contains("floatingips") { "a person's" } else { "a part" });
    }
    asked.dedup();
    assert_eq!(asked, ["a part", "a person's", "a part", "a person's", "a part", "a person's"]);
}
