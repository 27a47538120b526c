//! Keystone: who gets in, and how long.

use serde_json::{Value, json};

use super::{Cloud, ids, password_login, project};

const PROJECTS: &str = "/identity/v3/projects";

#[tokio::test]
async fn every_failed_login_looks_the_same() {
    let cloud = Cloud::start().await;
    let logins = [
        password_login("admin", "wrong", Some(project("admin"))),
        password_login("nobody", "admin-secret", Some(project("admin"))),
        password_login("admin", "admin-secret", Some(project("nothing"))),
        password_login("admin", "admin-secret", Some(project("retired"))),
        password_login("admin", "admin-secret", Some(json!({"domain": {"name": "Default"}}))),
        password_login("member", "member-secret", Some(json!({"system": {"all": true}}))),
    ];
    for login in logins {
        let answer = cloud.login(login.clone()).await;
        let uri = format!("Keystone uri=\"{}\"", cloud.simulator.auth_url());
        assert_eq!(
            (answer.status, answer.headers["www-authenticate"].to_str().unwrap()),
            (401, uri.as_str()),
            "{login}"
        );
    }
}

#[tokio::test]
async fn an_application_credential_logs_in_until_it_expires() {
    let cloud = Cloud::start().await;
    let token = cloud.token("member").await;
    let validated = cloud.get(&token, "/identity/v3/auth/projects").await;
    assert_eq!(validated.body["projects"][0]["name"], "tenant-001");
    let made = cloud
        .send(
            "POST",
            "/identity/v3/users/me/application_credentials",
            Some(&token),
            None,
            Some(json!({
                "application_credential": {"name": "daemon", "roles": [{"name": "reader"}]},
            })),
        )
        .await;
    assert_eq!(made.status, 201);
    let made = &made.body["application_credential"];
    let login = json!({"auth": {"identity": {"methods": ["application_credential"], "application_credential": {
        "id": made["id"], "secret": made["secret"],
    }}}});
    let inside = cloud.login(login.clone()).await;
    let roles: Vec<&Value> =
        inside.body["token"]["roles"].as_array().unwrap().iter().map(|role| &role["name"]).collect();
    assert_eq!(
        (inside.status, roles, &inside.body["token"]["project"]["name"]),
        (201, vec![&json!("reader")], &json!("tenant-001"))
    );
    let issued = inside.headers["x-subject-token"].to_str().unwrap().to_owned();
    let expired = cloud.send("POST", "/simulator/expire-credentials", None, None, None).await;
    assert_eq!(expired.body, json!({"expired": 1}));
    assert_eq!(cloud.login(login).await.status, 401);
    assert_eq!(cloud.get(&issued, "/network/v2.0/floatingips").await.status, 401);
}

#[tokio::test]
async fn projects_are_filtered_and_paged() {
    let cloud = Cloud::start().await;
    let token = cloud.token("admin").await;
    let names = async |query: &str| {
        let answer = cloud.get(&token, &format!("{PROJECTS}?{query}")).await;
        let rows = answer.body["projects"].as_array().unwrap().clone();
        let mut names: Vec<String> = rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names("enabled=false").await, ["retired"]);
    assert_eq!(names("tags=tenant,tier-2").await, ["tenant-001"]);
    assert_eq!(names("tags-any=tier-1,tier-2").await, ["tenant-001", "tenant-003"]);
    assert_eq!(names("not-tags=tenant").await, ["admin", "retired", "stack-users"]);
    assert_eq!(names("domain_id=default&name=stack-users").await, Vec::<String>::new());
    let all = ids(&cloud.get(&token, PROJECTS).await, "projects");
    let mut seen = Vec::new();
    let mut path = format!("{PROJECTS}?limit=4");
    loop {
        let page = cloud.get(&token, &path).await;
        seen.extend(ids(&page, "projects"));
        let Some(next) = page.body["links"]["next"].as_str() else { break };
        path = next.replace(&cloud.simulator.url(), "");
    }
    assert_eq!((seen.len(), &seen), (6, &all));
}

#[tokio::test]
async fn a_disabled_project_ends_its_tokens() {
    let cloud = Cloud::start().await;
    let (admin, member) = (cloud.token("admin").await, cloud.token("member").await);
    let tenant = cloud.project(&admin, "tenant-001").await;
    let body = json!({"project": {"enabled": false}});
    let path = format!("{PROJECTS}/{tenant}");
    assert_eq!(cloud.send("PATCH", &path, Some(&admin), None, Some(body)).await.status, 200);
    assert_eq!(cloud.get(&member, "/network/v2.0/floatingips").await.status, 401);
}
