//! Ticks of a schedule: each once, none beside another, at most one made up for.

use insta::assert_snapshot;
use serde_json::json;
use tenantd::config::Schedule;
use tenantd::intake::schedule::{Fired, look};

use crate::support::{Database, TestApp, on_both_databases};

on_both_databases!(a_tick_comes_once, an_outage_is_made_up_for_once, replicas_share_a_tick);

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
    assert_snapshot!(app.changes().await, @r"
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
