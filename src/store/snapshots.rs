//! Stored observations.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use sqlx::types::Json;
use uuid::Uuid;

use super::directory::Window;
use super::resources::Age;
use super::{Pools, Store, StoreError, Tx, read, sql, word, write};
use crate::model::{Body, ResourceType};

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    cloud: String,
    tenant: Uuid,
    backend_id: String,
    tenant_name: String,
    resource_type: String,
    digest: String,
    first_seen_at: DateTime<Utc>,
    last_seen_at: DateTime<Utc>,
    body: Json<Box<RawValue>>,
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
pub(super) fn body(table: &'static str, resource_type: ResourceType, json: &RawValue) -> Result<Body, StoreError> {
    Body::from_text(resource_type, json).map_err(|why| StoreError::Unreadable {
        table,
        column: "body",
        value: json.get().chars().take(80).collect(),
        why,
    })
}

/// Bodies that are in memory at once.
const AT_ONCE: usize = 500;

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

    /// Hands over the bodies of snapshots as they are stored, in no order.
    pub async fn bodies(&self, ids: &[Uuid], mut each: impl FnMut(Uuid, &RawValue)) -> Result<(), StoreError> {
        type Body = (Uuid, Json<Box<RawValue>>);
        let bodies: Vec<Body> = match &self.pools {
            Pools::Sqlite { read, .. } => {
                let ids: Vec<String> = ids.iter().map(|id| id.simple().to_string()).collect();
                sqlx::query_as(sql::SNAPSHOT_BODIES_SQLITE).bind(Json(ids)).fetch_all(read).await?
            }
            Pools::Postgres(pool) => sqlx::query_as(sql::SNAPSHOT_BODIES_POSTGRES).bind(ids).fetch_all(pool).await?,
        };
        for (id, body) in &bodies {
            each(*id, &body.0);
        }
        Ok(())
    }

    /// Hands over what was seen last, one after the other, as far as it can be read. Only a part of it is in memory.
    pub async fn contents(&self, ages: &[Age], mut each: impl FnMut(&Age, Body)) -> Result<(), StoreError> {
        for part in ages.chunks(AT_ONCE) {
            let ids: Vec<Uuid> = part.iter().filter_map(|age| age.snapshot).collect();
            let mut texts: BTreeMap<Uuid, Box<RawValue>> = BTreeMap::new();
            self.bodies(&ids, |id, body| drop(texts.insert(id, body.to_owned()))).await?;
            for age in part {
                let text = age.snapshot.and_then(|id| texts.get(&id));
                if let Some(body) = text.and_then(|text| Body::from_text(age.resource_type, text).ok()) {
                    each(age, body);
                }
            }
        }
        Ok(())
    }

    /// Snapshots, the newest first.
    pub async fn snapshots(&self, filter: Filter<'_>) -> Result<Vec<Snapshot>, StoreError> {
        self.some_snapshots(filter, Window { limit: filter.limit, offset: 0 }).await
    }

    /// Those of them that are in a window.
    pub(super) async fn some_snapshots(&self, filter: Filter<'_>, window: Window) -> Result<Vec<Snapshot>, StoreError> {
        let rows: Vec<Row> = read!(self, pool => sqlx::query_as(sql::SNAPSHOT_PAGE)
            .bind(filter.cloud).bind(filter.tenant).bind(filter.resource_type.map(ResourceType::as_str))
            .bind(window.limit).bind(window.offset).fetch_all(pool).await)?;
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
