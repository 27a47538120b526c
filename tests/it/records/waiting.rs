//! Work that cannot be done now waits, and what keeps coming back does not come back for ever.

use tenantd::jobs::Effect;
use tenantd::jobs::context::Live;
use tenantd::jobs::effects::{Tally, apply};
use tenantd::jobs::runner::Ended;
use tenantd::model::job::{JobState, Request};
use tenantd::store::findings::Filter;

use crate::support::{Database, TestApp, on_both_databases};

on_both_databases!(
    a_cloud_that_is_not_ready_keeps_its_jobs,
    what_ends_the_daemon_each_time_is_given_up,
    a_comparison_without_a_look_confirms_nothing,
    what_is_commanded_is_guarded_even_where_changes_are_followed,
    a_gone_tenants_findings_end,
    an_ended_job_stays_as_it_ended,
);

async fn a_cloud_that_is_not_ready_keeps_its_jobs(database: Database) {
    database.expect_leftovers();
    let app = TestApp::start(&database).await;
    let live = app.context.live();
    let unprepared = [("late".to_owned(), "no clouds.yaml".to_owned())].into();
    let rules = live.rules.clone();
    app.context.replace_live(Live {
        clouds: live.clouds.clone(),
        unprepared,
        rules,
        retries: live.retries,
        ..Live::default()
    });
    let request = Request { cloud: Some("late".into()), ..app.request("pull_quotas") };
    let ended = app.deliver(request).await;
    assert!(matches!(&ended, Ended::Parked { error: Some(why) } if why.contains("no clouds.yaml")), "{ended:?}");
    // A project that the other clouds do not have may be the late one's.
    let request = Request { subject: Some("0".repeat(32)), ..app.request("pull_quotas") };
    let ended = app.deliver(request).await;
    assert!(matches!(ended, Ended::Parked { .. }), "{ended:?}");
    assert_eq!(app.context.store().dead_letter_count().await.unwrap(), 0);
}

async fn what_ends_the_daemon_each_time_is_given_up(database: Database) {
    let app = TestApp::start(&database).await;
    let attempts = i64::from(app.context.live().retries.attempts);
    let subject = Some(app.cloud().project("tenant-001").await);
    let ended = app.deliver(Request { subject, attempt: attempts, ..app.request("pull_quotas") }).await;
    assert!(matches!(&ended, Ended::Dead { reason, .. } if reason == "crashed"), "{ended:?}");
}

async fn a_comparison_without_a_look_confirms_nothing(database: Database) {
    database.expect_leftovers();
    let app = TestApp::start(&database).await;
    app.run("pull_security_groups", "tenant-001", serde_json::json!({})).await;
    let tenant = app.tenant("tenant-001").await;
    // A group is expected that nobody has seen.
    let mut expected = app.context.store().expectations(tenant.uuid).await.unwrap().remove(0);
    if let tenantd::model::Body::SecurityGroups(groups) = &mut expected.body {
        let mut other = groups[0].clone();
        "11111111-2222-3333-4444-555555555555".clone_into(&mut other.id);
        groups.push(other);
    }
    "commanded".clone_into(&mut expected.origin.source);
    let mut tx = app.context.store().begin().await.unwrap();
    tx.set_expectation(&expected).await.unwrap();
    tx.commit().await.unwrap();
    app.run("pull_security_groups", "tenant-001", serde_json::json!({})).await;
    app.advance(120);
    app.run("detect_drift", "tenant-001", serde_json::json!({})).await;
    assert_eq!(app.context.store().findings(Filter::default()).await.unwrap(), []);
    app.run("pull_security_groups", "tenant-001", serde_json::json!({})).await;
    assert_eq!(app.context.store().findings(Filter::default()).await.unwrap().len(), 1, "a second look does");
}

async fn what_is_commanded_is_guarded_even_where_changes_are_followed(database: Database) {
    let app = TestApp::start(&database).await;
    app.run("pull_server_groups", "tenant-001", serde_json::json!({})).await;
    let tenant = app.tenant("tenant-001").await;
    let accepted = app.context.store().expectations(tenant.uuid).await.unwrap().remove(0);
    let empty = tenantd::model::Body::ServerGroups(Vec::new());
    let commanded = tenantd::store::expectations::Expectation {
        body: empty,
        origin: tenantd::model::Origin { source: "commanded".into(), ..accepted.origin },
        ..accepted
    };
    let mut tx = app.context.store().begin().await.unwrap();
    tx.set_expectation(&commanded).await.unwrap();
    tx.commit().await.unwrap();
    app.run("pull_server_groups", "tenant-001", serde_json::json!({})).await;
    let findings = app.context.store().findings(Filter::default()).await.unwrap();
    assert!(!findings.is_empty(), "what is there was not commanded");
    assert_eq!(app.context.store().expectations(tenant.uuid).await.unwrap(), [commanded]);
}

async fn a_gone_tenants_findings_end(database: Database) {
    let app = TestApp::start(&database).await;
    app.run("pull_quotas", "tenant-001", serde_json::json!({})).await;
    app.cloud().limit_cores("tenant-001", 50).await;
    app.run("pull_quotas", "tenant-001", serde_json::json!({})).await;
    assert_eq!(app.context.store().finding_counts().await.unwrap().len(), 1);
    let tenant = app.tenant("tenant-001").await;
    let (live, mut tally) = (app.context.live(), Tally::default());
    let mut tx = app.context.store().begin().await.unwrap();
    apply(&app.context, &live, &mut tx, None, &[Effect::Vanished(tenant)], &mut tally).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(app.context.store().finding_counts().await.unwrap(), []);
    assert_eq!((tally.resolved.len(), tally.changed), (1, true));
}

async fn an_ended_job_stays_as_it_ended(database: Database) {
    use tenantd::store::jobs::Ending;
    let app = TestApp::start(&database).await;
    let subject = Some(app.cloud().project("tenant-001").await);
    let request = Request { subject, ..app.request("pull_quotas") };
    app.deliver(request.clone()).await;
    let before = app.context.store().job(request.id).await.unwrap();
    let late = Ending {
        tenant: None,
        state: JobState::Queued,
        outcome: None,
        started_at: None,
        finished_at: None,
        reason: Some("interrupted"),
        error: None,
    };
    let mut tx = app.context.store().begin().await.unwrap();
    assert!(!tx.end_job(&request, &late, "test").await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(app.context.store().job(request.id).await.unwrap(), before);
}
