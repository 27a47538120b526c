//! Jobs that are parts of larger ones: how far they are, and what becomes of the whole when the last is over.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Store, StoreError, Tx, read, sql, word, write};
use crate::model::job::{JobState, Outcome};

/// How far the parts of a job are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// How many parts there are.
    pub count: i64,
    /// How many wait or run.
    pub left: i64,
    /// How many found something different from before.
    pub changed: i64,
    /// How many did not do all.
    pub partial: i64,
    /// How many did nothing.
    pub failed: i64,
    /// Why one of those did not do all.
    pub error: Option<String>,
}

impl Progress {
    /// How many are over.
    pub const fn over(&self) -> i64 {
        self.count - self.left
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    state: String,
    outcome: Option<String>,
    count: i64,
    error: Option<String>,
}

impl Store {
    /// How far the parts of a job are; nothing for one that has none.
    pub async fn progress(&self, of: Uuid) -> Result<Option<Progress>, StoreError> {
        let rows: Vec<Row> = read!(self, pool => sqlx::query_as(sql::JOB_PARTS).bind(of).fetch_all(pool).await)?;
        summed_up(rows)
    }
}

impl Tx {
    /// The same as this transaction sees it.
    pub async fn progress(&mut self, of: Uuid) -> Result<Option<Progress>, StoreError> {
        let rows: Vec<Row> =
            write!(self, connection => sqlx::query_as(sql::JOB_PARTS).bind(of).fetch_all(connection).await)?;
        summed_up(rows)
    }

    /// The parts of a job that wait or run.
    pub async fn parts_left(&mut self, of: Uuid) -> Result<Vec<Uuid>, StoreError> {
        Ok(write!(self, connection => sqlx::query_scalar(sql::JOB_PARTS_LEFT).bind(of).fetch_all(connection).await)?)
    }

    /// Lets a job go on of which a part has just ended, if it was the last; to be called behind the part's end.
    pub async fn wake_whole(&mut self, of: Uuid, now: DateTime<Utc>) -> Result<bool, StoreError> {
        // Of two parts that end at once, the second sees the end of the first.
        write!(self, connection => sqlx::query(sql::JOB_KEEP).bind(of).execute(connection).await.map(drop))?;
        let woken = write!(self, connection => sqlx::query(sql::JOB_WAKE).bind(of).bind(now).execute(connection)
            .await.map(|done| done.rows_affected()))?;
        self.news.jobs |= woken > 0;
        Ok(woken > 0)
    }
}

fn summed_up(rows: Vec<Row>) -> Result<Option<Progress>, StoreError> {
    let mut progress = Progress::default();
    for Row { state, outcome, count, error } in rows {
        let state: JobState = word!("jobs", "state", state)?;
        progress.count += count;
        if matches!(state, JobState::Queued | JobState::Running) {
            progress.left += count;
            continue;
        }
        let outcome: Option<Outcome> = match outcome {
            Some(outcome) => Some(word!("jobs", "outcome", outcome)?),
            None => None,
        };
        match outcome {
            Some(Outcome::Succeeded) => progress.changed += count,
            Some(Outcome::Unchanged) => {}
            Some(Outcome::Partial) => {
                progress.partial += count;
                progress.error = progress.error.or(error);
            }
            _ => {
                progress.failed += count;
                progress.error = error.or(progress.error);
            }
        }
    }
    Ok((progress.count > 0).then_some(progress))
}
