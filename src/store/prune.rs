//! Forgetting what is older than anybody wants to look back.

use chrono::{DateTime, Utc};

use super::{Store, StoreError, sql, write};

/// What grows with time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Records {
    /// Jobs that ended.
    Jobs,
    /// Snapshots that a newer one has replaced.
    Snapshots,
    /// Findings that are resolved or accepted.
    Findings,
    /// Dead letters.
    DeadLetters,
}

impl Records {
    const fn statement(self) -> &'static str {
        match self {
            Self::Jobs => sql::PRUNE_JOBS,
            Self::Snapshots => sql::PRUNE_SNAPSHOTS,
            Self::Findings => sql::PRUNE_FINDINGS,
            Self::DeadLetters => sql::PRUNE_DEAD_LETTERS,
        }
    }
}

impl Store {
    /// Forgets at most so many records that were over before a moment, the oldest first; how many. Each call is a
    /// transaction of its own, so that others write in between.
    pub async fn prune(&self, records: Records, before: DateTime<Utc>, limit: i64) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let gone = write!(tx, connection => sqlx::query(records.statement()).bind(before).bind(limit)
            .execute(connection).await.map(|done| done.rows_affected()))?;
        tx.commit().await?;
        Ok(gone)
    }
}
