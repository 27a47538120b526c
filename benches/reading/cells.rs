//! Rows put into either database as fast as it takes them: PostgreSQL copies text, SQLite gets many rows a statement.

use std::fmt::Write;

use chrono::{DateTime, Utc};
use sqlx::postgres::{PgPool, PgPoolCopyExt};
use sqlx::sqlite::SqlitePool;
use sqlx::{AssertSqlSafe, QueryBuilder, Sqlite};
use uuid::Uuid;

use super::Outcome;

/// One value.
#[derive(Debug, Clone)]
pub enum Cell {
    Id(Uuid),
    Text(String),
    Bytes(String),
    Time(DateTime<Utc>),
    Number(i64),
    Truth(bool),
    Nothing,
}

impl From<Uuid> for Cell {
    fn from(id: Uuid) -> Self {
        Self::Id(id)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<DateTime<Utc>> for Cell {
    fn from(at: DateTime<Utc>) -> Self {
        Self::Time(at)
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Cell {
    fn from(truth: bool) -> Self {
        Self::Truth(truth)
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Into::into)
    }
}

/// A row of cells.
macro_rules! row {
    ($($value:expr),+ $(,)?) => { vec![$(Cell::from($value)),+] };
}

pub(super) use row;

/// Where rows go.
#[derive(Debug, Clone)]
pub enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Pool {
    /// Connects to the database of `url`.
    pub async fn open(url: &str) -> Outcome<Self> {
        if url.starts_with("sqlite:") {
            Ok(Self::Sqlite(SqlitePool::connect(url).await?))
        } else {
            Ok(Self::Postgres(PgPool::connect(url).await?))
        }
    }

    /// Runs a statement.
    pub async fn execute(&self, statement: &str) -> Outcome<()> {
        let statement = AssertSqlSafe(statement.to_owned());
        match self {
            Self::Sqlite(pool) => sqlx::query(statement).execute(pool).await.map(|_| ())?,
            Self::Postgres(pool) => sqlx::query(statement).execute(pool).await.map(|_| ())?,
        }
        Ok(())
    }

    /// Fills a table; `columns` as a statement has them.
    pub async fn fill(&self, table: &str, columns: &str, rows: impl Iterator<Item = Vec<Cell>>) -> Outcome<()> {
        match self {
            Self::Sqlite(pool) => into_sqlite(pool, table, columns, rows).await,
            Self::Postgres(pool) => into_postgres(pool, table, columns, rows).await,
        }
    }

    /// What a database does by itself in its quiet hours.
    pub async fn settle(&self) -> Outcome<()> {
        match self {
            Self::Sqlite(_) => self.execute("PRAGMA wal_checkpoint(TRUNCATE)").await,
            Self::Postgres(_) => self.execute("VACUUM ANALYZE").await,
        }
    }
}

async fn into_sqlite(
    pool: &SqlitePool,
    table: &str,
    columns: &str,
    rows: impl Iterator<Item = Vec<Cell>>,
) -> Outcome<()> {
    let mut transaction = pool.begin().await?;
    let mut rows = rows.peekable();
    while rows.peek().is_some() {
        let mut builder = QueryBuilder::<Sqlite>::new(format!("INSERT INTO {table} ({columns}) "));
        builder.push_values(rows.by_ref().take(200), |mut values, row| {
            for cell in row {
                match cell {
                    Cell::Id(id) => values.push_bind(id),
                    Cell::Text(text) => values.push_bind(text),
                    Cell::Bytes(text) => values.push_bind(text.into_bytes()),
                    Cell::Time(at) => values.push_bind(at),
                    Cell::Number(number) => values.push_bind(number),
                    Cell::Truth(truth) => values.push_bind(truth),
                    Cell::Nothing => values.push_bind(None::<String>),
                };
            }
        });
        builder.build().execute(&mut *transaction).await?;
    }
    Ok(transaction.commit().await?)
}

async fn into_postgres(
    pool: &PgPool,
    table: &str,
    columns: &str,
    rows: impl Iterator<Item = Vec<Cell>>,
) -> Outcome<()> {
    let mut copy = pool.copy_in_raw(&format!("COPY {table} ({columns}) FROM STDIN")).await?;
    let mut text = String::new();
    for row in rows {
        for (place, cell) in row.iter().enumerate() {
            text.push_str(if place == 0 { "" } else { "\t" });
            match cell {
                Cell::Id(id) => text.push_str(&id.to_string()),
                Cell::Text(value) => text.push_str(&value.replace('\\', "\\\\")),
                Cell::Bytes(value) => {
                    text.push_str("\\\\x");
                    for byte in value.bytes() {
                        let _ = write!(text, "{byte:02x}");
                    }
                }
                Cell::Time(at) => text.push_str(&at.to_rfc3339()),
                Cell::Number(number) => text.push_str(&number.to_string()),
                Cell::Truth(truth) => text.push(if *truth { 't' } else { 'f' }),
                Cell::Nothing => text.push_str("\\N"),
            }
        }
        text.push('\n');
        if text.len() > 1 << 20 {
            copy.send(std::mem::take(&mut text).into_bytes()).await?;
        }
    }
    copy.send(text.into_bytes()).await?;
    copy.finish().await?;
    Ok(())
}
