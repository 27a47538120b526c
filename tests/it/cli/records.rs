//! Commands that change records change those rows and no others.

use serde_json::json;
use tenantd::model::job::{JobState, PRIORITY_PERSON};
use tenantd::model::{Body, FindingState};
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
    assert_eq!((expectation.source.as_str(), expectation.author.as_str()), ("accepted", "olga"));

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
    assert_eq!((expectation.source.as_str(), expectation.author.as_str()), ("commanded", "olga"));
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
async fn what_changed_between_two_looks_reads_like_a_patch() {
    let (place, furniture) = Place::furnished().await;
    let (earlier, later) = (furniture.earlier.to_string(), furniture.later.to_string());
    let said = place.run(&["snapshots", "diff", &earlier, &later]);
    assert!(said.out.contains("\n- vcpu: limit 20\n+ vcpu: limit 40\n"), "{said:?}");
    let by_time = ["snapshots", "diff", "--tenant", "blue", "--resource-type", "quotas", "--from", "30m", "-o", "json"];
    let rows = place.run(&by_time).json();
    assert_eq!((rows.len(), &rows[0]["before"], &rows[0]["after"]), (1, &json!(20), &json!(40)));
    let too_early = place.run(&["snapshots", "diff", "--tenant", "blue", "--resource-type", "quotas", "--from", "9h"]);
    assert!(too_early.code == 1 && too_early.err.contains("were not seen yet"), "{too_early:?}");
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
    };
    let mut tx = place.store.begin().await.unwrap();
    tx.save_tenant(tenantd::model::ids::new_id(now()), &twin, now()).await.unwrap();
    tx.commit().await.unwrap();
    let said = place.run(&["tenants", "show", "blue"]);
    assert!(said.code == 64 && said.err.contains(PROJECT) && said.err.contains(&twin.backend_id), "{said:?}");
}
