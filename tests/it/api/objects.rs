//! Objects and images of a tenant, asked for over HTTP.

use reqwest::Method;
use serde_json::{Value, json};
use tenantd::model::token::Role;
use tenantd::openstack::Upload;

use super::Rig;
use crate::support::app::none;
use crate::support::{Database, TestApp, on_both_databases};

on_both_databases!(
    objects_are_shown_at_once_and_made_by_jobs,
    groups_are_pushed_whole_or_not_at_all,
    an_image_gets_its_data_piece_by_piece,
    images_are_not_for_viewers,
    an_address_that_there_cannot_be_is_refused_at_once,
);

const KINDS: [&str; 7] = [
    "create_floating_ip",
    "create_network",
    "create_security_group",
    "create_server_group",
    "push_security_groups",
    "create_image",
    "upload_image_data",
];

async fn rig(database: &Database) -> (Rig, String, String) {
    let rig = Rig::with(TestApp::writing(database, &KINDS).await, true).await;
    rig.app.run("pull", "tenant-001", none()).await;
    let operator = rig.token("olga", Role::Operator, None).await;
    let uuid = rig.app.tenant("tenant-001").await.uuid.simple().to_string();
    (rig, operator, uuid)
}

async fn objects_are_shown_at_once_and_made_by_jobs(database: Database) {
    let (rig, operator, uuid) = rig(&database).await;
    rig.app.cloud().grant_admin("tenant-001").await;
    let rule = json!({"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr": "0.0.0.0/0"});
    let cases = [
        ("create_floating_ip", json!({"router": null}), 200, "OpenStack.FloatingIP"),
        ("create_network", json!({"name": "inner", "colour": "blue"}), 201, "OpenStack.Network"),
        ("create_server_group", json!({"name": "spread", "policy": "anti-affinity"}), 201, "OpenStack.ServerGroup"),
        ("create_security_group", json!({"name": "web", "rules": [rule]}), 201, "OpenStack.SecurityGroup"),
    ];
    for (kind, sent, status, resource_type) in cases {
        let made = rig.post(&format!("/api/openstack-tenants/{uuid}/{kind}/"), &operator, Some(&sent)).await;
        assert_eq!((made.status, &made.body["resource_type"]), (status, &json!(resource_type)), "{made:?}");
        assert_eq!((&made.body["state"], &made.body["backend_id"]), (&json!("CREATION_SCHEDULED"), &json!("")));
        assert_eq!((&made.body["tenant_uuid"], &made.body["service_name"]), (&json!(uuid), &json!("sim")));
        let tenant = format!("/api/openstack-tenants/{uuid}/");
        assert_eq!(rig.get(&tenant, &operator).await.body["state"], "UPDATE_SCHEDULED");
        let second = rig.post(&format!("/api/openstack-tenants/{uuid}/{kind}/"), &operator, Some(&sent)).await;
        assert_eq!(second.status, 409, "something goes on: {second:?}");
        let ended = rig.app.run_waiting().await;
        let shown = rig.get(&tenant, &operator).await.body;
        assert_eq!((&shown["state"], &shown["error_message"]), (&json!("OK"), &json!("")), "{kind}: {ended:?}");
        let object = made.body["uuid"].as_str().unwrap().parse().unwrap();
        let object = rig.app.context.store().object(object).await.unwrap().unwrap();
        assert!(object.backend_id.is_some(), "the object that was shown is the one that was made: {object:?}");
    }
}

async fn groups_are_pushed_whole_or_not_at_all(database: Database) {
    let (rig, operator, uuid) = rig(&database).await;
    let path = format!("/api/openstack-tenants/{uuid}/push_security_groups/");
    let wrong = json!([{"name": "web"}, {"name": "db", "rules": [{"protocol": "tcp"}]}]);
    let refused = rig.post(&path, &operator, Some(&wrong)).await;
    assert_eq!((refused.status, &refused.body[0]), (400, &json!({})), "{refused:?}");
    assert!(refused.body[1]["rules"][0]["from_port"].is_array(), "{refused:?}");
    for nothing in [json!({}), json!("x"), Value::Null] {
        assert_eq!(rig.post(&path, &operator, Some(&nothing)).await.status, 400, "{nothing} is no list");
    }
    let ssh = json!({"protocol": "tcp", "from_port": 22, "to_port": 22, "remote_group_name": "web"});
    let mut groups = json!([{"name": "web", "rules": []}, {"name": "db", "rules": [ssh]}]);
    // Instances are in some of those that are there: they stay as they are.
    let held = groups_of(&rig, &operator).await;
    let kept = held.iter().filter(|it| it["name"] != "default").map(|it| json!({"uuid": it["id"], "name": it["name"]}));
    groups.as_array_mut().unwrap().extend(kept);
    let pushed = rig.post(&path, &operator, Some(&groups)).await;
    let said = json!({"status": "Security groups update has been scheduled."});
    assert_eq!((pushed.status, pushed.body), (202, said));
    let ended = rig.app.run_waiting().await;
    let seen = groups_of(&rig, &operator).await;
    let mut names: Vec<&str> = seen.iter().map(|it| it["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["db", "default", "tenant-001-sg0", "tenant-001-sg1", "tenant-001-sg2", "web"], "{ended:?}");
}

/// The security groups as last seen.
async fn groups_of(rig: &Rig, token: &str) -> Vec<Value> {
    let listed = rig.get("/api/snapshots/?resource_type=security_groups&page_size=1", token).await;
    let path = listed.body[0]["url"].as_str().unwrap().trim_start_matches(rig.base.as_str()).to_owned();
    rig.get(&path, token).await.body["body"].as_array().unwrap().clone()
}

async fn an_image_gets_its_data_piece_by_piece(database: Database) {
    let (rig, operator, uuid) = rig(&database).await;
    let base = format!("/api/openstack-marketplace-tenants/{uuid}");
    let made = rig.post(&format!("{base}/create_image/"), &operator, Some(&json!({"name": "ubuntu"}))).await;
    assert_eq!((made.status, &made.body["status"]), (201, &json!("queued")), "{made:?}");
    let id = made.body["image_id"].as_str().unwrap();
    assert_eq!(made.body["upload_url"], format!("{base}/upload_image_data/{id}/"));
    let pieces = (0..40_u8).map(|number| Ok(vec![number; 100_000].into()));
    let body = reqwest::Body::wrap(Upload::new(Box::pin(futures::stream::iter(pieces)), None));
    let url = format!("{}{base}/upload_image_data/{id}/", rig.base);
    let sent =
        rig.http.post(&url).header("Authorization", format!("Token {operator}")).body(body).send().await.unwrap();
    let (status, said) = (sent.status().as_u16(), sent.text().await.unwrap());
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((status, &said["status"], &said["response"]), (200, &json!("success"), &json!("")), "{said}");
    let again =
        rig.http.post(&url).header("Authorization", format!("Token {operator}")).body("x").send().await.unwrap();
    assert_eq!(again.status(), 409, "it has data");
    let unknown = format!("{base}/upload_image_data/00000000-0000-0000-0000-000000000001/");
    assert_eq!(rig.post(&unknown, &operator, None).await.status, 404);
}

async fn images_are_not_for_viewers(database: Database) {
    let (rig, operator, uuid) = rig(&database).await;
    let (viewer, staff) = (rig.token("viewer", Role::Viewer, None).await, rig.token("sten", Role::Staff, None).await);
    let base = format!("/api/openstack-marketplace-tenants/{uuid}");
    let path = format!("{base}/create_image/");
    let public = json!({"name": "ubuntu", "visibility": "public"});
    assert_eq!(rig.post(&path, &viewer, Some(&json!({"name": "ubuntu"}))).await.status, 403);
    let refused = rig.post(&path, &operator, Some(&public)).await;
    assert_eq!((refused.status, refused.body["visibility"][0].is_string()), (400, true));
    assert_eq!(rig.post(&path, &staff, Some(&public)).await.status, 201);
    for (sent, key) in [
        (json!({}), "name"),
        (json!({"name": "x", "disk_format": "odd"}), "disk_format"),
        (json!({"name": "x", "min_disk": -1}), "min_disk"),
    ] {
        let refused = rig.post(&path, &operator, Some(&sent)).await;
        assert_eq!((refused.status, refused.body[key][0].is_string()), (400, true), "{sent}: {refused:?}");
    }
    let upload = format!("{base}/upload_image_data/00000000-0000-0000-0000-000000000001/");
    let token = format!("Token {viewer}");
    assert_eq!(rig.ask(Method::POST, &upload, Some(&token), None).await.status, 403);
}

async fn an_address_that_there_cannot_be_is_refused_at_once(database: Database) {
    database.expect_leftovers();
    let (rig, operator, uuid) = rig(&database).await;
    let action = format!("/api/openstack-tenants/{uuid}/create_floating_ip/");
    let foreign = json!({"router": "https://w/api/openstack-routers/8b1c/"});
    let refused = rig.post(&action, &operator, Some(&foreign)).await;
    assert_eq!((refused.status, refused.body), (400, json!({"router": ["8b1c is no router of the tenant"]})));
    let second = json!({"network": {"name": "second", "router:external": true}});
    rig.app.cloud().admin(Method::POST, "/network/v2.0/networks", Some(second)).await;
    // Its router still leads to one of them.
    let routers = rig.app.cloud().admin(Method::GET, "/network/v2.0/routers", None).await;
    for router in routers["routers"].as_array().unwrap() {
        let path = format!("/network/v2.0/routers/{}", router["id"].as_str().unwrap());
        let alone = json!({"router": {"external_gateway_info": null}});
        rig.app.cloud().admin(Method::PUT, &path, Some(alone)).await;
    }
    let refused = rig.post(&action, &operator, None).await;
    assert_eq!(refused.status, 409, "{refused:?}");
    let said = refused.body["detail"].as_str().unwrap();
    assert!(said.starts_with("there are several external networks, name one: "), "{said}");
    assert_eq!(rig.app.context.store().objects(uuid.parse().unwrap(), None).await.unwrap(), []);
    // A cloud that does not answer is asked by the job.
    let away = json!([{"service": "network", "kind": "status", "status": 503}]);
    rig.app.cloud().faults(away).await;
    assert_eq!(rig.post(&action, &operator, None).await.status, 200);
}
