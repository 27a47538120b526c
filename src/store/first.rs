//! First looks, recorded many at once: whoever begins to look after a cloud records all of it.

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use uuid::Uuid;

use super::resources::{digits, stored, tenants_of, types_of};
use super::{StoreError, Tx, either, sql, word};
use crate::model::{Origin, ResourceType};

/// First looks in one statement: their bodies are in memory several times meanwhile.
const AT_ONCE: usize = 100;

/// A resource type of a tenant that was never tried before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// tenantd's id of the tenant.
    pub tenant: Uuid,
    /// Which.
    pub resource_type: ResourceType,
    /// Whether a job is changing the tenant.
    pub changing: bool,
    /// Whether anything stands for it already: an expectation, an announcement, a suspicion, or a finding.
    pub foretold: bool,
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant: Uuid,
    resource_type: String,
    changing: bool,
    foretold: bool,
}

/// What a first look comes to.
#[derive(Debug)]
pub struct FirstLook {
    /// tenantd's id of the tenant.
    pub tenant: Uuid,
    /// Which.
    pub resource_type: ResourceType,
    /// The id of its snapshot.
    pub snapshot: Uuid,
    /// The digest of what was seen.
    pub digest: String,
    /// What was seen, in JSON.
    pub body: String,
    /// Whether that is expected from now on.
    pub is_expected: bool,
    /// When the earliest request left.
    pub asked_at: DateTime<Utc>,
    /// When the last answer had arrived.
    pub answered_at: DateTime<Utc>,
    /// Whether every service answered.
    pub is_complete: bool,
    /// The digest of what was found in order, if it was.
    pub settled: Option<String>,
}

impl FirstLook {
    const fn key(&self) -> (Uuid, ResourceType) {
        (self.tenant, self.resource_type)
    }
}

impl Tx {
    /// Makes the rows of resource types that were never tried, in the order of `keys`, and holds them; those of tenants
    /// that are not recorded, and those that somebody else made meanwhile, are left out.
    pub async fn begin_resources(
        &mut self,
        keys: &[(Uuid, ResourceType)],
        now: DateTime<Utc>,
    ) -> Result<Vec<Begun>, StoreError> {
        let rows: Vec<Row> = either!(self, transaction => {
            let keys: Vec<_> = keys.iter().map(|(tenant, it)| (digits(*tenant), it.as_str())).collect();
            let query = sqlx::query_as(sql::RESOURCE_BEGIN_SQLITE).bind(Json(keys)).bind(now);
            query.fetch_all(&mut **transaction).await?
        }, {
            let query = sqlx::query_as(sql::RESOURCE_BEGIN_POSTGRES).bind(tenants_of(keys)).bind(types_of(keys));
            query.bind(now).fetch_all(&mut **transaction).await?
        })?;
        let begun = |row: Row| {
            Ok(Begun {
                resource_type: word!("resources", "resource_type", row.resource_type)?,
                tenant: row.tenant,
                changing: row.changing,
                foretold: row.foretold,
            })
        };
        rows.into_iter().map(begun).collect()
    }

    /// Records first looks at what [`Tx::begin_resources`] made rows for; `accepted` is whose word the expectations are.
    pub async fn first_looks(
        &mut self,
        looks: &[FirstLook],
        accepted: &Origin,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        for some in looks.chunks(AT_ONCE) {
            self.some_first_looks(some, accepted, now).await?;
        }
        Ok(())
    }

    async fn some_first_looks(
        &mut self,
        looks: &[FirstLook],
        accepted: &Origin,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let expected: Vec<&FirstLook> = looks.iter().filter(|look| look.is_expected).collect();
        either!(self, transaction => {
            // Bodies are text in the list, and so in the column.
            let snapshots = looks.iter().map(|it| {
                (digits(it.snapshot), digits(it.tenant), it.resource_type.as_str(), it.digest.as_str(), it.body.as_str())
            });
            let list = Json(snapshots.collect::<Vec<_>>());
            sqlx::query(sql::FIRST_SNAPSHOTS_SQLITE).bind(list).bind(now).execute(&mut **transaction).await?;
            let expectations =
                expected.iter().map(|it| (digits(it.tenant), it.resource_type.as_str(), it.body.as_str()));
            let list = Json(expectations.collect::<Vec<_>>());
            sqlx::query(sql::FIRST_EXPECTATIONS_SQLITE).bind(list).bind(&accepted.source).bind(&accepted.author)
                .bind(accepted.set_at).execute(&mut **transaction).await?;
            let rows = looks.iter().map(|it| {
                let (tenant, snapshot) = (digits(it.tenant), digits(it.snapshot));
                let times = (stored(it.asked_at), stored(it.answered_at));
                (tenant, it.resource_type.as_str(), snapshot, times.0, times.1, it.is_complete, it.settled.as_deref())
            });
            let list = Json(rows.collect::<Vec<_>>());
            sqlx::query(sql::FIRST_RESOURCES_SQLITE).bind(list).bind(now).execute(&mut **transaction).await?;
        }, {
            let keys: Vec<_> = looks.iter().map(FirstLook::key).collect();
            let ids: Vec<Uuid> = looks.iter().map(|it| it.snapshot).collect();
            sqlx::query(sql::FIRST_SNAPSHOTS_POSTGRES).bind(&ids).bind(tenants_of(&keys)).bind(types_of(&keys))
                .bind(looks.iter().map(|it| it.digest.as_str()).collect::<Vec<_>>())
                .bind(looks.iter().map(|it| it.body.as_str()).collect::<Vec<_>>())
                .bind(now).execute(&mut **transaction).await?;
            let theirs: Vec<_> = expected.iter().map(|it| it.key()).collect();
            sqlx::query(sql::FIRST_EXPECTATIONS_POSTGRES).bind(tenants_of(&theirs)).bind(types_of(&theirs))
                .bind(expected.iter().map(|it| it.body.as_str()).collect::<Vec<_>>())
                .bind(&accepted.source).bind(&accepted.author).bind(accepted.set_at)
                .execute(&mut **transaction).await?;
            sqlx::query(sql::FIRST_RESOURCES_POSTGRES).bind(tenants_of(&keys)).bind(types_of(&keys)).bind(ids)
                .bind(looks.iter().map(|it| it.asked_at).collect::<Vec<_>>())
                .bind(looks.iter().map(|it| it.answered_at).collect::<Vec<_>>())
                .bind(looks.iter().map(|it| it.is_complete).collect::<Vec<_>>())
                .bind(looks.iter().map(|it| it.settled.as_deref()).collect::<Vec<_>>())
                .bind(now).execute(&mut **transaction).await?;
        })
    }
}
