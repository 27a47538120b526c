//! What somebody changes with credentials of their own, until it settles.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Store, StoreError, Tx, read, sql, word, write};
use crate::model::{Announcement, ResourceType};

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    tenant: Uuid,
    resource_type: String,
    changes: Json<BTreeMap<String, Value>>,
    author: String,
    announced_at: DateTime<Utc>,
    settles_at: DateTime<Utc>,
}

impl TryFrom<Row> for Announcement {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            resource_type: word!("announcements", "resource_type", row.resource_type)?,
            id: row.id,
            tenant: row.tenant,
            changes: row.changes.0,
            author: row.author,
            announced_at: row.announced_at,
            settles_at: row.settles_at,
        })
    }
}

impl Store {
    /// What is announced of a tenant and has not settled, oldest first.
    pub async fn announcements(&self, tenant: Uuid) -> Result<Vec<Announcement>, StoreError> {
        let rows: Vec<Row> =
            read!(self, pool => sqlx::query_as(sql::ANNOUNCEMENT_LIST).bind(tenant).fetch_all(pool).await)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }
}

impl Tx {
    /// What is announced of one resource type and has not settled, oldest first.
    pub async fn announcements(
        &mut self,
        tenant: Uuid,
        resource_type: ResourceType,
    ) -> Result<Vec<Announcement>, StoreError> {
        let rows: Vec<Row> = write!(self, connection => sqlx::query_as(sql::ANNOUNCEMENT_PENDING)
            .bind(tenant).bind(resource_type.as_str()).fetch_all(connection).await)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// Writes an announcement down; whether it was new.
    pub async fn announce(&mut self, it: &Announcement) -> Result<bool, StoreError> {
        let added = write!(self, connection => sqlx::query(sql::ANNOUNCEMENT_ADD).bind(it.id).bind(it.tenant)
            .bind(it.resource_type.as_str()).bind(Json(&it.changes)).bind(&it.author).bind(it.announced_at)
            .bind(it.settles_at).execute(connection).await.map(|done| done.rows_affected()))?;
        self.unsettle(it.tenant, it.resource_type).await?;
        Ok(added > 0)
    }

    /// Forgets an announcement that has settled.
    pub async fn settle(&mut self, id: Uuid) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::ANNOUNCEMENT_SETTLE).bind(id)
            .execute(connection).await.map(drop))?;
        Ok(())
    }
}
