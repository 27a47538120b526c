//! Findings that come and go: what was told of them lately, and what is known of their flapping.

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use uuid::Uuid;

use super::{StoreError, Tx, sql, write};
use crate::drift::flapping::{History, Past};
use crate::model::{Flapping, ResourceType};

#[derive(sqlx::FromRow)]
struct Row {
    object: String,
    field: String,
    flips: i64,
    since: DateTime<Utc>,
}

impl Tx {
    /// What was told since then of the objects and fields of one resource type of one tenant, where it was told at least
    /// so often.
    pub async fn flips(
        &mut self,
        (tenant, resource_type): (Uuid, ResourceType),
        since: DateTime<Utc>,
        at_least: u32,
    ) -> Result<History, StoreError> {
        let rows: Vec<Row> = write!(self, connection => sqlx::query_as(sql::FINDING_FLIPS)
            .bind(tenant).bind(resource_type.as_str()).bind(since).bind(i64::from(at_least))
            .fetch_all(connection).await)?;
        let past = |row: Row| {
            let past = Past { flips: u32::try_from(row.flips).unwrap_or(u32::MAX), since: row.since };
            ((row.object, row.field), past)
        };
        Ok(rows.into_iter().map(past).collect())
    }

    /// Writes down that a finding comes and goes, or does not any more.
    pub async fn flap_finding(&mut self, id: Uuid, flapping: Option<&Flapping>) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::FINDING_FLAP).bind(id).bind(flapping.map(Json))
            .execute(connection).await.map(drop))?;
        Ok(())
    }
}
