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

impl Store {
    /// Dead letters that nobody has requeued, the newest first.
    pub async fn dead_letters(
        &self,
        reason: Option<&str>,
        kind: Option<&str>,
        limit: i64,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        Ok(read!(self, pool => sqlx::query_as(sql::DEAD_LIST).bind(reason).bind(kind).bind(limit)
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

    /// Forgets dead letters that died before a moment; how many.
    pub async fn purge_dead_letters(&mut self, reason: Option<&str>, before: DateTime<Utc>) -> Result<u64, StoreError> {
        Ok(write!(self, connection => sqlx::query(sql::DEAD_PURGE).bind(reason).bind(before)
            .execute(connection).await.map(|done| done.rows_affected()))?)
    }
}
