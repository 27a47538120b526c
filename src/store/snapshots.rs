//! Stored observations.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Store, StoreError, Tx, read, sql, word, write};
use crate::model::{Body, ResourceType};

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    id: Uuid,
    cloud: String,
    tenant: Uuid,
    backend_id: String,
    tenant_name: String,
    resource_type: String,
    digest: String,
    first_seen_at: DateTime<Utc>,
    last_seen_at: DateTime<Utc>,
    body: Json<Value>,
}

/// A snapshot with the names of its tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Its id.
    pub id: Uuid,
    /// The cloud.
    pub cloud: String,
    /// tenantd's id of the tenant.
    pub tenant: Uuid,
    /// The project's id.
    pub backend_id: String,
    /// The project's name.
    pub tenant_name: String,
    /// Which resource type.
    pub resource_type: ResourceType,
    /// SHA-256 of the content.
    pub digest: String,
    /// When this content was first seen.
    pub first_seen_at: DateTime<Utc>,
    /// When this content was last seen.
    pub last_seen_at: DateTime<Utc>,
    /// The content.
    pub body: Body,
}

impl TryFrom<Row> for Snapshot {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let resource_type: ResourceType = word!("snapshots", "resource_type", row.resource_type)?;
        let body = body("snapshots", resource_type, &row.body)?;
        Ok(Self {
            id: row.id,
            cloud: row.cloud,
            tenant: row.tenant,
            backend_id: row.backend_id,
            tenant_name: row.tenant_name,
            resource_type,
            digest: row.digest,
            first_seen_at: row.first_seen_at,
            last_seen_at: row.last_seen_at,
            body,
        })
    }
}

/// Reads a stored body back.
pub(super) fn body(table: &'static str, resource_type: ResourceType, json: &Value) -> Result<Body, StoreError> {
    Body::from_json(resource_type, json).map_err(|why| StoreError::Unreadable {
        table,
        column: "body",
        value: json.to_string().chars().take(80).collect(),
        why,
    })
}

/// Which snapshots to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    /// Of one cloud.
    pub cloud: Option<&'a str>,
    /// Of one tenant.
    pub tenant: Option<Uuid>,
    /// Of one resource type.
    pub resource_type: Option<ResourceType>,
    /// At most this many, the newest first.
    pub limit: i64,
}

impl Store {
    /// The snapshot `id`.
    pub async fn snapshot(&self, id: Uuid) -> Result<Option<Snapshot>, StoreError> {
        let row: Option<Row> =
            read!(self, pool => sqlx::query_as(sql::SNAPSHOT_GET).bind(id).fetch_optional(pool).await)?;
        row.map(TryInto::try_into).transpose()
    }

    /// The snapshot that was current at `moment`.
    pub async fn snapshot_at(
        &self,
        tenant: Uuid,
        resource_type: ResourceType,
        moment: DateTime<Utc>,
    ) -> Result<Option<Snapshot>, StoreError> {
        let row: Option<Row> = read!(self, pool => sqlx::query_as(sql::SNAPSHOT_AT)
            .bind(tenant).bind(resource_type.as_str()).bind(moment).fetch_optional(pool).await)?;
        row.map(TryInto::try_into).transpose()
    }

    /// Snapshots, the newest first.
    pub async fn snapshots(&self, filter: Filter<'_>) -> Result<Vec<Snapshot>, StoreError> {
        let rows: Vec<Row> = read!(self, pool => sqlx::query_as(sql::SNAPSHOT_LIST)
            .bind(filter.cloud).bind(filter.tenant).bind(filter.resource_type.map(ResourceType::as_str))
            .bind(filter.limit).fetch_all(pool).await)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }
}

impl Tx {
    /// The snapshot `id`, as this transaction sees it.
    pub async fn snapshot(&mut self, id: Uuid) -> Result<Option<Snapshot>, StoreError> {
        let row: Option<Row> = write!(self, connection => sqlx::query_as(sql::SNAPSHOT_GET)
            .bind(id).fetch_optional(connection).await)?;
        row.map(TryInto::try_into).transpose()
    }

    /// Stores new content.
    pub async fn insert_snapshot(
        &mut self,
        id: Uuid,
        tenant: Uuid,
        body: &Body,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::SNAPSHOT_INSERT)
            .bind(id).bind(tenant).bind(body.resource_type().as_str()).bind(body.digest()).bind(Json(body.to_json()))
            .bind(now).execute(connection).await.map(drop))?;
        Ok(())
    }

    /// Notes that the same content was seen again.
    pub async fn snapshot_seen(&mut self, id: Uuid, now: DateTime<Utc>) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::SNAPSHOT_SEEN).bind(id).bind(now)
            .execute(connection).await.map(drop))?;
        Ok(())
    }
}
