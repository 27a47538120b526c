//! `update_tenant`: names and descriptions, in the cloud and in the records.

use insta::assert_snapshot;
use serde_json::json;
use tenantd::jobs::runner::Ended;
use tenantd::model::job::Outcome;

use crate::support::{Database, TestApp, on_both_databases};

on_both_databases!(
    a_new_name_is_the_clouds_and_ours,
    what_only_the_portal_says_asks_nothing_of_the_cloud,
    a_name_that_is_taken_is_refused,
);

const KIND: &str = "update_tenant";

async fn a_new_name_is_the_clouds_and_ours(database: Database) {
    let app = TestApp::writing(&database, &[KIND]).await;
    app.run("pull_quotas", "tenant-001", json!({})).await;
    app.changes().await;
    let ended = app.run(KIND, "tenant-001", json!({"name": "genomics", "description": "sequences"})).await;
    assert_eq!(ended, Ended::Done { outcome: Outcome::Succeeded, left_out: None });
    assert_snapshot!(app.changes().await, @r#"
    + jobs attempt=1 cloud=sim kind=update_tenant not_before=T+1 outcome=succeeded params={"description":"sequences","name":"genomics"} source=test state=succeeded subject=genomics tenant=genomics
    + leases expires_at=T+2 name=tenant/genomics token=1
    + outbox events job.update_tenant.succeeded
    + outbox events tenant.changed
    + steps done_at=T+2 existing=[] intended_at=T+2 job=<job> name=project tenant=genomics
    ~ tenants genomics: name tenant-001 → genomics, version 0 → 2
    "#);
    assert_eq!(app.cloud().project("genomics").await, app.tenant("genomics").await.backend_id);
    assert_eq!(app.tenant("genomics").await.description, "sequences");
}

async fn what_only_the_portal_says_asks_nothing_of_the_cloud(database: Database) {
    let app = TestApp::writing(&database, &[KIND]).await;
    app.run("pull_quotas", "tenant-001", json!({})).await;
    app.cloud().count_changes().await;
    app.changes().await;
    let params = json!({"name": "tenant-001", "availability_zone": "nova", "default_volume_type_name": "ssd"});
    app.run(KIND, "tenant-001", params.clone()).await;
    assert_snapshot!(app.changes_in(&["tenants"]).await, @"~ tenants tenant-001: availability_zone  → nova, default_volume_type  → ssd, version 0 → 2");
    assert_eq!(app.cloud().halted().await.1, 0);
    let again = app.run(KIND, "tenant-001", params).await;
    assert_eq!(again, Ended::Done { outcome: Outcome::Unchanged, left_out: None });
}

async fn a_name_that_is_taken_is_refused(database: Database) {
    let app = TestApp::writing(&database, &[KIND]).await;
    app.run("pull_quotas", "tenant-001", json!({})).await;
    app.run("pull_quotas", "tenant-002", json!({})).await;
    let refused = app.run(KIND, "tenant-001", json!({"name": "tenant-002"})).await;
    let Ended::Dead { reason, error } = refused else { panic!("{refused:?}") };
    assert_eq!(
        (reason.as_str(), error.as_str()),
        ("invalid_params", "name: Name \"tenant-002\" is already registered.")
    );
    // One that only the cloud knows of is the cloud's to refuse.
    let refused = app.run(KIND, "tenant-001", json!({"name": "retired"})).await;
    let Ended::Dead { reason, error } = refused else { panic!("{refused:?}") };
    assert_eq!(reason, "conflict");
    assert!(error.contains("it is not permitted to have two projects"), "{error}");
    let tenant = app.tenant("tenant-001").await;
    assert_eq!((tenant.state.as_str(), tenant.error_message.as_str()), ("ERRED", error.as_str()));
    for name in ["", " ", &"x".repeat(65)] {
        let ended = app.run(KIND, "tenant-001", json!({"name": name})).await;
        assert!(matches!(&ended, Ended::Dead { reason, .. } if reason == "invalid_params"), "{name}: {ended:?}");
    }
}
