//! Ticks of a schedule: each once, none beside another, at most one made up for.

use insta::assert_snapshot;
use serde_json::json;
use tenantd::config::Schedule;
use tenantd::intake::schedule::{Fired, look};

use crate::support::{Database, Login, Setup, TestApp, on_both_databases};

on_both_databases!(
    a_tick_comes_once,
    an_outage_is_made_up_for_once,
    replicas_share_a_tick,
    one_clouds_trouble_keeps_no_other_from_its_tick,
);

fn every_ten_minutes() -> Schedule {
    let schedule = json!({"name": "drift", "cron": "0 */10 * * * *", "job": "detect_drift"});
    serde_json::from_value(schedule).unwrap()
}

async fn a_tick_comes_once(database: Database) {
    let (app, schedule) = (TestApp::start(&database).await, every_ten_minutes());
    app.advance(1);
    let look = async || look(&app.context, &schedule).await.unwrap();
    assert_eq!(look().await, Fired::NotDue, "a new schedule begins with its next tick");
    assert_snapshot!(app.changes().await, @"+ schedules last_tick=T+1 name=drift");
    app.advance(600);
    assert!(matches!(look().await, Fired::Job(_)));
    assert_eq!(look().await, Fired::NotDue);
    assert_snapshot!(app.changes().await, @r"
    + jobs kind=detect_drift not_before=T+600 params={} source=schedule:drift state=queued
    ~ schedules drift: last_job null → <job>, last_tick T+1 → T+600
    ");
    app.advance(600);
    assert!(matches!(look().await, Fired::Skipped(_)), "the run before has not ended");
    assert_eq!(look().await, Fired::NotDue);
    assert_snapshot!(app.changes().await, @"
    + jobs error=the run before was not done yet kind=detect_drift not_before=T+1200 outcome=cancelled params={} reason=skipped source=schedule:drift state=cancelled
    ~ schedules drift: last_tick T+600 → T+1200
    ");
    app.run_waiting().await;
    assert_snapshot!(app.changes().await, @r"
    + outbox events job.detect_drift.unchanged
    ~ jobs <job>: attempt 0 → 1, outcome null → unchanged, state queued → succeeded
    ~ schedules drift: last_success_at null → T+1202
    ");
    app.advance(600);
    assert!(matches!(look().await, Fired::Job(_)));
    app.run_waiting().await;
}

async fn an_outage_is_made_up_for_once(database: Database) {
    let (app, schedule) = (TestApp::start(&database).await, every_ten_minutes());
    let look = async || look(&app.context, &schedule).await.unwrap();
    look().await;
    app.changes().await;
    app.advance(3 * 3600 + 120);
    assert!(matches!(look().await, Fired::Job(_)));
    assert_eq!(look().await, Fired::NotDue);
    assert_snapshot!(app.changes().await, @"
    + jobs error=17 ticks since 2026-01-01 00:00:00 UTC went by while nobody looked; the newest is made up for kind=detect_drift not_before=T+10800 outcome=cancelled params={} reason=missed source=schedule:drift state=cancelled
    + jobs kind=detect_drift not_before=T+10800 params={} source=schedule:drift state=queued
    ~ schedules drift: last_job null → <job>, last_tick T+0 → T+10800
    ");
    app.run_waiting().await;
}

async fn replicas_share_a_tick(database: Database) {
    let (app, schedule) = (TestApp::start(&database).await, every_ten_minutes());
    look(&app.context, &schedule).await.unwrap();
    app.advance(600);
    let looks = (0..4).map(|_| look(&app.context, &schedule));
    let fired = futures::future::join_all(looks).await;
    let made = fired.iter().filter(|fired| matches!(fired, Ok(Fired::Job(_)))).count();
    assert_eq!(made, 1, "{fired:?}");
    assert_eq!(app.run_waiting().await.len(), 1);
}

/// The part of a cloud that is away waits for its retry; the next tick is for the other cloud.
async fn one_clouds_trouble_keeps_no_other_from_its_tick(database: Database) {
    database.expect_leftovers();
    let clouds = vec![("east", Login::Entry("sim"), 1), ("west", Login::Entry("sim"), 2)];
    let app = TestApp::with(&database, Setup { clouds, ..Setup::default() }).await;
    let schedule = json!({"name": "quotas", "cron": "0 */10 * * * *", "job": "pull_tenants"});
    let schedule: Schedule = serde_json::from_value(schedule).unwrap();
    look(&app.context, &schedule).await.unwrap();
    app.cloud_named("west").faults(json!([{"service": "identity", "operation": "project_list", "kind": "status", "status": 503, "retry_after": 3600}])).await;
    app.advance(600);
    look(&app.context, &schedule).await.unwrap();
    app.run_waiting().await;
    app.changes().await;
    app.advance(600);
    assert!(matches!(look(&app.context, &schedule).await.unwrap(), Fired::Job(_)));
    app.run_waiting().await;
    assert_snapshot!(app.changes_in(&["jobs"]).await, @"
    + jobs attempt=1 cloud=east kind=pull_tenants not_before=T+1200 outcome=unchanged params={} source=schedule:quotas state=succeeded
    + jobs attempt=1 error=west: the run before was not done yet kind=pull_tenants not_before=T+1200 outcome=partial params={} source=schedule:quotas state=succeeded
    ");
}
