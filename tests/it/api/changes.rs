//! Changes of a tenant as a whole.

use reqwest::Method;
use serde_json::{Value, json};
use tenantd::model::token::Role;
use tenantd::store::states::Traits;

use super::Rig;
use crate::support::app::{began, none};
use crate::support::{Database, TestApp, on_both_databases};

on_both_databases!(
    limits_are_set_by_staff_and_confirmed,
    limits_that_make_no_sense_are_refused,
    a_name_is_changed_whole_or_in_part,
    a_password_is_nobody_s_business,
    a_cloud_that_may_not_be_changed_says_so_at_once,
    of_two_changes_the_second_is_refused,
);

async fn rig(database: &Database) -> (Rig, String) {
    let app = TestApp::writing(database, &["set_quotas", "update_tenant", "change_password"]).await;
    let rig = Rig::with(app, true).await;
    rig.app.run_for_cloud("pull_tenants", "sim").await;
    let uuid = rig.app.tenant("tenant-001").await.uuid.simple().to_string();
    (rig, format!("/api/openstack-tenants/{uuid}/"))
}

impl Rig {
    async fn send(&self, method: Method, path: &str, token: &str, body: &Value) -> super::Answer {
        self.ask(method, path, Some(&format!("Token {token}")), Some(body)).await
    }

    async fn limit(&self, path: &str, token: &str, name: &str) -> i64 {
        let shown = self.get(path, token).await;
        let quotas = shown.body["quotas"].as_array().unwrap();
        quotas.iter().find(|it| it["name"] == name).unwrap()["limit"].as_i64().unwrap()
    }
}

async fn limits_are_set_by_staff_and_confirmed(database: Database) {
    let (rig, path) = rig(&database).await;
    let (operator, staff) = (rig.token("olga", Role::Operator, None).await, rig.token("sten", Role::Staff, None).await);
    rig.app.run("pull_quotas", "tenant-001", none()).await;
    let body = json!({"vcpu": 77, "storage": 2_048_000, "network_count": -1, "colour": "blue"});
    let action = format!("{path}set_quotas/");
    let nobody = "/api/openstack-tenants/00000000000000000000000000000001/set_quotas/";
    for path in [action.as_str(), nobody] {
        assert_eq!(rig.post(path, &operator, Some(&body)).await.status, 403, "staff alone");
    }
    assert_eq!(rig.post(nobody, &staff, Some(&body)).await.status, 404);
    let accepted = rig.post(&action, &staff, Some(&body)).await;
    let said = "Quota update has been scheduled";
    assert_eq!((accepted.status, accepted.body), (202, json!({"status": said, "detail": said})));
    assert_eq!(rig.get(&path, &staff).await.body["state"], "UPDATE_SCHEDULED");
    let ended = rig.app.run_waiting().await;
    let shown = rig.get(&path, &staff).await;
    assert_eq!(shown.body["state"], "OK", "{ended:?} {shown:?}");
    assert_eq!(rig.limit(&path, &staff, "vcpu").await, 77);
    assert_eq!(rig.limit(&path, &staff, "storage").await, 2_048_000);
    assert_eq!(rig.limit(&path, &staff, "network_count").await, -1);
    let job = rig.get("/api/jobs/?kind=set_quotas", &staff).await.body[0].clone();
    assert_eq!((&job["producer"], &job["outcome"]), (&json!("sten"), &json!("succeeded")));
    assert_eq!(job["params"], json!({"vcpu": 77, "storage": 2_048_000, "network_count": -1}));
}

async fn limits_that_make_no_sense_are_refused(database: Database) {
    let (rig, path) = rig(&database).await;
    let staff = rig.token("sten", Role::Staff, None).await;
    let body = json!({"ram": 0, "vcpu": "many", "port_count": -2, "gigabytes_ssd": null});
    let refused = rig.post(&format!("{path}set_quotas/"), &staff, Some(&body)).await;
    let expected = json!({
        "ram": ["Ensure this value is greater than or equal to 1."],
        "vcpu": ["A valid integer is required."],
        "port_count": ["Ensure this value is greater than or equal to -1."],
        "gigabytes_ssd": ["This field may not be null."],
    });
    assert_eq!((refused.status, refused.body), (400, expected));
    let uneven = rig.post(&format!("{path}set_quotas/"), &staff, Some(&json!({"storage": 1500}))).await;
    assert_eq!(uneven.status, 400, "{uneven:?}");
    assert!(uneven.body["storage"][0].as_str().unwrap().contains("1024 and 2048"), "{uneven:?}");
    for (sent, said) in [
        ("[1]", json!({"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]})),
        ("7", json!({"non_field_errors": ["Invalid data. Expected a dictionary, but got scalar."]})),
    ] {
        let body: Value = serde_json::from_str(sent).unwrap();
        let refused = rig.post(&format!("{path}set_quotas/"), &staff, Some(&body)).await;
        assert_eq!((refused.status, refused.body), (400, said));
    }
    let url = format!("{}{path}set_quotas/", rig.base);
    let request = rig.http.post(&url).header("Authorization", format!("Token {staff}"));
    let broken = request.body("{\"vcpu\": ").send().await.unwrap();
    assert_eq!(broken.status(), 400);
    assert!(broken.text().await.unwrap().contains("JSON parse error"));
    let request = rig.http.post(&url).header("Authorization", format!("Token {staff}"));
    let long = request.body(vec![b' '; (1 << 20) + 1]).send().await.unwrap();
    assert_eq!(long.status(), 413);
    assert_eq!(rig.get(&path, &staff).await.body["state"], "OK", "nothing of it was accepted");
}

async fn a_name_is_changed_whole_or_in_part(database: Database) {
    let (rig, path) = rig(&database).await;
    let operator = rig.token("olga", Role::Operator, None).await;
    let sent = json!({"description": "for genomes", "skip_creation_of_default_subnet": false, "project": "x"});
    let changed = rig.send(Method::PATCH, &path, &operator, &sent).await;
    assert_eq!((changed.status, &changed.body["state"]), (200, &json!("UPDATE_SCHEDULED")), "{changed:?}");
    let ended = rig.app.run_waiting().await;
    let shown = rig.get(&path, &operator).await.body;
    assert_eq!((&shown["description"], &shown["state"]), (&json!("for genomes"), &json!("OK")), "{ended:?}");
    assert_eq!(shown["name"], "tenant-001");
    let whole = json!({"name": "genomes", "availability_zone": "nova"});
    assert_eq!(rig.send(Method::PUT, &path, &operator, &whole).await.status, 200);
    rig.app.run_waiting().await;
    let shown = rig.get(&path, &operator).await.body;
    assert_eq!((&shown["name"], &shown["availability_zone"]), (&json!("genomes"), &json!("nova")));
    for (method, sent, key) in [
        (Method::PUT, json!({"description": "x"}), "name"),
        (Method::PUT, json!({"name": "  "}), "name"),
        (Method::PATCH, json!({"name": "x".repeat(65)}), "name"),
        (Method::PATCH, json!({"name": null}), "name"),
        (Method::PATCH, json!({"description": ["x"]}), "description"),
        (Method::PATCH, json!({"name": "tenant-002"}), "name"),
    ] {
        let refused = rig.send(method.clone(), &path, &operator, &sent).await;
        assert_eq!(refused.status, 400, "{method} {sent}: {refused:?}");
        assert!(refused.body[key][0].is_string(), "{method} {sent}: {refused:?}");
    }
}

async fn a_password_is_nobody_s_business(database: Database) {
    database.expect_leftovers();
    let (rig, path) = rig(&database).await;
    let operator = rig.token("olga", Role::Operator, None).await;
    let action = format!("{path}change_password/");
    for (sent, status) in
        [(json!({}), 400), (json!({"user_password": "short"}), 400), (json!({"user_password": 7}), 400)]
    {
        let refused = rig.post(&action, &operator, Some(&sent)).await;
        assert_eq!((refused.status, refused.body["user_password"][0].is_string()), (status, true), "{sent}");
    }
    let sent = json!({"user_password": "correct horse"});
    let refused = rig.post(&action, &operator, Some(&sent)).await;
    let why = "no user is recorded for sim/tenant-001; a job can say which with `user_name`";
    assert_eq!((refused.status, refused.body), (400, json!([why])));
    let traits = Traits { user_name: Some("tenant-001-user".to_owned()), ..Traits::default() };
    let mut tx = rig.app.context.store().begin().await.unwrap();
    tx.describe_tenant(rig.app.tenant("tenant-001").await.uuid, &traits, began()).await.unwrap();
    tx.commit().await.unwrap();
    let accepted = rig.post(&action, &operator, Some(&sent)).await;
    assert_eq!((accepted.status, accepted.body), (202, json!({"status": "Password update has been scheduled."})));
    let jobs = rig.get("/api/jobs/?kind=change_password", &operator).await;
    assert!(!jobs.text.contains("horse"), "{jobs:?}");
}

async fn a_cloud_that_may_not_be_changed_says_so_at_once(database: Database) {
    let rig = Rig::start(&database).await;
    rig.app.run_for_cloud("pull_tenants", "sim").await;
    let staff = rig.token("sten", Role::Staff, None).await;
    let uuid = rig.app.tenant("tenant-001").await.uuid;
    let refused = rig.post(&format!("/api/openstack-tenants/{uuid}/set_quotas/"), &staff, Some(&json!([]))).await;
    assert_eq!(refused.status, 403);
    let said = refused.body["detail"].as_str().unwrap();
    assert!(said.contains("\"set_quotas\"") && said.contains("`write`") && said.contains("sim"), "{said}");
    assert_eq!(rig.app.changes_in(&["jobs"]).await.matches("set_quotas").count(), 0);
}

async fn of_two_changes_the_second_is_refused(database: Database) {
    let (rig, path) = rig(&database).await;
    let staff = rig.token("sten", Role::Staff, None).await;
    let (action, body) = (format!("{path}set_quotas/"), json!({"vcpu": 60}));
    let both = futures::future::join_all((0..8).map(|_| rig.post(&action, &staff, Some(&body)))).await;
    let mut statuses: Vec<u16> = both.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 409, 409, 409, 409, 409, 409, 409]);
    let refused = rig.post(&action, &staff, Some(&json!([]))).await;
    let said = json!({"detail": "Valid states for operation: OK."});
    assert_eq!((refused.status, refused.body), (409, said), "before the body is looked at");
    rig.app.run_waiting().await;
    assert_eq!(rig.get(&path, &staff).await.body["state"], "OK");
}
