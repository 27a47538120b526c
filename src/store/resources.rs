//! What is known of each resource type of each tenant, and what the last attempt said.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Store, StoreError, Tx, read, sql, word, write};
use crate::model::ResourceType;

/// What a transaction finds when it takes hold of a resource type.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Held {
    /// The snapshot that is current.
    pub snapshot: Option<Uuid>,
    /// When the earliest request of the newest applied observation left.
    pub observed_at: Option<DateTime<Utc>>,
    /// Failed attempts since the last success.
    pub failures: i64,
    /// Why the last attempt failed.
    pub error_reason: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    resource_type: String,
    snapshot: Option<Uuid>,
    observed_at: Option<DateTime<Utc>>,
    last_success_at: Option<DateTime<Utc>>,
    last_attempt_at: DateTime<Utc>,
    failures: i64,
    error_reason: Option<String>,
    error: Option<String>,
}

/// One resource type of one tenant, for people.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Status {
    /// Which.
    pub resource_type: ResourceType,
    /// The snapshot that is current.
    pub snapshot: Option<Uuid>,
    /// When the newest applied observation began.
    pub observed_at: Option<DateTime<Utc>>,
    /// When it was last read completely.
    pub last_success_at: Option<DateTime<Utc>>,
    /// When it was last tried.
    pub last_attempt_at: DateTime<Utc>,
    /// Failed attempts since the last success.
    pub failures: i64,
    /// Why the last attempt failed, in one word.
    pub error_reason: Option<String>,
    /// Why the last attempt failed.
    pub error: Option<String>,
}

#[derive(sqlx::FromRow)]
struct AgeRow {
    tenant: Uuid,
    resource_type: String,
    last_success_at: Option<DateTime<Utc>>,
    error_reason: Option<String>,
    body: Option<Json<Value>>,
}

/// What a scrape needs of one resource type of one tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct Age {
    /// tenantd's id of the tenant.
    pub tenant: Uuid,
    /// Which.
    pub resource_type: ResourceType,
    /// When it was last read completely.
    pub last_success_at: Option<DateTime<Utc>>,
    /// Why the last attempt failed.
    pub error_reason: Option<String>,
    /// What was seen.
    pub body: Option<Value>,
}

impl Store {
    /// The resource types of a tenant that were ever tried.
    pub async fn statuses(&self, tenant: Uuid) -> Result<Vec<Status>, StoreError> {
        let rows: Vec<Row> =
            read!(self, pool => sqlx::query_as(sql::RESOURCE_OF_TENANT).bind(tenant).fetch_all(pool).await)?;
        let status = |row: Row| {
            Ok(Status {
                resource_type: word!("resources", "resource_type", row.resource_type)?,
                snapshot: row.snapshot,
                observed_at: row.observed_at,
                last_success_at: row.last_success_at,
                last_attempt_at: row.last_attempt_at,
                failures: row.failures,
                error_reason: row.error_reason,
                error: row.error,
            })
        };
        rows.into_iter().map(status).collect()
    }

    /// The state of everything, for the scrape.
    pub async fn ages(&self) -> Result<Vec<Age>, StoreError> {
        let rows: Vec<AgeRow> = read!(self, pool => sqlx::query_as(sql::RESOURCE_AGES).fetch_all(pool).await)?;
        let age = |row: AgeRow| {
            Ok(Age {
                tenant: row.tenant,
                resource_type: word!("resources", "resource_type", row.resource_type)?,
                last_success_at: row.last_success_at,
                error_reason: row.error_reason,
                body: row.body.map(|body| body.0),
            })
        };
        rows.into_iter().map(age).collect()
    }
}

impl Tx {
    /// Notes an attempt, locks the row until the end of the transaction, and tells what is known; [`StoreError::Gone`]
    /// when the tenant was unlinked meanwhile.
    pub async fn hold_resource(
        &mut self,
        tenant: Uuid,
        resource_type: ResourceType,
        now: DateTime<Utc>,
    ) -> Result<Held, StoreError> {
        let held: Option<Held> = write!(self, connection => sqlx::query_as(sql::RESOURCE_TOUCH)
            .bind(tenant).bind(resource_type.as_str()).bind(now).fetch_optional(connection).await)?;
        held.ok_or(StoreError::Gone(tenant))
    }

    /// Locks the row until the end of the transaction and tells what is known, if anything was ever looked at; the
    /// cloud is not asked, so no attempt is noted.
    pub async fn hold_known_resource(
        &mut self,
        tenant: Uuid,
        resource_type: ResourceType,
    ) -> Result<Option<Held>, StoreError> {
        Ok(write!(self, connection => sqlx::query_as(sql::RESOURCE_HOLD)
            .bind(tenant).bind(resource_type.as_str()).fetch_optional(connection).await)?)
    }

    /// Notes an observation, and when it was complete.
    pub async fn resource_succeeded(
        &mut self,
        (tenant, resource_type): (Uuid, ResourceType),
        snapshot: Option<Uuid>,
        asked_at: DateTime<Utc>,
        complete_at: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::RESOURCE_SUCCEEDED)
            .bind(tenant).bind(resource_type.as_str()).bind(snapshot).bind(asked_at).bind(complete_at)
            .execute(connection).await.map(drop))?;
        Ok(())
    }

    /// Notes why an attempt failed; what was known stays.
    pub async fn resource_failed(
        &mut self,
        (tenant, resource_type): (Uuid, ResourceType),
        reason: &str,
        error: &str,
    ) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::RESOURCE_FAILED)
            .bind(tenant).bind(resource_type.as_str()).bind(reason).bind(error)
            .execute(connection).await.map(drop))?;
        Ok(())
    }
}
