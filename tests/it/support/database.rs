//! A database for one test: a file in a temporary folder, or a database of its own in the PostgreSQL of the tests.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;
use tenantd::store::Store;
use uuid::Uuid;

use super::rows;

/// Which kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// One test's database.
#[derive(Debug, Clone)]
pub struct Database {
    pub engine: Engine,
    pub url: String,
    _folder: Option<Arc<TempDir>>,
    leftovers: Arc<AtomicBool>,
}

/// Runs `test` with a database of its own, and drops that whatever happens. A job that is left over in the queue
/// fails the test, unless it was expected.
pub async fn with<F: Future<Output = ()>>(engine: Engine, test: impl FnOnce(Database) -> F) {
    let Some(database) = Database::create(engine).await else {
        println!("skipped: TENANTD_TEST_POSTGRES_URL is not set");
        return;
    };
    let ended = AssertUnwindSafe(test(database.clone())).catch_unwind().await;
    let queued = match ended {
        Ok(()) if !database.leftovers.load(Ordering::Relaxed) => rows::queued_jobs(&database).await,
        _ => Vec::new(),
    };
    database.destroy().await;
    if let Err(panic) = ended {
        std::panic::resume_unwind(panic);
    }
    assert!(queued.is_empty(), "jobs are left over, and nobody expected them: {queued:?}");
}

impl Database {
    async fn create(engine: Engine) -> Option<Self> {
        let leftovers = Arc::new(AtomicBool::new(false));
        if engine == Engine::Sqlite {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let url = format!("sqlite://{}", folder.path().join("tenantd.db").display());
            return Some(Self { engine, url, _folder: Some(Arc::new(folder)), leftovers });
        }
        let server = server()?;
        let name = format!("tenantd_test_{}", Uuid::new_v4().simple());
        on_server(&server, format!("CREATE DATABASE {name}")).await;
        let mut url = url::Url::parse(&server).expect("a URL");
        url.set_path(&name);
        Some(Self { engine, url: url.to_string(), _folder: None, leftovers })
    }

    async fn destroy(&self) {
        if let (Engine::Postgres, Some(server)) = (self.engine, server()) {
            let name = self.url.rsplit('/').next().unwrap_or_default();
            let name = name.split('?').next().unwrap_or_default();
            on_server(&server, format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }

    /// The records, with the schema of this version.
    pub async fn store(&self) -> Store {
        let store = self.open().await;
        store.migrate().await.unwrap();
        store
    }

    /// The records as they are.
    pub async fn open(&self) -> Store {
        Store::open(&self.url, 4).await.unwrap()
    }

    /// Returns once so many transactions wait for another, in PostgreSQL; fails loudly after a while.
    pub async fn until_wait(&self, transactions: i64) {
        let waiting =
            "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        let waiting = async {
            while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut connection).await.unwrap() < transactions {}
        };
        tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("transactions that wait");
    }

    /// Lets the test end with jobs in the queue.
    pub fn expect_leftovers(&self) {
        self.leftovers.store(true, Ordering::Relaxed);
    }
}

fn server() -> Option<String> {
    std::env::var("TENANTD_TEST_POSTGRES_URL").ok().filter(|url| !url.is_empty())
}

async fn on_server(server: &str, statement: String) {
    let mut connection = PgConnection::connect(server).await.expect("the PostgreSQL of the tests");
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.expect("a database of one's own");
    connection.close().await.ok();
}
