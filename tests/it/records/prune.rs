//! What is forgotten, and what is not however old it is.

use insta::assert_snapshot;
use tenantd::jobs::runner::Ended;
use tenantd::model::job::{JobState, Outcome, Request};
use tenantd::store::jobs::Ending;

use crate::support::app::none;
use crate::support::{Database, TestApp, on_both_databases, rows};

on_both_databases!(
    what_is_over_goes_and_what_counts_stays,
    many_go_in_batches,
    a_job_is_known_for_as_long_as_it_is_kept,
);

const DAY: u64 = 24 * 3600;

async fn count(database: &Database, table: &str) -> usize {
    rows::all(database).await.keys().filter(|(name, _)| name == table).count()
}

async fn what_is_over_goes_and_what_counts_stays(database: Database) {
    database.expect_leftovers();
    let app = TestApp::start(&database).await;
    app.run("pull_quotas", "tenant-001", none()).await;
    app.cloud().limit_cores("tenant-001", 50).await;
    app.run("pull_quotas", "tenant-001", none()).await;
    app.cloud().limit_cores("tenant-001", -1).await;
    app.run("pull_quotas", "tenant-001", none()).await;
    app.cloud().limit_cores("tenant-001", 46).await;
    app.run("pull_quotas", "tenant-001", none()).await;
    // A finding that lasts, a job that waits, a dead letter.
    app.run("pull_quotas", "tenant-002", none()).await;
    app.cloud().limit_cores("tenant-002", 7).await;
    app.run("pull_quotas", "tenant-002", none()).await;
    app.run("nonsense", "tenant-002", none()).await;
    let later = app.context.clock().now() + chrono::Duration::days(900);
    let waiting = Request { not_before: later, ..app.request("detect_drift") };
    let mut tx = app.context.store().begin().await.unwrap();
    tx.insert_job(&waiting, None).await.unwrap();
    tx.commit().await.unwrap();

    app.advance(29 * DAY);
    let changed = app.deliver(app.request("prune")).await;
    assert_eq!(changed, Ended::Done { outcome: Outcome::Unchanged, left_out: None });
    let unsent = count(&database, "outbox").await;
    app.advance(400 * DAY);
    app.changes().await;
    let changed = app.deliver(app.request("prune")).await;
    assert_eq!(changed, Ended::Done { outcome: Outcome::Succeeded, left_out: None });
    assert_snapshot!(app.changes_in(&["snapshots", "findings", "life"]).await, @r#"
    - findings change=limit expected=46 field=limit last_seen_at=T+3 object=vcpu object_name=vcpu observed=unlimited opened_at=T+2 resolved_at=T+4 resource_type=quotas severity=warning source=accepted state=resolved tenant=tenant-001
    - life after={"expected":46,"observed":"unlimited","severity":"warning"} at=T+3 before={"expected":46,"observed":50,"severity":"warning"} finding=<finding> job=<job> observed_at=T+3 request_ids=nova snapshot=<snapshot> step=changed
    - life after={"expected":46,"observed":50,"severity":"warning"} at=T+2 finding=<finding> job=<job> observed_at=T+2 request_ids=nova snapshot=<snapshot> step=opened
    - life at=T+4 finding=<finding> job=<job> observed_at=T+4 reason=what is there is what is expected request_ids=nova snapshot=<snapshot> step=resolved
    - snapshots body=[15 quotas, vcpu 41] first_seen_at=T+5 last_seen_at=T+5 resource_type=quotas tenant=tenant-002
    - snapshots body=[15 quotas, vcpu 46] first_seen_at=T+1 last_seen_at=T+1 resource_type=quotas tenant=tenant-001
    - snapshots body=[15 quotas, vcpu 50] first_seen_at=T+2 last_seen_at=T+2 resource_type=quotas tenant=tenant-001
    - snapshots body=[15 quotas, vcpu unlimited] first_seen_at=T+3 last_seen_at=T+3 resource_type=quotas tenant=tenant-001
    "#);
    // The waiting job and this one.
    assert_eq!([count(&database, "jobs").await, count(&database, "outbox").await], [2, unsent + 1]);
    assert_eq!(count(&database, "dead_letters").await, 0);
    let changed = app.deliver(app.request("prune")).await;
    assert_eq!(changed, Ended::Done { outcome: Outcome::Unchanged, left_out: None });
}

async fn many_go_in_batches(database: Database) {
    let app = TestApp::start(&database).await;
    let ended = Ending {
        tenant: None,
        state: JobState::Succeeded,
        outcome: Some(Outcome::Unchanged),
        started_at: None,
        finished_at: Some(app.context.clock().now()),
        reason: None,
        error: None,
    };
    let mut tx = app.context.store().begin().await.unwrap();
    for _ in 0..2345 {
        tx.end_job(&app.request("pull"), &ended, "test").await.unwrap();
    }
    tx.commit().await.unwrap();
    app.advance(31 * DAY);
    app.deliver(app.request("prune")).await;
    assert_eq!(count(&database, "jobs").await, 1);
}

async fn a_job_is_known_for_as_long_as_it_is_kept(database: Database) {
    let app = TestApp::start(&database).await;
    let asked = Request { subject: Some(app.cloud().project("tenant-001").await), ..app.request("pull_quotas") };
    assert!(matches!(app.deliver(asked.clone()).await, Ended::Done { .. }));
    app.advance(29 * DAY);
    app.deliver(app.request("prune")).await;
    assert_eq!(app.deliver(asked).await, Ended::Duplicate);
}
