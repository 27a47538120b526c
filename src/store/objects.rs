//! Single objects that were made through tenantd.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Store, StoreError, Tx, read, sql, word, write};
use crate::model::Object;

#[derive(sqlx::FromRow)]
struct Row {
    uuid: Uuid,
    tenant: Uuid,
    resource_type: String,
    backend_id: Option<String>,
    name: String,
    description: String,
    state: String,
    error_message: String,
    body: Json<Value>,
    job: Option<Uuid>,
    created_at: DateTime<Utc>,
    modified_at: DateTime<Utc>,
}

impl TryFrom<Row> for Object {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            state: word!("objects", "state", row.state)?,
            uuid: row.uuid,
            tenant: row.tenant,
            resource_type: row.resource_type,
            backend_id: row.backend_id,
            name: row.name,
            description: row.description,
            error_message: row.error_message,
            body: row.body.0,
            job: row.job,
            created_at: row.created_at,
            modified_at: row.modified_at,
        })
    }
}

impl Store {
    /// The object with tenantd's id `uuid`.
    pub async fn object(&self, uuid: Uuid) -> Result<Option<Object>, StoreError> {
        let row: Option<Row> =
            read!(self, pool => sqlx::query_as(sql::OBJECT_GET).bind(uuid).fetch_optional(pool).await)?;
        row.map(TryInto::try_into).transpose()
    }

    /// The objects of a tenant, or those of one resource type, the oldest first.
    pub async fn objects(&self, tenant: Uuid, resource_type: Option<&str>) -> Result<Vec<Object>, StoreError> {
        let rows: Vec<Row> = read!(self, pool => sqlx::query_as(sql::OBJECT_LIST)
            .bind(tenant).bind(resource_type).fetch_all(pool).await)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }
}

impl Tx {
    /// Records an object, in place of what was recorded under its id.
    pub async fn save_object(&mut self, object: &Object) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::OBJECT_SAVE)
            .bind(object.uuid).bind(object.tenant).bind(&object.resource_type).bind(&object.backend_id)
            .bind(&object.name).bind(&object.description).bind(object.state.as_str()).bind(&object.error_message)
            .bind(Json(&object.body)).bind(object.job).bind(object.created_at).bind(object.modified_at)
            .execute(connection).await.map(drop))
    }

    /// Forgets an object; whether it was recorded.
    pub async fn remove_object(&mut self, uuid: Uuid) -> Result<bool, StoreError> {
        let gone = write!(self, connection => sqlx::query(sql::OBJECT_REMOVE).bind(uuid)
            .execute(connection).await.map(|done| done.rows_affected()))?;
        Ok(gone > 0)
    }

    /// Marks what a job left unfinished.
    pub async fn settle_objects(&mut self, job: Uuid, why: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::OBJECT_SETTLE).bind(job).bind(why).bind(now)
            .execute(connection).await.map(drop))
    }
}
