//! Jobs, drift, snapshots and schedules.

use chrono::SecondsFormat;
use reqwest::Method;
use serde_json::{Value, json};
use tenantd::model::token::Role;

use super::Rig;
use crate::support::app::none;
use crate::support::{Database, on_both_databases};

on_both_databases!(
    jobs_are_listed_and_cancelled,
    a_finding_is_accepted_once,
    snapshots_show_what_was_seen,
    what_changed_between_two_moments_is_listed,
    a_schedule_is_run_now,
    whoever_may_not_ask_for_a_job_may_not_schedule_or_end_it,
);

async fn jobs_are_listed_and_cancelled(database: Database) {
    let rig = Rig::start(&database).await;
    rig.app.run("pull_quotas", "tenant-001", json!({"sizes": true})).await;
    rig.app.run("pull_floating_ips", "tenant-002", none()).await;
    let (viewer, operator) =
        (rig.token("viewer", Role::Viewer, None).await, rig.token("olga", Role::Operator, None).await);
    let all = rig.get("/api/jobs/", &viewer).await;
    assert_eq!((all.column("kind"), all.header("x-result-count")), (vec!["pull_floating_ips", "pull_quotas"], "2"));
    let second = rig.get("/api/jobs/?page_size=1&page=2", &viewer).await;
    assert_eq!((second.column("kind"), second.header("x-result-count")), (vec!["pull_quotas"], "2"));
    assert_eq!(rig.get("/api/jobs/?page=2", &viewer).await.status, 404);
    let tenant = rig.app.tenant("tenant-001").await.uuid;
    for query in ["kind=pull_quotas&state=succeeded".to_owned(), format!("tenant={tenant}&since=2026-01-01T00:00:00Z")]
    {
        assert_eq!(rig.get(&format!("/api/jobs/?{query}"), &viewer).await.column("kind"), ["pull_quotas"], "{query}");
    }
    assert_eq!(rig.get("/api/jobs/?cloud=nowhere", &viewer).await.body, json!([]));
    let wrong = rig.get("/api/jobs/?state=asleep&since=now&tenant=7", &viewer).await;
    assert_eq!((wrong.status, wrong.body.as_object().unwrap().len()), (400, 3), "{wrong:?}");
    let path = all.body[1]["url"].as_str().unwrap().trim_start_matches(rig.base.as_str()).to_owned();
    let shown = rig.get(&path, &viewer).await;
    assert_eq!((&shown.body["params"], &shown.body["outcome"]), (&json!({"sizes": true}), &json!("succeeded")));
    let over = rig.post(&format!("{path}cancel/"), &operator, None).await;
    assert_eq!(over.status, 409, "{over:?}");

    let made = rig.post("/api/schedules/nightly/run/", &operator, None).await;
    let path = made.body["job"].as_str().unwrap().trim_start_matches(rig.base.as_str()).to_owned();
    let cancelled = rig.post(&format!("{path}cancel/"), &operator, None).await;
    assert_eq!((cancelled.status, &cancelled.body["detail"]), (202, &json!("The job was cancelled.")));
    let shown = rig.get(&path, &viewer).await;
    assert_eq!((&shown.body["state"], &shown.body["error"]), (&json!("cancelled"), &json!("cancelled by olga")));
}

async fn a_finding_is_accepted_once(database: Database) {
    let rig = Rig::start(&database).await;
    rig.app.run("pull_quotas", "tenant-001", none()).await;
    rig.app.cloud().limit_cores("tenant-001", 50).await;
    rig.app.run("pull_quotas", "tenant-001", none()).await;
    let (viewer, operator) =
        (rig.token("viewer", Role::Viewer, None).await, rig.token("olga", Role::Operator, None).await);
    let open = rig.get("/api/drift/?resource_type=quotas&severity=warning&cloud=sim", &viewer).await;
    assert_eq!((open.column("field"), open.column("tenant_name")), (vec!["limit"], vec!["tenant-001"]), "{open:?}");
    assert_eq!((&open.body[0]["expected"], &open.body[0]["observed"]), (&json!(46), &json!(50)));
    assert_eq!(rig.get("/api/drift/?state=resolved", &viewer).await.body, json!([]));
    assert_eq!(rig.get("/api/drift/?state=odd&resource_type=x&severity=y", &viewer).await.status, 400);
    let path = open.body[0]["url"].as_str().unwrap().trim_start_matches(rig.base.as_str()).to_owned();
    let mut alone = rig.get(&path, &viewer).await.body;
    assert_eq!(alone.as_object_mut().unwrap().remove("life").unwrap()[0]["step"], "opened");
    assert_eq!(alone, open.body[0]);
    assert_eq!(rig.post(&format!("{path}accept/"), &viewer, None).await.status, 403);
    let accepted = rig.post(&format!("{path}accept/"), &operator, None).await;
    assert_eq!((accepted.status, &accepted.body["state"]), (200, &json!("accepted")), "{accepted:?}");
    assert_eq!(rig.post(&format!("{path}accept/"), &operator, None).await.status, 409);
    assert_eq!(rig.post("/api/drift/7/accept/", &operator, None).await.status, 404);
    let tenant = rig.app.tenant("tenant-001").await.uuid;
    let expectations = rig.app.context.store().expectations(tenant).await.unwrap();
    assert_eq!(expectations[0].origin_of("vcpu").author, "olga");
}

async fn snapshots_show_what_was_seen(database: Database) {
    let rig = Rig::start(&database).await;
    rig.app.run("pull", "tenant-001", none()).await;
    let viewer = rig.token("viewer", Role::Viewer, None).await;
    let tenant = rig.app.tenant("tenant-001").await.uuid;
    let listed = rig.get(&format!("/api/snapshots/?tenant={tenant}&resource_type=quotas&cloud=sim"), &viewer).await;
    assert_eq!((listed.column("resource_type"), listed.header("x-result-count")), (vec!["quotas"], "1"));
    assert!(listed.body[0].get("body").is_none());
    let path = listed.body[0]["url"].as_str().unwrap().trim_start_matches(rig.base.as_str()).to_owned();
    assert_eq!(rig.get(&path, &viewer).await.body["body"]["vcpu"]["limit"], 46);
    assert_eq!(rig.get("/api/snapshots/?page_size=3", &viewer).await.header("x-result-count"), "9");
    assert_eq!(rig.get("/api/snapshots/7/", &viewer).await.status, 404);
    assert_eq!(rig.get("/api/snapshots/?resource_type=x", &viewer).await.status, 400);
}

async fn what_changed_between_two_moments_is_listed(database: Database) {
    let rig = Rig::start(&database).await;
    for tenant in ["tenant-001", "tenant-002"] {
        rig.app.run("pull", tenant, none()).await;
    }
    let friday = rig.app.context.clock().now().to_rfc3339_opts(SecondsFormat::Secs, true);
    rig.app.advance(3600);
    rig.app.cloud().limit_cores("tenant-001", 50).await;
    rig.app.run("pull_quotas", "tenant-001", none()).await;
    let changed_at = rig.app.context.clock().now().to_rfc3339_opts(SecondsFormat::Micros, true);
    rig.app.cloud().limit_cores("tenant-002", 51).await;
    rig.app.run("pull_quotas", "tenant-002", none()).await;
    let viewer = rig.token("viewer", Role::Viewer, None).await;
    let path = |more: &str| format!("/api/snapshots/diff/?from={friday}{more}");

    let all = rig.get(&path(""), &viewer).await;
    assert_eq!((all.column("tenant_name"), all.header("x-result-count")), (vec!["tenant-001", "tenant-002"], "2"));
    let tenant = rig.app.tenant("tenant-001").await;
    let uuid = tenant.uuid.simple();
    assert_eq!(
        all.body[0],
        json!({
            "cloud": "sim", "tenant": format!("{}/api/openstack-tenants/{uuid}/", rig.base),
            "tenant_uuid": uuid.to_string(), "tenant_name": "tenant-001", "backend_id": tenant.backend_id,
            "customer_name": "", "project_name": "", "resource_type": "quotas", "object": "vcpu",
            "object_name": "vcpu", "field": "limit", "change": "limit", "before": 46, "after": 50,
            "changed_at": changed_at,
        })
    );
    let second = rig.get(&path("&page_size=1&page=2"), &viewer).await;
    assert_eq!((second.column("tenant_name"), second.header("x-result-count")), (vec!["tenant-002"], "2"));
    assert_eq!(rig.get(&path("&page=2"), &viewer).await.status, 404);

    let of_one = format!("&tenant={uuid}&cloud=sim&resource_type=quotas");
    assert_eq!(rig.get(&path(&of_one), &viewer).await.body, json!([all.body[0]]));
    for nothing in ["&cloud=nowhere", "&domain=nobody", "&resource_type=floating_ips", "&to=2020-01-01T00:00:00Z"] {
        let none = rig.get(&path(nothing), &viewer).await;
        assert_eq!((none.status, none.body, none.text.as_str()), (200, json!([]), "[]"), "{nothing}");
    }
    let recorded = rig.get("/api/snapshots/diff/?from=2020-01-01T00:00:00Z&resource_type=quotas", &viewer).await;
    assert_eq!(recorded.column("change"), ["recorded", "limit", "recorded", "limit"]);
    assert_eq!((&recorded.body[0]["resource_type"], &recorded.body[0]["after"]), (&Value::Null, &Value::Null));

    let text = rig.get(&path(&format!("{of_one}&format=unified")), &viewer).await;
    assert_eq!(text.header("content-type"), "text/plain; charset=utf-8");
    let lines: Vec<&str> = text.text.lines().skip(2).collect();
    assert_eq!(lines.iter().filter(|line| line.starts_with(['+', '-'])).count(), 2, "{text:?}");
    assert!(lines.contains(&"-vcpu limit 46") && lines.contains(&"+vcpu limit 50"), "{text:?}");
    assert!(text.text.starts_with("--- sim/tenant-001 quotas\t") && text.text.ends_with('\n'), "{text:?}");

    assert_eq!(rig.get("/api/snapshots/diff/", &viewer).await.body, json!({"from": ["This field is required."]}));
    let wrong = rig.get("/api/snapshots/diff/?from=friday&to=now&tenant=7&resource_type=x&format=csv", &viewer).await;
    assert_eq!((wrong.status, wrong.body.as_object().unwrap().len()), (400, 5), "{wrong:?}");
    assert_eq!(rig.ask(Method::GET, &path(""), None, None).await.status, 401);
}

async fn a_schedule_is_run_now(database: Database) {
    database.expect_leftovers();
    let rig = Rig::start(&database).await;
    let (viewer, operator) =
        (rig.token("viewer", Role::Viewer, None).await, rig.token("olga", Role::Operator, None).await);
    let listed = rig.get("/api/schedules/?job=prune", &viewer).await;
    assert_eq!((listed.column("name"), listed.header("x-result-count")), (vec!["nightly"], "1"));
    assert_eq!(rig.get("/api/schedules/?job=pull", &viewer).await.body, json!([]));
    let shown = rig.get("/api/schedules/nightly/", &viewer).await;
    assert_eq!(
        (&shown.body["next_tick"], &shown.body["last_tick"]),
        (&json!("2026-01-01T03:20:00.000000Z"), &Value::Null)
    );
    assert_eq!(rig.get("/api/schedules/weekly/", &viewer).await.status, 404);
    assert_eq!(rig.post("/api/schedules/nightly/run/", &viewer, None).await.status, 403);
    assert_eq!(rig.post("/api/schedules/weekly/run/", &operator, None).await.status, 404);
    let made = rig.post("/api/schedules/nightly/run/", &operator, None).await;
    assert_eq!(made.status, 202, "{made:?}");
    let job = rig.get("/api/jobs/?state=queued", &viewer).await.body[0].clone();
    assert_eq!((&job["kind"], &job["source"], &job["producer"]), (&json!("prune"), &json!("http"), &json!("olga")));
}

async fn whoever_may_not_ask_for_a_job_may_not_schedule_or_end_it(database: Database) {
    database.expect_leftovers();
    let rig = Rig::start(&database).await;
    let (operator, staff) = (rig.token("olga", Role::Operator, None).await, rig.token("sten", Role::Staff, None).await);
    let run = "/api/schedules/limits/run/";
    let refused = rig.post(run, &operator, None).await;
    let why = "You do not have permission to perform this action: it needs the role staff.";
    assert_eq!((refused.status, &refused.body["detail"]), (403, &json!(why)));
    let made = rig.post(run, &staff, None).await;
    assert_eq!(made.status, 202, "{made:?}");
    let job = made.body["job"].as_str().unwrap().trim_start_matches(rig.base.as_str()).to_owned();
    let refused = rig.post(&format!("{job}cancel/"), &operator, None).await;
    assert_eq!((refused.status, &refused.body["detail"]), (403, &json!(why)));
    assert_eq!(rig.get(&job, &operator).await.body["state"], "queued");
    assert_eq!(rig.post(&format!("{job}cancel/"), &staff, None).await.status, 202);
}
