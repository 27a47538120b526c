//! The records, in SQLite or PostgreSQL: one set of statements, two pools, the same behaviour (one suite shows it).
//!
//! Reads go through [`Store`], writes through a [`Tx`], so that what belongs together is committed together.

pub mod announcements;
pub mod dead_letters;
pub mod directory;
pub mod error;
pub mod expectations;
mod file;
pub mod findings;
pub mod first;
mod flaps;
pub mod freshness;
pub mod history;
pub mod holds;
pub mod jobs;
pub mod leases;
pub mod life;
pub mod objects;
mod open;
pub mod outbox;
pub mod pages;
pub mod parts;
pub mod prune;
pub mod resources;
pub mod schedules;
pub mod snapshots;
pub mod sql;
pub mod states;
pub mod steps;
pub mod suspicions;
pub mod tenants;
pub mod tokens;

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{Connection, PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool, Transaction};

pub use error::StoreError;
pub use file::{Alone, Holder};
pub use open::schema_version;
use outbox::Outgoing;

/// The database.
#[derive(Debug, Clone)]
pub struct Store {
    pools: Pools,
    /// The file of an SQLite database.
    file: Option<Arc<Path>>,
    /// Where the records are, for people.
    place: Arc<str>,
    condition: Arc<Condition>,
}

/// What the writes before tell of the next one.
#[derive(Debug, Default)]
struct Condition {
    /// A write found no room, and none was found since.
    full: AtomicBool,
    /// A write failed, or may be failing: whether its connection can still be used is to be tried.
    suspect: AtomicBool,
}

#[derive(Debug, Clone)]
enum Pools {
    /// One connection writes, for SQLite has one writer; several read.
    Sqlite {
        read: SqlitePool,
        write: SqlitePool,
    },
    Postgres(PgPool),
}

/// A transaction; what was not committed is undone when it is dropped.
#[derive(Debug)]
pub struct Tx {
    inner: Inner,
    /// Messages are written all at once, just before the commit.
    outgoing: Vec<Outgoing>,
    news: News,
    place: Arc<str>,
    condition: Arc<Condition>,
}

/// What a commit brought that somebody may wait for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct News {
    /// A job waits that did not before.
    pub jobs: bool,
    /// A message is to be published.
    pub outgoing: bool,
}

#[derive(Debug)]
enum Inner {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// What changes records finds them by their keys. Where a table has no statistics yet (a new installation, or one that
/// grew a thousandfold within a minute) the planner would rather read all of it, and keep that plan while it grows.
const BEGIN_POSTGRES: &str = "BEGIN; SET LOCAL plan_cache_mode = auto; SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off";

/// How long work in the database may take: beyond it the network is taken to have swallowed the answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Work in the database that ends within a limit, even when nothing comes back.
///
/// # Errors
/// What the work says, or that it took too long.
pub async fn in_time<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let done = tokio::time::timeout(PATIENCE, work).await;
    done.unwrap_or_else(|_| {
        let why = format!("no answer within {} s", PATIENCE.as_secs());
        Err(sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, why)).into())
    })
}

/// Runs the same expression on whichever pool serves reads.
macro_rules! read {
    ($store:expr, $connection:ident => $body:expr) => {
        match &$store.pools {
            $crate::store::Pools::Sqlite { read: $connection, .. } => $body,
            $crate::store::Pools::Postgres($connection) => $body,
        }
    };
}

/// Runs the same expression inside whichever transaction is open.
macro_rules! write {
    ($tx:expr, $connection:ident => $body:expr) => {{
        let done: Result<_, sqlx::Error> = match &mut $tx.inner {
            $crate::store::Inner::Sqlite(transaction) => {
                let $connection = &mut **transaction;
                $body
            }
            $crate::store::Inner::Postgres(transaction) => {
                let $connection = &mut **transaction;
                $body
            }
        };
        done.map_err(|error| $tx.failed(error))
    }};
}

/// Runs what differs between the databases inside whichever transaction is open.
macro_rules! either {
    ($tx:expr, $transaction:ident => $sqlite:block, $postgres:block) => {{
        let done: Result<_, sqlx::Error> = async {
            match &mut $tx.inner {
                $crate::store::Inner::Sqlite($transaction) => Ok($sqlite),
                $crate::store::Inner::Postgres($transaction) => Ok($postgres),
            }
        }
        .await;
        done.map_err(|error| $tx.failed(error))
    }};
}

/// Reads a word of the database back into its type.
macro_rules! word {
    ($table:literal, $column:literal, $value:expr) => {
        $value.parse().map_err(|why: String| $crate::store::StoreError::Unreadable {
            table: $table,
            column: $column,
            value: $value.clone(),
            why,
        })
    };
}

use {either, read, word, write};

impl Store {
    /// Begins a transaction; on SQLite it takes the writer's lock at once.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let begun = match &self.pools {
            Pools::Sqlite { write, .. } => write.begin_with("BEGIN IMMEDIATE").await.map(Inner::Sqlite),
            Pools::Postgres(pool) => pool.begin_with(BEGIN_POSTGRES).await.map(Inner::Postgres),
        };
        let inner = begun.map_err(|error| match self.condition.failed(error, &self.place) {
            // Whatever keeps a transaction from its beginning has nothing to do with what is to be written.
            StoreError::Refused(error) => StoreError::Unavailable(error),
            other => other,
        })?;
        let (outgoing, news) = (Vec::new(), News::default());
        Ok(Tx { inner, outgoing, news, place: Arc::clone(&self.place), condition: Arc::clone(&self.condition) })
    }

    /// Whether the database answers, and has room for what is to be written.
    ///
    /// # Errors
    /// When it does not, or had none.
    pub async fn ping(&self) -> Result<(), StoreError> {
        read!(self, pool => sqlx::query("SELECT 1").execute(pool).await.map(drop))?;
        match self.is_full() {
            Some(full) => Err(full),
            None => Ok(()),
        }
    }

    /// Tries whether there is room again, by a write of its own.
    ///
    /// # Errors
    /// When there is none, or the database is away.
    pub async fn find_room(&self, owner: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.take_lease("room", owner, now, now).await?;
        self.condition.full.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// That a write found no room, and none was found since.
    pub fn is_full(&self) -> Option<StoreError> {
        let source = || sqlx::Error::Protocol("the last write found no room".to_owned());
        let full = self.condition.full.load(Ordering::Relaxed);
        full.then(|| StoreError::Full { place: self.place.to_string(), source: source() })
    }

    /// `SQLite` or `PostgreSQL`, for people.
    pub const fn engine(&self) -> &'static str {
        match self.pools {
            Pools::Sqlite { .. } => "SQLite",
            Pools::Postgres(_) => "PostgreSQL",
        }
    }

    /// The database's own time, where it has one that others share.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn time(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        match &self.pools {
            Pools::Sqlite { .. } => Ok(None),
            Pools::Postgres(pool) => Ok(Some(sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(pool).await?)),
        }
    }

    /// Closes every connection; on SQLite the write-ahead log is folded into the file.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }

    /// Asks both kinds of database whether they understand a statement, without running it.
    ///
    /// # Errors
    /// What the database says of the statement.
    pub async fn prepare(&self, statement: &'static str) -> Result<(), StoreError> {
        use sqlx::{Executor, SqlSafeStr};
        let statement = statement.into_sql_str();
        match &self.pools {
            Pools::Sqlite { read, .. } => drop(read.prepare(statement).await?),
            Pools::Postgres(pool) => drop(pool.prepare(statement).await?),
        }
        Ok(())
    }
}

impl Tx {
    /// Makes everything that was written in it last; what somebody may wait for.
    ///
    /// # Errors
    /// When the database is away; then nothing lasts, or everything does.
    pub async fn commit(mut self) -> Result<News, StoreError> {
        self.write_outgoing().await?;
        let Self { inner, news, place, condition, .. } = self;
        // Before the connection is anybody else's.
        condition.suspect.store(true, Ordering::Release);
        let done = match inner {
            Inner::Sqlite(transaction) => transaction.commit().await,
            Inner::Postgres(transaction) => transaction.commit().await,
        };
        done.map_err(|error| condition.failed(error, &place))?;
        condition.suspect.store(false, Ordering::Release);
        Ok(news)
    }

    fn failed(&self, error: sqlx::Error) -> StoreError {
        self.condition.failed(error, &self.place)
    }
}

impl Condition {
    /// What went wrong where. That there was no room is remembered until [`Store::find_room`] finds some: a transaction
    /// that changed nothing says nothing of it.
    fn failed(&self, error: sqlx::Error, place: &str) -> StoreError {
        let error = StoreError::at(error, place);
        self.suspect.store(true, Ordering::Release);
        if matches!(error, StoreError::Full { .. }) {
            self.full.store(true, Ordering::Relaxed);
        }
        error
    }

    /// Whether SQLite's writing connection can begin a transaction. After a full disk SQLite has ended the one before
    /// by itself, and the driver would wait for its end for ever: such a connection is replaced.
    async fn can_begin(&self, connection: &mut SqliteConnection) -> bool {
        if !self.suspect.load(Ordering::Acquire) {
            return true;
        }
        match connection.begin_with("BEGIN").await {
            Ok(tried) => tried.rollback().await.is_ok(),
            Err(_) => false,
        }
    }
}
