//! Schedules with an age to keep: whom they look at, and when.

use futures::future::join_all;
use insta::assert_snapshot;
use serde_json::json;
use tenantd::config::Schedule;
use tenantd::intake::objective::{Standing, next_of, standing};
use tenantd::intake::schedule::{Fired, look};
use tenantd::model::job::JobState;

use crate::support::{Database, Login, Setup, TestApp, on_both_databases};

on_both_databases!(
    everyone_is_read_at_once_and_again_before_it_is_old,
    who_changed_is_looked_at_sooner_and_alone,
    who_cannot_be_read_is_tried_again_sooner,
    replicas_ask_once_and_never_for_what_is_on_its_way,
    whatever_becomes_of_a_job_it_is_not_the_last,
    a_tenant_that_is_not_recorded_is_looked_up,
    a_role_that_sees_one_project_lists_nothing_for_everyone,
    a_clock_that_went_back_stops_nothing,
);

/// Keeps what a kind reads no older than 100 seconds.
fn keeps(job: &str, tenants: &str) -> Schedule {
    let schedule = json!({"name": "fresh", "max_age": "100s", "job": job, "tenants": tenants});
    serde_json::from_value(schedule).unwrap()
}

async fn discovered(database: &Database, setup: Setup) -> TestApp {
    let app = TestApp::with(database, setup).await;
    app.run_for_cloud("pull_tenants", "sim").await;
    app.changes().await;
    app
}

async fn look_at(app: &TestApp, schedule: &Schedule) -> Fired {
    look(&app.context, schedule).await.unwrap()
}

async fn stands(app: &TestApp, schedule: &Schedule) -> (Option<i64>, usize) {
    let now = app.context.clock().now();
    let Standing { next, overdue } =
        standing(app.context.store(), &["sim"], schedule, now).await.unwrap().unwrap_or_default();
    (next.map(|at| (at - now).num_seconds()), overdue)
}

async fn everyone_is_read_at_once_and_again_before_it_is_old(database: Database) {
    let (app, schedule) = (discovered(&database, Setup::default()).await, keeps("pull_security_groups", "all"));
    app.advance(1);
    assert_eq!(look_at(&app, &schedule).await, Fired::Jobs(1));
    assert_snapshot!(app.changes_in(&["jobs", "schedules"]).await, @r"
    + jobs cloud=sim kind=pull_security_groups not_before=T+2 params={} source=schedule:fresh state=queued
    + schedules last_job=<job> last_tick=T+2 name=fresh
    ");
    assert_eq!(look_at(&app, &schedule).await, Fired::NotDue, "a job for everyone is on its way");
    app.run_waiting().await;
    // What was seen for the first time is as good as changed: twice as often, for a while.
    app.advance(39);
    assert_eq!((look_at(&app, &schedule).await, stands(&app, &schedule).await), (Fired::NotDue, (Some(1), 0)));
    app.advance(1);
    assert_eq!(look_at(&app, &schedule).await, Fired::Jobs(1));
    app.run_waiting().await;
    app.advance(300);
    assert_eq!(stands(&app, &schedule).await, (Some(-220), 3));
    app.changes().await;
    assert_eq!(look_at(&app, &schedule).await, Fired::Jobs(1));
    app.run_waiting().await;
    assert_eq!(stands(&app, &schedule).await, (Some(80), 0), "nothing changes, and most of the time goes by");
    assert_snapshot!(app.changes_in(&["jobs", "schedules"]).await, @r"
    + jobs attempt=1 cloud=sim kind=pull_security_groups not_before=T+344 outcome=unchanged params={} source=schedule:fresh state=succeeded
    ~ schedules fresh: last_job <job> → <job>, last_success_at T+44 → T+345, last_tick T+43 → T+344
    ");
}

async fn who_changed_is_looked_at_sooner_and_alone(database: Database) {
    let app = discovered(&database, Setup { tenants: 4, ..Setup::default() }).await;
    let schedule = keeps("pull_quotas", "all");
    look_at(&app, &schedule).await;
    app.run_waiting().await;
    app.advance(300);
    app.cloud().limit_cores("tenant-002", 7).await;
    look_at(&app, &schedule).await;
    app.run_waiting().await;
    app.changes().await;
    app.advance(40);
    assert_eq!(look_at(&app, &schedule).await, Fired::Jobs(1));
    let tenant = app.tenant("tenant-002").await;
    let jobs = app.changes_in(&["jobs"]).await;
    assert!(jobs.contains("subject=tenant-002"), "{jobs}");
    app.run_waiting().await;
    let (now, quiet) = (app.context.clock().now(), app.tenant("tenant-001").await);
    for (tenant, seconds) in [(tenant, 40), (quiet, 39)] {
        let next = next_of(app.context.store(), &schedule, &tenant, now).await.unwrap().unwrap();
        assert_eq!((next - now).num_seconds(), seconds, "{}", tenant.name);
    }
}

async fn who_cannot_be_read_is_tried_again_sooner(database: Database) {
    database.expect_leftovers();
    let app = discovered(&database, Setup { tenants: 2, ..Setup::default() }).await;
    let schedule = keeps("pull_quotas", "all");
    look_at(&app, &schedule).await;
    app.run_waiting().await;
    app.advance(400);
    let fault = json!([{"service": "compute", "operation": "quota_detail", "kind": "status", "status": 403}]);
    app.cloud().faults(fault).await;
    look_at(&app, &schedule).await;
    app.run_waiting().await;
    assert_eq!(stands(&app, &schedule).await, (Some(40), 3), "what is known is old, and nobody asks all the time");
    app.cloud().faults(json!([])).await;
    app.advance(40);
    assert_eq!(look_at(&app, &schedule).await, Fired::Jobs(1));
    app.run_waiting().await;
    assert_eq!(stands(&app, &schedule).await, (Some(80), 0));
}

async fn replicas_ask_once_and_never_for_what_is_on_its_way(database: Database) {
    database.expect_leftovers();
    let app = discovered(&database, Setup { tenants: 2, ..Setup::default() }).await;
    let schedule = keeps("pull_quotas", "all");
    app.advance(1);
    let looks = join_all((0..4).map(|_| look(&app.context, &schedule))).await;
    assert_eq!(looks.iter().filter(|fired| matches!(fired, Ok(Fired::Jobs(1)))).count(), 1, "{looks:?}");
    app.advance(60);
    assert_eq!(look_at(&app, &schedule).await, Fired::NotDue);
    assert_eq!(app.run_waiting().await.len(), 1);
}

async fn whatever_becomes_of_a_job_it_is_not_the_last(database: Database) {
    database.expect_leftovers();
    let app = discovered(&database, Setup { tenants: 2, ..Setup::default() }).await;
    let schedule = keeps("pull_quotas", "all");
    look_at(&app, &schedule).await;
    let job = app.context.store().jobs(tenantd::store::jobs::Filter { limit: 1, ..Default::default() }).await.unwrap();
    let now = app.context.clock().now();
    let mut tx = app.context.store().begin().await.unwrap();
    assert_eq!(tx.cancel_job(job[0].request.id, "somebody", now).await.unwrap(), Some(JobState::Cancelled));
    tx.commit().await.unwrap();
    app.advance(1);
    let fired = look_at(&app, &schedule).await;
    app.advance(40);
    assert_eq!((fired, look_at(&app, &schedule).await), (Fired::NotDue, Fired::Jobs(1)));
}

async fn a_tenant_that_is_not_recorded_is_looked_up(database: Database) {
    let app = TestApp::start(&database).await;
    let project = app.cloud().project("tenant-002").await;
    let schedule = keeps("pull_floating_ips", &project);
    assert_eq!(look_at(&app, &schedule).await, Fired::Jobs(1));
    assert_eq!(look_at(&app, &schedule).await, Fired::NotDue);
    app.run_waiting().await;
    app.advance(39);
    assert_eq!(look_at(&app, &schedule).await, Fired::NotDue);
    app.advance(1);
    assert_eq!(look_at(&app, &schedule).await, Fired::Jobs(1));
    app.run_waiting().await;
    assert_eq!(app.context.store().tenants(None).await.unwrap().len(), 1);
}

async fn a_role_that_sees_one_project_lists_nothing_for_everyone(database: Database) {
    database.expect_leftovers();
    let app = discovered(&database, Setup::default()).await;
    let schedule = keeps("pull_floating_ips", "all");
    look_at(&app, &schedule).await;
    app.run_waiting().await;
    app.log_in("sim", Login::Entry("sim-member")).await;
    app.run("pull_quotas", "tenant-001", json!({})).await;
    app.advance(300);
    assert_eq!(look_at(&app, &schedule).await, Fired::Jobs(3));
    app.run_waiting().await;
    let changes = app.changes().await;
    assert_eq!(changes.matches("outcome=failed").count(), 2, "the login sees its own project: {changes}");
    assert!(!changes.contains("dead_letters"), "the schedule looks again by itself: {changes}");
    assert_eq!(look_at(&app, &schedule).await, Fired::NotDue);
}

async fn a_clock_that_went_back_stops_nothing(database: Database) {
    let (app, schedule) = (discovered(&database, Setup::default()).await, keeps("pull_security_groups", "all"));
    app.advance(1);
    look_at(&app, &schedule).await;
    app.run_waiting().await;
    app.put_back(3_600);
    assert_eq!(look_at(&app, &schedule).await, Fired::Jobs(1), "how old it is, nobody knows");
    app.run_waiting().await;
    // What it changed last lies ahead, so it changed lately.
    assert_eq!((look_at(&app, &schedule).await, stands(&app, &schedule).await), (Fired::NotDue, (Some(40), 0)));
}
