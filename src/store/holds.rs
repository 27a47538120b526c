//! Who works on which job: taken by a lease that its holder keeps renewing, ended only by its holder.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use uuid::Uuid;

use super::jobs::{Ending, Row, bind_request};
use super::{Pools, Store, StoreError, Tx, either, sql, write};
use crate::model::job::{Job, Outcome, Request};

/// Who works on a job, and until when nobody else may.
#[derive(Debug, Clone, Copy)]
pub struct Hold<'a> {
    /// The process.
    pub owner: &'a str,
    /// When the hold ends.
    pub until: DateTime<Utc>,
}

/// A job that is still held.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Renewed {
    /// The job.
    pub id: Uuid,
    /// When someone asked for its end.
    pub cancel_asked_at: Option<DateTime<Utc>>,
}

/// Jobs that were taken from those that wait.
#[derive(Debug)]
pub struct Taken {
    /// The jobs, those that go first at the front.
    pub jobs: Vec<Job>,
    /// How long it took to look for them; not the wait for other writers.
    pub took: Duration,
}

/// Which parts of larger jobs may be taken.
#[derive(Debug, Clone, Copy)]
pub struct ForParts<'a> {
    /// How many at most.
    pub room: usize,
    /// The clouds of which there are enough.
    pub enough: &'a [String],
    /// Whether they are taken before other jobs.
    pub first: bool,
}

/// A delivery with the tenant that it is for.
#[derive(Debug, Clone, Copy)]
pub struct Delivered<'a> {
    /// What is asked for.
    pub request: &'a Request,
    /// For whom, when that is known.
    pub tenant: Option<Uuid>,
}

#[derive(sqlx::FromRow)]
struct Claimed {
    #[sqlx(flatten)]
    row: Row,
    turn: i64,
}

impl Store {
    /// Takes up to `count` jobs whose time has come: parts of larger jobs as `parts` says, the rest by priority, then each
    /// lane in turn, none of the clouds `except`.
    pub async fn claim_jobs(
        &self,
        hold: Hold<'_>,
        now: DateTime<Utc>,
        (count, except): (usize, &[String]),
        parts: ForParts<'_>,
    ) -> Result<Taken, StoreError> {
        let mut tx = self.begin().await?;
        let began = Instant::now();
        let of_parts = (sql::JOB_CLAIM_PARTS_SQLITE, sql::JOB_CLAIM_PARTS_POSTGRES);
        let others = (sql::JOB_CLAIM_SQLITE, sql::JOB_CLAIM_POSTGRES);
        let mut looks = [(of_parts, parts.room, parts.enough), (others, count, except)];
        if !parts.first {
            looks.reverse();
        }
        let mut jobs = Vec::new();
        for (statements, most, clouds) in looks {
            let places = most.min(count.saturating_sub(jobs.len()));
            jobs.extend(tx.claim(statements, hold, now, (places, clouds)).await?);
        }
        let took = began.elapsed();
        tx.commit().await?;
        Ok(Taken { jobs, took })
    }

    /// Lets jobs wait again whose holders are gone; how many.
    pub async fn rescue_jobs(&self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let statement = match &self.pools {
            Pools::Sqlite { .. } => sql::JOB_RESCUE_SQLITE,
            Pools::Postgres(_) => sql::JOB_RESCUE_POSTGRES,
        };
        let rescued = write!(tx, connection => sqlx::query(statement).bind(now).execute(connection).await
            .map(|done| done.rows_affected()))?;
        tx.commit().await?;
        Ok(rescued)
    }

    /// Renews the hold on jobs; those that are missing in the answer are lost.
    pub async fn renew_jobs(&self, ids: &[Uuid], hold: Hold<'_>) -> Result<Vec<Renewed>, StoreError> {
        let mut tx = self.begin().await?;
        let renewed = tx.renew_jobs(ids, hold).await?;
        tx.commit().await?;
        Ok(renewed)
    }

    /// Gives back what `owner` holds, uncounted: the daemon stops.
    pub async fn release_jobs(&self, owner: &str) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let released = write!(tx, connection => sqlx::query(sql::JOB_RELEASE).bind(owner).execute(connection).await
            .map(|done| done.rows_affected()))?;
        tx.commit().await?;
        Ok(released)
    }

    /// Whether this database is shared by several daemons.
    pub const fn is_shared(&self) -> bool {
        matches!(self.pools, Pools::Postgres(_))
    }
}

impl Tx {
    async fn claim(
        &mut self,
        (sqlite, postgres): (&'static str, &'static str),
        hold: Hold<'_>,
        now: DateTime<Utc>,
        (count, except): (usize, &[String]),
    ) -> Result<Vec<Job>, StoreError> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let claimed: Vec<Claimed> = either!(self, transaction => {
            let query = sqlx::query_as(sqlite).bind(now).bind(hold.owner).bind(hold.until);
            query.bind(count).bind(Json(except)).fetch_all(&mut **transaction).await?
        }, {
            let query = sqlx::query_as(postgres).bind(now).bind(hold.owner).bind(hold.until);
            query.bind(count).bind(except).fetch_all(&mut **transaction).await?
        })?;
        let with_turn = |claimed: Claimed| Ok((claimed.turn, Job::try_from(claimed.row)?));
        let mut jobs: Vec<(i64, Job)> = claimed.into_iter().map(with_turn).collect::<Result<_, StoreError>>()?;
        // Neither database promises an order of what an update returns.
        jobs.sort_by_key(|(turn, Job { request, .. })| {
            (Reverse(request.priority), *turn, request.not_before, request.id)
        });
        Ok(jobs.into_iter().map(|(_, job)| job).collect())
    }

    /// Takes hold of deliveries that no one has seen before; which.
    pub async fn start_jobs(
        &mut self,
        deliveries: &[Delivered<'_>],
        hold: Hold<'_>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Uuid>, StoreError> {
        either!(self, transaction => {
            let mut started: Vec<Uuid> = Vec::new();
            for Delivered { request, tenant } in deliveries {
                let query = sqlx::query_scalar::<_, Uuid>(sql::JOB_START_SQLITE);
                let query = bind_request!(query, request, *tenant);
                let query = query.bind(now).bind(hold.owner).bind(hold.until);
                started.extend(query.fetch_optional(&mut **transaction).await?);
            }
            started
        }, {
            macro_rules! column {
                ($request:ident => $value:expr) => {
                    deliveries.iter().map(|Delivered { request: $request, .. }| $value).collect::<Vec<_>>()
                };
            }
            sqlx::query_scalar(sql::JOB_START_POSTGRES)
                .bind(column!(request => request.id))
                .bind(column!(request => request.kind.as_str()))
                .bind(column!(request => request.cloud.as_deref()))
                .bind(deliveries.iter().map(|delivered| delivered.tenant).collect::<Vec<_>>())
                .bind(column!(request => request.subject.as_deref()))
                .bind(column!(request => Json(&request.params)))
                .bind(column!(request => request.attempt))
                .bind(column!(request => request.priority))
                .bind(column!(request => request.source.as_str()))
                .bind(column!(request => request.digest()))
                .bind(column!(request => request.not_before))
                .bind(column!(request => request.deadline))
                .bind(column!(request => request.enqueued_at))
                .bind(column!(request => request.trace.as_deref()))
                .bind(column!(request => request.retry_of))
                .bind(column!(request => request.producer.as_deref()))
                .bind(column!(request => request.reply.as_ref().map(Json)))
                .bind(now)
                .bind(hold.owner)
                .bind(hold.until)
                .fetch_all(&mut **transaction)
                .await?
        })
    }

    async fn renew_jobs(&mut self, ids: &[Uuid], hold: Hold<'_>) -> Result<Vec<Renewed>, StoreError> {
        either!(self, transaction => {
            let mut renewed = Vec::new();
            for id in ids {
                let query = sqlx::query_as(sql::JOB_RENEW_SQLITE).bind(id).bind(hold.owner).bind(hold.until);
                renewed.extend(query.fetch_optional(&mut **transaction).await?);
            }
            renewed
        }, {
            let query = sqlx::query_as(sql::JOB_RENEW_POSTGRES).bind(ids).bind(hold.owner).bind(hold.until);
            query.fetch_all(&mut **transaction).await?
        })
    }

    /// Whether a job is still held by `owner`.
    pub async fn holds_job(&mut self, id: Uuid, owner: &str) -> Result<bool, StoreError> {
        let held: i64 = write!(self, connection => sqlx::query_scalar(sql::JOB_HELD).bind(id).bind(owner)
            .fetch_one(connection).await)?;
        Ok(held > 0)
    }

    /// Gives a job back to the table, with what its last attempt said; false when `owner` does not hold it any more.
    pub async fn park_job(&mut self, request: &Request, ending: &Ending<'_>, owner: &str) -> Result<bool, StoreError> {
        let parked = write!(self, connection => sqlx::query(sql::JOB_PARK)
            .bind(request.id).bind(owner).bind(&request.cloud).bind(ending.tenant).bind(request.attempt)
            .bind(request.not_before).bind(ending.reason).bind(ending.error).bind(request.lane())
            .execute(connection).await.map(|done| done.rows_affected()))?;
        self.news.jobs |= parked > 0;
        Ok(parked > 0)
    }

    /// Ends jobs; the ids of those that `owner` held, the others are someone else's.
    pub async fn finish_jobs(
        &mut self,
        ended: &[(&Request, Ending<'_>)],
        owner: &str,
        now: DateTime<Utc>,
    ) -> Result<Vec<Uuid>, StoreError> {
        either!(self, transaction => {
            let mut finished: Vec<Uuid> = Vec::new();
            for (request, ending) in ended {
                let query = sqlx::query_scalar::<_, Uuid>(sql::JOB_FINISH_SQLITE).bind(request.id).bind(owner);
                let query = query.bind(ending.state.as_str()).bind(ending.outcome.map(Outcome::as_str));
                let query = query.bind(&request.cloud).bind(ending.tenant).bind(request.attempt);
                let query = query.bind(ending.started_at).bind(now).bind(ending.reason).bind(ending.error);
                finished.extend(query.fetch_optional(&mut **transaction).await?);
            }
            finished
        }, {
            macro_rules! column {
                ($request:pat, $ending:pat => $value:expr) => {
                    ended.iter().map(|($request, $ending)| $value).collect::<Vec<_>>()
                };
            }
            sqlx::query_scalar(sql::JOB_FINISH_POSTGRES)
                .bind(column!(request, _ => request.id))
                .bind(owner)
                .bind(column!(_, ending => ending.state.as_str()))
                .bind(column!(_, ending => ending.outcome.map(Outcome::as_str)))
                .bind(column!(request, _ => request.cloud.as_deref()))
                .bind(column!(_, ending => ending.tenant))
                .bind(column!(request, _ => request.attempt))
                .bind(column!(_, ending => ending.started_at))
                .bind(now)
                .bind(column!(_, ending => ending.reason))
                .bind(column!(_, ending => ending.error))
                .fetch_all(&mut **transaction)
                .await?
        })
    }
}
