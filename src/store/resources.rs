//! What is known of each resource type of each tenant, and what the last attempt said.

use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::types::Json;
use uuid::Uuid;

use super::{Inner, Pools, Store, StoreError, Tx, either, read, sql, word, write};
use crate::model::ResourceType;

/// What a transaction finds when it takes hold of a resource type.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Held {
    /// The snapshot that is current.
    pub snapshot: Option<Uuid>,
    /// When the earliest request of the newest applied observation left.
    pub observed_at: Option<DateTime<Utc>>,
    /// When its last answer had arrived.
    pub answered_at: Option<DateTime<Utc>>,
    /// Failed attempts since the last success.
    pub failures: i64,
    /// Why the last attempt failed.
    pub error_reason: Option<String>,
    /// Whether a job is changing the tenant: what differs meanwhile is no finding.
    #[sqlx(default)]
    pub changing: bool,
}

#[derive(sqlx::FromRow)]
struct Row {
    resource_type: String,
    snapshot: Option<Uuid>,
    observed_at: Option<DateTime<Utc>>,
    last_success_at: Option<DateTime<Utc>>,
    last_attempt_at: DateTime<Utc>,
    failures: i64,
    error_reason: Option<String>,
    error: Option<String>,
}

/// One resource type of one tenant, for people.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Status {
    /// Which.
    pub resource_type: ResourceType,
    /// The snapshot that is current.
    pub snapshot: Option<Uuid>,
    /// When the newest applied observation began.
    pub observed_at: Option<DateTime<Utc>>,
    /// When it was last read completely.
    pub last_success_at: Option<DateTime<Utc>>,
    /// When it was last tried.
    pub last_attempt_at: DateTime<Utc>,
    /// Failed attempts since the last success.
    pub failures: i64,
    /// Why the last attempt failed, in one word.
    pub error_reason: Option<String>,
    /// Why the last attempt failed.
    pub error: Option<String>,
}

#[derive(sqlx::FromRow)]
struct AgeRow {
    tenant: Uuid,
    resource_type: String,
    last_success_at: Option<DateTime<Utc>>,
    error_reason: Option<String>,
    snapshot: Option<Uuid>,
}

/// How old what is known of one resource type of one tenant is.
#[derive(Debug, Clone, PartialEq)]
pub struct Age {
    /// tenantd's id of the tenant.
    pub tenant: Uuid,
    /// Which.
    pub resource_type: ResourceType,
    /// When it was last read completely.
    pub last_success_at: Option<DateTime<Utc>>,
    /// Why the last attempt failed.
    pub error_reason: Option<String>,
    /// The snapshot that is current.
    pub snapshot: Option<Uuid>,
}

impl Store {
    /// How many tenants of a cloud, but for the one with the project `own`, were seen with any object of a resource type.
    pub async fn holders(&self, cloud: &str, resource_type: ResourceType, own: &str) -> Result<i64, StoreError> {
        Ok(
            read!(self, pool => sqlx::query_scalar(sql::RESOURCE_HELD).bind(cloud).bind(resource_type.as_str()).bind(own)
            .fetch_one(pool).await)?,
        )
    }

    /// The resource types of a tenant that were ever tried.
    pub async fn statuses(&self, tenant: Uuid) -> Result<Vec<Status>, StoreError> {
        let rows: Vec<Row> =
            read!(self, pool => sqlx::query_as(sql::RESOURCE_OF_TENANT).bind(tenant).fetch_all(pool).await)?;
        let status = |row: Row| {
            Ok(Status {
                resource_type: word!("resources", "resource_type", row.resource_type)?,
                snapshot: row.snapshot,
                observed_at: row.observed_at,
                last_success_at: row.last_success_at,
                last_attempt_at: row.last_attempt_at,
                failures: row.failures,
                error_reason: row.error_reason,
                error: row.error,
            })
        };
        rows.into_iter().map(status).collect()
    }

    /// How old everything is, by tenant.
    pub async fn ages(&self) -> Result<Vec<Age>, StoreError> {
        match &self.pools {
            Pools::Sqlite { read, .. } => {
                let pieces: Vec<Option<String>> = sqlx::query_scalar(sql::RESOURCE_AGES_SQLITE).fetch_all(read).await?;
                let lines = pieces.iter().flatten().flat_map(|piece| piece.lines());
                let mut ages: Vec<Age> = lines.map(Age::read).collect::<Result<_, _>>()?;
                ages.sort_unstable_by_key(|age| (age.tenant, age.resource_type.as_str()));
                Ok(ages)
            }
            Pools::Postgres(pool) => {
                let rows: Vec<AgeRow> = sqlx::query_as(sql::RESOURCE_AGES_POSTGRES).fetch_all(pool).await?;
                rows.into_iter().map(TryInto::try_into).collect()
            }
        }
    }
}

impl TryFrom<AgeRow> for Age {
    type Error = StoreError;

    fn try_from(row: AgeRow) -> Result<Self, StoreError> {
        Ok(Self {
            tenant: row.tenant,
            resource_type: word!("resources", "resource_type", row.resource_type)?,
            last_success_at: row.last_success_at,
            error_reason: row.error_reason,
            snapshot: row.snapshot,
        })
    }
}

impl Age {
    /// Reads a line of SQLite's answer: the tenant, the resource type, when it was last read, the snapshot, and why the
    /// last attempt failed.
    fn read(line: &str) -> Result<Self, StoreError> {
        let unreadable = |column: &'static str, value: &str, why: String| StoreError::Unreadable {
            table: "resources",
            column,
            value: value.to_owned(),
            why,
        };
        let id = |column: &'static str, digits: &str| {
            Uuid::try_parse(digits).map_err(|error| unreadable(column, digits, error.to_string()))
        };
        let time = |at: &str| {
            let read = DateTime::parse_from_rfc3339(at).map(|at| at.to_utc());
            read.map_err(|error| unreadable("last_success_at", at, error.to_string()))
        };
        let mut columns = line.splitn(5, '|');
        let mut next = || columns.next().unwrap_or_default();
        let (tenant, word, success, snapshot) = (next(), next(), next(), next());
        Ok(Self {
            tenant: id("tenant", tenant)?,
            resource_type: word.parse().map_err(|why| unreadable("resource_type", word, why))?,
            last_success_at: (!success.is_empty()).then(|| time(success)).transpose()?,
            snapshot: (!snapshot.is_empty()).then(|| id("snapshot", snapshot)).transpose()?,
            error_reason: columns.next().map(str::to_owned),
        })
    }
}

/// What is known of a resource type, as far as it tells whether a look brought anything new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// tenantd's id of the tenant.
    pub tenant: Uuid,
    /// Which.
    pub resource_type: ResourceType,
    /// The snapshot that is current.
    pub snapshot: Option<Uuid>,
    /// When the earliest request of the newest applied observation left.
    pub observed_at: Option<DateTime<Utc>>,
    /// When its last answer had arrived.
    pub answered_at: Option<DateTime<Utc>>,
    /// The digest of what was found in order.
    pub settled: Option<String>,
    /// When the expectation was set, if there is one.
    pub expected_since: Option<DateTime<Utc>>,
}

#[derive(sqlx::FromRow)]
struct KnownRow {
    tenant: Uuid,
    resource_type: String,
    snapshot: Option<Uuid>,
    observed_at: Option<DateTime<Utc>>,
    answered_at: Option<DateTime<Utc>>,
    settled: Option<String>,
    expected_since: Option<DateTime<Utc>>,
}

/// A look that brought nothing new.
#[derive(Debug, Clone, Copy)]
pub struct SeenAgain {
    /// tenantd's id of the tenant.
    pub tenant: Uuid,
    /// Which resource type.
    pub resource_type: ResourceType,
    /// Its snapshot.
    pub snapshot: Uuid,
    /// When the look's earliest request left.
    pub asked_at: DateTime<Utc>,
    /// When its last answer had arrived.
    pub answered_at: DateTime<Utc>,
}

impl Tx {
    /// Locks rows until the end of the transaction and tells what is known; `keys` are sorted and each is there once.
    pub async fn known_resources(&mut self, keys: &[(Uuid, ResourceType)]) -> Result<Vec<Known>, StoreError> {
        let rows: Vec<KnownRow> = either!(self, transaction => {
            let keys: Vec<_> = keys.iter().map(|(tenant, it)| (digits(*tenant), it.as_str())).collect();
            sqlx::query_as(sql::RESOURCE_KNOWN_SQLITE).bind(Json(keys)).fetch_all(&mut **transaction).await?
        }, {
            let query = sqlx::query_as(sql::RESOURCE_KNOWN_POSTGRES).bind(tenants_of(keys)).bind(types_of(keys));
            query.fetch_all(&mut **transaction).await?
        })?;
        let known = |row: KnownRow| {
            Ok(Known {
                resource_type: word!("resources", "resource_type", row.resource_type)?,
                tenant: row.tenant,
                snapshot: row.snapshot,
                observed_at: row.observed_at,
                answered_at: row.answered_at,
                settled: row.settled,
                expected_since: row.expected_since,
            })
        };
        rows.into_iter().map(known).collect()
    }

    /// Whether there is a row for any of `keys`, whoever made it; none of them is locked. In SQLite nobody else makes any
    /// meanwhile.
    pub async fn are_resources(&mut self, keys: &[(Uuid, ResourceType)]) -> Result<bool, StoreError> {
        let query = sqlx::query_scalar(sql::RESOURCE_THERE_POSTGRES).bind(tenants_of(keys)).bind(types_of(keys));
        let there = match &mut self.inner {
            Inner::Sqlite(_) => Ok(false),
            Inner::Postgres(transaction) => query.fetch_one(&mut **transaction).await,
        };
        there.map_err(|error| self.failed(error))
    }

    /// Notes looks that brought nothing new.
    pub async fn seen_again(&mut self, seen: &[SeenAgain], now: DateTime<Utc>) -> Result<(), StoreError> {
        either!(self, transaction => {
            let look = |it: &SeenAgain| {
                let times = (stored(it.asked_at), stored(it.answered_at));
                (digits(it.tenant), it.resource_type.as_str(), times.0, times.1)
            };
            let looks: Vec<_> = seen.iter().map(look).collect();
            let query = sqlx::query(sql::RESOURCE_SEEN_SQLITE).bind(Json(looks)).bind(now);
            query.execute(&mut **transaction).await?;
            let snapshots: Vec<_> = seen.iter().map(|it| digits(it.snapshot)).collect();
            let query = sqlx::query(sql::SNAPSHOTS_SEEN_SQLITE).bind(Json(snapshots)).bind(now);
            query.execute(&mut **transaction).await?;
        }, {
            let keys: Vec<(Uuid, ResourceType)> = seen.iter().map(|it| (it.tenant, it.resource_type)).collect();
            let query = sqlx::query(sql::RESOURCE_SEEN_POSTGRES).bind(tenants_of(&keys)).bind(types_of(&keys));
            let asked_at: Vec<DateTime<Utc>> = seen.iter().map(|it| it.asked_at).collect();
            let answered_at: Vec<DateTime<Utc>> = seen.iter().map(|it| it.answered_at).collect();
            query.bind(asked_at).bind(now).bind(answered_at).execute(&mut **transaction).await?;
            let snapshots: Vec<Uuid> = seen.iter().map(|it| it.snapshot).collect();
            let query = sqlx::query(sql::SNAPSHOTS_SEEN_POSTGRES).bind(snapshots).bind(now);
            query.execute(&mut **transaction).await?;
        })?;
        Ok(())
    }

    /// Notes an attempt, locks the row until the end of the transaction, and tells what is known; [`StoreError::Gone`]
    /// when the tenant was unlinked meanwhile.
    pub async fn hold_resource(
        &mut self,
        tenant: Uuid,
        resource_type: ResourceType,
        now: DateTime<Utc>,
    ) -> Result<Held, StoreError> {
        let held: Option<Held> = write!(self, connection => sqlx::query_as(sql::RESOURCE_TOUCH)
            .bind(tenant).bind(resource_type.as_str()).bind(now).fetch_optional(connection).await)?;
        held.ok_or(StoreError::Gone(tenant))
    }

    /// Locks the row until the end of the transaction and tells what is known, if anything was ever looked at; the
    /// cloud is not asked, so no attempt is noted.
    pub async fn hold_known_resource(
        &mut self,
        tenant: Uuid,
        resource_type: ResourceType,
    ) -> Result<Option<Held>, StoreError> {
        Ok(write!(self, connection => sqlx::query_as(sql::RESOURCE_HOLD)
            .bind(tenant).bind(resource_type.as_str()).fetch_optional(connection).await)?)
    }

    /// Notes an observation, when it was complete, and the digest of what was found in order, if it was.
    pub async fn resource_succeeded(
        &mut self,
        (tenant, resource_type): (Uuid, ResourceType),
        snapshot: Option<Uuid>,
        (asked_at, answered_at): (DateTime<Utc>, DateTime<Utc>),
        complete_at: Option<DateTime<Utc>>,
        settled: Option<&str>,
    ) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::RESOURCE_SUCCEEDED)
            .bind(tenant).bind(resource_type.as_str()).bind(snapshot).bind(asked_at).bind(complete_at).bind(settled).bind(answered_at)
            .execute(connection).await.map(drop))?;
        Ok(())
    }

    /// Notes why an attempt failed; what was known stays.
    pub async fn resource_failed(
        &mut self,
        (tenant, resource_type): (Uuid, ResourceType),
        reason: &str,
        error: &str,
    ) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::RESOURCE_FAILED)
            .bind(tenant).bind(resource_type.as_str()).bind(reason).bind(error)
            .execute(connection).await.map(drop))?;
        Ok(())
    }
}

/// An id for a list in JSON.
pub(super) fn digits(id: Uuid) -> String {
    id.simple().to_string()
}

/// A time in a list in JSON, as SQLite's columns have it.
pub(super) fn stored(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, false)
}

pub(super) fn tenants_of(keys: &[(Uuid, ResourceType)]) -> Vec<Uuid> {
    keys.iter().map(|(tenant, _)| *tenant).collect()
}

pub(super) fn types_of(keys: &[(Uuid, ResourceType)]) -> Vec<&'static str> {
    keys.iter().map(|(_, resource_type)| resource_type.as_str()).collect()
}
