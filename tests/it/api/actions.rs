//! What is asked of a tenant.

use serde_json::{Value, json};
use tenantd::model::TenantState;
use tenantd::model::token::Role;

use super::Rig;
use crate::support::app::none;
use crate::support::{Database, on_both_databases};

on_both_databases!(
    a_pull_becomes_a_job_of_whoever_asked,
    states_decide_before_bodies,
    a_tenant_is_unlinked_by_staff_alone,
    staff_set_states,
    the_order_of_checks_is_kept,
);

const PULLS: [(&str, Value); 5] = [
    ("pull", Value::Null),
    ("pull_quotas", Value::Null),
    ("pull_security_groups", Value::Null),
    ("pull_floating_ips", Value::Null),
    ("pull_server_groups", Value::Null),
];

async fn rig(database: &Database) -> (Rig, String) {
    let rig = Rig::start(database).await;
    rig.app.run_for_cloud("pull_tenants", "sim").await;
    let uuid = rig.app.tenant("tenant-001").await.uuid.simple().to_string();
    (rig, format!("/api/openstack-tenants/{uuid}"))
}

async fn set_state(rig: &Rig, state: TenantState) {
    let uuid = rig.app.tenant("tenant-001").await.uuid;
    let mut tx = rig.app.context.store().begin().await.unwrap();
    assert!(tx.set_tenant_state(uuid, state, "", rig.app.context.clock().now()).await.unwrap());
    tx.commit().await.unwrap();
}

async fn a_pull_becomes_a_job_of_whoever_asked(database: Database) {
    let (rig, path) = rig(&database).await;
    let operator = rig.token("olga", Role::Operator, None).await;
    let said = [
        json!({"detail": "Pull operation was successfully scheduled."}),
        json!({"status": "Quotas pull has been scheduled."}),
        json!({"status": "Security groups pull has been scheduled."}),
        Value::Null,
        json!({"status": "Server groups pull has been scheduled."}),
    ];
    for ((kind, _), body) in PULLS.iter().zip(said) {
        let answer = rig.post(&format!("{path}/{kind}/"), &operator, None).await;
        assert_eq!((answer.status, answer.body), (202, body), "{kind}");
    }
    let jobs = rig.get("/api/jobs/?state=queued", &operator).await;
    assert_eq!(jobs.body.as_array().unwrap().len(), 5);
    assert!(jobs.body.as_array().unwrap().iter().all(|it| it["source"] == "http" && it["producer"] == "olga"));
    assert!(jobs.body.as_array().unwrap().iter().all(|it| it["priority"] == 10 && it["cloud"] == "sim"));
    rig.app.run_waiting().await;
    let shown = rig.get(&format!("{path}/"), &operator).await;
    assert!(!shown.body["quotas"].as_array().unwrap().is_empty());
    assert_eq!(shown.body["state"], "OK", "a look changes no state");
}

async fn states_decide_before_bodies(database: Database) {
    database.expect_leftovers();
    let (rig, path) = rig(&database).await;
    let operator = rig.token("olga", Role::Operator, None).await;
    set_state(&rig, TenantState::Updating).await;
    for (kind, _) in PULLS {
        let refused = rig.post(&format!("{path}/{kind}/"), &operator, None).await;
        let valid = if kind == "pull" { "OK, ERRED" } else { "OK" };
        let said = json!({"detail": format!("Valid states for operation: {valid}.")});
        assert_eq!((refused.status, refused.body), (409, said), "{kind}");
    }
    set_state(&rig, TenantState::Erred).await;
    assert_eq!(rig.post(&format!("{path}/pull_quotas/"), &operator, None).await.status, 409);
    assert_eq!(rig.post(&format!("{path}/pull/"), &operator, None).await.status, 202);
}

async fn a_tenant_is_unlinked_by_staff_alone(database: Database) {
    let (rig, path) = rig(&database).await;
    let (operator, staff) = (rig.token("olga", Role::Operator, None).await, rig.token("sten", Role::Staff, None).await);
    assert_eq!(rig.post(&format!("{path}/unlink/"), &operator, None).await.status, 403);
    set_state(&rig, TenantState::Deleting).await;
    let done = rig.post(&format!("{path}/unlink/"), &staff, None).await;
    assert_eq!((done.status, done.text.as_str()), (204, ""), "whatever its state");
    rig.app.run_waiting().await;
    assert_eq!(rig.get(&format!("{path}/"), &operator).await.status, 404);
    assert_eq!(rig.post(&format!("{path}/unlink/"), &staff, None).await.status, 404);
    assert_eq!(rig.app.context.store().unlinked(None).await.unwrap()[0].author, "sten");
}

async fn staff_set_states(database: Database) {
    let (rig, path) = rig(&database).await;
    let (operator, staff) = (rig.token("olga", Role::Operator, None).await, rig.token("sten", Role::Staff, None).await);
    let body = json!({"error_message": "the rack burns", "error_traceback": "at line 7"});
    assert_eq!(rig.post(&format!("{path}/set_erred/"), &operator, Some(&body)).await.status, 403);
    let erred = rig.post(&format!("{path}/set_erred/"), &staff, Some(&body)).await;
    assert_eq!((erred.status, erred.body), (200, json!({"detail": "Resource has been marked as ERRED."})));
    let shown = rig.get(&format!("{path}/"), &operator).await.body;
    assert_eq!((&shown["state"], &shown["error_message"]), (&json!("ERRED"), &json!("the rack burns\nat line 7")));
    for (wrong, said) in [
        (json!({"error_message": [7]}), json!({"error_message": ["Not a valid string."]})),
        (json!({"error_message": "a\u{0}b"}), json!({"error_message": ["Null characters are not allowed."]})),
        (json!([1]), json!({"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]})),
    ] {
        let refused = rig.post(&format!("{path}/set_erred/"), &staff, Some(&wrong)).await;
        assert_eq!((refused.status, refused.body), (400, said));
    }
    let fine = rig.post(&format!("{path}/set_ok/"), &staff, None).await;
    assert_eq!((fine.status, fine.body), (200, json!({"detail": "Resource has been marked as OK."})));
    let shown = rig.get(&format!("{path}/"), &operator).await.body;
    assert_eq!((&shown["state"], &shown["error_message"]), (&json!("OK"), &json!("")));
    rig.app.run("pull_quotas", "tenant-001", none()).await;
}

async fn the_order_of_checks_is_kept(database: Database) {
    let (rig, path) = rig(&database).await;
    let (viewer, operator) =
        (rig.token("viewer", Role::Viewer, None).await, rig.token("olga", Role::Operator, None).await);
    let nobody = "/api/openstack-tenants/00000000000000000000000000000001";
    let status = async |path: String, token: &str| rig.post(&path, token, None).await.status;
    assert_eq!(status(format!("{nobody}/pull_quotas/"), "abc").await, 401);
    assert_eq!(status(format!("{nobody}/unlink/"), &operator).await, 403, "staff alone, whoever the tenant");
    assert_eq!(status(format!("{nobody}/pull_quotas/"), &viewer).await, 404);
    assert_eq!(status(format!("{path}/pull_quotas/"), &viewer).await, 403);
    set_state(&rig, TenantState::Erred).await;
    assert_eq!(status(format!("{path}/pull_quotas/"), &viewer).await, 403);
    assert_eq!(status(format!("{path}/pull_quotas/"), &operator).await, 409);
    let method = rig.get(&format!("{path}/pull_quotas/"), &operator).await;
    assert_eq!((method.status, method.headers["allow"].to_str().unwrap()), (405, "POST"));
}
