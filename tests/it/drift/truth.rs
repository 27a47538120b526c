//! Counted truth: so many changes, as many findings, each for its own, and none when all is as it was.

use std::collections::BTreeSet;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use tenantd::drift::rules::{Mode, Rules};
use tenantd::jobs::runner::Ended;
use tenantd::model::ResourceType;
use tenantd::model::finding::{Change as Kind, FindingState};
use tenantd::store::findings::Filter;
use tenantd::telemetry::metrics::recorder;

use super::change::{Change, Told, Victim};
use super::seed;
use crate::support::{Database, Login, Setup, TestApp, on_both_databases};

on_both_databases!(every_change_is_one_finding, every_change_is_followed_once);

const TENANTS: usize = 200;
const CHANGES: usize = 500;

/// A cloud whose tenants are known.
async fn known(database: &Database, mode: Mode, seed: u64) -> TestApp {
    println!("TENANTD_TEST_SEED={seed}");
    let rules = Rules { modes: [mode; ResourceType::ALL.len()], ..Rules::default() };
    let clouds = vec![("sim", Login::Entry("sim"), seed)];
    let app = TestApp::with(database, Setup { tenants: TENANTS, clouds, rules, ..Setup::default() }).await;
    app.run_for_cloud("pull_tenants", "sim").await;
    look(&app).await;
    app
}

/// Looks at everything, and again at what two looks have to agree about.
async fn look(app: &TestApp) {
    for _ in 0..2 {
        let ended = app.run_for_cloud("pull", "sim").await;
        assert!(matches!(ended, Ended::Done { left_out: None, .. }), "{ended:?}");
        app.advance(61);
        app.run_waiting().await;
    }
}

/// Makes changes of all kinds, until so many fields differ.
async fn change(app: &TestApp, seed: u64) -> Vec<Change> {
    let mut random = StdRng::seed_from_u64(seed);
    let tenants = app.context.store().tenants(Some("sim")).await.unwrap();
    let victims = tenants.into_iter().filter(|tenant| tenant.name.starts_with("tenant-"));
    let mut victims: Vec<Victim> = victims.map(|tenant| Victim::new(tenant.name, tenant.backend_id)).collect();
    assert_eq!(victims.len(), TENANTS);
    let (mut changes, mut fields) = (Vec::new(), 0);
    while fields < CHANGES {
        let victim = random.random_range(0..TENANTS);
        if let Some(change) = victims[victim].suffer(app.cloud(), &mut random).await {
            fields += change.told.len();
            changes.push(change);
        }
        // The last one changes one field more than wanted.
        if fields > CHANGES {
            let last: Change = changes.pop().unwrap();
            last.undo(app.cloud()).await;
            fields -= last.told.len();
        }
    }
    changes
}

async fn take_back(app: &TestApp, changes: &[Change]) {
    for change in changes.iter().rev() {
        change.undo(app.cloud()).await;
    }
}

fn told(changes: &[Change]) -> BTreeSet<Told> {
    changes.iter().flat_map(|change| change.told.clone()).collect()
}

/// What a counter has come to, whatever its labels.
fn counted(text: &str, name: &str) -> usize {
    let lines = text.lines().filter(|line| line.starts_with(&format!("{name}{{")));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()).sum()
}

async fn every_change_is_one_finding(database: Database) {
    let recorder = recorder().unwrap();
    let _here = metrics::set_default_local_recorder(&recorder);
    let seed = seed();
    let app = known(&database, Mode::Guard, seed).await;
    assert_eq!(app.context.store().findings(Filter::default()).await.unwrap(), []);

    let changes = change(&app, seed).await;
    look(&app).await;
    let findings = app.context.store().findings(Filter::default()).await.unwrap();
    let found = findings.iter().map(|it| {
        let (finding, project) = (&it.finding, it.backend_id.clone());
        // A limit may change into the one that is the service's default.
        let change = if finding.change == Kind::Default { Kind::Limit } else { finding.change };
        let (resource_type, change) = (finding.resource_type.to_string(), change.to_string());
        (project, resource_type, finding.object.clone(), finding.field.clone(), change)
    });
    assert_eq!(found.collect::<BTreeSet<Told>>(), told(&changes));
    assert_eq!((findings.len(), told(&changes).len()), (CHANGES, CHANGES));

    take_back(&app, &changes).await;
    look(&app).await;
    assert_eq!(app.context.store().findings(Filter::default()).await.unwrap(), []);
    let ended = app.context.store().findings(Filter { ended: true, ..Filter::default() }).await.unwrap();
    assert!(ended.iter().all(|it| it.finding.state == FindingState::Resolved));
    let text = recorder.handle().render();
    let counts = ["tenantd_drift_opened_total", "tenantd_drift_resolved_total"].map(|name| counted(&text, name));
    assert_eq!((ended.len(), counts), (CHANGES, [CHANGES, CHANGES]));
}

/// The changes that were published.
async fn published(app: &TestApp) -> Vec<Told> {
    let mut published = Vec::new();
    let outbox = app.context.store().outgoing(100_000).await.unwrap();
    for event in outbox.iter().filter(|event| event.routing_key.starts_with("snapshot.")) {
        let event: Value = serde_json::from_slice(&event.body).unwrap();
        let data = &event["data"];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        published.extend(data["changes"].as_array().unwrap().iter().map(|it| {
            let (object, field, change) = (text(&it["object"]), text(&it["field"]), text(&it["change"]));
            (text(&data["tenant"]), text(&data["resource_type"]), object, field, change)
        }));
    }
    published
}

async fn every_change_is_followed_once(database: Database) {
    let recorder = recorder().unwrap();
    let _here = metrics::set_default_local_recorder(&recorder);
    let seed = seed();
    let app = known(&database, Mode::Follow, seed).await;
    assert_eq!(published(&app).await, []);

    let changes = change(&app, seed).await;
    look(&app).await;
    let told_of = published(&app).await;
    assert_eq!((told_of.len(), told_of.into_iter().collect::<BTreeSet<_>>()), (CHANGES, told(&changes)));
    assert_eq!(counted(&recorder.handle().render(), "tenantd_changes_total"), CHANGES);

    take_back(&app, &changes).await;
    look(&app).await;
    assert_eq!(published(&app).await.len(), 2 * CHANGES);
    assert_eq!(counted(&recorder.handle().render(), "tenantd_changes_total"), 2 * CHANGES);
    let found = app.context.store().findings(Filter { ended: true, ..Filter::default() }).await.unwrap();
    assert_eq!(found, []);
}
