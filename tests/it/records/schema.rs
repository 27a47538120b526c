//! Statements, migrations, and writers beside each other.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use tenantd::jobs::runner::{Ended, Origin};
use tenantd::model::ResourceType;
use tenantd::model::job::Outcome;
use tenantd::store::{StoreError, schema_version, sql};

use crate::support::database::with;
use crate::support::rows::execute;
use crate::support::{Database, Engine, TestApp, on_both_databases};

on_both_databases!(
    every_statement_is_understood,
    migrating_twice_changes_nothing,
    a_newer_schema_is_refused,
    concurrent_writers_all_succeed,
);

async fn every_statement_is_understood(database: Database) {
    let store = database.store().await;
    let foreign = if database.engine == Engine::Sqlite { ".postgres" } else { ".sqlite" };
    for (name, statement) in sql::ALL.iter().filter(|(name, _)| !name.ends_with(foreign)) {
        store.prepare(statement).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn every_file_is_a_statement() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/sql");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<String> = files.map(|name| name.trim_end_matches(".sql").to_owned()).collect();
    let listed: BTreeSet<String> = sql::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(files, listed);
}

async fn migrating_twice_changes_nothing(database: Database) {
    let store = database.open().await;
    let too_old = store.check_version().await.unwrap_err();
    assert!(matches!(too_old, StoreError::Older { found: 0, known } if known == schema_version()), "{too_old}");
    store.migrate().await.unwrap();
    store.migrate().await.unwrap();
    store.check_version().await.unwrap();
}

async fn a_newer_schema_is_refused(database: Database) {
    let store = database.store().await;
    let newer = schema_version() + 1;
    crate::support::rows::execute(
        &database,
        format!(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             SELECT {newer}, 'later', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1"
        ),
    )
    .await;
    for refused in [store.migrate().await.unwrap_err(), store.check_version().await.unwrap_err()] {
        let said = refused.to_string();
        assert!(said.contains(&format!("schema version {newer}")), "{said}");
        assert!(said.contains(&format!("knows up to {}", schema_version())), "{said}");
    }
}

async fn concurrent_writers_all_succeed(database: Database) {
    let app = TestApp::start(&database).await;
    let names = ["tenant-001", "tenant-002"];
    let mut subjects = Vec::new();
    for name in names {
        subjects.push(app.cloud().project(name).await);
    }
    let kinds = ["pull_quotas", "pull_security_groups", "pull_floating_ips", "pull_server_groups", "pull"];
    let requests = (0..40).map(|number| tenantd::model::job::Request {
        subject: Some(subjects[number % 2].clone()),
        ..app.request(kinds[number % kinds.len()])
    });
    let ended = join_all(requests.map(|request| app.runner.run(request, Origin::Delivery))).await;
    assert!(ended.iter().all(|ended| matches!(ended, Ok(Ended::Done { .. }))), "{ended:?}");
    let rows = crate::support::rows::all(&database).await;
    let count = |table: &str| rows.keys().filter(|(name, _)| name == table).count();
    assert_eq!([count("jobs"), count("tenants"), count("snapshots"), count("expectations")], [40, 2, 18, 18]);
    assert_eq!([count("findings"), count("dead_letters")], [0, 0]);
}

#[tokio::test]
async fn who_comes_second_to_a_row_begins_anew() {
    with(Engine::Postgres, race).await;
}

/// A pull of nine resource types makes their rows, but another transaction makes one of them first. Going on without it,
/// the pull would wait for whoever holds that one, who waits for one of the other eight.
async fn race(database: Database) {
    let app = TestApp::start(&database).await;
    app.run_for_cloud("pull_tenants", "sim").await;
    let (store, now, tenant) = (app.context.store(), app.context.clock().now(), app.tenant("tenant-001").await.uuid);
    let (contested, other) = ([(tenant, ResourceType::Quotas)], [(tenant, ResourceType::FloatingIps)]);
    let pause = "CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END';
        CREATE TRIGGER pause AFTER INSERT ON resources FOR EACH ROW WHEN (NEW.resource_type = 'server_groups')
        EXECUTE FUNCTION pause()";
    execute(&database, pause.to_owned()).await;
    let mut guard = PgConnection::connect(&database.url).await.unwrap();
    sqlx::query("SELECT pg_advisory_lock(1)").execute(&mut guard).await.unwrap();

    let mut first = store.begin().await.unwrap();
    assert_eq!(first.begin_resources(&contested, now).await.unwrap().len(), 1);
    let mut pull = std::pin::pin!(app.run("pull", "tenant-001", json!({})));
    tokio::select! {
        ended = &mut pull => panic!("it did not wait for the other: {ended:?}"),
        () = database.until_wait(1) => {}
    }
    first.commit().await.unwrap();
    let mut second = store.begin().await.unwrap();
    let mut crosses = std::pin::pin!(async {
        assert_eq!(second.known_resources(&contested).await.unwrap().len(), 1);
        let begun = second.begin_resources(&other, now).await.unwrap().len();
        second.commit().await.unwrap();
        begun
    });
    tokio::select! {
        ended = &mut pull => panic!("it did not pause: {ended:?}"),
        begun = &mut crosses => panic!("it did not wait for the pull: {begun}"),
        () = database.until_wait(2) => {}
    }
    sqlx::query("SELECT pg_advisory_unlock(1)").execute(&mut guard).await.unwrap();
    let both = tokio::time::timeout(Duration::from_secs(20), async { tokio::join!(pull, crosses) }).await;
    let (ended, begun) = both.unwrap();
    assert_eq!(begun, 1);
    assert!(matches!(ended, Ended::Done { outcome: Outcome::Succeeded, .. }), "{ended:?}");
}
