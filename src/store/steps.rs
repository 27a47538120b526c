//! What jobs did to a cloud, change by change: noted before a request leaves, and again when it is done.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Store, StoreError, Tx, read, sql, write};

#[derive(sqlx::FromRow)]
struct Row {
    name: String,
    intended_at: DateTime<Utc>,
    until: DateTime<Utc>,
    existing: Json<Vec<String>>,
    done_at: Option<DateTime<Utc>>,
    result: Option<Json<Value>>,
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Which of its job's.
    pub name: String,
    /// When it was last intended.
    pub intended_at: DateTime<Utc>,
    /// Until when a request that left may still take effect.
    pub until: DateTime<Utc>,
    /// The ids of what there was of its sort before the first request.
    pub existing: Vec<String>,
    /// What came of it, once it is done.
    pub result: Option<Value>,
}

impl From<Row> for Step {
    fn from(row: Row) -> Self {
        let result = row.done_at.map(|_| row.result.map_or(Value::Null, |result| result.0));
        let Row { name, intended_at, until, existing: Json(existing), .. } = row;
        Self { name, intended_at, until, existing, result }
    }
}

impl Store {
    /// The changes that a job has begun.
    pub async fn steps(&self, job: Uuid) -> Result<Vec<Step>, StoreError> {
        let rows: Vec<Row> = read!(self, pool => sqlx::query_as(sql::STEP_LIST).bind(job).fetch_all(pool).await)?;
        Ok(rows.into_iter().map(Step::from).collect())
    }

    /// Until when requests for a tenant that left and were not answered may still take effect.
    pub async fn steps_pending(&self, tenant: Uuid) -> Result<Option<DateTime<Utc>>, StoreError> {
        Ok(read!(self, pool => sqlx::query_scalar(sql::STEP_PENDING).bind(tenant).fetch_one(pool).await)?)
    }
}

impl Tx {
    /// Notes that a change is about to be asked for.
    pub async fn intend_step(&mut self, (job, tenant): (Uuid, Uuid), step: &Step) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::STEP_INTEND)
            .bind(job).bind(&step.name).bind(tenant).bind(step.intended_at).bind(step.until).bind(Json(&step.existing))
            .execute(connection).await.map(drop))
    }

    /// Notes what came of a change.
    pub async fn step_done(
        &mut self,
        job: Uuid,
        name: &str,
        result: &Value,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::STEP_DONE)
            .bind(job).bind(name).bind(now).bind(Json(result)).execute(connection).await.map(drop))
    }

    /// Notes that the request for a change certainly took no effect.
    pub async fn withdraw_step(&mut self, job: Uuid, name: &str) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::STEP_WITHDRAW).bind(job).bind(name)
            .execute(connection).await.map(drop))
    }
}
