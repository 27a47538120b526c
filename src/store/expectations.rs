//! What a tenant's resource types should look like.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use sqlx::types::Json;
use uuid::Uuid;

use super::snapshots::body;
use super::{Store, StoreError, Tx, read, sql, word, write};
pub use crate::model::Expectation;
use crate::model::{Origin, ResourceType};

#[derive(sqlx::FromRow)]
struct Row {
    tenant: Uuid,
    resource_type: String,
    body: Json<Box<RawValue>>,
    source: String,
    author: String,
    set_at: DateTime<Utc>,
    objects: Json<BTreeMap<String, Origin>>,
}

impl TryFrom<Row> for Expectation {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let resource_type: ResourceType = word!("expectations", "resource_type", row.resource_type)?;
        Ok(Self {
            tenant: row.tenant,
            body: body("expectations", resource_type, &row.body)?,
            origin: Origin { source: row.source, author: row.author, set_at: row.set_at },
            objects: row.objects.0,
        })
    }
}

impl Store {
    /// The expectations of a tenant.
    pub async fn expectations(&self, tenant: Uuid) -> Result<Vec<Expectation>, StoreError> {
        let rows: Vec<Row> =
            read!(self, pool => sqlx::query_as(sql::EXPECTATION_OF_TENANT).bind(tenant).fetch_all(pool).await)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }
}

impl Tx {
    /// The expectation of one resource type.
    pub async fn expectation(
        &mut self,
        tenant: Uuid,
        resource_type: ResourceType,
    ) -> Result<Option<Expectation>, StoreError> {
        let row: Option<Row> = write!(self, connection => sqlx::query_as(sql::EXPECTATION_GET)
            .bind(tenant).bind(resource_type.as_str()).fetch_optional(connection).await)?;
        row.map(TryInto::try_into).transpose()
    }

    /// Makes it the expectation, in place of any other.
    pub async fn set_expectation(&mut self, expectation: &Expectation) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::EXPECTATION_SET)
            .bind(expectation.tenant).bind(expectation.body.resource_type().as_str())
            .bind(Json(expectation.body.to_json())).bind(&expectation.origin.source).bind(&expectation.origin.author)
            .bind(expectation.origin.set_at).bind(Json(&expectation.objects)).execute(connection).await.map(drop))?;
        self.unsettle(expectation.tenant, expectation.body.resource_type()).await
    }

    /// What was in order may not be any more.
    pub async fn unsettle(&mut self, tenant: Uuid, resource_type: ResourceType) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::RESOURCE_UNSETTLE)
            .bind(tenant).bind(resource_type.as_str()).execute(connection).await.map(drop))?;
        Ok(())
    }

    /// Forgets an expectation; whether there was one.
    pub async fn clear_expectation(&mut self, tenant: Uuid, resource_type: ResourceType) -> Result<bool, StoreError> {
        let cleared = write!(self, connection => sqlx::query(sql::EXPECTATION_CLEAR)
            .bind(tenant).bind(resource_type.as_str()).execute(connection).await.map(|done| done.rows_affected()))?;
        self.unsettle(tenant, resource_type).await?;
        Ok(cleared > 0)
    }
}
