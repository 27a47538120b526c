//! Whose turn it is to change a tenant, as the records tell it: states, versions, and what is left of a change.

use serde_json::json;
use tenantd::model::job::{JobState, Request};
use tenantd::model::{Object, Tenant, TenantState};
use tenantd::store::states::{NewTenant, Traits};
use tenantd::store::steps::Step;
use tenantd::store::tenants::Seen;
use uuid::Uuid;

use crate::support::app::{began, none};
use crate::support::{Database, TestApp, on_both_databases};

on_both_databases!(
    the_second_who_asks_finds_another_state,
    a_change_waits_for_the_one_that_is_not_over,
    the_end_of_a_job_ends_its_hold,
    a_job_that_never_began_leaves_the_tenant_as_it_was,
    a_tenant_without_a_project_is_made_once,
    steps_keep_what_there_was_before,
    objects_are_kept_by_their_own_ids,
    a_look_leaves_a_tenant_in_trouble_as_it_is,
);

const FROM: [TenantState; 2] = [TenantState::Ok, TenantState::Erred];

/// A tenant, and jobs that want to change it.
async fn tenant_and_jobs(app: &TestApp) -> (Tenant, [Request; 2]) {
    app.run("pull_quotas", "tenant-001", none()).await;
    app.database.expect_leftovers();
    let jobs = [app.request("pull"), app.request("pull")];
    let mut tx = app.context.store().begin().await.unwrap();
    for job in &jobs {
        assert!(tx.insert_job(job, None).await.unwrap());
    }
    tx.commit().await.unwrap();
    (app.tenant("tenant-001").await, jobs)
}

async fn schedule(app: &TestApp, tenant: &Tenant, job: &Request) -> bool {
    let mut tx = app.context.store().begin().await.unwrap();
    let to = TenantState::UpdateScheduled;
    let done = tx.schedule_tenant(tenant.uuid, &FROM, to, job.id, began()).await.unwrap();
    tx.commit().await.unwrap();
    done
}

async fn begin(app: &TestApp, tenant: &Tenant, job: &Request) -> Option<Tenant> {
    let mut tx = app.context.store().begin().await.unwrap();
    let begun = tx.begin_on_tenant(tenant.uuid, job.id, TenantState::Updating, began()).await.unwrap();
    tx.commit().await.unwrap();
    begun
}

async fn settle(app: &TestApp, job: &Request, state: TenantState, error: &str) {
    let mut tx = app.context.store().begin().await.unwrap();
    tx.settle_tenant(job.id, state, error, began()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn release(app: &TestApp, job: &Request) {
    let mut tx = app.context.store().begin().await.unwrap();
    tx.release_tenant(job.id, "nobody wants it", began()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn state(app: &TestApp) -> (TenantState, String) {
    let tenant = app.tenant("tenant-001").await;
    (tenant.state, tenant.error_message)
}

async fn the_second_who_asks_finds_another_state(database: Database) {
    let app = TestApp::start(&database).await;
    let (tenant, [first, second]) = tenant_and_jobs(&app).await;
    assert!(schedule(&app, &tenant, &first).await);
    assert!(!schedule(&app, &tenant, &second).await);
    let now = app.tenant("tenant-001").await;
    assert_eq!((now.state, now.state_job), (TenantState::UpdateScheduled, Some(first.id)));
    assert_eq!(now.version, tenant.version + 1);
}

async fn a_change_waits_for_the_one_that_is_not_over(database: Database) {
    let app = TestApp::start(&database).await;
    let (tenant, [first, second]) = tenant_and_jobs(&app).await;
    assert!(schedule(&app, &tenant, &first).await);
    assert!(begin(&app, &tenant, &second).await.is_none(), "it was asked for first");
    let begun = begin(&app, &tenant, &first).await.unwrap();
    assert_eq!((begun.state, begun.state_job), (TenantState::Updating, Some(first.id)));
    assert!(begin(&app, &tenant, &first).await.is_some(), "its repetition");
    // Its holder ended it and could not say so: an older version knows nothing of states.
    let mut tx = app.context.store().begin().await.unwrap();
    assert_eq!(tx.cancel_job(first.id, "gone", began()).await.unwrap(), Some(JobState::Cancelled));
    tx.commit().await.unwrap();
    assert_eq!(begin(&app, &tenant, &second).await.unwrap().state_job, Some(second.id));
}

async fn the_end_of_a_job_ends_its_hold(database: Database) {
    let app = TestApp::start(&database).await;
    let (tenant, [first, second]) = tenant_and_jobs(&app).await;
    begin(&app, &tenant, &first).await.unwrap();
    settle(&app, &second, TenantState::Ok, "").await;
    assert_eq!(state(&app).await.0, TenantState::Updating, "it is not the other one's");
    settle(&app, &first, TenantState::Erred, "volume: no").await;
    assert_eq!(state(&app).await, (TenantState::Erred, "volume: no".to_owned()));
    begin(&app, &tenant, &second).await.unwrap();
    assert_eq!(state(&app).await, (TenantState::Updating, String::new()));
    settle(&app, &second, TenantState::Ok, "").await;
    assert_eq!(state(&app).await, (TenantState::Ok, String::new()));
    let mut tx = app.context.store().begin().await.unwrap();
    assert!(tx.set_tenant_state(tenant.uuid, TenantState::Erred, "a person said so", began()).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(state(&app).await, (TenantState::Erred, "a person said so".to_owned()));
}

async fn a_job_that_never_began_leaves_the_tenant_as_it_was(database: Database) {
    let app = TestApp::start(&database).await;
    let (tenant, [first, second]) = tenant_and_jobs(&app).await;
    begin(&app, &tenant, &first).await.unwrap();
    settle(&app, &first, TenantState::Erred, "volume: no").await;
    assert!(schedule(&app, &tenant, &second).await);
    release(&app, &second).await;
    assert_eq!(state(&app).await, (TenantState::Erred, "volume: no".to_owned()));
    begin(&app, &tenant, &second).await.unwrap();
    let mut tx = app.context.store().begin().await.unwrap();
    tx.intend_step((second.id, tenant.uuid), &step()).await.unwrap();
    tx.commit().await.unwrap();
    release(&app, &second).await;
    assert_eq!(state(&app).await, (TenantState::Erred, "nobody wants it".to_owned()));
}

async fn a_tenant_without_a_project_is_made_once(database: Database) {
    let app = TestApp::start(&database).await;
    let (_, [job, _]) = tenant_and_jobs(&app).await;
    let new = NewTenant {
        uuid: Uuid::from_u128(7),
        cloud: "sim".to_owned(),
        name: "fresh".to_owned(),
        domain: "default".to_owned(),
        description: String::new(),
        availability_zone: "nova".to_owned(),
        default_volume_type: String::new(),
    };
    let mut tx = app.context.store().begin().await.unwrap();
    assert!(tx.create_tenant(&new, job.id, began()).await.unwrap());
    assert!(!tx.create_tenant(&new, job.id, began()).await.unwrap());
    tx.commit().await.unwrap();
    let unmade = app.tenant("fresh").await;
    assert_eq!((unmade.state, unmade.project(), unmade.enabled), (TenantState::CreationScheduled, None, false));
    // A discovery saw the project before the job could say that it made it.
    let seen = Seen {
        cloud: "sim".to_owned(),
        backend_id: "p1".to_owned(),
        name: "fresh".to_owned(),
        domain: "default".to_owned(),
        description: String::new(),
        enabled: true,
        tags: Vec::new(),
        domain_name: String::new(),
    };
    let mut tx = app.context.store().begin().await.unwrap();
    tx.save_tenant(Uuid::from_u128(8), &seen, began()).await.unwrap();
    tx.tenant_made(&unmade, ("p1", "default"), began()).await.unwrap();
    let traits = Traits { user_name: Some("fresh-user".to_owned()), ..Traits::default() };
    tx.describe_tenant(unmade.uuid, &traits, began()).await.unwrap();
    tx.commit().await.unwrap();
    let made = app.context.store().tenants_by_name("fresh", None).await.unwrap();
    assert_eq!(made.len(), 1);
    let told = (made[0].uuid, made[0].project(), made[0].user_name.as_str(), made[0].availability_zone.as_str());
    assert_eq!(told, (new.uuid, Some("p1"), "fresh-user", "nova"));
}

fn step() -> Step {
    let until = began() + chrono::Duration::seconds(40);
    Step { name: "network".into(), intended_at: began(), until, existing: vec!["n1".into()], result: None }
}

async fn steps_keep_what_there_was_before(database: Database) {
    let app = TestApp::start(&database).await;
    let (tenant, [job, _]) = tenant_and_jobs(&app).await;
    let (store, first) = (app.context.store(), step());
    let later = Step { until: first.until + chrono::Duration::hours(1), existing: Vec::new(), ..first.clone() };
    let mut tx = store.begin().await.unwrap();
    tx.intend_step((job.id, tenant.uuid), &first).await.unwrap();
    tx.intend_step((job.id, tenant.uuid), &later).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(store.steps(job.id).await.unwrap(), [Step { existing: first.existing.clone(), ..later.clone() }]);
    assert_eq!(store.steps_pending(tenant.uuid).await.unwrap(), Some(later.until));
    let mut tx = store.begin().await.unwrap();
    tx.step_done(job.id, "network", &json!({"id": "n2"}), began()).await.unwrap();
    tx.withdraw_step(job.id, "network").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(store.steps(job.id).await.unwrap()[0].result, Some(json!({"id": "n2"})), "what is done stays");
    assert_eq!(store.steps_pending(tenant.uuid).await.unwrap(), None);
}

async fn objects_are_kept_by_their_own_ids(database: Database) {
    let app = TestApp::start(&database).await;
    let (tenant, [job, _]) = tenant_and_jobs(&app).await;
    let asked_for = Object::asked_for(Uuid::from_u128(9), tenant.uuid, "networks", job.id, began());
    let network = Object { name: "inner".to_owned(), ..asked_for };
    let store = app.context.store();
    let mut tx = store.begin().await.unwrap();
    tx.save_object(&network).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(store.objects(tenant.uuid, Some("networks")).await.unwrap(), std::slice::from_ref(&network));
    assert!(store.objects(tenant.uuid, Some("floating_ips")).await.unwrap().is_empty());
    let mut tx = store.begin().await.unwrap();
    tx.settle_objects(job.id, "network: no", began()).await.unwrap();
    tx.commit().await.unwrap();
    let left = store.object(network.uuid).await.unwrap().unwrap();
    assert_eq!((left.state, left.error_message.as_str()), (TenantState::Erred, "network: no"));
    let mut tx = store.begin().await.unwrap();
    assert!(tx.remove_object(network.uuid).await.unwrap());
    tx.commit().await.unwrap();
    assert!(store.objects(tenant.uuid, None).await.unwrap().is_empty());
}

async fn a_look_leaves_a_tenant_in_trouble_as_it_is(database: Database) {
    let app = TestApp::start(&database).await;
    app.run("pull", "tenant-001", none()).await;
    let tenant = app.tenant("tenant-001").await;
    let mut tx = app.context.store().begin().await.unwrap();
    tx.set_tenant_state(tenant.uuid, TenantState::Erred, "nova refused", began()).await.unwrap();
    tx.commit().await.unwrap();
    app.run("pull", "tenant-001", none()).await;
    assert_eq!(state(&app).await, (TenantState::Erred, "nova refused".to_owned()));
}
