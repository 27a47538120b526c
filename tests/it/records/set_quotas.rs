//! `set_quotas`: what it changes, what it refuses, and what is left when one of three services says no.

use insta::assert_snapshot;
use serde_json::json;
use tenantd::jobs::command::{Order, Refused, submit};
use tenantd::jobs::runner::Ended;
use tenantd::model::TenantState;
use tenantd::model::job::{Outcome, Request};

use crate::support::{Database, TestApp, on_both_databases};

on_both_databases!(
    what_is_confirmed_is_expected,
    zero_and_unlimited_are_what_they_are,
    one_service_that_refuses_keeps_nothing_from_the_others,
    what_failed_for_a_while_is_asked_for_again_and_nothing_else,
    what_means_nothing_never_reaches_a_cloud,
    a_cloud_that_does_not_let_it_is_left_alone,
    a_pull_meanwhile_finds_no_drift,
    of_two_who_ask_one_is_first,
    a_wish_that_nobody_has_any_more_leaves_no_trace,
);

const KIND: &str = "set_quotas";

async fn what_is_confirmed_is_expected(database: Database) {
    let app = TestApp::writing(&database, &[KIND]).await;
    app.run("pull_quotas", "tenant-001", json!({})).await;
    app.changes().await;
    app.cloud().forget_requests().await;
    let ended = app.run(KIND, "tenant-001", json!({"vcpu": 50, "ram": 204_800, "floating_ip_count": 40})).await;
    assert_eq!(ended, Ended::Done { outcome: Outcome::Succeeded, left_out: None });
    assert_snapshot!(app.changes().await, @r#"
    + jobs attempt=1 cloud=sim kind=set_quotas not_before=T+1 outcome=succeeded params={"floating_ip_count":40,"ram":204800,"vcpu":50} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + leases expires_at=T+2 name=tenant/tenant-001 token=1
    + outbox events job.set_quotas.succeeded
    + outbox events snapshot.quotas.changed
    + snapshots body=[15 quotas, vcpu 50] first_seen_at=T+2 last_seen_at=T+2 resource_type=quotas tenant=tenant-001
    + steps done_at=T+2 existing=[] intended_at=T+2 job=<job> name=limits of compute tenant=tenant-001
    + steps done_at=T+2 existing=[] intended_at=T+2 job=<job> name=limits of network tenant=tenant-001
    ~ expectations tenant-001/quotas: body [15 quotas, vcpu 46] → [15 quotas, vcpu 50], objects  → floating_ip_count commanded by test, ram commanded by test, vcpu commanded by test
    ~ resources tenant-001/quotas: last_attempt_at T+1 → T+2, last_success_at T+1 → T+2, observed_at T+1 → T+2, snapshot <snapshot> → <snapshot>
    ~ tenants tenant-001: version 0 → 2
    "#);
    assert_eq!(app.cloud().changes().await.len(), 2, "one request for each service that is concerned");
    // The same again changes nothing, and says so.
    let again = app.run(KIND, "tenant-001", json!({"vcpu": 50})).await;
    assert_eq!(again, Ended::Done { outcome: Outcome::Unchanged, left_out: None });
    // Whoever changes it behind the portal's back is found out.
    app.cloud().limit_cores("tenant-001", 60).await;
    app.changes().await;
    app.run("pull_quotas", "tenant-001", json!({})).await;
    assert_snapshot!(app.changes_in(&["findings"]).await, @"+ findings change=limit expected=50 field=limit last_seen_at=T+4 object=vcpu object_name=vcpu observed=60 opened_at=T+4 resource_type=quotas severity=warning source=commanded state=open tenant=tenant-001");
}

async fn zero_and_unlimited_are_what_they_are(database: Database) {
    let app = TestApp::writing(&database, &[KIND]).await;
    let wish = json!({"port_count": 0, "vcpu": -1, "storage": "unlimited", "gigabytes___DEFAULT__": 7});
    let refused = app.run(KIND, "tenant-001", wish).await;
    let Ended::Dead { reason, error } = refused else { panic!("{refused:?}") };
    assert_eq!(reason, "bad_request");
    assert!(error.contains("Quota limit 0 for port must be greater than or equal to already used"), "{error}");
    assert!(error.contains("compute took vcpu unlimited") && error.contains("volume took"), "{error}");
    let done = app.run(KIND, "tenant-001", json!({"snapshots": 30, "storage": 3_145_728})).await;
    assert!(matches!(done, Ended::Done { outcome: Outcome::Succeeded, .. }), "{done:?}");
    let expected = app.context.store().expectations(app.tenant("tenant-001").await.uuid).await.unwrap();
    assert_eq!((expected.len(), expected[0].origin_of("snapshots").source.as_str()), (1, "commanded"));
    let body = expected[0].body.to_json();
    assert_eq!((&body["vcpu"]["limit"], &body["storage"]["limit"]), (&json!("unlimited"), &json!(3_145_728)));
}

async fn one_service_that_refuses_keeps_nothing_from_the_others(database: Database) {
    let app = TestApp::writing(&database, &[KIND]).await;
    app.run("pull_quotas", "tenant-001", json!({})).await;
    app.changes().await;
    let ended = app.run(KIND, "tenant-001", json!({"vcpu": 1, "floating_ip_count": 40, "volumes": 30})).await;
    assert!(matches!(ended, Ended::Dead { .. }), "{ended:?}");
    assert_snapshot!(app.changes().await, @r#"
    + dead_letters attempts=1 body={"cloud":"sim","id":"<job>","kind":"set_quotas","params":{"floating_ip_count":40,"vcpu":1,"volumes":30},"tenant":"tenant-001"} died_at=T+2 error=compute: bad request: compute answered 400 to quota_update of project tenant-001: Quota limit 1 for cores must be greater than or equal to already used and reserved 2. (<id>); network took floating_ip_count 40; volume took volumes 30 job=<job> kind=set_quotas reason=bad_request tenant=tenant-001
    + jobs attempt=1 cloud=sim error=compute: bad request: compute answered 400 to quota_update of project tenant-001: Quota limit 1 for cores must be greater than or equal to already used and reserved 2. (<id>); network took floating_ip_count 40; volume took volumes 30 kind=set_quotas not_before=T+1 outcome=failed params={"floating_ip_count":40,"vcpu":1,"volumes":30} reason=bad_request source=test state=failed subject=tenant-001 tenant=tenant-001
    + leases expires_at=T+2 name=tenant/tenant-001 token=1
    + outbox dead set_quotas
    + outbox events job.set_quotas.failed
    + outbox events snapshot.quotas.changed
    + snapshots body=[15 quotas, vcpu 46] first_seen_at=T+2 last_seen_at=T+2 resource_type=quotas tenant=tenant-001
    + steps done_at=T+2 existing=[] intended_at=T+2 job=<job> name=limits of network tenant=tenant-001
    + steps done_at=T+2 existing=[] intended_at=T+2 job=<job> name=limits of volume tenant=tenant-001
    ~ resources tenant-001/quotas: last_attempt_at T+1 → T+2, last_success_at T+1 → T+2, observed_at T+1 → T+2, snapshot <snapshot> → <snapshot>
    ~ tenants tenant-001: error_message  → compute: bad request: compute answered 400 to quota_update of project tenant-001: Quota limit 1 for cores must be greater than or equal to already used and reserved 2. (<id>); network took floating_ip_count 40; volume took volumes 30, state OK → ERRED, version 0 → 2
    "#);
    // An operator, or whoever asks again, brings it back.
    let ended = app.run(KIND, "tenant-001", json!({"vcpu": 50})).await;
    assert_eq!(ended, Ended::Done { outcome: Outcome::Succeeded, left_out: None });
    assert_eq!(app.tenant("tenant-001").await.state, TenantState::Ok);
}

async fn what_failed_for_a_while_is_asked_for_again_and_nothing_else(database: Database) {
    let app = TestApp::writing(&database, &[KIND]).await;
    app.run("pull_quotas", "tenant-001", json!({})).await;
    let fault = json!([{"service": "network", "method": "PUT", "kind": "status", "status": 503, "count": 1}]);
    app.cloud().faults(fault).await;
    app.cloud().forget_requests().await;
    let parked = app.run(KIND, "tenant-001", json!({"vcpu": 50, "floating_ip_count": 40, "volumes": 30})).await;
    let Ended::Parked { error: Some(error) } = parked else { panic!("{parked:?}") };
    assert!(error.contains("compute took vcpu 50; network: unavailable"), "{error}");
    assert!(error.contains("volume took volumes 30"), "{error}");
    assert_eq!(app.tenant("tenant-001").await.state, TenantState::Updating, "it is not over");
    app.advance(60);
    let ended = app.run_waiting().await;
    assert!(matches!(ended.as_slice(), [Ended::Done { outcome: Outcome::Succeeded, .. }]), "{ended:?}");
    assert_eq!(app.tenant("tenant-001").await.state, TenantState::Ok);
    assert_eq!(app.cloud().changes().await.len(), 3, "what was done is not done again");
}

async fn what_means_nothing_never_reaches_a_cloud(database: Database) {
    let app = TestApp::writing(&database, &[KIND]).await;
    app.run("pull_quotas", "tenant-001", json!({})).await;
    app.cloud().count_changes().await;
    app.changes().await;
    for (wish, said) in [
        (json!({"vcpu": -7, "storage": 1}), "params: storage: volume counts whole GiB"),
        (json!({"gigabytes_ssd": 7}), "gigabytes_ssd: the cloud has no volume type `ssd`; there is __DEFAULT__"),
    ] {
        let ended = app.run(KIND, "tenant-001", wish).await;
        let Ended::Dead { reason, error } = ended else { panic!("{ended:?}") };
        assert!(reason == "invalid_params" && error.contains(said), "{error}");
    }
    // Nobody has seen the quotas of this one, so the cloud is asked which volume types it has.
    let ended = app.run(KIND, "tenant-002", json!({"gigabytes_ssd": 7})).await;
    assert!(matches!(&ended, Ended::Dead { reason, .. } if reason == "invalid_params"), "{ended:?}");
    assert_eq!(app.cloud().halted().await.1, 0);
    assert_eq!(app.tenant("tenant-001").await.state, TenantState::Ok, "it was never touched");
    app.changes().await;
}

async fn a_cloud_that_does_not_let_it_is_left_alone(database: Database) {
    let app = TestApp::writing(&database, &["update_tenant"]).await;
    app.run("pull_quotas", "tenant-001", json!({})).await;
    app.cloud().count_changes().await;
    let ended = app.run(KIND, "tenant-001", json!({"vcpu": 50})).await;
    assert!(matches!(&ended, Ended::Dead { reason, .. } if reason == "write_refused"), "{ended:?}");
    assert_eq!(app.cloud().halted().await.1, 0);
    let refused = submit(&app.context, order(&app, json!({"vcpu": 50})).await).await.unwrap_err();
    assert!(matches!(refused, Refused::WrongState { .. }), "{refused}");
    let other = app.run(KIND, "tenant-002", json!({"vcpu": 50})).await;
    assert!(matches!(&other, Ended::Dead { reason, .. } if reason == "write_refused"), "{other:?}");
}

async fn order(app: &TestApp, params: serde_json::Value) -> Order {
    let tenant = Some(app.tenant("tenant-001").await);
    Order::of(Request { params, ..app.request(KIND) }, tenant)
}

async fn a_pull_meanwhile_finds_no_drift(database: Database) {
    let app = TestApp::writing(&database, &[KIND]).await;
    app.run("pull_quotas", "tenant-001", json!({})).await;
    app.cloud().halt(2, "before").await;
    let wish = app.run(KIND, "tenant-001", json!({"vcpu": 50, "floating_ip_count": 40}));
    let meanwhile = async {
        crate::support::eventually("the second service", async || app.cloud().halted().await.0).await;
        app.changes().await;
        app.run("pull_quotas", "tenant-001", json!({})).await;
        assert_snapshot!(app.changes_in(&["findings", "suspicions", "snapshots"]).await, @"+ snapshots body=[15 quotas, vcpu 50] first_seen_at=T+3 last_seen_at=T+3 resource_type=quotas tenant=tenant-001");
        app.cloud().lift().await;
    };
    let (parked, ()) = tokio::join!(wish, meanwhile);
    assert!(matches!(parked, Ended::Parked { .. }), "{parked:?}");
    app.advance(60);
    app.run_waiting().await;
    assert_eq!(app.tenant("tenant-001").await.state, TenantState::Ok);
    app.run("pull_quotas", "tenant-001", json!({})).await;
    assert_eq!(app.changes_in(&["findings", "suspicions"]).await, "");
}

async fn of_two_who_ask_one_is_first(database: Database) {
    let app = TestApp::writing(&database, &[KIND]).await;
    app.run("pull_quotas", "tenant-001", json!({})).await;
    let invalid = submit(&app.context, order(&app, json!({"vcpu": "x", "cpus": 1})).await).await.unwrap_err();
    let Refused::Invalid(invalid) = invalid else { panic!("{invalid}") };
    let fields: Vec<String> = serde_json::to_value(&invalid).unwrap().as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields, ["cpus", "vcpu"]);
    let orders = [order(&app, json!({"vcpu": 50})).await, order(&app, json!({"vcpu": 51})).await];
    let [first, second] = orders.map(|order| submit(&app.context, order));
    let (first, second) = tokio::join!(first, second);
    let (accepted, refused) = match (first, second) {
        (Ok(accepted), Err(refused)) | (Err(refused), Ok(accepted)) => (accepted.unwrap(), refused),
        both => panic!("{both:?}"),
    };
    assert_eq!(accepted.state, TenantState::UpdateScheduled);
    assert!(matches!(refused, Refused::WrongState { allowed: [TenantState::Ok] }), "{refused}");
    let ended = app.run_waiting().await;
    assert!(matches!(ended.as_slice(), [Ended::Done { outcome: Outcome::Succeeded, .. }]), "{ended:?}");
    assert_eq!(app.tenant("tenant-001").await.state, TenantState::Ok);
}

async fn a_wish_that_nobody_has_any_more_leaves_no_trace(database: Database) {
    let app = TestApp::writing(&database, &[KIND]).await;
    app.run("pull_quotas", "tenant-001", json!({})).await;
    let order = order(&app, json!({"vcpu": 50})).await;
    let id = order.request.id;
    submit(&app.context, order).await.unwrap();
    let mut tx = app.context.store().begin().await.unwrap();
    tenantd::jobs::cancel::cancel(&app.context, &mut tx, id, "a person said so").await.unwrap();
    tx.commit().await.unwrap();
    let tenant = app.tenant("tenant-001").await;
    assert_eq!((tenant.state, tenant.error_message.as_str(), tenant.state_job), (TenantState::Ok, "", None));
    assert!(app.run_waiting().await.is_empty());
}
