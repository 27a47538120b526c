//! Findings and their life.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::directory::Window;
use super::pages::Findings;
use super::{Store, StoreError, Tx, read, sql, word, write};
use crate::drift::Difference;
use crate::drift::digest::Entry;
use crate::drift::lifecycle::Standing;
use crate::model::{Acknowledgement, Finding, FindingState, Flapping, ResourceType, Severity};

#[derive(sqlx::FromRow)]
struct StandingRow {
    id: Uuid,
    object: String,
    object_name: String,
    field: String,
    change: String,
    expected: Json<Value>,
    observed: Json<Value>,
    severity: String,
    state: String,
    opened_at: DateTime<Utc>,
    flapping: Option<Json<Flapping>>,
}

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    #[sqlx(flatten)]
    standing: StandingRow,
    tenant: Uuid,
    resource_type: String,
    source: String,
    last_seen_at: DateTime<Utc>,
    resolved_at: Option<DateTime<Utc>>,
    ack_reason: Option<String>,
    ack_by: Option<String>,
    ack_at: Option<DateTime<Utc>>,
    ack_until: Option<DateTime<Utc>>,
    cloud: String,
    backend_id: String,
    tenant_name: String,
    customer_name: String,
    project_name: String,
}

/// A finding with the names of its tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The finding.
    pub finding: Finding,
    /// The cloud.
    pub cloud: String,
    /// The project's id.
    pub backend_id: String,
    /// The project's name.
    pub tenant_name: String,
    /// Whose it is, as a portal says; empty while none was asked.
    pub customer_name: String,
    /// The portal's project that it belongs to; empty while none was asked.
    pub project_name: String,
}

impl TryFrom<Row> for Listed {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let acknowledgement = match (row.ack_reason, row.ack_by, row.ack_at) {
            (Some(reason), Some(by), Some(at)) => Some(Acknowledgement { reason, by, at, until: row.ack_until }),
            _ => None,
        };
        let finding = Finding {
            id: row.standing.id,
            tenant: row.tenant,
            resource_type: word!("findings", "resource_type", row.resource_type)?,
            object: row.standing.object,
            object_name: row.standing.object_name,
            field: row.standing.field,
            change: word!("findings", "change", row.standing.change)?,
            expected: row.standing.expected.0,
            observed: row.standing.observed.0,
            severity: word!("findings", "severity", row.standing.severity)?,
            state: word!("findings", "state", row.standing.state)?,
            source: row.source,
            opened_at: row.standing.opened_at,
            last_seen_at: row.last_seen_at,
            resolved_at: row.resolved_at,
            acknowledgement,
            flapping: row.standing.flapping.map(|flapping| flapping.0),
        };
        Ok(Self {
            finding,
            cloud: row.cloud,
            backend_id: row.backend_id,
            tenant_name: row.tenant_name,
            customer_name: row.customer_name,
            project_name: row.project_name,
        })
    }
}

/// Which findings to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    /// Of one cloud.
    pub cloud: Option<&'a str>,
    /// Of one tenant.
    pub tenant: Option<Uuid>,
    /// Of one resource type.
    pub resource_type: Option<ResourceType>,
    /// Of one field.
    pub field: Option<&'a str>,
    /// Ended ones too.
    pub ended: bool,
    /// Opened at that time or later.
    pub since: Option<DateTime<Utc>>,
    /// Of the tenants of one domain, by its name or id.
    pub domain: Option<&'a str>,
}

impl<'a> From<Filter<'a>> for Findings<'a> {
    fn from(filter: Filter<'a>) -> Self {
        let states = if filter.ended { Vec::new() } else { vec![FindingState::Open, FindingState::Acknowledged] };
        let Filter { cloud, tenant, resource_type, field, since, domain, .. } = filter;
        Self { cloud, tenant, resource_type, severity: None, states, since, field, domain }
    }
}

#[derive(sqlx::FromRow)]
struct ExpiredRow {
    id: Uuid,
    tenant: Uuid,
    resource_type: String,
}

/// A finding whose acknowledgement is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired {
    /// Its id.
    pub id: Uuid,
    /// tenantd's id of the tenant.
    pub tenant: Uuid,
    /// Of which resource type.
    pub resource_type: ResourceType,
}

#[derive(sqlx::FromRow)]
struct CountRow {
    cloud: String,
    backend_id: String,
    resource_type: String,
    severity: String,
    state: String,
    count: i64,
    oldest: DateTime<Utc>,
}

/// How many findings of one sort a tenant has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// The cloud.
    pub cloud: String,
    /// The project's id.
    pub backend_id: String,
    /// Of which resource type.
    pub resource_type: ResourceType,
    /// How urgent.
    pub severity: Severity,
    /// Open or acknowledged.
    pub state: FindingState,
    /// How many.
    pub count: i64,
    /// When the oldest was opened.
    pub oldest: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
struct EntryRow {
    id: Uuid,
    cloud: String,
    backend_id: String,
    tenant_name: String,
    resource_type: String,
    object: String,
    object_name: String,
    field: String,
    severity: String,
    state: String,
    opened_at: DateTime<Utc>,
    resolved_at: Option<DateTime<Utc>>,
}

impl TryFrom<EntryRow> for Entry {
    type Error = StoreError;

    fn try_from(row: EntryRow) -> Result<Self, StoreError> {
        Ok(Self {
            resource_type: word!("findings", "resource_type", row.resource_type)?,
            severity: word!("findings", "severity", row.severity)?,
            state: word!("findings", "state", row.state)?,
            id: row.id,
            cloud: row.cloud,
            tenant: row.backend_id,
            tenant_name: row.tenant_name,
            object: row.object,
            object_name: row.object_name,
            field: row.field,
            opened_at: row.opened_at,
            resolved_at: row.resolved_at,
        })
    }
}

impl Store {
    /// The finding `id`.
    pub async fn finding(&self, id: Uuid) -> Result<Option<Listed>, StoreError> {
        let row: Option<Row> =
            read!(self, pool => sqlx::query_as(sql::FINDING_GET).bind(id).fetch_optional(pool).await)?;
        row.map(TryInto::try_into).transpose()
    }

    /// All findings that fit, the newest first.
    pub async fn findings(&self, filter: Filter<'_>) -> Result<Vec<Listed>, StoreError> {
        self.some_findings(&filter.into(), Window { limit: i64::MAX, offset: 0 }).await
    }

    /// At most so many findings that ended since then, those that ended last first.
    pub async fn ended_findings(&self, since: DateTime<Utc>, limit: i64) -> Result<Vec<Listed>, StoreError> {
        let rows: Vec<Row> =
            read!(self, pool => sqlx::query_as(sql::FINDING_ENDED).bind(since).bind(limit).fetch_all(pool).await)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// Findings whose acknowledgement has ended, those that ended first.
    pub async fn expired_findings(&self, now: DateTime<Utc>, limit: i64) -> Result<Vec<Expired>, StoreError> {
        let rows: Vec<ExpiredRow> =
            read!(self, pool => sqlx::query_as(sql::FINDING_EXPIRED).bind(now).bind(limit).fetch_all(pool).await)?;
        let expired = |row: ExpiredRow| {
            let resource_type = word!("findings", "resource_type", row.resource_type)?;
            Ok(Expired { id: row.id, tenant: row.tenant, resource_type })
        };
        rows.into_iter().map(expired).collect()
    }

    /// What stands, and what was opened or ended since then, as far as a digest counts it.
    pub async fn findings_since(&self, cloud: Option<&str>, since: DateTime<Utc>) -> Result<Vec<Entry>, StoreError> {
        let rows: Vec<EntryRow> =
            read!(self, pool => sqlx::query_as(sql::FINDING_SINCE).bind(cloud).bind(since).fetch_all(pool).await)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// How many findings last, by tenant and sort.
    pub async fn finding_counts(&self) -> Result<Vec<Count>, StoreError> {
        let rows: Vec<CountRow> = read!(self, pool => sqlx::query_as(sql::FINDING_COUNTS).fetch_all(pool).await)?;
        let count = |row: CountRow| {
            Ok(Count {
                cloud: row.cloud,
                backend_id: row.backend_id,
                resource_type: word!("findings", "resource_type", row.resource_type)?,
                severity: word!("findings", "severity", row.severity)?,
                state: word!("findings", "state", row.state)?,
                count: row.count,
                oldest: row.oldest,
            })
        };
        rows.into_iter().map(count).collect()
    }
}

impl Tx {
    /// The finding `id`, as this transaction sees it.
    pub async fn finding(&mut self, id: Uuid) -> Result<Option<Listed>, StoreError> {
        let row: Option<Row> = write!(self, connection => sqlx::query_as(sql::FINDING_GET).bind(id)
            .fetch_optional(connection).await)?;
        row.map(TryInto::try_into).transpose()
    }

    /// The unresolved findings of one resource type of one tenant.
    pub async fn standing(&mut self, tenant: Uuid, resource_type: ResourceType) -> Result<Vec<Standing>, StoreError> {
        let rows: Vec<StandingRow> = write!(self, connection => sqlx::query_as(sql::FINDING_STANDING)
            .bind(tenant).bind(resource_type.as_str()).fetch_all(connection).await)?;
        let standing = |row: StandingRow| {
            Ok(Standing {
                id: row.id,
                severity: word!("findings", "severity", row.severity)?,
                state: word!("findings", "state", row.state)?,
                opened_at: row.opened_at,
                flapping: row.flapping.map(|flapping| flapping.0),
                difference: Difference {
                    object: row.object,
                    object_name: row.object_name,
                    field: row.field,
                    change: word!("findings", "change", row.change)?,
                    expected: row.expected.0,
                    observed: row.observed.0,
                },
            })
        };
        rows.into_iter().map(standing).collect()
    }

    /// Opens a finding.
    pub async fn open_finding(&mut self, finding: &Finding) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::FINDING_OPEN)
            .bind(finding.id).bind(finding.tenant).bind(finding.resource_type.as_str()).bind(&finding.object)
            .bind(&finding.object_name).bind(&finding.field).bind(finding.change.as_str())
            .bind(Json(&finding.expected)).bind(Json(&finding.observed)).bind(finding.severity.as_str())
            .bind(&finding.source).bind(finding.opened_at).execute(connection).await.map(drop))?;
        Ok(())
    }

    /// Notes that a finding's values changed.
    pub async fn change_finding(
        &mut self,
        id: Uuid,
        difference: &Difference,
        severity: Severity,
        source: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::FINDING_CHANGE)
            .bind(id).bind(&difference.object_name).bind(difference.change.as_str())
            .bind(Json(&difference.expected)).bind(Json(&difference.observed)).bind(severity.as_str())
            .bind(source).bind(now).execute(connection).await.map(drop))?;
        Ok(())
    }

    /// Notes that a finding was seen again.
    pub async fn keep_finding(&mut self, id: Uuid, now: DateTime<Utc>) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::FINDING_KEEP).bind(id).bind(now)
            .execute(connection).await.map(drop))?;
        Ok(())
    }

    /// Notes that somebody knows of a finding; whether it still lasted.
    pub async fn acknowledge_finding(&mut self, id: Uuid, said: &Acknowledgement) -> Result<bool, StoreError> {
        let known = write!(self, connection => sqlx::query(sql::FINDING_ACKNOWLEDGE)
            .bind(id).bind(&said.reason).bind(&said.by).bind(said.at).bind(said.until)
            .execute(connection).await.map(|done| done.rows_affected()))?;
        Ok(known > 0)
    }

    /// Ends the acknowledgement of a finding; whether there was one.
    pub async fn reopen_finding(&mut self, id: Uuid) -> Result<bool, StoreError> {
        let reopened = write!(self, connection => sqlx::query(sql::FINDING_REOPEN).bind(id)
            .execute(connection).await.map(|done| done.rows_affected()))?;
        Ok(reopened > 0)
    }

    /// Ends a finding as resolved or accepted; whether it still lasted.
    pub async fn end_finding(&mut self, id: Uuid, state: FindingState, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let ended = write!(self, connection => sqlx::query(sql::FINDING_END)
            .bind(id).bind(state.as_str()).bind(now).execute(connection).await.map(|done| done.rows_affected()))?;
        Ok(ended > 0)
    }
}
