//! Opening a database and bringing it to this version.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::{Condition, Pools, Store, StoreError, file};

/// A list is planned for the filters that were asked for: one plan for all of them would read as much as the worst. And
/// no plan is compiled: that takes longer than it saves. Set by statements, for a `PgBouncer` refuses these among
/// what a connection begins with; it must keep sessions.
const SETTINGS: &str = "SET plan_cache_mode = force_custom_plan; SET jit = off";

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// How long a statement waits for another process that writes to the same file.
const BUSY: Duration = Duration::from_secs(10);
/// How long a request waits for a free connection.
const ACQUIRE: Duration = Duration::from_secs(10);

/// The schema version that this tenantd makes and needs.
pub fn schema_version() -> i64 {
    SQLITE.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// The file of an SQLite URL; nothing for a database in memory or on a server.
///
/// # Errors
/// When the URL names no database.
pub fn sqlite_file(url: &str) -> Result<Option<PathBuf>, StoreError> {
    if !url.starts_with("sqlite:") || url.contains(":memory:") {
        return Ok(None);
    }
    let options = SqliteConnectOptions::from_str(url).map_err(|_| StoreError::Url(url.to_owned()))?;
    Ok(Some(options.get_filename().to_owned()))
}

impl Store {
    /// Opens the database of `url` (`sqlite:///path`, `sqlite::memory:`, `postgres://…`) without changing its schema.
    ///
    /// # Errors
    /// When the URL names no database, or it cannot be reached.
    pub async fn open(url: &str, connections: u32) -> Result<Self, StoreError> {
        if url.starts_with("sqlite:") {
            return open_sqlite(url, connections).await;
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let options = PgConnectOptions::from_str(url).map_err(|_| StoreError::Url(redacted(url)))?;
            let options = options.application_name("tenantd");
            let place = format!("database {} on {}", options.get_database().unwrap_or_default(), options.get_host());
            let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE);
            let pool = pool.after_connect(|connection, _| {
                Box::pin(async move { sqlx::raw_sql(SETTINGS).execute(connection).await.map(drop) })
            });
            let pools = Pools::Postgres(pool.connect_with(options).await?);
            return Ok(Self::of(pools, None, &place, Arc::default()));
        }
        Err(StoreError::Url(redacted(url)))
    }

    /// Opens an SQLite database that is there already.
    ///
    /// # Errors
    /// When there is none.
    pub async fn open_existing(url: &str) -> Result<Self, StoreError> {
        if let Some(path) = sqlite_file(url)?
            && !path.exists()
        {
            let source = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(StoreError::File { path: path.display().to_string(), source });
        }
        Self::open(url, 2).await
    }

    fn of(pools: Pools, file: Option<PathBuf>, place: &str, condition: Arc<Condition>) -> Self {
        Self { pools, file: file.map(Arc::from), place: Arc::from(place), condition }
    }

    /// Applies the migrations that are missing. Records in SQLite are copied first; where that copy is.
    ///
    /// # Errors
    /// When the schema is newer than this version, the copy cannot be made, or a migration fails.
    pub async fn migrate(&self) -> Result<Option<PathBuf>, StoreError> {
        let mut applied = self.applied().await?;
        let mut _turn = None;
        if let Some(file) = self.file.as_deref().filter(|_| applied < schema_version()) {
            _turn = file::turn(file).await;
            applied = self.applied().await?;
        }
        if applied > schema_version() {
            return self.check_version().await.map(|()| None);
        }
        let copy = match &self.file {
            Some(file) if applied > 0 && applied < schema_version() => Some(self.copy_before_migrating(file).await?),
            _ => None,
        };
        let done = match &self.pools {
            Pools::Sqlite { write, .. } => SQLITE.run(write).await,
            Pools::Postgres(pool) => POSTGRES.run(pool).await,
        };
        done.map_err(StoreError::Migration)?;
        Ok(copy)
    }

    /// The copy has the version in its name that the records are about to get.
    async fn copy_before_migrating(&self, file: &Path) -> Result<PathBuf, StoreError> {
        let copy = file::beside(file, &format!(".before-{}", schema_version()));
        let unfinished = file::beside(&copy, ".unfinished");
        let failed = |source| StoreError::File { path: unfinished.display().to_string(), source };
        match std::fs::remove_file(&unfinished) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        self.backup(&unfinished).await?;
        // A copy of an attempt that failed is replaced: that attempt changed nothing.
        std::fs::rename(&unfinished, &copy).map_err(failed)?;
        tracing::info!(copy = %copy.display(), to = schema_version(), "the records were copied before their schema changes");
        Ok(copy)
    }

    /// Refuses a schema of another version, naming both.
    ///
    /// # Errors
    /// [`StoreError::Newer`] or [`StoreError::Older`].
    pub async fn check_version(&self) -> Result<(), StoreError> {
        let (found, known) = (self.applied().await?, schema_version());
        match found.cmp(&known) {
            std::cmp::Ordering::Greater => Err(StoreError::Newer { found, known }),
            std::cmp::Ordering::Less => Err(StoreError::Older { found, known }),
            std::cmp::Ordering::Equal => Ok(()),
        }
    }

    /// The newest migration applied, zero for an empty database.
    async fn applied(&self) -> Result<i64, StoreError> {
        let newest = "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations";
        let exists = match &self.pools {
            Pools::Sqlite { read, .. } => {
                let query = "SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'";
                sqlx::query_scalar::<_, i64>(query).fetch_one(read).await?
            }
            Pools::Postgres(pool) => {
                let query = "SELECT COUNT(*) FROM pg_class WHERE oid = to_regclass('_sqlx_migrations')";
                sqlx::query_scalar::<_, i64>(query).fetch_one(pool).await?
            }
        };
        if exists == 0 {
            return Ok(0);
        }
        Ok(super::read!(self, pool => sqlx::query_scalar::<_, i64>(newest).fetch_one(pool).await)?)
    }
}

async fn open_sqlite(url: &str, connections: u32) -> Result<Store, StoreError> {
    let options = SqliteConnectOptions::from_str(url).map_err(|_| StoreError::Url(url.to_owned()))?;
    let options = options.create_if_missing(true).foreign_keys(true).busy_timeout(BUSY);
    let Some(path) = sqlite_file(url)? else {
        // One connection is the whole database, so it must neither be shared out nor dropped.
        let pool = SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let pool = pool.connect_with(options).await?;
        return Ok(Store::of(Pools::Sqlite { read: pool.clone(), write: pool }, None, "memory", Arc::default()));
    };
    // What SQLite makes beside it gets the owner and the mode of the database itself, also when root asks for it.
    match file::create(&path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(_) => return Err(cannot_open(&path)),
    }
    let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Normal);
    let condition = Arc::<Condition>::default();
    let known = Arc::clone(&condition);
    let writer = SqlitePoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE);
    let writer = writer.before_acquire(move |connection, _| {
        let known = Arc::clone(&known);
        Box::pin(async move { Ok(known.can_begin(connection).await) })
    });
    // Whoever makes a new file one with a write-ahead log must be alone with it.
    let is_new = std::fs::metadata(&path).is_ok_and(|file| file.len() == 0);
    let alone = if is_new { file::turn(&path).await } else { None };
    let write = writer.connect_with(options.clone()).await.map_err(|error| with_path(error, &path))?;
    drop(alone);
    let readers = SqlitePoolOptions::new().max_connections(connections.clamp(1, 4)).acquire_timeout(ACQUIRE);
    let read = readers.connect_with(options.create_if_missing(false)).await?;
    let place = path.display().to_string();
    Ok(Store::of(Pools::Sqlite { read, write }, Some(path), &place, condition))
}

/// SQLite says only "unable to open": name the file.
fn with_path(error: sqlx::Error, path: &Path) -> StoreError {
    match &error {
        sqlx::Error::Database(database) if database.code().as_deref() == Some("14") => cannot_open(path),
        _ => StoreError::at(error, &path.display().to_string()),
    }
}

fn cannot_open(path: &Path) -> StoreError {
    StoreError::File {
        path: path.display().to_string(),
        source: std::io::Error::other("cannot be opened: does its folder exist, and may this user write there?"),
    }
}

/// A URL without its password.
fn redacted(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(mut url) if url.password().is_some() => {
            let _ = url.set_password(Some("…"));
            url.to_string()
        }
        Ok(url) => url.to_string(),
        Err(_) => "<a text that is no URL>".to_owned(),
    }
}
