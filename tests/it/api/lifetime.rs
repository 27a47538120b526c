//! The beginning and the end of a tenant.

use reqwest::Method;
use serde_json::json;
use tenantd::model::token::Role;
use uuid::Uuid;

use super::Rig;
use crate::support::{Database, TestApp, on_both_databases};

on_both_databases!(
    a_tenant_is_made_shown_and_removed,
    what_a_project_says_is_taken_over_from_other_tenants,
    a_tenant_that_cannot_be_made_is_refused,
    a_tenant_is_made_with_its_groups,
);

const PATH: &str = "/api/openstack-tenants/";

async fn rig(database: &Database) -> (Rig, String, String) {
    let rig = Rig::with(TestApp::writing(database, &["create_tenant", "delete_tenant"]).await, true).await;
    rig.app.run_for_cloud("pull_tenants", "sim").await;
    let operator = rig.token("olga", Role::Operator, None).await;
    let other = rig.get(&format!("{PATH}?name=tenant-001"), &operator).await.body[0].clone();
    (rig, operator, other["service_settings"].as_str().unwrap().to_owned())
}

async fn a_tenant_is_made_shown_and_removed(database: Database) {
    let (rig, operator, settings) = rig(&database).await;
    let sent = json!({
        "name": "Genomics", "service_settings": settings, "description": "sequences", "security_groups": [],
        "skip_creation_of_default_router": true, "user_username": "mallory",
    });
    let made = rig.post(PATH, &operator, Some(&sent)).await;
    assert_eq!((made.status, &made.body["state"]), (201, &json!("CREATION_SCHEDULED")), "{made:?}");
    assert_eq!((&made.body["backend_id"], &made.body["quotas"]), (&json!(""), &json!([])));
    let path = format!("{PATH}{}/", made.body["uuid"].as_str().unwrap());
    let pull = rig.post(&format!("{path}pull/"), &operator, None).await;
    assert_eq!(pull.status, 409, "it is not there yet");
    rig.app.run_waiting().await;
    let shown = rig.get(&path, &operator).await.body;
    assert_eq!((&shown["state"], &shown["description"]), (&json!("OK"), &json!("sequences")), "{shown}");
    assert_eq!(shown["backend_id"], rig.app.cloud().project("Genomics").await);
    assert!(!shown["internal_network_id"].as_str().unwrap().is_empty());
    let ask_for = async |method| rig.ask(method, &path, Some(&format!("Token {operator}")), None).await;
    let gone = ask_for(Method::DELETE).await;
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    assert_eq!(ask_for(Method::GET).await.body["state"], "DELETION_SCHEDULED");
    assert_eq!(ask_for(Method::DELETE).await.status, 409);
    rig.app.run_waiting().await;
    assert_eq!((ask_for(Method::GET).await.status, ask_for(Method::DELETE).await.status), (404, 404));
}

async fn what_a_project_says_is_taken_over_from_other_tenants(database: Database) {
    let (rig, operator, settings) = rig(&database).await;
    let project = Uuid::from_u128(7);
    let portal = tenantd::store::directory::Portal {
        service_settings: Some(Uuid::from_u128(3)),
        customer: Some(Uuid::from_u128(8)),
        customer_name: "University".to_owned(),
        project: Some(project),
        project_name: "Genomics".to_owned(),
        marketplace: json!({"marketplace_offering_name": "Compute"}),
        ..Default::default()
    };
    let mut tx = rig.app.context.store().begin().await.unwrap();
    tx.save_portal(rig.app.tenant("tenant-001").await.uuid, &portal).await.unwrap();
    tx.commit().await.unwrap();
    let portal_s_cloud = format!("{}/api/service-settings/{}/", rig.base, Uuid::from_u128(3).simple());
    for (name, settings) in [("one", settings), ("two", portal_s_cloud)] {
        let url = format!("{}/api/projects/{}/", rig.base, project.simple());
        let sent = json!({"name": name, "service_settings": settings, "project": url});
        let made = rig.post(PATH, &operator, Some(&sent)).await;
        assert_eq!(made.status, 201, "{made:?}");
        assert_eq!(
            (&made.body["project_name"], &made.body["customer_name"]),
            (&json!("Genomics"), &json!("University"))
        );
        assert!(made.body["marketplace_offering_name"].is_null(), "that was sold with another tenant");
    }
    rig.app.run_waiting().await;
}

async fn a_tenant_that_cannot_be_made_is_refused(database: Database) {
    let (rig, operator, settings) = rig(&database).await;
    let viewer = rig.token("viewer", Role::Viewer, None).await;
    let known = json!({"name": "Botany", "service_settings": settings});
    assert_eq!(rig.post(PATH, &viewer, Some(&known)).await.status, 403);
    for (key, value) in [
        ("name", json!("tenant-002")),
        ("name", json!(null)),
        ("service_settings", json!("https://w/api/service-settings/00000000000000000000000000000001/")),
        ("service_settings", json!("seven")),
        ("project", json!("seven")),
        ("subnet_cidr", json!("192.0.2.0/24")),
        ("skip_creation_of_default_subnet", json!("yes")),
        ("security_groups", json!({"name": "web"})),
    ] {
        let mut sent = known.clone();
        sent[key] = value;
        let refused = rig.post(PATH, &operator, Some(&sent)).await;
        assert_eq!(refused.status, 400, "{sent}: {refused:?}");
        assert!(refused.body[key][0].is_string(), "{sent}: {refused:?}");
    }
    let mut sent = known.clone();
    sent["security_groups"] = json!([{"name": "web"}, {"name": "web"}, {"name": "default", "rules": [
        {"protocol": "tcp", "from_port": 1, "to_port": 2, "remote_group_name": "nobody"},
    ]}]);
    let refused = rig.post(PATH, &operator, Some(&sent)).await;
    let wrong = json!([
        {},
        {"name": ["another group of the request has this name"]},
        {
            "name": ["the default security group is managed by OpenStack"],
            "rules": [{"remote_group_name": ["the tenant has no security group nobody"]}],
        },
    ]);
    assert_eq!((refused.status, &refused.body["security_groups"]), (400, &wrong), "{refused:?}");
    assert_eq!(rig.get(&format!("{PATH}?name=Botany"), &operator).await.body, json!([]));
}

async fn a_tenant_is_made_with_its_groups(database: Database) {
    let (rig, operator, settings) = rig(&database).await;
    let sent = json!({
        "name": "Genomics", "service_settings": settings, "skip_creation_of_default_subnet": true,
        "security_groups": [
            {"name": "web", "url": "", "rules": [
                {"protocol": "tcp", "from_port": 80, "to_port": 80, "cidr": "0.0.0.0/0", "remote_group": null, "x": 1},
            ]},
            {"name": "db", "description": "behind", "rules": [
                {"protocol": "tcp", "from_port": 5432, "to_port": 5432, "remote_group_name": "web"},
            ]},
        ],
    });
    let made = rig.post(PATH, &operator, Some(&sent)).await;
    assert_eq!((made.status, &made.body["state"]), (201, &json!("CREATION_SCHEDULED")), "{made:?}");
    rig.app.run_waiting().await;
    assert_eq!(rig.get(&format!("{PATH}?name=Genomics"), &operator).await.body[0]["state"], "OK");
    let project = rig.app.cloud().project("Genomics").await;
    let path = format!("/network/v2.0/security-groups?project_id={project}");
    let answer = rig.app.cloud().admin(Method::GET, &path, None).await;
    let groups = answer["security_groups"].as_array().unwrap();
    let mut told: Vec<_> = groups
        .iter()
        .map(|it| (it["name"].as_str().unwrap(), it["security_group_rules"].as_array().unwrap().len()))
        .collect();
    told.sort_unstable();
    assert_eq!(told, [("db", 3), ("default", 4), ("web", 3)]);
}
