//! The jobs table: what waits, what runs, and what ended.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::directory::Window;
use super::{Store, StoreError, Tx, read, sql, word, write};
use crate::model::job::{Job, JobState, Outcome, Part, Reply, Request};

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    id: Uuid,
    kind: String,
    cloud: Option<String>,
    tenant: Option<Uuid>,
    subject: Option<String>,
    params: Json<Value>,
    state: String,
    outcome: Option<String>,
    attempt: i64,
    priority: i64,
    source: String,
    digest: String,
    not_before: DateTime<Utc>,
    deadline: Option<DateTime<Utc>>,
    enqueued_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    reason: Option<String>,
    error: Option<String>,
    trace: Option<String>,
    retry_of: Option<Uuid>,
    producer: Option<String>,
    reply: Option<Json<Reply>>,
    #[sqlx(default)]
    cancel_asked_at: Option<DateTime<Utc>>,
    #[sqlx(default)]
    part: Option<Json<Part>>,
}

impl TryFrom<Row> for Job {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let outcome = match row.outcome {
            Some(outcome) => Some(word!("jobs", "outcome", outcome)?),
            None => None,
        };
        Ok(Self {
            state: word!("jobs", "state", row.state)?,
            outcome,
            digest: row.digest,
            tenant: row.tenant,
            started_at: row.started_at,
            finished_at: row.finished_at,
            reason: row.reason,
            error: row.error,
            cancel_asked_at: row.cancel_asked_at,
            request: Request {
                id: row.id,
                kind: row.kind,
                cloud: row.cloud,
                subject: row.subject,
                params: row.params.0,
                source: row.source,
                priority: row.priority,
                attempt: row.attempt,
                not_before: row.not_before,
                deadline: row.deadline,
                enqueued_at: row.enqueued_at,
                trace: row.trace,
                retry_of: row.retry_of,
                producer: row.producer,
                reply: row.reply.map(|reply| reply.0),
                part: row.part.map(|part| part.0),
            },
        })
    }
}

/// Which jobs to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    /// In one state.
    pub state: Option<JobState>,
    /// Of one kind.
    pub kind: Option<&'a str>,
    /// Of one cloud.
    pub cloud: Option<&'a str>,
    /// Of one tenant.
    pub tenant: Option<Uuid>,
    /// Asked for at this moment or later.
    pub since: Option<DateTime<Utc>>,
    /// The parts of one job; without it, all that are no parts.
    pub part_of: Option<Uuid>,
    /// At most this many, the newest first.
    pub limit: i64,
}

/// How an attempt ended, as it is written down.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending<'a> {
    /// The tenant, once it is known.
    pub tenant: Option<Uuid>,
    /// `Queued` when it is to be repeated.
    pub state: JobState,
    /// How it ended, when it did.
    pub outcome: Option<Outcome>,
    /// When the attempt began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended, when it did.
    pub finished_at: Option<DateTime<Utc>>,
    /// Why it failed, in one word.
    pub reason: Option<&'a str>,
    /// Why it failed.
    pub error: Option<&'a str>,
}

/// How many jobs of a sort wait.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Waiting {
    /// In which cloud.
    pub cloud: Option<String>,
    /// Of which kind.
    pub kind: String,
    /// How many.
    pub count: i64,
    /// Since when the oldest could have run.
    pub oldest: DateTime<Utc>,
}

impl Store {
    /// The job `id`.
    pub async fn job(&self, id: Uuid) -> Result<Option<Job>, StoreError> {
        let row: Option<Row> = read!(self, pool => sqlx::query_as(sql::JOB_GET).bind(id).fetch_optional(pool).await)?;
        row.map(TryInto::try_into).transpose()
    }

    /// Jobs, the newest first.
    pub async fn jobs(&self, filter: Filter<'_>) -> Result<Vec<Job>, StoreError> {
        self.some_jobs(filter, Window { limit: filter.limit, offset: 0 }).await
    }

    /// Those of them that are in a window.
    pub(super) async fn some_jobs(&self, filter: Filter<'_>, window: Window) -> Result<Vec<Job>, StoreError> {
        let rows: Vec<Row> = read!(self, pool => sqlx::query_as(sql::JOB_PAGE)
            .bind(filter.state.map(JobState::as_str)).bind(filter.kind).bind(filter.cloud).bind(filter.tenant)
            .bind(filter.since).bind(window.limit).bind(window.offset).bind(filter.part_of)
            .fetch_all(pool).await)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// How many jobs wait, by cloud and kind.
    pub async fn waiting(&self) -> Result<Vec<Waiting>, StoreError> {
        Ok(read!(self, pool => sqlx::query_as(sql::JOB_WAITING).fetch_all(pool).await)?)
    }

    /// For which cloud and tenant jobs of a source wait or run; nothing stands for every one.
    pub async fn active(&self, source: &str) -> Result<Vec<(Option<String>, Option<String>)>, StoreError> {
        Ok(read!(self, pool => sqlx::query_as(sql::JOB_ACTIVE).bind(source).fetch_all(pool).await)?)
    }
}

/// The columns that a request fills, in the order of the statements.
macro_rules! bind_request {
    ($query:expr, $request:expr, $tenant:expr) => {
        $query
            .bind($request.id)
            .bind(&$request.kind)
            .bind(&$request.cloud)
            .bind($tenant)
            .bind(&$request.subject)
            .bind(Json(&$request.params))
            .bind($request.attempt)
            .bind($request.priority)
            .bind(&$request.source)
            .bind($request.digest())
            .bind($request.not_before)
            .bind($request.deadline)
            .bind($request.enqueued_at)
            .bind(&$request.trace)
            .bind($request.retry_of)
            .bind(&$request.producer)
            .bind($request.reply.as_ref().map(Json))
    };
}

pub(super) use bind_request;

impl Tx {
    /// The job `id`, as this transaction sees it.
    pub async fn job(&mut self, id: Uuid) -> Result<Option<Job>, StoreError> {
        let row: Option<Row> =
            write!(self, connection => sqlx::query_as(sql::JOB_GET).bind(id).fetch_optional(connection).await)?;
        row.map(TryInto::try_into).transpose()
    }

    /// Puts a job into the table; whether it was not there yet.
    pub async fn insert_job(&mut self, request: &Request, tenant: Option<Uuid>) -> Result<bool, StoreError> {
        let inserted = write!(self, connection => bind_request!(sqlx::query(sql::JOB_INSERT), request, tenant)
            .bind(request.lane()).execute(connection).await.map(|done| done.rows_affected()))?;
        self.news.jobs |= inserted > 0;
        if inserted > 0
            && let Some(part) = &request.part
        {
            write!(self, connection => sqlx::query(sql::JOB_PART).bind(request.id).bind(Json(part)).bind(part.of)
                .execute(connection).await.map(drop))?;
        }
        Ok(inserted > 0)
    }

    /// Writes down a job that is over without having been worked on; false when it has ended already, or someone holds
    /// it.
    pub async fn end_job(&mut self, request: &Request, ending: &Ending<'_>, owner: &str) -> Result<bool, StoreError> {
        let written = write!(self, connection => bind_request!(sqlx::query(sql::JOB_END), request, ending.tenant)
            .bind(ending.state.as_str()).bind(ending.outcome.map(Outcome::as_str)).bind(ending.started_at)
            .bind(ending.finished_at).bind(ending.reason).bind(ending.error).bind(owner)
            .execute(connection).await.map(|done| done.rows_affected()))?;
        Ok(written > 0)
    }

    /// Ends a job that waits, and notes of one that runs that it is to end; what it is now, none where it had ended before
    /// or is unknown.
    pub async fn cancel_job(
        &mut self,
        id: Uuid,
        why: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<JobState>, StoreError> {
        let state: Option<String> = write!(self, connection => sqlx::query_scalar(sql::JOB_CANCEL).bind(id).bind(now)
            .bind(why).fetch_optional(connection).await)?;
        state.map(|state| Ok(word!("jobs", "state", state)?)).transpose()
    }

    /// The jobs that wait for one tenant.
    pub async fn waiting_of_tenant(&mut self, tenant: Uuid) -> Result<Vec<Uuid>, StoreError> {
        let mut ids: Vec<Uuid> = write!(self, connection => sqlx::query_scalar(sql::JOB_WAITING_OF_TENANT).bind(tenant)
            .bind(tenant.to_string()).fetch_all(connection).await)?;
        ids.sort_unstable();
        Ok(ids)
    }
}
