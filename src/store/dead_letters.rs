//! What nobody could do.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Store, StoreError, Tx, read, sql, write};

/// A dead letter.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DeadLetter {
    /// Its id.
    pub id: Uuid,
    /// The job's id, where the message had one.
    pub job: Option<Uuid>,
    /// The job's kind, where the message had one.
    pub kind: Option<String>,
    /// The tenant, as the message named it.
    pub tenant: Option<String>,
    /// Why, in one word.
    pub reason: String,
    /// Why.
    pub error: String,
    /// How often it was tried.
    pub attempts: i64,
    /// When it died.
    pub died_at: DateTime<Utc>,
    /// The media type of the message.
    pub content_type: String,
    /// Its headers, as far as they tell its format: texts, numbers and truth values.
    #[sqlx(json(nullable))]
    pub headers: Option<Value>,
    /// The message.
    pub body: Vec<u8>,
    /// The job that repeats it.
    pub requeued_as: Option<Uuid>,
    /// SHA-256 of a message that was no job.
    pub digest: Option<String>,
}

/// Which dead letters to list.
#[derive(Debug, Clone, Default)]
pub struct Filter<'a> {
    /// That died of this.
    pub reason: Option<&'a str>,
    /// Of this job kind.
    pub kind: Option<&'a str>,
    /// For a tenant that goes by one of these names; empty: for any.
    pub tenant: Vec<String>,
    /// That died at this moment or later.
    pub since: Option<DateTime<Utc>>,
    /// That died before this moment.
    pub before: Option<DateTime<Utc>>,
    /// Also those that live again.
    pub requeued: bool,
    /// At most this many, the newest first.
    pub limit: i64,
}

/// How many names of one tenant a statement takes.
pub const NAMES: usize = 5;

impl Store {
    /// Dead letters, the newest first.
    pub async fn dead_letters(&self, filter: &Filter<'_>) -> Result<Vec<DeadLetter>, StoreError> {
        let name = |index: usize| filter.tenant.get(index).or(filter.tenant.first());
        Ok(read!(self, pool => sqlx::query_as(sql::DEAD_LIST).bind(filter.reason).bind(filter.kind)
            .bind(name(0)).bind(name(1)).bind(name(2)).bind(name(3)).bind(name(4))
            .bind(filter.since).bind(filter.before).bind(i64::from(filter.requeued)).bind(filter.limit)
            .fetch_all(pool).await)?)
    }

    /// The dead letter `id`.
    pub async fn dead_letter(&self, id: Uuid) -> Result<Option<DeadLetter>, StoreError> {
        Ok(read!(self, pool => sqlx::query_as(sql::DEAD_GET).bind(id).fetch_optional(pool).await)?)
    }

    /// How many dead letters there are.
    pub async fn dead_letter_count(&self) -> Result<i64, StoreError> {
        Ok(read!(self, pool => sqlx::query_scalar(sql::DEAD_COUNT).fetch_one(pool).await)?)
    }
}

impl Tx {
    /// Records a dead letter; whether it was not known.
    pub async fn insert_dead_letter(&mut self, letter: &DeadLetter) -> Result<bool, StoreError> {
        let inserted = write!(self, connection => sqlx::query(sql::DEAD_INSERT)
            .bind(letter.id).bind(letter.job).bind(&letter.kind).bind(&letter.tenant).bind(&letter.reason)
            .bind(&letter.error).bind(letter.attempts).bind(letter.died_at).bind(&letter.content_type)
            .bind(&letter.body).bind(letter.headers.as_ref().map(Json)).bind(&letter.digest)
            .execute(connection).await.map(|done| done.rows_affected()))?;
        Ok(inserted > 0)
    }

    /// Whether the same message died at or after a moment.
    pub async fn message_died(&mut self, digest: &str, since: DateTime<Utc>) -> Result<bool, StoreError> {
        let known: i64 = write!(self, connection => sqlx::query_scalar(sql::DEAD_KNOWN).bind(digest).bind(since)
            .fetch_one(connection).await)?;
        Ok(known > 0)
    }

    /// Notes that a dead letter lives again as `job`; whether it was not requeued before.
    pub async fn dead_letter_requeued(&mut self, id: Uuid, job: Uuid) -> Result<bool, StoreError> {
        let changed = write!(self, connection => sqlx::query(sql::DEAD_REQUEUED).bind(id).bind(job)
            .execute(connection).await.map(|done| done.rows_affected()))?;
        Ok(changed > 0)
    }

    /// Forgets a dead letter; whether it was there.
    pub async fn purge_dead_letter(&mut self, id: Uuid) -> Result<bool, StoreError> {
        let gone = write!(self, connection => sqlx::query(sql::DEAD_PURGE).bind(id).execute(connection).await
            .map(|done| done.rows_affected()))?;
        Ok(gone > 0)
    }
}
