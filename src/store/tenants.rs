//! Tenants as recorded.

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use serde::Serialize;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Store, StoreError, Tx, either, read, sql, word, write};
use crate::model::Tenant;

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    uuid: Uuid,
    cloud: String,
    backend_id: String,
    name: String,
    domain: String,
    description: String,
    enabled: bool,
    state: String,
    error_message: String,
    created_at: DateTime<Utc>,
    vanished_at: Option<DateTime<Utc>>,
    version: i64,
    state_job: Option<Uuid>,
    modified_at: Option<DateTime<Utc>>,
    availability_zone: String,
    default_volume_type: String,
    internal_network: String,
    external_network: String,
    user_name: String,
    tags: Json<Vec<String>>,
    domain_name: String,
}

impl TryFrom<Row> for Tenant {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            state: word!("tenants", "state", row.state)?,
            uuid: row.uuid,
            cloud: row.cloud,
            backend_id: row.backend_id,
            name: row.name,
            domain: row.domain,
            description: row.description,
            enabled: row.enabled,
            error_message: row.error_message,
            created_at: row.created_at,
            vanished_at: row.vanished_at,
            version: row.version,
            state_job: row.state_job,
            modified_at: row.modified_at,
            availability_zone: row.availability_zone,
            default_volume_type: row.default_volume_type,
            internal_network: row.internal_network,
            external_network: row.external_network,
            user_name: row.user_name,
            tags: row.tags.0,
            domain_name: row.domain_name,
        })
    }
}

/// A project as the cloud has it, to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The cloud's name.
    pub cloud: String,
    /// The project's id.
    pub backend_id: String,
    /// Its name.
    pub name: String,
    /// Its domain's id.
    pub domain: String,
    /// Its description.
    pub description: String,
    /// Whether it is enabled.
    pub enabled: bool,
    /// Its tags, sorted.
    pub tags: Vec<String>,
    /// Its domain's name; empty where the cloud does not tell.
    pub domain_name: String,
}

impl Seen {
    /// Whether recording it would change `tenant`.
    pub fn differs_from(&self, tenant: &Tenant) -> bool {
        self.name != tenant.name
            || self.domain != tenant.domain
            || self.description != tenant.description
            || self.enabled != tenant.enabled
            || self.tags != tenant.tags
            || !matches!(&self.domain_name, name if name.is_empty() || *name == tenant.domain_name)
            || tenant.vanished_at.is_some()
    }
}

/// A project that somebody took out of the records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Unlinked {
    /// The cloud's name.
    pub cloud: String,
    /// The project's id.
    pub backend_id: String,
    /// Its name then.
    pub name: String,
    /// Who did it.
    pub author: String,
    /// When.
    pub unlinked_at: DateTime<Utc>,
}

/// A tenant by its names.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Project {
    /// tenantd's id of the tenant.
    pub uuid: Uuid,
    /// The cloud's name.
    pub cloud: String,
    /// The project's id, or what stands for it while there is none.
    pub backend_id: String,
    /// The project's name.
    pub name: String,
    /// Its domain's id.
    pub domain: String,
    /// Whether it is enabled.
    pub enabled: bool,
    /// Whose it is, where a portal was asked.
    pub customer_name: Option<String>,
    /// The portal's project that it belongs to, where one was asked.
    pub project_name: Option<String>,
}

/// How many tenants a cloud has.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Population {
    /// The cloud's name.
    pub cloud: String,
    /// Those that are there.
    pub present: i64,
    /// Those whose projects are gone.
    pub vanished: i64,
}

/// How much is recorded of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Holdings {
    /// Snapshots.
    pub snapshots: i64,
    /// Findings, whatever became of them.
    pub findings: i64,
    /// Expectations.
    pub expectations: i64,
}

impl Store {
    /// All tenants, or those of one cloud, by cloud and name.
    pub async fn tenants(&self, cloud: Option<&str>) -> Result<Vec<Tenant>, StoreError> {
        let rows: Vec<Row> = read!(self, pool => sqlx::query_as(sql::TENANT_LIST).bind(cloud).fetch_all(pool).await)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// The tenants of a cloud that can be looked at, with tenantd's ids after the first and up to the second of `range`.
    pub async fn tenants_within(&self, cloud: &str, range: (Uuid, Uuid)) -> Result<Vec<Tenant>, StoreError> {
        let mut tenants = Vec::new();
        // They may be many, and are held for as long as a pull goes on: none twice, and no room for more.
        read!(self, pool => {
            let query = sqlx::query_as::<_, Row>(sql::TENANT_RANGE).bind(cloud).bind(range.0).bind(range.1);
            let mut rows = query.fetch(pool);
            while let Some(row) = rows.try_next().await? {
                tenants.push(row.try_into()?);
            }
        });
        tenants.shrink_to_fit();
        Ok(tenants)
    }

    /// tenantd's ids of the tenants of a cloud that can be looked at, in their order.
    pub async fn tenant_ids(&self, cloud: &str) -> Result<Vec<Uuid>, StoreError> {
        Ok(read!(self, pool => sqlx::query_scalar(sql::TENANT_IDS).bind(cloud).fetch_all(pool).await)?)
    }

    /// The tenants that are there, by their ids, with their names alone.
    pub async fn projects(&self) -> Result<Vec<Project>, StoreError> {
        Ok(read!(self, pool => sqlx::query_as(sql::TENANT_PROJECTS).fetch_all(pool).await)?)
    }

    /// How many tenants each cloud has, in no order.
    pub async fn populations(&self) -> Result<Vec<Population>, StoreError> {
        Ok(read!(self, pool => sqlx::query_as(sql::TENANT_COUNTS).fetch_all(pool).await)?)
    }

    /// The tenant with tenantd's id `uuid`.
    pub async fn tenant(&self, uuid: Uuid) -> Result<Option<Tenant>, StoreError> {
        let row: Option<Row> =
            read!(self, pool => sqlx::query_as(sql::TENANT_GET).bind(uuid).fetch_optional(pool).await)?;
        row.map(TryInto::try_into).transpose()
    }

    /// The tenants whose project id is `backend_id`: one in each cloud at most.
    pub async fn tenants_by_backend_id(
        &self,
        backend_id: &str,
        cloud: Option<&str>,
    ) -> Result<Vec<Tenant>, StoreError> {
        let rows: Vec<Row> = read!(self, pool => sqlx::query_as(sql::TENANT_BY_BACKEND_ID)
            .bind(backend_id).bind(cloud).fetch_all(pool).await)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// The tenants called `name`.
    pub async fn tenants_by_name(&self, name: &str, cloud: Option<&str>) -> Result<Vec<Tenant>, StoreError> {
        let rows: Vec<Row> = read!(self, pool => sqlx::query_as(sql::TENANT_BY_NAME)
            .bind(name).bind(cloud).fetch_all(pool).await)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// The projects that somebody took out, by cloud and name.
    pub async fn unlinked(&self, cloud: Option<&str>) -> Result<Vec<Unlinked>, StoreError> {
        Ok(read!(self, pool => sqlx::query_as(sql::UNLINKED_LIST).bind(cloud).fetch_all(pool).await)?)
    }

    /// How much is recorded of a tenant.
    pub async fn holdings(&self, uuid: Uuid) -> Result<Holdings, StoreError> {
        Ok(read!(self, pool => sqlx::query_as(sql::TENANT_HOLDINGS).bind(uuid).fetch_one(pool).await)?)
    }
}

impl Tx {
    /// The tenants that any of `subjects` may mean: tenantd's id or the project's id.
    pub async fn find_tenants(&mut self, subjects: &[&str]) -> Result<Vec<Tenant>, StoreError> {
        let rows: Vec<Row> = either!(self, transaction => {
            let mut rows = Vec::new();
            for subject in subjects {
                let query = sqlx::query_as(sql::TENANT_FIND_SQLITE).bind(Uuid::parse_str(subject).ok());
                rows.extend(query.bind(subject).fetch_all(&mut **transaction).await?);
            }
            rows
        }, {
            let ids: Vec<Uuid> = subjects.iter().filter_map(|subject| Uuid::parse_str(subject).ok()).collect();
            let query = sqlx::query_as(sql::TENANT_FIND_POSTGRES).bind(ids).bind(subjects);
            query.fetch_all(&mut **transaction).await?
        })?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// Records a project, under `uuid` if it is new.
    pub async fn save_tenant(&mut self, uuid: Uuid, seen: &Seen, now: DateTime<Utc>) -> Result<Tenant, StoreError> {
        let row: Row = write!(self, connection => sqlx::query_as(sql::TENANT_INSERT)
            .bind(uuid).bind(&seen.cloud).bind(&seen.backend_id).bind(&seen.name).bind(&seen.domain)
            .bind(&seen.description).bind(seen.enabled).bind(now).bind(Json(&seen.tags)).bind(&seen.domain_name)
            .fetch_one(connection).await)?;
        row.try_into()
    }

    /// Marks a tenant whose project is gone; whether it was not marked before.
    pub async fn mark_vanished(&mut self, uuid: Uuid, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let changed = write!(self, connection => sqlx::query(sql::TENANT_VANISH)
            .bind(uuid).bind(now).execute(connection).await.map(|done| done.rows_affected()))?;
        Ok(changed > 0)
    }

    /// Forgets a tenant with everything recorded of it, and remembers that somebody wanted so; whether it was there.
    pub async fn unlink_tenant(&mut self, tenant: &Tenant, by: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
        write!(self, connection => sqlx::query(sql::UNLINKED_ADD).bind(&tenant.cloud).bind(&tenant.backend_id)
            .bind(&tenant.name).bind(by).bind(now).execute(connection).await.map(drop))?;
        let gone = write!(self, connection => sqlx::query(sql::TENANT_DELETE).bind(tenant.uuid)
            .execute(connection).await.map(|done| done.rows_affected()))?;
        Ok(gone > 0)
    }

    /// Who took a project out, and when, if somebody did.
    pub async fn unlinked(&mut self, cloud: &str, backend_id: &str) -> Result<Option<Unlinked>, StoreError> {
        Ok(write!(self, connection => sqlx::query_as(sql::UNLINKED_GET).bind(cloud).bind(backend_id)
            .fetch_optional(connection).await)?)
    }

    /// Lets a project be recorded again; whether it had been taken out.
    pub async fn relink(&mut self, cloud: &str, backend_id: &str) -> Result<bool, StoreError> {
        let gone = write!(self, connection => sqlx::query(sql::UNLINKED_REMOVE).bind(cloud).bind(backend_id)
            .execute(connection).await.map(|done| done.rows_affected()))?;
        Ok(gone > 0)
    }
}
