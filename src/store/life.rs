//! What happened to findings, step by step. It goes with its finding.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Store, StoreError, Tx, read, sql, word, write};
use crate::model::RequestId;
use crate::model::life::Event;

#[derive(sqlx::FromRow)]
struct Row {
    step: String,
    at: DateTime<Utc>,
    author: Option<String>,
    reason: Option<String>,
    lasts_until: Option<DateTime<Utc>>,
    before: Option<Json<Value>>,
    after: Option<Json<Value>>,
    observed_at: Option<DateTime<Utc>>,
    snapshot: Option<Uuid>,
    job: Option<Uuid>,
    request_ids: Option<Json<Vec<RequestId>>>,
}

impl TryFrom<Row> for Event {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            step: word!("life", "step", row.step)?,
            at: row.at,
            by: row.author,
            reason: row.reason,
            until: row.lasts_until,
            before: row.before.map(|before| before.0),
            after: row.after.map(|after| after.0),
            observed_at: row.observed_at,
            snapshot: row.snapshot,
            job: row.job,
            request_ids: row.request_ids.map(|ids| ids.0).unwrap_or_default(),
        })
    }
}

impl Store {
    /// What was written down of a finding, in its order; see [`crate::model::life::whole`].
    pub async fn life(&self, finding: Uuid) -> Result<Vec<Event>, StoreError> {
        let rows: Vec<Row> = read!(self, pool => sqlx::query_as(sql::LIFE_LIST).bind(finding).fetch_all(pool).await)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }
}

impl Tx {
    /// Writes down what happened to a finding.
    pub async fn add_life(&mut self, finding: Uuid, event: &Event) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::LIFE_ADD)
            .bind(finding).bind(event.step.as_str()).bind(event.at).bind(event.by.as_deref())
            .bind(event.reason.as_deref()).bind(event.until).bind(event.before.as_ref().map(Json))
            .bind(event.after.as_ref().map(Json)).bind(event.observed_at).bind(event.snapshot)
            .bind(event.job).bind(Some(&event.request_ids).filter(|ids| !ids.is_empty()).map(Json))
            .execute(connection).await.map(drop))?;
        Ok(())
    }
}
