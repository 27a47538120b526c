//! Where each schedule stands.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Store, StoreError, Tx, read, sql, write};

/// Where a schedule stands.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ScheduleState {
    /// Its name in the configuration.
    pub name: String,
    /// The newest tick that became a job or was skipped.
    pub last_tick: DateTime<Utc>,
    /// The job of that tick.
    pub last_job: Option<Uuid>,
    /// When a job of it last succeeded.
    pub last_success_at: Option<DateTime<Utc>>,
}

impl Store {
    /// Where the schedule `name` stands.
    pub async fn schedule(&self, name: &str) -> Result<Option<ScheduleState>, StoreError> {
        Ok(read!(self, pool => sqlx::query_as(sql::SCHEDULE_GET).bind(name).fetch_optional(pool).await)?)
    }

    /// Where every schedule stands that ever ticked.
    pub async fn schedules(&self) -> Result<Vec<ScheduleState>, StoreError> {
        Ok(read!(self, pool => sqlx::query_as(sql::SCHEDULE_LIST).fetch_all(pool).await)?)
    }
}

impl Tx {
    /// Notes a tick; whether it is newer than every tick noted before.
    pub async fn schedule_ticked(
        &mut self,
        name: &str,
        tick: DateTime<Utc>,
        job: Option<Uuid>,
    ) -> Result<bool, StoreError> {
        let changed = write!(self, connection => sqlx::query(sql::SCHEDULE_TICKED).bind(name).bind(tick).bind(job)
            .execute(connection).await.map(|done| done.rows_affected()))?;
        Ok(changed > 0)
    }

    /// Notes that a job of the schedule succeeded.
    pub async fn schedule_succeeded(&mut self, name: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::SCHEDULE_SUCCEEDED).bind(name).bind(now)
            .execute(connection).await.map(drop))?;
        Ok(())
    }
}
