//! A login that does not work, or does not see, is named, proves nothing, and keeps no other cloud from its pulls.

use insta::assert_snapshot;

use crate::support::{Database, Login, Setup, TestApp, on_both_databases, rows};

on_both_databases!(
    a_wrong_password_is_named,
    an_expired_credential_is_named,
    a_role_that_sees_too_little_is_named,
    a_member_sees_only_its_own_project,
    a_system_scope_is_refused,
);

/// Discovers two clouds, then pulls both, one of them with `login`; what that cloud left behind.
async fn pulled_with(database: &Database, login: Login) -> String {
    let clouds = vec![("broken", Login::Entry("sim"), 1), ("whole", Login::Entry("sim"), 2)];
    let app = TestApp::with(database, Setup { tenants: 1, clouds, ..Setup::default() }).await;
    app.deliver(app.request("pull_tenants")).await;
    app.run_waiting().await;
    app.log_in("broken", login).await;
    app.changes().await;
    app.deliver(app.request("pull_security_groups")).await;
    app.run_waiting().await;

    let rows = rows::all(database).await;
    let cloud_of = |tenant: &serde_json::Value| {
        rows.iter().find(|((table, key), _)| table == "tenants" && *key == rows::text(tenant)).unwrap().1["cloud"]
            .clone()
    };
    let accepted = rows.iter().filter(|((table, _), _)| table == "expectations");
    let accepted: Vec<String> = accepted.map(|(_, row)| rows::text(&cloud_of(&row["tenant"]))).collect();
    let whole = accepted.iter().filter(|cloud| *cloud == "whole").count();
    assert_eq!(whole, 2, "tenant-001 and admin of the other cloud");
    let changes = app.changes_in(&["dead_letters", "jobs", "findings"]).await;
    let about = changes.lines().filter(|line| !line.contains("cloud=whole"));
    let accepted = format!("accepted in the broken cloud: {}", accepted.len() - whole);
    about.map(str::to_owned).chain([accepted]).collect::<Vec<_>>().join("\n")
}

async fn a_wrong_password_is_named(database: Database) {
    assert_snapshot!(pulled_with(&database, Login::WrongPassword).await, @r#"
    + dead_letters attempts=1 body={"cloud":"broken","id":"<job>","kind":"pull_security_groups","params":{}} died_at=T+6 error=http://127.0.0.1:PORT/identity/v3 refused the login of user admin: The request you have made requires authentication. (<id>); check the user, the secret and the project in clouds.yaml job=<job> kind=pull_security_groups reason=unauthorised
    + jobs attempt=1 cloud=broken error=http://127.0.0.1:PORT/identity/v3 refused the login of user admin: The request you have made requires authentication. (<id>); check the user, the secret and the project in clouds.yaml kind=pull_security_groups not_before=T+3 outcome=failed params={} reason=unauthorised source=test state=failed
    + jobs attempt=1 kind=pull_security_groups not_before=T+3 outcome=succeeded params={} source=test state=succeeded
    accepted in the broken cloud: 0
    "#);
}

async fn an_expired_credential_is_named(database: Database) {
    assert_snapshot!(pulled_with(&database, Login::ExpiredCredential).await, @r#"
    + dead_letters attempts=1 body={"cloud":"broken","id":"<job>","kind":"pull_security_groups","params":{}} died_at=T+6 error=http://127.0.0.1:PORT/identity/v3 refused the login of application credential <id>: The request you have made requires authentication. (<id>); check whether it has expired or was deleted, and its secret in clouds.yaml job=<job> kind=pull_security_groups reason=unauthorised
    + jobs attempt=1 cloud=broken error=http://127.0.0.1:PORT/identity/v3 refused the login of application credential <id>: The request you have made requires authentication. (<id>); check whether it has expired or was deleted, and its secret in clouds.yaml kind=pull_security_groups not_before=T+3 outcome=failed params={} reason=unauthorised source=test state=failed
    + jobs attempt=1 kind=pull_security_groups not_before=T+3 outcome=succeeded params={} source=test state=succeeded
    accepted in the broken cloud: 0
    "#);
}

async fn a_role_that_sees_too_little_is_named(database: Database) {
    assert_snapshot!(pulled_with(&database, Login::Entry("sim-reader")).await, @"
    + jobs attempt=1 cloud=broken error=1 of 2 looks failed; the first: network was not asked for security_group_list: it would list nothing but project admin to the roles reader; use a login with one of the roles admin, or name the role that sees everything in `all_projects_roles` kind=pull_security_groups not_before=T+3 outcome=partial params={} source=test state=succeeded
    + jobs attempt=1 kind=pull_security_groups not_before=T+3 outcome=succeeded params={} source=test state=succeeded
    accepted in the broken cloud: 1
    ");
}

async fn a_member_sees_only_its_own_project(database: Database) {
    assert_snapshot!(pulled_with(&database, Login::Entry("sim-member")).await, @"
    + jobs attempt=1 cloud=broken error=1 of 2 looks failed; the first: network was not asked for security_group_list: it would list nothing but project tenant-001 to the roles member, reader; use a login with one of the roles admin, or name the role that sees everything in `all_projects_roles` kind=pull_security_groups not_before=T+3 outcome=partial params={} source=test state=succeeded
    + jobs attempt=1 kind=pull_security_groups not_before=T+3 outcome=succeeded params={} source=test state=succeeded
    accepted in the broken cloud: 1
    ");
}

async fn a_system_scope_is_refused(database: Database) {
    assert_snapshot!(pulled_with(&database, Login::Entry("sim-system")).await, @r#"
    + dead_letters attempts=1 body={"cloud":"broken","id":"<job>","kind":"pull_security_groups","params":{}} died_at=T+6 error=network gives a true answer only to a token for a project (neutron lists nothing to others) and this one is for the system; set a project in clouds.yaml job=<job> kind=pull_security_groups reason=wrong_scope
    + jobs attempt=1 cloud=broken error=network gives a true answer only to a token for a project (neutron lists nothing to others) and this one is for the system; set a project in clouds.yaml kind=pull_security_groups not_before=T+3 outcome=failed params={} reason=wrong_scope source=test state=failed
    + jobs attempt=1 kind=pull_security_groups not_before=T+3 outcome=succeeded params={} source=test state=succeeded
    accepted in the broken cloud: 0
    "#);
}
