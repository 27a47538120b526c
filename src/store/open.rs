//! Opening a database and bringing it to this version.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::{Pools, Store, StoreError};

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
            let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE);
            return Ok(Self { pools: Pools::Postgres(pool.connect_with(options).await?) });
        }
        Err(StoreError::Url(redacted(url)))
    }

    /// Applies the migrations that are missing.
    ///
    /// # Errors
    /// When the schema is newer than this version, or a migration fails.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        if self.applied().await? > schema_version() {
            return self.check_version().await;
        }
        let done = match &self.pools {
            Pools::Sqlite { write, .. } => SQLITE.run(write).await,
            Pools::Postgres(pool) => POSTGRES.run(pool).await,
        };
        done.map_err(StoreError::Migration)
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
    let in_memory = url.contains(":memory:");
    let options = SqliteConnectOptions::from_str(url).map_err(|_| StoreError::Url(url.to_owned()))?;
    let options = options.create_if_missing(true).foreign_keys(true).busy_timeout(BUSY);
    if in_memory {
        // One connection is the whole database, so it must neither be shared out nor dropped.
        let pool = SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let pool = pool.connect_with(options).await?;
        return Ok(Store { pools: Pools::Sqlite { read: pool.clone(), write: pool } });
    }
    let file = options.get_filename().to_owned();
    let is_new = !file.exists();
    let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Normal);
    let writer = SqlitePoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE);
    let write = writer.connect_with(options.clone()).await.map_err(|error| with_path(error, &file))?;
    if is_new {
        give_to_owner_of_folder(&file)?;
    }
    let readers = SqlitePoolOptions::new().max_connections(connections.clamp(1, 4)).acquire_timeout(ACQUIRE);
    let read = readers.connect_with(options.create_if_missing(false)).await?;
    Ok(Store { pools: Pools::Sqlite { read, write } })
}

/// SQLite says only "unable to open": name the file.
fn with_path(error: sqlx::Error, file: &Path) -> StoreError {
    match &error {
        sqlx::Error::Database(database) if database.code().as_deref() == Some("14") => StoreError::File {
            path: file.display().to_string(),
            source: std::io::Error::other("cannot be opened: does its folder exist, and may this user write there?"),
        },
        _ => error.into(),
    }
}

/// A file that an administrator's command made belongs to whom its folder belongs: the service must write it.
fn give_to_owner_of_folder(file: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::{MetadataExt, chown};
    let failed = |source| StoreError::File { path: file.display().to_string(), source };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let owner = std::fs::metadata(folder).map_err(failed)?;
    for suffix in ["", "-wal", "-shm"] {
        let mut path = file.as_os_str().to_owned();
        path.push(suffix);
        match std::fs::metadata(&path) {
            Ok(mine) if mine.uid() != owner.uid() || mine.gid() != owner.gid() => {
                chown(&path, Some(owner.uid()), Some(owner.gid())).map_err(failed)?;
            }
            _ => {}
        }
    }
    Ok(())
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
