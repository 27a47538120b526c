//! `delete_tenant`: everything goes, in an order that the cloud accepts, and the tenant is known until it is gone.

use insta::assert_snapshot;
use serde_json::json;
use tenantd::jobs::runner::Ended;
use tenantd::model::TenantState;
use tenantd::model::job::{Outcome, Request};

use crate::support::{Database, TestApp, on_both_databases};

on_both_databases!(
    a_tenant_goes_with_all_that_is_in_it,
    what_the_cloud_does_not_let_go_is_not_forgotten,
    one_that_was_never_made_is_forgotten,
    what_is_left_of_a_project_that_is_gone_goes_too,
    an_image_that_others_may_use_keeps_its_tenant,
);

const KIND: &str = "delete_tenant";

async fn a_tenant_goes_with_all_that_is_in_it(database: Database) {
    let app = TestApp::writing(&database, &[KIND]).await;
    app.run("pull", "tenant-001", json!({})).await;
    image(&app, "shared").await;
    app.changes().await;
    app.cloud().forget_requests().await;
    let ended = app.run(KIND, "tenant-001", json!({})).await;
    assert_eq!(ended, Ended::Done { outcome: Outcome::Succeeded, left_out: None });
    let changes = app.changes_in(&["jobs", "outbox", "tenants", "expectations", "resources", "snapshots"]).await;
    assert_snapshot!(changes, @"
    + jobs attempt=1 cloud=sim kind=delete_tenant not_before=T+1 outcome=succeeded params={} source=test state=succeeded subject=tenant-001 tenant=tenant-001
    + outbox events job.delete_tenant.succeeded
    + outbox events tenant.deleted
    - expectations author=first observation body=[1 network, 1 subnet, 1 router] resource_type=networks set_at=T+1 source=accepted tenant=tenant-001
    - expectations author=first observation body=[1 snapshot, 1 GiB] resource_type=volume_snapshots set_at=T+1 source=accepted tenant=tenant-001
    - expectations author=first observation body=[15 quotas, vcpu 46] resource_type=quotas set_at=T+1 source=accepted tenant=tenant-001
    - expectations author=first observation body=[2 instances, 2 active] resource_type=instances set_at=T+1 source=accepted tenant=tenant-001
    - expectations author=first observation body=[2 ports, 0 unused] resource_type=ports set_at=T+1 source=accepted tenant=tenant-001
    - expectations author=first observation body=[2 volumes, 3 GiB] resource_type=volumes set_at=T+1 source=accepted tenant=tenant-001
    - expectations author=first observation body=[3 addresses] resource_type=floating_ips set_at=T+1 source=accepted tenant=tenant-001
    - expectations author=first observation body=[default with 4 rules, tenant-001-sg0 with 3 rules, tenant-001-sg1 with 3 rules, tenant-001-sg2 with 3 rules] resource_type=security_groups set_at=T+1 source=accepted tenant=tenant-001
    - expectations author=first observation body=[tenant-001-group0, tenant-001-group1] resource_type=server_groups set_at=T+1 source=accepted tenant=tenant-001
    - resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=floating_ips snapshot=<snapshot> tenant=tenant-001
    - resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=instances snapshot=<snapshot> tenant=tenant-001
    - resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=networks snapshot=<snapshot> tenant=tenant-001
    - resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=ports snapshot=<snapshot> tenant=tenant-001
    - resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=quotas snapshot=<snapshot> tenant=tenant-001
    - resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=security_groups snapshot=<snapshot> tenant=tenant-001
    - resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=server_groups snapshot=<snapshot> tenant=tenant-001
    - resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=volume_snapshots snapshot=<snapshot> tenant=tenant-001
    - resources last_attempt_at=T+1 last_success_at=T+1 observed_at=T+1 resource_type=volumes snapshot=<snapshot> tenant=tenant-001
    - snapshots body=[1 network, 1 subnet, 1 router] first_seen_at=T+1 last_seen_at=T+1 resource_type=networks tenant=tenant-001
    - snapshots body=[1 snapshot, 1 GiB] first_seen_at=T+1 last_seen_at=T+1 resource_type=volume_snapshots tenant=tenant-001
    - snapshots body=[15 quotas, vcpu 46] first_seen_at=T+1 last_seen_at=T+1 resource_type=quotas tenant=tenant-001
    - snapshots body=[2 instances, 2 active] first_seen_at=T+1 last_seen_at=T+1 resource_type=instances tenant=tenant-001
    - snapshots body=[2 ports, 0 unused] first_seen_at=T+1 last_seen_at=T+1 resource_type=ports tenant=tenant-001
    - snapshots body=[2 volumes, 3 GiB] first_seen_at=T+1 last_seen_at=T+1 resource_type=volumes tenant=tenant-001
    - snapshots body=[3 addresses] first_seen_at=T+1 last_seen_at=T+1 resource_type=floating_ips tenant=tenant-001
    - snapshots body=[default with 4 rules, tenant-001-sg0 with 3 rules, tenant-001-sg1 with 3 rules, tenant-001-sg2 with 3 rules] first_seen_at=T+1 last_seen_at=T+1 resource_type=security_groups tenant=tenant-001
    - snapshots body=[tenant-001-group0, tenant-001-group1] first_seen_at=T+1 last_seen_at=T+1 resource_type=server_groups tenant=tenant-001
    - tenants backend_id=tenant-001 cloud=sim created_at=T+1 enabled=true name=tenant-001 state=OK tags=tenant, tier-2
    ");
    assert_snapshot!(order(&app).await, @"
    DELETE /compute/v2.1/servers
    DELETE /network/v2.0/floatingips
    DELETE /network/v2.0/routers
    DELETE /network/v2.0/networks
    DELETE /compute/v2.1/os-server-groups
    DELETE /network/v2.0/security-groups
    DELETE /volume/v3/snapshots
    POST /volume/v3/volumes/action
    DELETE /image/v2/images
    DELETE /identity/v3/projects
    ");
    assert!(app.context.store().tenants_by_name("tenant-001", None).await.unwrap().is_empty());
}

/// An image of the first tenant.
async fn image(app: &TestApp, visibility: &str) {
    let owner = app.tenant("tenant-001").await.backend_id;
    let image = json!({"name": "golden", "owner": owner, "visibility": visibility, "container_format": "bare"});
    app.cloud().admin(reqwest::Method::POST, "/image/v2/images", Some(image)).await;
}

/// What was asked of the cloud, in its order, each sort of request once.
async fn order(app: &TestApp) -> String {
    let mut order: Vec<String> = app.cloud().changes().await.iter().map(|it| kind_of(it)).collect();
    order.dedup();
    order.join("\n")
}

/// A request without the id.
fn kind_of(request: &str) -> String {
    let parts: Vec<&str> = request.split('/').filter(|part| part.len() < 32).collect();
    parts.join("/")
}

async fn what_the_cloud_does_not_let_go_is_not_forgotten(database: Database) {
    let app = TestApp::writing(&database, &[KIND]).await;
    app.run("pull_quotas", "tenant-001", json!({})).await;
    let fault = json!([{"service": "network", "method": "DELETE", "contains": "security-groups", "kind": "status", "status": 409}]);
    app.cloud().faults(fault).await;
    let ended = app.run(KIND, "tenant-001", json!({})).await;
    assert!(matches!(&ended, Ended::Dead { reason, .. } if reason == "conflict"), "{ended:?}");
    let erred = app.tenant("tenant-001").await;
    assert_eq!(erred.state, TenantState::Erred);
    assert!(erred.error_message.contains("security_group_delete"), "{}", erred.error_message);
    app.cloud().faults(json!([])).await;
    let subject = Some(erred.uuid.to_string());
    let ended = app.deliver(Request { subject, ..app.request(KIND) }).await;
    assert_eq!(ended, Ended::Done { outcome: Outcome::Succeeded, left_out: None });
    assert!(app.context.store().tenant(erred.uuid).await.unwrap().is_none());
}

async fn one_that_was_never_made_is_forgotten(database: Database) {
    let app = TestApp::writing(&database, &[KIND, "create_tenant"]).await;
    let fault =
        json!([{"service": "identity", "method": "POST", "contains": "/projects", "kind": "status", "status": 403}]);
    app.cloud().faults(fault).await;
    let wish = Request { cloud: Some("sim".into()), params: json!({"name": "fresh"}), ..app.request("create_tenant") };
    assert!(matches!(app.deliver(wish).await, Ended::Dead { .. }));
    let unmade = app.tenant("fresh").await;
    assert_eq!((unmade.state, unmade.project()), (TenantState::Erred, None));
    app.cloud().count_changes().await;
    let subject = Some(unmade.uuid.to_string());
    for kind in ["pull_quotas", "set_quotas"] {
        let dead = app.deliver(Request { subject: subject.clone(), ..app.request(kind) }).await;
        assert!(matches!(dead, Ended::Dead { .. }), "{dead:?}");
    }
    let ended = app.deliver(Request { subject, ..app.request(KIND) }).await;
    assert_eq!(ended, Ended::Done { outcome: Outcome::Succeeded, left_out: None });
    assert_eq!(app.cloud().halted().await.1, 0);
    assert!(app.context.store().tenant(unmade.uuid).await.unwrap().is_none());
}

async fn what_is_left_of_a_project_that_is_gone_goes_too(database: Database) {
    let app = TestApp::writing(&database, &[KIND]).await;
    app.run("pull_quotas", "tenant-001", json!({})).await;
    let tenant = app.tenant("tenant-001").await;
    let path = format!("/identity/v3/projects/{}", tenant.backend_id);
    app.cloud().admin(reqwest::Method::DELETE, &path, None).await;
    app.cloud().forget_requests().await;
    let ended = app.deliver(Request { subject: Some(tenant.uuid.to_string()), ..app.request(KIND) }).await;
    assert_eq!(ended, Ended::Done { outcome: Outcome::Succeeded, left_out: None });
    assert_snapshot!(order(&app).await, @"
    DELETE /compute/v2.1/servers
    DELETE /network/v2.0/floatingips
    DELETE /network/v2.0/routers
    DELETE /network/v2.0/networks
    DELETE /compute/v2.1/os-server-groups
    DELETE /network/v2.0/security-groups
    DELETE /volume/v3/snapshots
    POST /volume/v3/volumes/action
    ");
    assert!(app.context.store().tenant(tenant.uuid).await.unwrap().is_none());
}

async fn an_image_that_others_may_use_keeps_its_tenant(database: Database) {
    let app = TestApp::writing(&database, &[KIND]).await;
    app.run("pull_quotas", "tenant-001", json!({})).await;
    image(&app, "community").await;
    app.cloud().forget_requests().await;
    let ended = app.run(KIND, "tenant-001", json!({})).await;
    assert!(matches!(&ended, Ended::Dead { reason, .. } if reason == "image_kept"), "{ended:?}");
    assert_eq!(order(&app).await, "", "nothing was removed");
    let kept = app.tenant("tenant-001").await;
    assert_eq!(kept.state, TenantState::Erred);
    assert!(kept.error_message.contains("(golden), which others may use"), "{}", kept.error_message);
}
