//! The records, in SQLite or PostgreSQL: one set of statements, two pools, the same behaviour (one suite shows it).
//!
//! Reads go through [`Store`], writes through a [`Tx`], so that what belongs together is committed together.

pub mod dead_letters;
pub mod error;
pub mod expectations;
pub mod findings;
pub mod holds;
pub mod jobs;
pub mod leases;
mod open;
pub mod outbox;
pub mod resources;
pub mod schedules;
pub mod snapshots;
pub mod sql;
pub mod suspicions;
pub mod tenants;

use std::future::Future;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};

pub use error::StoreError;
pub use open::schema_version;
use outbox::Outgoing;

/// The database.
#[derive(Debug, Clone)]
pub struct Store {
    pools: Pools,
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
    ($tx:expr, $connection:ident => $body:expr) => {
        match &mut $tx.inner {
            $crate::store::Inner::Sqlite(transaction) => {
                let $connection = &mut **transaction;
                $body
            }
            $crate::store::Inner::Postgres(transaction) => {
                let $connection = &mut **transaction;
                $body
            }
        }
    };
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

use {read, word, write};

impl Store {
    /// Begins a transaction; on SQLite it takes the writer's lock at once.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let inner = match &self.pools {
            Pools::Sqlite { write, .. } => Inner::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
            Pools::Postgres(pool) => Inner::Postgres(pool.begin().await?),
        };
        Ok(Tx { inner, outgoing: Vec::new(), news: News::default() })
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        read!(self, pool => sqlx::query("SELECT 1").execute(pool).await.map(drop))?;
        Ok(())
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
        match self.inner {
            Inner::Sqlite(transaction) => transaction.commit().await?,
            Inner::Postgres(transaction) => transaction.commit().await?,
        }
        Ok(self.news)
    }
}
