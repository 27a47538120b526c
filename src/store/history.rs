//! What was recorded between two moments, for all tenants at once: one statement for each question, whatever the number
//! of tenants, and one row at a time in memory.

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use serde_json::value::RawValue;
use sqlx::types::Json;
use uuid::Uuid;

use super::snapshots::body;
use super::{Pools, Store, StoreError, read, sql, word};
use crate::model::{Body, ResourceType};

/// Two moments, and of whom.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    /// The earlier moment.
    pub from: DateTime<Utc>,
    /// The later moment.
    pub to: DateTime<Utc>,
    /// Of one cloud.
    pub cloud: Option<&'a str>,
    /// Of the tenants in one domain, by its name or id.
    pub domain: Option<&'a str>,
    /// Of one tenant.
    pub tenant: Option<Uuid>,
    /// Of one resource type.
    pub resource_type: Option<ResourceType>,
}

/// A tenant with the names that people call it by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, sqlx::FromRow)]
pub struct Whose {
    /// The cloud.
    pub cloud: String,
    /// The project's name.
    pub tenant_name: String,
    /// The project's id.
    pub backend_id: String,
    /// tenantd's id of the tenant.
    pub tenant: Uuid,
    /// Whose it is, as a portal says; empty while none was asked.
    pub customer_name: String,
    /// The portal's project that it belongs to; empty while none was asked.
    pub project_name: String,
}

/// A tenant that was recorded or vanished in between.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Moved {
    /// Whom.
    #[sqlx(flatten)]
    pub whose: Whose,
    /// When it was first recorded.
    pub created_at: DateTime<Utc>,
    /// When a discovery first missed it.
    pub vanished_at: Option<DateTime<Utc>>,
}

#[derive(sqlx::FromRow)]
struct PairRow {
    #[sqlx(flatten)]
    whose: Whose,
    resource_type: String,
    is_first_seen: bool,
    has_more: bool,
    base_at: DateTime<Utc>,
    latest: Uuid,
    latest_at: DateTime<Utc>,
    before: Option<Json<Box<RawValue>>>,
    after: Option<Json<Box<RawValue>>>,
}

/// One resource type at both moments.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// Of whom.
    pub whose: Whose,
    /// Which.
    pub resource_type: ResourceType,
    /// Whether it was first seen in between: then `base_at` is when, and `bodies` tell what changed since.
    pub is_first_seen: bool,
    /// Whether there are looks between the two that may tell more exactly when something changed.
    pub has_more: bool,
    /// When the earlier content was first seen.
    pub base_at: DateTime<Utc>,
    /// The later snapshot.
    pub latest: Uuid,
    /// When the later content was first seen.
    pub latest_at: DateTime<Utc>,
    /// The earlier and the later content, where they differ.
    pub bodies: Option<(Body, Body)>,
}

#[derive(sqlx::FromRow)]
struct LookRow {
    latest: Uuid,
    resource_type: String,
    first_seen_at: DateTime<Utc>,
    body: Json<Box<RawValue>>,
}

/// A look between the two moments.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// The later snapshot of the pair that it lies in.
    pub latest: Uuid,
    /// When this content was first seen.
    pub first_seen_at: DateTime<Utc>,
    /// The content.
    pub body: Body,
}

impl TryFrom<PairRow> for Pair {
    type Error = StoreError;

    fn try_from(row: PairRow) -> Result<Self, StoreError> {
        let resource_type: ResourceType = word!("snapshots", "resource_type", row.resource_type)?;
        let bodies = match (row.before, row.after) {
            (Some(before), Some(after)) => {
                Some((body("snapshots", resource_type, &before)?, body("snapshots", resource_type, &after)?))
            }
            _ => None,
        };
        Ok(Self {
            whose: row.whose,
            resource_type,
            is_first_seen: row.is_first_seen,
            has_more: row.has_more,
            base_at: row.base_at,
            latest: row.latest,
            latest_at: row.latest_at,
            bodies,
        })
    }
}

impl TryFrom<LookRow> for Look {
    type Error = StoreError;

    fn try_from(row: LookRow) -> Result<Self, StoreError> {
        let resource_type: ResourceType = word!("snapshots", "resource_type", row.resource_type)?;
        let body = body("snapshots", resource_type, &row.body)?;
        Ok(Self { latest: row.latest, first_seen_at: row.first_seen_at, body })
    }
}

impl Store {
    /// Tenants that were recorded or vanished in between.
    pub async fn tenants_between(&self, span: Span<'_>) -> Result<Vec<Moved>, StoreError> {
        Ok(read!(self, pool => sqlx::query_as(sql::TENANT_BETWEEN)
            .bind(span.from).bind(span.to).bind(span.cloud).bind(span.domain).bind(span.tenant)
            .fetch_all(pool).await)?)
    }

    /// Hands over each resource type that is not the same at both moments, or was first seen in between.
    pub async fn snapshot_pairs(&self, span: Span<'_>, mut each: impl FnMut(Pair)) -> Result<(), StoreError> {
        read!(self, pool => {
            let query = sqlx::query_as::<_, PairRow>(sql::SNAPSHOT_PAIRS)
                .bind(span.from).bind(span.to).bind(span.cloud).bind(span.domain).bind(span.tenant)
                .bind(span.resource_type.map(ResourceType::as_str));
            let mut rows = query.fetch(pool);
            while let Some(row) = rows.try_next().await? {
                each(row.try_into()?);
            }
        });
        Ok(())
    }

    /// Hands over the looks between a moment and each of these snapshots, in no order.
    pub async fn looks_between(
        &self,
        from: DateTime<Utc>,
        latest: &[Uuid],
        mut each: impl FnMut(Look),
    ) -> Result<(), StoreError> {
        match &self.pools {
            Pools::Sqlite { read, .. } => {
                let ids: Vec<String> = latest.iter().map(|id| id.simple().to_string()).collect();
                let query = sqlx::query_as::<_, LookRow>(sql::SNAPSHOT_BETWEEN_SQLITE).bind(from).bind(Json(ids));
                let mut rows = query.fetch(read);
                while let Some(row) = rows.try_next().await? {
                    each(row.try_into()?);
                }
            }
            Pools::Postgres(pool) => {
                let query = sqlx::query_as::<_, LookRow>(sql::SNAPSHOT_BETWEEN_POSTGRES).bind(from).bind(latest);
                let mut rows = query.fetch(pool);
                while let Some(row) = rows.try_next().await? {
                    each(row.try_into()?);
                }
            }
        }
        Ok(())
    }
}
