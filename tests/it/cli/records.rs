//! Commands that change records change those rows and no others.

use serde_json::json;
use tenantd::model::ids::new_id;
use tenantd::model::job::{JobState, Outcome, PRIORITY_PERSON, Reply, ReplyFormat, Request};
use tenantd::model::{Body, FindingState};
use tenantd::store::holds::{Delivered, Hold};
use tenantd::store::jobs::Filter;
use uuid::Uuid;

use super::{PROJECT, Place, now};

/// The limit that the records expect of a quota.
async fn expected(place: &Place, tenant: Uuid, quota: &str) -> String {
    let expectations = place.store.expectations(tenant).await.unwrap();
    let Body::Quotas(quotas) = &expectations[0].body else { panic!("quotas are expected") };
    quotas[quota].limit.unwrap().to_string()
}

async fn jobs(place: &Place, kind: &str) -> Vec<tenantd::model::job::Job> {
    place.store.jobs(Filter { kind: Some(kind), limit: 10, ..Filter::default() }).await.unwrap()
}

#[tokio::test]
async fn accepting_a_finding_moves_that_limit_only() {
    let (place, furniture) = Place::furnished().await;
    let (id, tenant) = (furniture.finding.to_string(), furniture.tenant.uuid);
    let tried = place.run(&["drift", "accept", &id, "--dry-run", "-o", "json"]).json();
    assert_eq!((tried.len(), tried[0]["state"].as_str()), (1, Some("open")));
    assert_eq!(expected(&place, tenant, "vcpu").await, "20");

    let said = place.run(&["drift", "accept", "--tenant", "lab/blue", "-o", "json"]);
    assert!(said.err.contains("1 finding left as it is") && said.err.contains("1 finding accepted"), "{said:?}");
    assert_eq!(said.json()[0]["state"], "accepted");
    let of_over_limit = place.store.finding(furniture.over_limit).await.unwrap().unwrap();
    assert_eq!(of_over_limit.finding.state, FindingState::Open);
    let expectation = place.store.expectations(tenant).await.unwrap().remove(0);
    assert_eq!(
        (expectation.origin_of("vcpu").source.as_str(), expectation.origin_of("vcpu").author.as_str()),
        ("accepted", "olga")
    );

    let again = place.run(&["drift", "accept", &id]);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("is accepted already"), "{again:?}");
    let refused = place.run(&["drift", "accept", &furniture.over_limit.to_string()]);
    assert!(refused.code == 1 && refused.err.contains("cannot be accepted"), "{refused:?}");
    assert_eq!(place.run(&["drift", "accept"]).code, 64);
}

#[tokio::test]
async fn commanded_limits_are_laid_over_the_present_ones_and_compared_again() {
    let (place, furniture) = Place::furnished().await;
    let tenant = furniture.tenant.uuid;
    let set = |values: &str| place.run(&["expectations", "set", "--tenant", PROJECT, "quotas", "--values", values]);
    let refused = set(r#"{"vcpus": 40}"#);
    assert!(refused.code == 64 && refused.err.contains("`vcpus` is no quota"), "{refused:?}");
    assert_eq!(set(r#"{"vcpu": -7}"#).code, 64);
    assert!(jobs(&place, "detect_drift").await.is_empty());

    assert_eq!(set(r#"{"vcpu": "unlimited"}"#).code, 0);
    assert_eq!(expected(&place, tenant, "vcpu").await, "unlimited");
    assert_eq!(expected(&place, tenant, "ram").await, "1024");
    let compare = jobs(&place, "detect_drift").await.remove(0);
    assert_eq!((compare.tenant, compare.state), (Some(tenant), JobState::Queued));
    assert_eq!(compare.request.params, json!({ "resource_type": "quotas" }));
    let expectation = place.store.expectations(tenant).await.unwrap().remove(0);
    assert_eq!(
        (expectation.origin_of("vcpu").source.as_str(), expectation.origin_of("vcpu").author.as_str()),
        ("commanded", "olga")
    );
}

#[tokio::test]
async fn an_expectation_comes_from_a_snapshot_or_a_file_and_goes_away() {
    let (place, furniture) = Place::furnished().await;
    let (tenant, later) = (furniture.tenant.uuid, furniture.later.to_string());
    let set = ["expectations", "set", "--tenant", "blue", "quotas"];
    assert_eq!(place.run(&[&set[..], &["--from-snapshot", &later]].concat()).code, 0);
    assert_eq!(expected(&place, tenant, "vcpu").await, "40");

    let file = place.path("quotas.json");
    std::fs::write(&file, r#"{"vcpu": {"limit": 7}}"#).unwrap();
    assert_eq!(place.run(&[&set[..], &["--file", file.to_str().unwrap()]].concat()).code, 0);
    assert_eq!(expected(&place, tenant, "vcpu").await, "7");
    assert_eq!(place.run(&set).code, 64);

    let clear = ["expectations", "clear", "--tenant", "blue", "quotas"];
    assert_eq!(place.run(&clear).code, 0);
    assert!(place.store.expectations(tenant).await.unwrap().is_empty());
    assert!(place.run(&clear).err.contains("nothing was changed"));
    assert_eq!(jobs(&place, "detect_drift").await.len(), 3);
}

#[tokio::test]
async fn a_dead_letter_lives_again_once() {
    let (place, furniture) = Place::furnished().await;
    let id = furniture.letter.to_string();
    let requeued = place.run(&["dead", "requeue", &id, "-o", "json"]).json();
    let job: Uuid = requeued[0]["job"].as_str().unwrap().parse().unwrap();
    let job = place.store.job(job).await.unwrap().unwrap();
    assert_eq!((job.request.retry_of, job.request.kind.as_str()), (Some(furniture.dead_job), "pull_quotas"));
    assert_eq!((job.request.source.as_str(), job.request.subject.as_deref()), ("cli", Some(PROJECT)));
    let again = place.run(&["dead", "requeue", &id]);
    assert!(again.err.contains("was requeued already"), "{again:?}");

    let refused = place.run(&["dead", "requeue", "--all"]);
    assert_eq!((refused.code, refused.out.as_str()), (1, ""));
    assert!(refused.err.contains("cannot be a job (unreadable)"), "{refused:?}");
    assert!(place.store.dead_letter(furniture.unreadable).await.unwrap().unwrap().requeued_as.is_none());

    assert!(place.run(&["dead", "purge", "--before", "1h"]).err.starts_with("0 dead letters"));
    assert!(place.run(&["dead", "purge", "--reason", "unreadable"]).err.starts_with("1 dead letter "));
    assert!(place.store.dead_letter(furniture.letter).await.unwrap().is_some());
}

#[tokio::test]
async fn dead_letters_are_chosen_by_what_they_are() {
    let (place, furniture) = Place::furnished().await;
    let list = |filters: &[&str]| place.run(&[&["dead", "list", "-o", "json"], filters].concat()).json().len();
    assert_eq!(list(&[]), 2);
    assert_eq!(
        [list(&["--kind", "pull_quotas"]), list(&["--kind", "pull"]), list(&["--reason", "refused"])],
        [1, 0, 1]
    );
    // The messages call it by its project id.
    assert_eq!(
        [list(&["--tenant", "lab/blue"]), list(&["--tenant", "blue"]), list(&["--tenant", "nobody"])],
        [2, 2, 0]
    );
    assert_eq!([list(&["--since", "1h"]), list(&["--before", "1h"])], [2, 0]);

    let tried = place.run(&["dead", "requeue", "--kind", "pull_quotas", "--dry-run", "-o", "json"]);
    assert!(tried.err.contains("1 dead letter would be requeued; nothing was changed"), "{tried:?}");
    assert_eq!((tried.json().len(), jobs(&place, "pull_quotas").await.len()), (1, 1));
    assert_eq!(place.run(&["dead", "requeue", "--tenant", "blue", "--reason", "refused"]).code, 0);
    assert_eq!(jobs(&place, "pull_quotas").await.len(), 2);
    assert_eq!([list(&[]), list(&["--requeued"])], [1, 2]);

    let said = place.run(&["dead", "purge"]);
    assert!(said.code == 64 && said.err.contains("--all"), "{said:?}");
    assert_eq!(place.run(&["dead", "purge", &furniture.letter.to_string(), "--kind", "pull"]).code, 64);
    assert!(place.run(&["dead", "purge", "--all", "--dry-run"]).err.starts_with("2 dead letters would"));
    assert!(place.run(&["dead", "purge", &furniture.letter.to_string()]).err.starts_with("1 dead letter forgotten"));
    assert!(place.run(&["dead", "purge", "--all"]).err.starts_with("1 dead letter forgotten"));
}

#[tokio::test]
async fn a_job_is_cancelled_once() {
    let (place, furniture) = Place::furnished().await;
    let job = jobs(&place, "pull_quotas").await.remove(0).request;
    let said = place.run(&["jobs", "cancel", &job.id.to_string(), "-o", "json"]).json();
    assert_eq!((said.len(), said[0]["state"].as_str()), (1, Some("cancelled")));
    let ended = place.store.job(job.id).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.outcome), (JobState::Cancelled, Some(Outcome::Cancelled)));
    assert_eq!((ended.reason.as_deref(), ended.error.as_deref()), (Some("cancelled"), Some("cancelled by olga")));
    assert!(ended.finished_at.is_some());
    let again = place.run(&["jobs", "cancel", &job.id.to_string()]);
    assert!(again.code == 1 && again.err.contains("has ended already: cancelled"), "{again:?}");
    let unknown = place.run(&["jobs", "cancel", &furniture.letter.to_string()]);
    assert!(unknown.code == 1 && unknown.err.contains("no job"), "{unknown:?}");

    // One that runs is ended by who holds it.
    let running = Request::new(new_id(now()), "pull", "cli", now());
    let mut tx = place.store.begin().await.unwrap();
    let deliveries = [Delivered { request: &running, tenant: None }];
    tx.start_jobs(&deliveries, Hold { owner: "elsewhere", until: now() }, now()).await.unwrap();
    tx.commit().await.unwrap();
    let asked = place.run(&["jobs", "cancel", &running.id.to_string()]);
    assert!(asked.code == 0 && asked.err.contains("whoever holds it ends it"), "{asked:?}");
    let shown = place.run(&["jobs", "show", &running.id.to_string(), "-o", "json"]).json();
    assert_eq!(shown[0]["state"], "running");
    assert!(shown[0]["cancel_asked_at"].is_string(), "{shown:?}");
}

#[tokio::test]
async fn a_job_is_shown_with_who_asked_and_where_the_answer_goes() {
    let place = Place::new("").await;
    let reply = Reply {
        to: "answers".into(),
        correlation_id: Some("7".into()),
        format: ReplyFormat::Celery,
        asked_as: "order-7".into(),
    };
    let (producer, reply) = (Some("waldur".to_owned()), Some(reply));
    let job = Request { producer, reply, ..Request::new(new_id(now()), "pull", "amqp", now()) };
    let mut tx = place.store.begin().await.unwrap();
    tx.insert_job(&job, None).await.unwrap();
    tx.commit().await.unwrap();
    let shown = place.run(&["jobs", "show", &job.id.to_string()]);
    assert!(shown.out.contains("waldur") && shown.out.contains("queue answers (celery, correlation id 7"), "{shown:?}");
    let count = |since: &str| place.run(&["jobs", "list", "--since", since, "-o", "json"]).json().len();
    assert_eq!([count("1h"), count("2099-01-01T00:00:00Z")], [1, 0]);
}

#[tokio::test]
async fn a_tenant_is_unlinked_with_everything_and_that_is_said() {
    let (place, furniture) = Place::furnished().await;
    let tried = place.run(&["tenants", "unlink", "lab/blue", "--dry-run", "-o", "json"]).json();
    assert_eq!((&tried[0]["snapshots"], &tried[0]["findings"]), (&json!(2), &json!(2)));
    assert!(place.store.tenant(furniture.tenant.uuid).await.unwrap().is_some());
    let said = place.run(&["tenants", "unlink", "lab/blue"]);
    assert!(said.code == 0 && said.err.contains(&format!("tenants add --cloud lab {PROJECT}")), "{said:?}");
    assert!(place.store.tenant(furniture.tenant.uuid).await.unwrap().is_none());
    let unlinked = place.run(&["tenants", "list", "--unlinked", "-o", "json"]).json();
    assert_eq!((unlinked.len(), unlinked[0]["author"].as_str()), (1, Some("olga")));
    assert_eq!(place.run(&["tenants", "unlink", "lab/blue"]).code, 1);
    assert_eq!(jobs(&place, "unlink_tenant").await[0].outcome, Some(Outcome::Succeeded));
}

#[tokio::test]
async fn a_backup_is_whole_and_never_overwrites() {
    use std::os::unix::fs::PermissionsExt;
    let (place, furniture) = Place::furnished().await;
    let file = place.path("copy.db");
    let said = place.run(&["backup", file.to_str().unwrap()]);
    assert!(said.code == 0 && said.err.contains("written and checked"), "{said:?}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let again = place.run(&["backup", file.to_str().unwrap()]);
    assert!(again.code == 1 && again.err.contains("copy.db: File exists"), "{again:?}");
    // Restored by being put where the database was.
    let copy = tenantd::store::Store::open(&format!("sqlite://{}", file.display()), 2).await.unwrap();
    copy.check_version().await.unwrap();
    assert_eq!(copy.tenant(furniture.tenant.uuid).await.unwrap(), Some(furniture.tenant));
    let nowhere = place.run(&["backup", "/nowhere/copy.db"]);
    assert!(nowhere.code == 1 && nowhere.err.contains("/nowhere/copy.db"), "{nowhere:?}");
    std::fs::write(place.config(), "[database]\nurl = 'postgres://t:hunter2@db/records'\n").unwrap();
    let postgres = place.run(&["backup", "/backup/records.dump"]);
    assert!(
        postgres.code == 1 && postgres.err.contains("pg_dump") && !postgres.err.contains("hunter2"),
        "{postgres:?}"
    );
}

#[tokio::test]
async fn pruning_is_scheduled_and_asked_for_without_saying_for_whom() {
    let place = Place::new("").await;
    let listed = place.run(&["schedules", "list", "-o", "json"]).json();
    let names: Vec<_> = listed.iter().map(|it| (it["name"].as_str(), it["job"].as_str())).collect();
    assert_eq!(names, [(Some("prune"), Some("prune")), (Some("digest"), Some("digest"))]);
    assert_eq!(place.run(&["enqueue", "prune"]).code, 0);
    assert_eq!(place.run(&["schedules", "run", "prune"]).code, 0);
    assert_eq!(jobs(&place, "prune").await.len(), 2);
    let wrong = place.run(&["enqueue", "prune", "--tenant", "blue"]);
    assert!(wrong.code == 64 && wrong.err.contains("records as a whole"), "{wrong:?}");
}

#[tokio::test]
async fn what_a_producer_may_not_ask_for_is_not_let_through_in_passing() {
    let (place, _) = Place::furnished().await;
    let letter = super::letter(None, "not_permitted", r#"{"kind": "pull", "tenant": "t"}"#);
    let mut tx = place.store.begin().await.unwrap();
    tx.insert_dead_letter(&letter).await.unwrap();
    tx.commit().await.unwrap();
    place.run(&["dead", "requeue", "--all"]);
    assert!(place.store.dead_letter(letter.id).await.unwrap().unwrap().requeued_as.is_none());
    let meant = place.run(&["dead", "requeue", "--all", "--reason", "not_permitted", "-o", "json"]).json();
    assert_eq!(meant[0]["id"], letter.id.to_string());
}

#[tokio::test]
async fn a_job_is_put_where_the_daemon_takes_it_from() {
    let (place, furniture) = Place::furnished().await;
    let said = place.run(&["enqueue", "pull_quotas", "--tenant", "blue", "--params", r#"{"sizes": true}"#]);
    assert_eq!(said.code, 0, "{said:?}");
    let job = place.store.job(said.out.trim().parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((job.tenant, job.request.priority), (Some(furniture.tenant.uuid), PRIORITY_PERSON));
    assert_eq!((job.request.source.as_str(), job.request.cloud.as_deref()), ("cli", Some("lab")));
    let new = "ffffffffffffffffffffffffffffffff";
    let said = place.run(&["enqueue", "pull", "--tenant", new]);
    assert!(said.err.contains("not recorded yet"), "{said:?}");
    let wrong = place.run(&["enqueue", "pull_quotas", "--all", "--params", r#"{"sizes": 3}"#]);
    assert!(wrong.code == 64 && wrong.err.contains("params.sizes"), "{wrong:?}");
    let scheduled = place.run(&["schedules", "run", "quotas"]);
    let job = place.store.job(scheduled.out.trim().parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((job.request.kind.as_str(), job.request.cloud), ("pull_quotas", None));
}

#[tokio::test]
async fn a_tenant_goes_by_many_names_but_never_by_two_meanings() {
    let (place, furniture) = Place::furnished().await;
    let uuid = furniture.tenant.uuid;
    for name in [uuid.to_string(), uuid.simple().to_string(), PROJECT.into(), "lab/blue".into(), "blue".into()] {
        assert_eq!(place.run(&["tenants", "show", &name, "-o", "json"]).json()[0]["uuid"], uuid.to_string());
    }
    let twin = tenantd::store::tenants::Seen {
        cloud: "lab".into(),
        backend_id: "ffffffffffffffffffffffffffffffff".into(),
        name: "blue".into(),
        domain: "other".into(),
        description: String::new(),
        enabled: true,
        tags: Vec::new(),
        domain_name: String::new(),
    };
    let mut tx = place.store.begin().await.unwrap();
    tx.save_tenant(tenantd::model::ids::new_id(now()), &twin, now()).await.unwrap();
    tx.commit().await.unwrap();
    let said = place.run(&["tenants", "show", "blue"]);
    assert!(said.code == 64 && said.err.contains(PROJECT) && said.err.contains(&twin.backend_id), "{said:?}");
}
