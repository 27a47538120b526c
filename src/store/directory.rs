//! Tenants as the API lists them: filtered, ordered, a page at a time, each with its quotas and what the portal says of
//! it. A page is one statement, however long it is.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;
use serde_json::value::RawValue;
use sqlx::types::Json;
use uuid::Uuid;

use super::tenants::Row as TenantRow;
use super::{Store, StoreError, Tx, read, snapshots, sql, write};
use crate::model::quota::Quotas;
use crate::model::{Body, ResourceType, Tenant, TenantState};

#[derive(sqlx::FromRow)]
struct Row {
    #[sqlx(flatten)]
    tenant: TenantRow,
    total: i64,
    service_settings: Option<Uuid>,
    service_settings_name: Option<String>,
    customer: Option<Uuid>,
    customer_name: Option<String>,
    customer_native_name: Option<String>,
    customer_abbreviation: Option<String>,
    project: Option<Uuid>,
    project_name: Option<String>,
    marketplace: Option<Json<Value>>,
    imported_at: Option<DateTime<Utc>>,
    quotas: Option<Json<Box<RawValue>>>,
}

/// What a portal says of a tenant; every id is the portal's.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Portal {
    /// The cloud, as the portal knows it.
    pub service_settings: Option<Uuid>,
    /// Its name there.
    pub service_settings_name: String,
    /// Whose the tenant is.
    pub customer: Option<Uuid>,
    /// Their name.
    pub customer_name: String,
    /// Their name in their own language.
    pub customer_native_name: String,
    /// Their name in short.
    pub customer_abbreviation: String,
    /// The portal's project that it belongs to.
    pub project: Option<Uuid>,
    /// Its name.
    pub project_name: String,
    /// What was sold, under the names of the API.
    pub marketplace: Value,
    /// When the portal was asked.
    pub imported_at: DateTime<Utc>,
}

/// Whom a portal says that a tenant belongs to, for where people read of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Owner {
    /// The tenant.
    pub tenant: Uuid,
    /// The customer's name.
    pub customer_name: String,
    /// The name of the portal's project.
    pub project_name: String,
}

/// A tenant as the API lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The tenant.
    pub tenant: Tenant,
    /// What a portal says of it, if one was asked.
    pub portal: Option<Portal>,
    /// Its quotas, if they were ever seen.
    pub quotas: Option<Quotas>,
}

impl TryFrom<Row> for Entry {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let quotas = match row.quotas {
            Some(json) => match snapshots::body("snapshots", ResourceType::Quotas, &json.0)? {
                Body::Quotas(quotas) => Some(quotas),
                _ => None,
            },
            None => None,
        };
        let portal = row.imported_at.map(|imported_at| Portal {
            service_settings: row.service_settings,
            service_settings_name: row.service_settings_name.unwrap_or_default(),
            customer: row.customer,
            customer_name: row.customer_name.unwrap_or_default(),
            customer_native_name: row.customer_native_name.unwrap_or_default(),
            customer_abbreviation: row.customer_abbreviation.unwrap_or_default(),
            project: row.project,
            project_name: row.project_name.unwrap_or_default(),
            marketplace: row.marketplace.map(|it| it.0).unwrap_or_default(),
            imported_at,
        });
        Ok(Self { tenant: row.tenant.try_into()?, portal, quotas })
    }
}

/// Which tenants, in which order. Texts to be found inside others are compared without regard to case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Part of the name.
    pub name: Option<String>,
    /// Part of the description.
    pub description: Option<String>,
    /// The whole name.
    pub name_exact: Option<String>,
    /// The project's id.
    pub backend_id: Option<String>,
    /// Any of these states; none: every state.
    pub states: Vec<TenantState>,
    /// tenantd's id.
    pub uuid: Option<Uuid>,
    /// The portal's id of the customer.
    pub customer: Option<Uuid>,
    /// The portal's id of the project.
    pub project: Option<Uuid>,
    /// The portal's id of the cloud.
    pub service_settings: Option<Uuid>,
    /// The cloud that has no id from a portal but goes by `service_settings`.
    pub cloud: Option<String>,
    /// Part of the customer's name.
    pub customer_name: Option<String>,
    /// Part of the customer's name in their own language.
    pub customer_native_name: Option<String>,
    /// Part of the customer's short name.
    pub customer_abbreviation: Option<String>,
    /// Part of the project's name in the portal.
    pub project_name: Option<String>,
    /// Part of the cloud's name.
    pub service_settings_name: Option<String>,
    /// What to order by, first and second; a dash in front turns it round. The name decides what is left open.
    pub order: [Option<&'static str>; 2],
}

/// What the directory can be ordered by.
pub const ORDERS: [&str; 8] = [
    "name",
    "state",
    "customer_name",
    "customer_native_name",
    "customer_abbreviation",
    "project_name",
    "service_name",
    "created",
];

/// A part of something long: so many, after the first so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// At most this many.
    pub limit: i64,
    /// Without the first ones.
    pub offset: i64,
}

/// A part of a listing, and how long the whole is; of a part that has nothing nothing is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Part<T> {
    /// What is in the window.
    pub items: Vec<T>,
    /// How many there are in all.
    pub total: i64,
}

/// A pattern that finds `text` anywhere.
fn anywhere(text: Option<&String>) -> Option<String> {
    let escaped = text?.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_");
    Some(format!("%{escaped}%"))
}

impl Store {
    /// The tenants that are wanted, as much of them as is in the window.
    pub async fn directory(&self, wanted: &Wanted, window: Window) -> Result<Part<Entry>, StoreError> {
        let states: Vec<&str> = wanted.states.iter().map(|state| state.as_str()).collect();
        let states = (!states.is_empty()).then(|| format!(",{},", states.join(",")));
        let rows: Vec<Row> = read!(self, pool => sqlx::query_as(sql::DIRECTORY_PAGE)
            .bind(anywhere(wanted.name.as_ref())).bind(anywhere(wanted.description.as_ref()))
            .bind(&wanted.name_exact).bind(&wanted.backend_id).bind(states).bind(wanted.uuid)
            .bind(wanted.customer).bind(wanted.project).bind(wanted.service_settings).bind(&wanted.cloud)
            .bind(anywhere(wanted.customer_name.as_ref())).bind(anywhere(wanted.customer_native_name.as_ref()))
            .bind(anywhere(wanted.customer_abbreviation.as_ref())).bind(anywhere(wanted.project_name.as_ref()))
            .bind(anywhere(wanted.service_settings_name.as_ref())).bind(wanted.order[0]).bind(wanted.order[1])
            .bind(window.limit).bind(window.offset).fetch_all(pool).await)?;
        let total = rows.first().map_or(0, |row| row.total);
        let items = rows.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
        Ok(Part { items, total })
    }

    /// Whom the tenants belong to that a portal was asked for.
    pub async fn owners(&self) -> Result<BTreeMap<Uuid, Owner>, StoreError> {
        let rows: Vec<Owner> = read!(self, pool => sqlx::query_as(sql::PORTAL_OWNERS).fetch_all(pool).await)?;
        Ok(rows.into_iter().map(|owner| (owner.tenant, owner)).collect())
    }

    /// One tenant as the directory has it.
    pub async fn directory_entry(&self, uuid: Uuid) -> Result<Option<Entry>, StoreError> {
        let row: Option<Row> =
            read!(self, pool => sqlx::query_as(sql::DIRECTORY_GET).bind(uuid).fetch_optional(pool).await)?;
        row.map(TryInto::try_into).transpose()
    }
}

impl Tx {
    /// Records what a portal says of a tenant, in place of what it said before; nothing of one that is not recorded.
    pub async fn save_portal(&mut self, tenant: Uuid, portal: &Portal) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::PORTAL_SAVE).bind(tenant)
            .bind(portal.service_settings).bind(&portal.service_settings_name).bind(portal.customer)
            .bind(&portal.customer_name).bind(&portal.customer_native_name).bind(&portal.customer_abbreviation)
            .bind(portal.project).bind(&portal.project_name).bind(Json(&portal.marketplace)).bind(portal.imported_at)
            .execute(connection).await.map(drop))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_for_is_no_pattern() {
        assert_eq!(anywhere(Some(&r"50%_\o/".to_owned())).unwrap(), r"%50\%\_\\o/%");
        assert_eq!(anywhere(None), None);
    }
}
