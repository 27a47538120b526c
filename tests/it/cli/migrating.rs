//! A schema that is older or newer than the program.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use tenantd::store::schema_version;

use super::{Place, Said, binary};

const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");

/// The migrations of a database, the oldest first.
fn migrations(database: &str) -> Vec<(String, String)> {
    let files = std::fs::read_dir(Path::new(MIGRATIONS).join(database)).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    files.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

/// A folder with a database of the first version and a tenant in it.
async fn of_the_first_version() -> Place {
    let place = Place::new("").await;
    place.store.close().await;
    let (file, first) = (place.path("records.db"), place.path("first"));
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&first).unwrap();
    let (name, text) = migrations("sqlite").remove(0);
    std::fs::write(first.join(name), text).unwrap();
    let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let options = options.journal_mode(SqliteJournalMode::Wal);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::migrate::Migrator::new(first.as_path()).await.unwrap().run(&mut connection).await.unwrap();
    let tenant = "INSERT INTO tenants VALUES (x'00000000000000000000000000000001', 'lab', 'p', 'blue', 'd', '', 1, 'OK', '', '2026-01-01T00:00:00Z', NULL)";
    sqlx::query(tenant).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    place
}

async fn number(file: &Path, query: &str) -> i64 {
    let url = format!("sqlite://{}?mode=ro&immutable=true", file.display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let number = sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    number
}

#[tokio::test]
async fn records_are_copied_before_their_schema_changes() {
    let place = of_the_first_version().await;
    let too_old = place.run(&["jobs", "list"]);
    assert!(too_old.code == 1 && too_old.err.contains("schema version 1") && too_old.err.contains("tenantd migrate"));
    let said = place.run(&["migrate"]);
    let copy = place.path(&format!("records.db.before-{}", schema_version()));
    assert!(said.code == 0 && said.err.contains(copy.to_str().unwrap()), "{said:?}");
    assert_eq!(number(&copy, "SELECT COUNT(*) FROM _sqlx_migrations").await, 1);
    assert_eq!(number(&copy, "SELECT COUNT(*) FROM tenants").await, 1);
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(place.run(&["jobs", "list"]).code, 0);
    // With nothing to do there is nothing to copy.
    std::fs::remove_file(&copy).unwrap();
    assert_eq!(place.run(&["migrate"]).err, "");
    assert!(!copy.exists());
}

/// After an update whoever asks first and the daemon that begins again come at once.
#[tokio::test]
async fn of_several_that_begin_at_once_one_changes_the_schema() {
    for new in [true, false] {
        let place = of_the_first_version().await;
        let file = place.path("records.db");
        if new {
            std::fs::remove_file(&file).unwrap();
        }
        let migrate = |_| {
            let mut command = binary();
            command.arg("--config").arg(&place.config).arg("migrate");
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let running: Vec<_> = (0..5).map(migrate).collect();
        let said: Vec<Said> = running.into_iter().map(|it| it.wait_with_output().unwrap().into()).collect();
        assert!(said.iter().all(|it| it.code == 0), "{said:?}");
        let copied = said.iter().filter(|it| it.err.contains("records.db.before-")).count();
        assert_eq!(copied, usize::from(!new), "{said:?}");
        assert_eq!(number(&file, "SELECT MAX(version) FROM _sqlx_migrations").await, schema_version());
        assert_eq!(number(&file, "SELECT COUNT(*) FROM tenants").await, i64::from(!new));
    }
}

#[tokio::test]
async fn without_room_for_the_copy_the_schema_stays() {
    let place = of_the_first_version().await;
    // A folder in the way of the copy.
    let unfinished = place.path(&format!("records.db.before-{}.unfinished", schema_version()));
    std::fs::create_dir(&unfinished).unwrap();
    let said = place.run(&["migrate"]);
    assert!(said.code == 1 && said.err.contains(unfinished.to_str().unwrap()), "{said:?}");
    std::fs::remove_dir(&unfinished).unwrap();
    assert_eq!(number(&place.path("records.db"), "SELECT MAX(version) FROM _sqlx_migrations").await, 1);
}

#[tokio::test]
async fn the_daemon_refuses_a_newer_schema_and_names_both_versions() {
    let place = Place::new("").await;
    let newer = schema_version() + 1;
    let url = format!("sqlite://{}", place.path("records.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let later = format!(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         SELECT {newer}, 'later', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1"
    );
    sqlx::query(AssertSqlSafe(later)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    for command in ["run", "migrate"] {
        let said: super::Said = binary().arg("--config").arg(place.config()).arg(command).output().unwrap().into();
        let both = [format!("schema version {newer}"), format!("knows up to {}", schema_version())];
        assert!(said.code == 1 && both.iter().all(|it| said.err.contains(it)), "{command}: {said:?}");
    }
}

/// What a statement of a migration does that the version before could not live with; `new` are the tables that the same
/// migration makes, which that version does not know.
fn complaint(statement: &str, new: &[String]) -> Option<&'static str> {
    let words = statement.split_whitespace().collect::<Vec<_>>().join(" ").to_uppercase();
    if words.starts_with("CREATE TABLE ") || words.starts_with("CREATE INDEX ") {
        return None;
    }
    if words.starts_with("CREATE UNIQUE INDEX ") {
        let is_new = new.iter().any(|table| words.contains(&format!(" ON {table} (")));
        return (!is_new).then_some("refuses rows that the version before may write");
    }
    // Without an index the version before finds the same, if more slowly.
    if let Some(index) = words.strip_prefix("DROP INDEX ") {
        let keeps = |text: &str| text.to_uppercase().contains(&format!("CREATE UNIQUE INDEX {index} "));
        let is_condition = migrations("sqlite").iter().any(|(_, text)| keeps(text));
        return is_condition.then_some("drops a condition that the version before relies on");
    }
    let Some((_, column)) = words.split_once(" ADD COLUMN ").filter(|_| words.starts_with("ALTER TABLE ")) else {
        return Some("does something else than adding a table, an index or a column");
    };
    if column.contains("NOT NULL") && !column.contains(" DEFAULT ") {
        return Some("adds a column that the version before does not fill");
    }
    ["UNIQUE", "REFERENCES", "CHECK", ","].iter().any(|it| column.contains(it)).then_some("adds a condition")
}

#[test]
fn every_migration_after_the_first_only_adds() {
    for database in ["sqlite", "postgres"] {
        for (file, text) in migrations(database).into_iter().skip(1) {
            let code: String =
                text.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join("\n");
            let statements = || code.split(';').map(str::trim).filter(|statement| !statement.is_empty());
            let table = |it: &str| it.strip_prefix("CREATE TABLE ")?.split_whitespace().next().map(str::to_uppercase);
            let new: Vec<String> = statements().filter_map(table).collect();
            for statement in statements() {
                assert_eq!(complaint(statement, &new), None, "{database}/{file}: {statement}");
            }
        }
    }
    let names = |database| migrations(database).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names("sqlite"), names("postgres"));
}

#[test]
fn the_check_of_migrations_sees_what_it_forbids() {
    for wrong in [
        "DROP TABLE jobs",
        "ALTER TABLE jobs DROP COLUMN lane",
        "ALTER TABLE jobs RENAME COLUMN lane TO line",
        "ALTER TABLE jobs ALTER COLUMN lane TYPE BIGINT",
        "ALTER TABLE jobs ADD COLUMN lane TEXT NOT NULL",
        "CREATE UNIQUE INDEX one ON jobs (lane)",
        "UPDATE jobs SET lane = ''",
        "DROP INDEX findings_standing",
    ] {
        assert!(complaint(wrong, &["TOKENS".to_owned()]).is_some(), "{wrong}");
    }
    assert_eq!(complaint("DROP INDEX jobs_by_time", &[]), None);
    assert_eq!(complaint("ALTER TABLE jobs ADD COLUMN lane TEXT NOT NULL DEFAULT ''", &[]), None);
    assert_eq!(complaint("CREATE UNIQUE INDEX one ON tokens (name)", &["TOKENS".to_owned()]), None);
}
