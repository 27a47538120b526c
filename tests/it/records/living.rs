//! Living with drift: what somebody knows of is not open, until the time is up or it is something else; and every step
//! is written down.

use chrono::Duration;
use futures::future::join_all;
use insta::assert_snapshot;
use serde_json::{Value, json};
use tenantd::drift::rules::{Mode, Rules};
use tenantd::intake::acknowledgements;
use tenantd::jobs::accept::accept;
use tenantd::jobs::acknowledge::{AckError, Known, acknowledge, note, reopen_expired};
use tenantd::lifecycle::Lifecycle;
use tenantd::model::life::{Event, Step, whole};
use tenantd::model::{FindingState, Remark, ResourceType};
use tenantd::store::findings::Filter;
use tokio::sync::watch;
use uuid::Uuid;

use crate::support::app::none;
use crate::support::{Database, Setup, TestApp, eventually, on_both_databases, rows};

on_both_databases!(
    what_is_known_stays_known_while_it_stays_the_same,
    an_acknowledgement_ends_by_itself,
    replicas_open_a_finding_again_once,
    who_leads_opens_it_again_without_a_pull,
    an_acknowledgement_may_be_prolonged,
    another_value_opens_it_again,
    what_is_known_resolves,
    what_is_known_is_accepted,
    notes_are_for_whoever_comes_next,
    a_life_is_told_in_its_order,
    steps_name_the_requests_that_brought_them,
    of_a_listing_of_everything_the_pages_with_something_of_the_tenant_are_named,
    what_the_version_before_recorded_has_a_life_too,
    what_makes_no_sense_is_refused,
    findings_are_listed_by_the_domain_of_their_tenant,
    what_comes_and_goes_is_one_finding,
);

/// A vcpu limit that somebody raised from 46 to 50, as a finding that was just opened.
async fn drifting(database: &Database) -> (TestApp, Uuid) {
    let app = TestApp::start(database).await;
    app.run("pull_quotas", "tenant-001", none()).await;
    limited(&app, 50).await;
    let id = app.context.store().findings(Filter::default()).await.unwrap()[0].finding.id;
    app.changes().await;
    (app, id)
}

/// Sets the limit in the cloud and looks.
async fn limited(app: &TestApp, cores: i64) {
    app.cloud().limit_cores("tenant-001", cores).await;
    app.run("pull_quotas", "tenant-001", none()).await;
}

/// Makes it known for so many minutes, or for good.
async fn know(app: &TestApp, id: Uuid, minutes: Option<i64>) {
    let until = minutes.map(|minutes| app.context.clock().now() + Duration::minutes(minutes));
    let reason: Remark = "ticket 7".parse().unwrap();
    acknowledge(&app.context, id, Known { by: "mari", reason: &reason, until }).await.unwrap();
}

async fn state(app: &TestApp, id: Uuid) -> FindingState {
    app.context.store().finding(id).await.unwrap().unwrap().finding.state
}

async fn life(app: &TestApp, id: Uuid) -> Vec<Event> {
    let finding = app.context.store().finding(id).await.unwrap().unwrap().finding;
    whole(&finding, app.context.store().life(id).await.unwrap())
}

/// The data of the newest event with this routing key.
async fn told(app: &TestApp, routing_key: &str) -> Value {
    let outbox = app.context.store().outgoing(1000).await.unwrap();
    let newest = outbox.iter().rfind(|message| message.routing_key == routing_key).unwrap();
    serde_json::from_slice::<Value>(&newest.body).unwrap()["data"].clone()
}

async fn what_is_known_stays_known_while_it_stays_the_same(database: Database) {
    let (app, id) = drifting(&database).await;
    know(&app, id, Some(60)).await;
    assert_snapshot!(app.changes().await, @r#"
    + life after={"expected":46,"observed":50,"severity":"warning"} at=T+2 author=mari finding=<finding> lasts_until=T+3602 reason=ticket 7 step=acknowledged
    + outbox events drift.quotas.acknowledged
    ~ findings <finding>: ack_at null → T+2, ack_by null → mari, ack_reason null → ticket 7, ack_until null → T+3602, state open → acknowledged
    "#);
    let data = told(&app, "drift.quotas.acknowledged").await;
    assert_eq!(
        (&data["by"], &data["reason"], &data["until"]),
        (&json!("mari"), &json!("ticket 7"), &json!("2026-01-01T01:00:02Z"))
    );
    let counts = app.context.store().finding_counts().await.unwrap();
    assert_eq!((counts.len(), counts[0].state), (1, FindingState::Acknowledged));
    app.run("pull_quotas", "tenant-001", none()).await;
    assert_snapshot!(app.changes_in(&["findings", "life"]).await, @"~ findings <finding>: last_seen_at T+2 → T+3");
}

async fn an_acknowledgement_ends_by_itself(database: Database) {
    let (app, id) = drifting(&database).await;
    know(&app, id, Some(60)).await;
    app.advance(3599);
    app.changes().await;
    assert_eq!(reopen_expired(&app.context).await.unwrap(), 0);
    assert_eq!(app.changes().await, "");
    app.advance(1);
    assert_eq!(reopen_expired(&app.context).await.unwrap(), 1);
    assert_snapshot!(app.changes().await, @"
    + life at=T+3602 finding=<finding> reason=the acknowledgement is over step=reopened
    + outbox events drift.quotas.opened
    ~ findings <finding>: ack_at T+2 → null, ack_by mari → null, ack_reason ticket 7 → null, ack_until T+3602 → null, state acknowledged → open
    ");
    assert_eq!(told(&app, "drift.quotas.opened").await["reason"], "the acknowledgement is over");
    assert_eq!(reopen_expired(&app.context).await.unwrap(), 0);
    assert_eq!(app.changes().await, "");
}

async fn replicas_open_a_finding_again_once(database: Database) {
    let (app, id) = drifting(&database).await;
    app.run("pull_quotas", "tenant-002", none()).await;
    app.cloud().limit_cores("tenant-002", 7).await;
    app.run("pull_quotas", "tenant-002", none()).await;
    for listed in app.context.store().findings(Filter::default()).await.unwrap() {
        know(&app, listed.finding.id, Some(1)).await;
    }
    app.advance(60);
    app.changes().await;
    let (other, _) = app.replica().await;
    let contexts = [&app.context, &other, &app.context, &other];
    let reopened = join_all(contexts.map(reopen_expired)).await;
    assert_eq!(reopened.iter().map(|count| count.as_ref().unwrap()).sum::<usize>(), 2);
    assert_snapshot!(app.changes().await, @"
    + life at=T+64 finding=<finding> reason=the acknowledgement is over step=reopened
    + life at=T+64 finding=<finding> reason=the acknowledgement is over step=reopened
    + outbox events drift.quotas.opened
    + outbox events drift.quotas.opened
    ~ findings <finding>: ack_at T+4 → null, ack_by mari → null, ack_reason ticket 7 → null, ack_until T+64 → null, state acknowledged → open
    ~ findings <finding>: ack_at T+4 → null, ack_by mari → null, ack_reason ticket 7 → null, ack_until T+64 → null, state acknowledged → open
    ");
    assert_eq!(state(&app, id).await, FindingState::Open);
}

async fn who_leads_opens_it_again_without_a_pull(database: Database) {
    let (app, id) = drifting(&database).await;
    know(&app, id, Some(10)).await;
    let (lifecycle, others) = (Lifecycle::default(), app.clock.sleepers());
    let ((leads, leading), (_follows, following)) = (watch::channel(false), watch::channel(false));
    lifecycle.spawn(acknowledgements::run(app.context.clone(), lifecycle.clone(), leading));
    let (other, _) = app.replica().await;
    lifecycle.spawn(acknowledgements::run(other, lifecycle.clone(), following));
    let asleep = async || (app.clock.sleepers() == others + 2).then_some(());
    eventually("both have looked", asleep).await;
    app.advance(600);
    eventually("both have looked", asleep).await;
    assert_eq!(state(&app, id).await, FindingState::Acknowledged, "nobody leads");
    leads.send_replace(true);
    eventually("the leader opens it", async || (state(&app, id).await == FindingState::Open).then_some(())).await;
    know(&app, id, Some(10)).await;
    eventually("both have looked", asleep).await;
    app.advance(659);
    eventually("the leader opens it", async || (state(&app, id).await == FindingState::Open).then_some(())).await;
    lifecycle.stop.cancel();
    let reopened = life(&app, id).await.into_iter().filter(|event| event.step == Step::Reopened);
    assert_eq!(reopened.count(), 2);
}

async fn an_acknowledgement_may_be_prolonged(database: Database) {
    let (app, id) = drifting(&database).await;
    know(&app, id, Some(1)).await;
    know(&app, id, Some(2)).await;
    app.advance(60);
    assert_eq!(reopen_expired(&app.context).await.unwrap(), 0);
    know(&app, id, None).await;
    app.advance(3600 * 24 * 365);
    assert_eq!(reopen_expired(&app.context).await.unwrap(), 0);
    let steps: Vec<Step> = life(&app, id).await.iter().map(|event| event.step).collect();
    assert_eq!(steps, [Step::Opened, Step::Acknowledged, Step::Acknowledged, Step::Acknowledged]);
}

async fn another_value_opens_it_again(database: Database) {
    let (app, id) = drifting(&database).await;
    know(&app, id, Some(60)).await;
    app.changes().await;
    limited(&app, 60).await;
    assert_snapshot!(app.changes_in(&["findings", "life", "outbox"]).await, @r#"
    + life after={"expected":46,"observed":60,"severity":"warning"} at=T+3 before={"expected":46,"observed":50,"severity":"warning"} finding=<finding> job=<job> observed_at=T+3 request_ids=nova snapshot=<snapshot> step=changed
    + life at=T+3 finding=<finding> job=<job> observed_at=T+3 reason=another value was observed request_ids=nova snapshot=<snapshot> step=reopened
    + outbox events drift.quotas.changed
    + outbox events drift.quotas.opened
    + outbox events job.pull_quotas.succeeded
    + outbox events snapshot.quotas.changed
    ~ findings <finding>: ack_at T+2 → null, ack_by mari → null, ack_reason ticket 7 → null, ack_until T+3602 → null, last_seen_at T+2 → T+3, observed 50 → 60, state acknowledged → open
    "#);
    let data = told(&app, "drift.quotas.opened").await;
    assert_eq!((&data["reason"], &data["observed"]), (&json!("another value was observed"), &json!(60)));
    assert_eq!(data["opened_at"], "2026-01-01T00:00:02Z");
    // What it was known for is over, whatever the time.
    app.advance(3600);
    assert_eq!(reopen_expired(&app.context).await.unwrap(), 0);
}

async fn what_is_known_resolves(database: Database) {
    let (app, id) = drifting(&database).await;
    know(&app, id, Some(60)).await;
    app.changes().await;
    limited(&app, 46).await;
    assert_snapshot!(app.changes_in(&["findings", "life", "outbox"]).await, @"
    + life at=T+3 finding=<finding> job=<job> observed_at=T+3 reason=what is there is what is expected request_ids=nova snapshot=<snapshot> step=resolved
    + outbox events drift.quotas.resolved
    + outbox events job.pull_quotas.succeeded
    + outbox events snapshot.quotas.changed
    ~ findings <finding>: resolved_at null → T+3, state acknowledged → resolved
    ");
    app.advance(3600);
    assert_eq!(reopen_expired(&app.context).await.unwrap(), 0);
    let reason: Remark = "ticket 7".parse().unwrap();
    let late = acknowledge(&app.context, id, Known { by: "mari", reason: &reason, until: None }).await.unwrap_err();
    assert!(matches!(late, AckError::Ended(_, FindingState::Resolved)), "{late}");
    // The same again is another finding, of which nobody knows.
    limited(&app, 50).await;
    let standing = app.context.store().findings(Filter::default()).await.unwrap();
    assert_eq!((standing.len(), standing[0].finding.state), (1, FindingState::Open));
    assert_ne!(standing[0].finding.id, id);
}

async fn what_is_known_is_accepted(database: Database) {
    let (app, id) = drifting(&database).await;
    know(&app, id, Some(60)).await;
    app.changes().await;
    accept(&app.context, id, "olga").await.unwrap();
    assert_snapshot!(app.changes().await, @"
    + life at=T+2 author=olga finding=<finding> step=accepted
    + outbox events drift.quotas.accepted
    ~ expectations tenant-001/quotas: body [15 quotas, vcpu 46] → [15 quotas, vcpu 50], objects  → vcpu accepted by olga
    ~ findings <finding>: resolved_at null → T+2, state acknowledged → accepted
    ");
    app.advance(3600);
    assert_eq!(reopen_expired(&app.context).await.unwrap(), 0);
}

async fn notes_are_for_whoever_comes_next(database: Database) {
    let (app, id) = drifting(&database).await;
    let text: Remark = "the customer asked for it".parse().unwrap();
    note(&app.context, id, "mari", &text).await.unwrap();
    assert_snapshot!(app.changes().await, @"+ life at=T+2 author=mari finding=<finding> reason=the customer asked for it step=noted");
    limited(&app, 46).await;
    app.changes().await;
    note(&app.context, id, "olga", &text).await.unwrap();
    assert_eq!(app.changes().await.lines().count(), 1, "also after its end");
    let unknown = note(&app.context, Uuid::nil(), "olga", &text).await.unwrap_err();
    assert!(matches!(unknown, AckError::Unknown(_)), "{unknown}");
}

async fn a_life_is_told_in_its_order(database: Database) {
    let (app, id) = drifting(&database).await;
    know(&app, id, Some(1)).await;
    app.advance(60);
    reopen_expired(&app.context).await.unwrap();
    note(&app.context, id, "olga", &"asked".parse().unwrap()).await.unwrap();
    know(&app, id, None).await;
    limited(&app, 60).await;
    limited(&app, 46).await;
    let life = life(&app, id).await;
    let told = life.iter().map(|event| {
        let (by, reason) = (event.by.as_deref().unwrap_or("-"), event.reason.as_deref().unwrap_or("-"));
        let second = (event.at - crate::support::app::began()).num_seconds();
        let evidence = [event.observed_at.is_some(), event.snapshot.is_some(), event.job.is_some()];
        format!("T+{second} {} by {by}: {reason} {evidence:?}", event.step)
    });
    assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @"
    T+2 opened by -: - [true, true, true]
    T+2 acknowledged by mari: ticket 7 [false, false, false]
    T+62 reopened by -: the acknowledgement is over [false, false, false]
    T+62 noted by olga: asked [false, false, false]
    T+62 acknowledged by mari: ticket 7 [false, false, false]
    T+63 changed by -: - [true, true, true]
    T+63 reopened by -: another value was observed [true, true, true]
    T+64 resolved by -: what is there is what is expected [true, true, true]
    ");
    let changed = &life[5];
    assert_eq!(changed.before, Some(json!({"expected": 46, "observed": 50, "severity": "warning"})));
    assert_eq!(changed.after, Some(json!({"expected": 46, "observed": 60, "severity": "warning"})));
    let jobs: Vec<Option<Uuid>> = life.iter().map(|event| event.job).collect();
    assert!(app.context.store().job(jobs[0].unwrap()).await.unwrap().is_some());
    let snapshot = app.context.store().snapshot(changed.snapshot.unwrap()).await.unwrap().unwrap();
    assert_eq!(snapshot.body.to_json()["vcpu"]["limit"], 60);
}

/// The ids in a step, each with whose log has it.
fn asked(event: &Event) -> Vec<(&str, &str)> {
    event.request_ids.iter().map(|it| (it.service.as_ref(), it.id.as_ref())).collect()
}

async fn steps_name_the_requests_that_brought_them(database: Database) {
    let (app, id) = drifting(&database).await;
    let quotas = format!("/compute/v2.1/os-quota-sets/{}/detail", app.cloud().project("tenant-001").await);
    let newest = async || app.cloud().request_ids(&quotas).await.pop().unwrap();
    let opened = newest().await;
    assert_eq!(told(&app, "drift.quotas.opened").await["request_ids"][0]["id"], json!(opened));
    know(&app, id, Some(60)).await;
    limited(&app, 60).await;
    let changed = newest().await;
    limited(&app, 46).await;
    let resolved = newest().await;
    let life = life(&app, id).await;
    let asked: Vec<_> = life.iter().map(|event| (event.step, asked(event))).collect();
    assert_eq!(
        asked,
        [
            (Step::Opened, vec![("nova", opened.as_str())]),
            (Step::Acknowledged, vec![]),
            (Step::Changed, vec![("nova", changed.as_str())]),
            (Step::Reopened, vec![("nova", changed.as_str())]),
            (Step::Resolved, vec![("nova", resolved.as_str())]),
        ]
    );
    assert_eq!(Some(life[2].request_ids[0].at), life[2].observed_at);
    assert!(told(&app, "drift.quotas.acknowledged").await.get("request_ids").is_none());
}

async fn of_a_listing_of_everything_the_pages_with_something_of_the_tenant_are_named(database: Database) {
    let rules = Rules { modes: [Mode::Guard; ResourceType::ALL.len()], ..Rules::default() };
    let app = TestApp::with(&database, Setup { rules, page_size: Some(1), ..Setup::default() }).await;
    app.run_for_cloud("pull_tenants", "sim").await;
    app.run_for_cloud("pull_floating_ips", "sim").await;
    app.cloud().meddle("floating_ip_allocate", "tenant-001").await;
    app.cloud().forget_requests().await;
    app.run_for_cloud("pull_floating_ips", "sim").await;
    let pages = app.cloud().request_ids("/network/v2.0/floatingips").await;
    let found = app.context.store().findings(Filter::default()).await.unwrap().remove(0).finding;
    let life = life(&app, found.id).await;
    let asked = asked(&life[0]);
    assert_eq!(asked.len(), 4, "it has four addresses, one a page: {asked:?}");
    assert!(
        pages.len() > 4 && asked.iter().all(|(service, id)| *service == "neutron" && pages.contains(&(*id).into()))
    );
}

async fn what_the_version_before_recorded_has_a_life_too(database: Database) {
    let (app, id) = drifting(&database).await;
    rows::execute(&database, "DELETE FROM life".to_owned()).await;
    let values = |observed: i64| json!({"expected": 46, "observed": observed, "severity": "warning"});
    let opened = life(&app, id).await;
    assert_eq!((opened.len(), opened[0].step, &opened[0].after), (1, Step::Opened, &Some(values(50))));
    limited(&app, 60).await;
    let told = life(&app, id).await;
    assert_eq!(told.iter().map(|event| event.step).collect::<Vec<_>>(), [Step::Opened, Step::Changed]);
    assert_eq!(told[0].after, Some(values(50)));
    limited(&app, 46).await;
    rows::execute(&database, "DELETE FROM life".to_owned()).await;
    let steps = |life: Vec<Event>| life.iter().map(|event| event.step).collect::<Vec<_>>();
    assert_eq!(steps(life(&app, id).await), [Step::Opened, Step::Resolved]);
    app.advance(1);
    note(&app.context, id, "olga", &"asked".parse().unwrap()).await.unwrap();
    assert_eq!(steps(life(&app, id).await), [Step::Opened, Step::Resolved, Step::Noted]);
}

async fn what_makes_no_sense_is_refused(database: Database) {
    let (app, id) = drifting(&database).await;
    let (now, reason) = (app.context.clock().now(), "ticket 7".parse().unwrap());
    let known = |until| Known { by: "mari", reason: &reason, until };
    for until in [now, now + Duration::days(40_000)] {
        let refused = acknowledge(&app.context, id, known(Some(until))).await.unwrap_err();
        assert!(matches!(refused, AckError::Until { .. }), "{refused}");
    }
    let unknown = acknowledge(&app.context, Uuid::nil(), known(None)).await.unwrap_err();
    assert!(matches!(unknown, AckError::Unknown(_)), "{unknown}");
    assert_eq!(app.changes().await, "");
}

async fn findings_are_listed_by_the_domain_of_their_tenant(database: Database) {
    let (app, id) = drifting(&database).await;
    let domain = app.tenant("tenant-001").await.domain;
    let listed = async |domain| {
        let filter = Filter { domain: Some(domain), ..Filter::default() };
        let findings = app.context.store().findings(filter).await.unwrap();
        findings.iter().map(|it| it.finding.id).collect::<Vec<_>>()
    };
    assert_eq!(listed(&domain).await, [id]);
    assert_eq!(listed("elsewhere").await, [] as [Uuid; 0]);
}

async fn what_comes_and_goes_is_one_finding(database: Database) {
    let (app, first) = drifting(&database).await;
    for cores in [46, 50, 46, 50] {
        app.advance(600);
        limited(&app, cores).await;
    }
    app.changes().await;
    // The sixth flip in six hours: it stays, and says so.
    app.advance(600);
    limited(&app, 46).await;
    assert_snapshot!(app.changes_in(&["findings", "life", "outbox"]).await, @r#"
    + life after={"expected":46,"observed":50,"severity":"warning"} at=T+3007 before={"expected":46,"observed":50,"severity":"warning"} finding=<finding> job=<job> observed_at=T+3007 reason=it flaps: 6 flips since 2026-01-01T00:00:02Z; more are counted, not told, until it holds still request_ids=nova snapshot=<snapshot> step=changed
    + outbox events drift.quotas.changed
    + outbox events job.pull_quotas.succeeded
    + outbox events snapshot.quotas.changed
    ~ findings <finding>: flapping null → {"differs":false,"flips":6,"last_at":"2026-01-01T00:50:07Z","since":"2026-01-01T00:00:02Z"}, last_seen_at T+2406 → T+3007
    "#);
    let listed = app.context.store().findings(Filter::default()).await.unwrap();
    assert_eq!(listed.len(), 1);
    let id = listed[0].finding.id;
    assert_ne!(id, first);
    // More are counted and not told, whoever knows of it.
    know(&app, id, None).await;
    app.changes().await;
    for cores in [51, 46, 52] {
        app.advance(600);
        limited(&app, cores).await;
    }
    assert_snapshot!(app.changes_in(&["findings", "life", "outbox"]).await, @r#"
    + outbox events job.pull_quotas.succeeded
    + outbox events job.pull_quotas.succeeded
    + outbox events job.pull_quotas.succeeded
    + outbox events snapshot.quotas.changed
    + outbox events snapshot.quotas.changed
    + outbox events snapshot.quotas.changed
    ~ findings <finding>: flapping {"differs":false,"flips":6,"last_at":"2026-01-01T00:50:07Z","since":"2026-01-01T00:00:02Z"} → {"differs":true,"flips":9,"last_at":"2026-01-01T01:20:10Z","since":"2026-01-01T00:00:02Z"}, last_seen_at T+3007 → T+4810, observed 50 → 52
    "#);
    assert_eq!(state(&app, id).await, FindingState::Acknowledged);
    limited(&app, 46).await;
    app.changes().await;
    app.advance(7198);
    limited(&app, 46).await;
    assert_snapshot!(app.changes_in(&["findings", "life", "outbox"]).await, @"+ outbox events job.pull_quotas.unchanged");
    limited(&app, 46).await;
    assert_snapshot!(app.changes_in(&["findings", "life", "outbox"]).await, @"
    + life at=T+12011 finding=<finding> job=<job> observed_at=T+12011 reason=what is there is what is expected request_ids=nova snapshot=<snapshot> step=resolved
    + outbox events drift.quotas.resolved
    + outbox events job.pull_quotas.succeeded
    ~ findings <finding>: resolved_at null → T+12011, state acknowledged → resolved
    ");
}
