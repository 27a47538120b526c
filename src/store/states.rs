//! The states that a tenant walks through while somebody changes it: moved on conditions, so that of two who want to
//! change it at once one is first.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::tenants::Row;
use super::{StoreError, Tx, sql, write};
use crate::model::{Tenant, TenantState};

/// A tenant that is asked for and has no project yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTenant {
    /// tenantd's id of it.
    pub uuid: Uuid,
    /// The cloud.
    pub cloud: String,
    /// The name that its project is to have.
    pub name: String,
    /// The domain that its project is to be in.
    pub domain: String,
    /// Its description.
    pub description: String,
    /// See [`Tenant::availability_zone`].
    pub availability_zone: String,
    /// See [`Tenant::default_volume_type`].
    pub default_volume_type: String,
}

/// What is to be recorded of a tenant besides its project; nothing leaves a value as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traits {
    /// See [`Tenant::availability_zone`].
    pub availability_zone: Option<String>,
    /// See [`Tenant::default_volume_type`].
    pub default_volume_type: Option<String>,
    /// See [`Tenant::internal_network`].
    pub internal_network: Option<String>,
    /// See [`Tenant::external_network`].
    pub external_network: Option<String>,
    /// See [`Tenant::user_name`].
    pub user_name: Option<String>,
}

impl Tx {
    /// The tenant with tenantd's id `uuid`, as this transaction sees it.
    pub async fn tenant(&mut self, uuid: Uuid) -> Result<Option<Tenant>, StoreError> {
        let row: Option<Row> =
            write!(self, connection => sqlx::query_as(sql::TENANT_GET).bind(uuid).fetch_optional(connection).await)?;
        row.map(TryInto::try_into).transpose()
    }

    /// Moves a tenant out of one of the states `from` for `job`; false when it is in none of them.
    pub async fn schedule_tenant(
        &mut self,
        uuid: Uuid,
        from: &[TenantState],
        to: TenantState,
        job: Uuid,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let (Some(first), Some(last)) = (from.first(), from.last()) else { return Ok(false) };
        let changed = write!(self, connection => sqlx::query(sql::TENANT_SCHEDULE)
            .bind(uuid).bind(first.as_str()).bind(last.as_str()).bind(to.as_str()).bind(job).bind(now)
            .execute(connection).await.map(|done| done.rows_affected()))?;
        Ok(changed > 0)
    }

    /// Lets `job` begin to change a tenant; the tenant as it is then, or none while another job's change is not over.
    pub async fn begin_on_tenant(
        &mut self,
        uuid: Uuid,
        job: Uuid,
        running: TenantState,
        now: DateTime<Utc>,
    ) -> Result<Option<Tenant>, StoreError> {
        let row: Option<Row> = write!(self, connection => sqlx::query_as(sql::TENANT_BEGIN)
            .bind(uuid).bind(job).bind(running.as_str()).bind(now).fetch_optional(connection).await)?;
        row.map(TryInto::try_into).transpose()
    }

    /// Ends the hold of `job` on a tenant's state, if it has one.
    pub async fn settle_tenant(
        &mut self,
        job: Uuid,
        state: TenantState,
        error: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::TENANT_SETTLE)
            .bind(job).bind(state.as_str()).bind(error).bind(now).execute(connection).await.map(drop))
    }

    /// Ends the hold of a job that nobody wants any more: what it had not begun is as before.
    pub async fn release_tenant(&mut self, job: Uuid, why: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::TENANT_RELEASE)
            .bind(job).bind(why).bind(now).execute(connection).await.map(drop))
    }

    /// Sets a tenant's state, whoever holds it; whether there is such a tenant.
    pub async fn set_tenant_state(
        &mut self,
        uuid: Uuid,
        state: TenantState,
        error: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let changed = write!(self, connection => sqlx::query(sql::TENANT_SET_STATE)
            .bind(uuid).bind(state.as_str()).bind(error).bind(now)
            .execute(connection).await.map(|done| done.rows_affected()))?;
        Ok(changed > 0)
    }

    /// Records a tenant that `job` is to make; recorded already, it stays as it is.
    pub async fn create_tenant(&mut self, new: &NewTenant, job: Uuid, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let made = write!(self, connection => sqlx::query(sql::TENANT_CREATE)
            .bind(new.uuid).bind(&new.cloud).bind(Tenant::placeholder(new.uuid)).bind(&new.name).bind(&new.domain)
            .bind(&new.description).bind(now).bind(job).bind(&new.availability_zone).bind(&new.default_volume_type)
            .execute(connection).await.map(|done| done.rows_affected()))?;
        Ok(made > 0)
    }

    /// Records the project that was made for a tenant; one that a discovery recorded for it meanwhile goes.
    pub async fn tenant_made(
        &mut self,
        tenant: &Tenant,
        (project, domain): (&str, &str),
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::TENANT_DOUBLE)
            .bind(&tenant.cloud).bind(project).bind(tenant.uuid).execute(connection).await.map(drop))?;
        write!(self, connection => sqlx::query(sql::TENANT_MADE)
            .bind(tenant.uuid).bind(project).bind(domain).bind(now).execute(connection).await.map(drop))
    }

    /// Records what a portal says of a tenant, and what was made for it.
    pub async fn describe_tenant(&mut self, uuid: Uuid, traits: &Traits, now: DateTime<Utc>) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::TENANT_DESCRIBE)
            .bind(uuid).bind(&traits.availability_zone).bind(&traits.default_volume_type)
            .bind(&traits.internal_network).bind(&traits.external_network).bind(&traits.user_name).bind(now)
            .execute(connection).await.map(drop))
    }

    /// Forgets a tenant that the cloud does not hold any more; whether it was recorded.
    pub async fn delete_tenant(&mut self, uuid: Uuid) -> Result<bool, StoreError> {
        let gone = write!(self, connection => sqlx::query(sql::TENANT_DELETE).bind(uuid)
            .execute(connection).await.map(|done| done.rows_affected()))?;
        Ok(gone > 0)
    }

    /// Takes secrets out of the row of a job that is over.
    pub async fn forget_params(&mut self, job: Uuid, left: &serde_json::Value) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::JOB_FORGET).bind(job).bind(sqlx::types::Json(left))
            .execute(connection).await.map(drop))
    }
}
