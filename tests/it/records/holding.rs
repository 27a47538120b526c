//! Jobs that are asked for at the same time, held by two replicas, cancelled, or too late.

use chrono::Duration;
use futures::future::join_all;
use insta::assert_snapshot;
use serde_json::json;
use tenantd::clock::Clock;
use tenantd::jobs::cancel::{Cancelled, cancel};
use tenantd::jobs::context::Live;
use tenantd::jobs::runner::{Ended, Origin};
use tenantd::model::job::{JobState, Outcome, Request};

use crate::support::rows::{self, execute};
use crate::support::{Database, TestApp, eventually, on_both_databases};

on_both_databases!(
    equal_pulls_share_a_run,
    different_pulls_do_not,
    a_job_in_two_replicas_runs_once,
    a_running_job_can_be_cancelled,
    one_of_several_that_share_a_run_can_be_cancelled,
    what_nobody_wants_any_more_is_not_tried_again,
    a_retry_after_the_deadline_is_expired,
    an_unchanged_look_is_noted_without_a_comparison,
    a_change_waits_for_the_one_before,
    an_overlapping_look_is_left_out,
);

async fn request(app: &TestApp, kind: &str) -> Request {
    Request { subject: Some(app.cloud().project("tenant-001").await), ..app.request(kind) }
}

async fn equal_pulls_share_a_run(database: Database) {
    let app = TestApp::start(&database).await;
    app.cloud().faults(json!([{"service": "network", "kind": "latency", "milliseconds": 300}])).await;
    let first = request(&app, "pull_floating_ips").await;
    let ran = app.runner.run(first.clone(), Origin::Delivery);
    let later = async {
        eventually("the first run", async || (app.cloud().struck().await == [1]).then_some(())).await;
        let requests = join_all((0..9).map(|_| request(&app, "pull_floating_ips"))).await;
        join_all(requests.into_iter().map(|request| app.runner.run(request, Origin::Delivery))).await
    };
    let (first, later) = tokio::join!(ran, later);
    assert!(matches!(first, Ok(Ended::Done { outcome: Outcome::Succeeded, .. })), "{first:?}");
    let unchanged = |ended: &Result<Ended, _>| matches!(ended, Ok(Ended::Done { outcome: Outcome::Unchanged, .. }));
    assert!(later.iter().all(unchanged), "{later:?}");
    assert_eq!(app.cloud().struck().await, [2], "one run for the first, one for all who came while it ran");
    let rows = rows::all(&app.database).await;
    let events = rows
        .iter()
        .filter(|((table, _), row)| table == "outbox" && rows::text(&row["routing_key"]).starts_with("job."));
    assert_eq!(events.count(), 10, "each has its own event");
    let jobs = rows.iter().filter(|((table, _), row)| table == "jobs" && row["state"] == "succeeded");
    assert_eq!(jobs.count(), 10, "each has its own record");
}

async fn different_pulls_do_not(database: Database) {
    let app = TestApp::start(&database).await;
    app.cloud().faults(json!([{"service": "volume", "kind": "latency", "milliseconds": 50}])).await;
    let plain = request(&app, "pull_quotas").await;
    let sizes = Request { params: json!({"sizes": true}), ..request(&app, "pull_quotas").await };
    let other = Request { subject: Some(app.cloud().project("tenant-002").await), ..app.request("pull_quotas") };
    let ended = join_all([plain, sizes, other].map(|request| app.runner.run(request, Origin::Delivery))).await;
    assert!(ended.iter().all(|ended| matches!(ended, Ok(Ended::Done { .. }))), "{ended:?}");
    assert_eq!(app.cloud().struck().await, [6], "three quotas, two listings, and the defaults once");
}

async fn a_job_in_two_replicas_runs_once(database: Database) {
    let app = TestApp::start(&database).await;
    app.cloud().faults(json!([{"service": "network", "kind": "latency", "milliseconds": 100}])).await;
    let (request, (_, other)) = (request(&app, "pull_floating_ips").await, app.replica().await);
    let here = app.runner.run(request.clone(), Origin::Delivery);
    let (here, there) = tokio::join!(here, other.run(request, Origin::Delivery));
    let (here, there) = (here.unwrap(), there.unwrap());
    let done = |ended: &Ended| matches!(ended, Ended::Done { .. });
    assert!(done(&here) != done(&there), "{here:?} {there:?}");
    assert!([here, there].contains(&Ended::Duplicate));
    assert_eq!(app.cloud().struck().await, [1]);
}

async fn a_running_job_can_be_cancelled(database: Database) {
    let app = TestApp::start(&database).await;
    app.cloud().faults(json!([{"service": "network", "kind": "hang"}])).await;
    let request = request(&app, "pull_floating_ips").await;
    let running = app.runner.run(request.clone(), Origin::Delivery);
    let cancelled = async {
        eventually("the request", async || (app.cloud().struck().await == [1]).then_some(())).await;
        app.changes().await;
        execute(&app.database, "UPDATE jobs SET cancel_asked_at = started_at".to_owned()).await;
        app.advance(5);
    };
    let (ended, ()) = tokio::join!(running, cancelled);
    assert_eq!(ended.unwrap(), Ended::Done { outcome: Outcome::Cancelled, left_out: Some("cancelled".to_owned()) });
    let job = app.context.store().job(request.id).await.unwrap().unwrap();
    assert_eq!((job.state.as_str(), job.request.attempt), ("cancelled", 0));
    assert_snapshot!(app.changes_in(&["outbox", "dead_letters"]).await, @"+ outbox events job.pull_floating_ips.cancelled");
}

async fn one_of_several_that_share_a_run_can_be_cancelled(database: Database) {
    let app = TestApp::start(&database).await;
    app.cloud().faults(json!([{"service": "network", "kind": "latency", "milliseconds": 500}])).await;
    let first = request(&app, "pull_floating_ips").await;
    let (wanted, unwanted) = (request(&app, "pull_floating_ips").await, request(&app, "pull_floating_ips").await);
    let run = |request: &Request| app.runner.run(request.clone(), Origin::Delivery);
    let later = async {
        eventually("the first run", async || (app.cloud().struck().await == [1]).then_some(())).await;
        let (wanted, unwanted, ()) = tokio::join!(run(&wanted), run(&unwanted), async {
            eventually("the second run", async || (app.cloud().struck().await == [2]).then_some(())).await;
            let ask = "UPDATE jobs SET cancel_asked_at = started_at WHERE id = ";
            let id = if app.database.engine == crate::support::Engine::Sqlite {
                format!("x'{}'", unwanted.id.simple())
            } else {
                format!("'{}'", unwanted.id)
            };
            execute(&app.database, format!("{ask}{id}")).await;
            app.advance(5);
        });
        (wanted.unwrap(), unwanted.unwrap())
    };
    let (_, (wanted, unwanted)) = tokio::join!(run(&first), later);
    assert!(matches!(wanted, Ended::Done { outcome: Outcome::Unchanged, .. }), "{wanted:?}");
    assert!(matches!(unwanted, Ended::Done { outcome: Outcome::Cancelled, .. }), "{unwanted:?}");
}

/// The wish came while it ran, and before whoever holds it looked for wishes.
async fn what_nobody_wants_any_more_is_not_tried_again(database: Database) {
    let app = TestApp::start(&database).await;
    app.cloud().faults(json!([{"service": "network", "kind": "status", "status": 503}])).await;
    let request = request(&app, "pull_floating_ips").await;
    let job = app.claimed(&request).await;
    let wish = async || {
        let mut tx = app.context.store().begin().await.unwrap();
        let cancelled = cancel(&app.context, &mut tx, request.id, "cancelled by olga").await.unwrap();
        tx.commit().await.unwrap();
        cancelled
    };
    assert_eq!(wish().await, Cancelled::Asked);
    assert!(matches!(app.run_claimed(job).await, Ended::Parked { error: Some(_) }));
    app.changes().await;
    let ended = app.run_waiting().await;
    assert_eq!(ended, [Ended::Done { outcome: Outcome::Cancelled, left_out: Some("cancelled".to_owned()) }]);
    assert_snapshot!(app.changes_in(&["outbox", "dead_letters"]).await, @"+ outbox events job.pull_floating_ips.cancelled");
    assert_eq!(wish().await, Cancelled::Over(JobState::Cancelled));
}

async fn a_retry_after_the_deadline_is_expired(database: Database) {
    let app = TestApp::start(&database).await;
    app.cloud().faults(json!([{"service": "network", "kind": "status", "status": 503, "retry_after": 60}])).await;
    let deadline = Some(app.clock.now() + Duration::seconds(30));
    let ended = app.deliver(Request { deadline, ..request(&app, "pull_floating_ips").await }).await;
    let Ended::Done { outcome: Outcome::Expired, left_out: Some(why) } = ended else { panic!("{ended:?}") };
    assert!(
        why.starts_with("its deadline passes before another attempt; the last one: unavailable: network answered 503"),
        "{why}"
    );
}

async fn an_unchanged_look_is_noted_without_a_comparison(database: Database) {
    let app = TestApp::start(&database).await;
    app.run("pull_floating_ips", "tenant-001", json!({})).await;
    let settled = async || {
        let rows = rows::all(&app.database).await;
        let row = rows.into_iter().find(|((table, _), _)| table == "resources");
        row.map(|(_, row)| row["settled"].clone()).unwrap()
    };
    let before = settled().await;
    assert!(before.is_string(), "everything is in order");
    app.changes().await;
    app.run("pull_floating_ips", "tenant-001", json!({})).await;
    assert_snapshot!(app.changes().await, @"
    + jobs attempt=1 cloud=sim kind=pull_floating_ips not_before=T+1 outcome=unchanged params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + outbox events job.pull_floating_ips.unchanged
    ~ resources tenant-001/floating_ips: last_attempt_at T+1 → T+2, last_success_at T+1 → T+2, observed_at T+1 → T+2
    ~ snapshots <snapshot>: last_seen_at T+1 → T+2
    ");
    assert_eq!(settled().await, before);
    // With another rule the same content is judged again.
    let live = app.context.live();
    let mut rules = live.rules.clone();
    rules.critical_ports = vec![22];
    app.context.replace_live(Live { clouds: live.clouds.clone(), rules, retries: live.retries, ..Live::default() });
    app.run("pull_floating_ips", "tenant-001", json!({})).await;
    assert_ne!(settled().await, before);
}

async fn a_change_waits_for_the_one_before(database: Database) {
    let app = TestApp::start(&database).await;
    app.run("pull_quotas", "tenant-001", json!({})).await;
    let tenant = app.tenant("tenant-001").await;
    let (lease, now) = (format!("tenant/{}", tenant.uuid), app.clock.now());
    let store = app.context.store();
    let first = store.take_lease(&lease, "another replica", now, now + Duration::seconds(20)).await.unwrap();
    assert_eq!(
        app.run("unlink_tenant", "tenant-001", json!({})).await,
        Ended::Parked { error: Some("waits for another job that changes the same tenant".to_owned()) }
    );
    // The other one gave no sign of life; now it is too late for it.
    app.advance(30);
    let ended = app.run_waiting().await;
    assert!(matches!(ended.as_slice(), [Ended::Done { outcome: Outcome::Succeeded, .. }]), "{ended:?}");
    let mut tx = store.begin().await.unwrap();
    let late = tx.holds_lease(&lease, "another replica", first.unwrap(), app.clock.now()).await.unwrap();
    assert!(!late, "a late holder does not pass the fence");
}

async fn an_overlapping_look_is_left_out(database: Database) {
    database.expect_leftovers();
    let app = TestApp::start(&database).await;
    app.run("pull_floating_ips", "tenant-001", json!({})).await;
    let tenant = app.tenant("tenant-001").await;
    let seen = |asked: i64, answered: i64, count: usize| {
        let at = |seconds| app.clock.now() + Duration::seconds(seconds);
        let body = tenantd::model::Body::ServerGroups(
            (0..count)
                .map(|number| tenantd::model::server_group::ServerGroup {
                    id: number.to_string(),
                    name: String::new(),
                    policy: "affinity".to_owned(),
                    members: Vec::new(),
                })
                .collect(),
        );
        tenantd::model::Observation { answered_at: at(answered), ..tenantd::model::Observation::clean(at(asked), body) }
    };
    let size = async || {
        let ages = app.context.store().ages().await.unwrap();
        let age = ages.into_iter().find(|age| age.resource_type == tenantd::model::ResourceType::ServerGroups);
        let snapshot = app.context.store().snapshot(age?.snapshot?).await.unwrap();
        snapshot.map(|snapshot| snapshot.body.len())
    };
    // One part of the second was asked before the first had been answered: it may be the older one.
    for (asked, answered, count, left) in [(0, 10, 1, 1), (5, 12, 2, 1), (10, 11, 3, 3), (11, 11, 4, 4)] {
        app.observe(&tenant, seen(asked, answered, count)).await;
        assert_eq!(size().await, Some(left), "asked at {asked}, answered at {answered}");
    }
    assert_eq!(rows::queued_jobs(&app.database).await, ["pull_server_groups from look-again"], "another look tells");
}
