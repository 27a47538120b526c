//! How old what is known of the tenants of a cloud is.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Store, StoreError, read, sql};
use crate::model::{ResourceType, Tenant};

/// How old what is known of one tenant is, over some resource types.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Freshness {
    /// tenantd's id of the tenant.
    pub tenant: Uuid,
    /// Whether each of the types was ever tried.
    pub tried: bool,
    /// The oldest last complete look; nothing while a type was never read completely.
    pub oldest: Option<DateTime<Utc>>,
    /// The oldest complete look of those types whose last attempt was complete.
    pub succeeded_at: Option<DateTime<Utc>>,
    /// The oldest attempt of those types whose last attempt was not.
    pub failed_at: Option<DateTime<Utc>>,
    /// When what is known of any of them last became different.
    pub changed_at: Option<DateTime<Utc>>,
    /// Whether a difference was seen that is no finding yet: another look decides.
    pub suspected: bool,
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant: Uuid,
    backend_id: String,
    tried: i64,
    seen: i64,
    oldest: Option<DateTime<Utc>>,
    succeeded_at: Option<DateTime<Utc>>,
    failed_at: Option<DateTime<Utc>>,
    changed_at: Option<DateTime<Utc>>,
    suspected: bool,
}

impl Store {
    /// How old what is known of some resource types is, for each tenant of a cloud that can be looked at.
    pub async fn freshness(&self, cloud: &str, types: &[ResourceType]) -> Result<Vec<Freshness>, StoreError> {
        let names = types.iter().fold(",".to_owned(), |names, it| names + it.as_str() + ",");
        let rows: Vec<Row> =
            read!(self, pool => sqlx::query_as(sql::RESOURCE_FRESHNESS).bind(cloud).bind(names).fetch_all(pool).await)?;
        let all = i64::try_from(types.len()).unwrap_or(i64::MAX);
        let freshness = |row: Row| Freshness {
            tenant: row.tenant,
            tried: row.tried == all,
            oldest: row.oldest.filter(|_| row.seen == all),
            succeeded_at: row.succeeded_at,
            failed_at: row.failed_at,
            changed_at: row.changed_at,
            suspected: row.suspected,
        };
        Ok(rows.into_iter().filter(|row| Tenant::is_made(&row.backend_id)).map(freshness).collect())
    }
}
