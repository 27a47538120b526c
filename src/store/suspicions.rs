//! Differences that were seen, but not often enough.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::{StoreError, Tx, sql, word, write};
use crate::drift::Difference;
use crate::drift::lifecycle::Suspicion;
use crate::model::ResourceType;

#[derive(sqlx::FromRow)]
struct Row {
    object: String,
    object_name: String,
    field: String,
    change: String,
    expected: Json<Value>,
    observed: Json<Value>,
    count: i64,
    since: DateTime<Utc>,
    counted_at: DateTime<Utc>,
}

impl Tx {
    /// The suspicions about one resource type of one tenant.
    pub async fn suspicions(
        &mut self,
        tenant: Uuid,
        resource_type: ResourceType,
    ) -> Result<Vec<Suspicion>, StoreError> {
        let rows: Vec<Row> = write!(self, connection => sqlx::query_as(sql::SUSPICION_LIST)
            .bind(tenant).bind(resource_type.as_str()).fetch_all(connection).await)?;
        let suspicion = |row: Row| {
            Ok(Suspicion {
                difference: Difference {
                    object: row.object,
                    object_name: row.object_name,
                    field: row.field,
                    change: word!("suspicions", "change", row.change)?,
                    expected: row.expected.0,
                    observed: row.observed.0,
                },
                count: u32::try_from(row.count).unwrap_or_default(),
                since: row.since,
                counted_at: row.counted_at,
            })
        };
        rows.into_iter().map(suspicion).collect()
    }

    /// Writes a suspicion down, in place of an earlier one about the same field.
    pub async fn suspect(
        &mut self,
        (tenant, resource_type): (Uuid, ResourceType),
        suspicion: &Suspicion,
    ) -> Result<(), StoreError> {
        let difference = &suspicion.difference;
        write!(self, connection => sqlx::query(sql::SUSPICION_SET)
            .bind(tenant).bind(resource_type.as_str()).bind(&difference.object).bind(&difference.object_name)
            .bind(&difference.field).bind(difference.change.as_str()).bind(Json(&difference.expected))
            .bind(Json(&difference.observed)).bind(i64::from(suspicion.count)).bind(suspicion.since)
            .bind(suspicion.counted_at).execute(connection).await.map(drop))?;
        Ok(())
    }

    /// Forgets a suspicion.
    pub async fn forget_suspicion(
        &mut self,
        (tenant, resource_type): (Uuid, ResourceType),
        (object, field): (&str, &str),
    ) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::SUSPICION_FORGET)
            .bind(tenant).bind(resource_type.as_str()).bind(object).bind(field)
            .execute(connection).await.map(drop))?;
        Ok(())
    }
}
