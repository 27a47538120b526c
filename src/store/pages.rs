//! Jobs, findings and snapshots a page at a time, each with the length of the whole.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::directory::{Part, Window};
use super::{Pools, Store, StoreError, findings, jobs, read, snapshots, sql};
use crate::model::job::{Job, JobState};
use crate::model::{FindingState, ResourceType, Severity};

/// Which findings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings<'a> {
    /// Of one cloud.
    pub cloud: Option<&'a str>,
    /// Of one tenant.
    pub tenant: Option<Uuid>,
    /// Of one resource type.
    pub resource_type: Option<ResourceType>,
    /// So urgent.
    pub severity: Option<Severity>,
    /// In any of these states; none: in every one.
    pub states: Vec<FindingState>,
    /// Opened at that time or later.
    pub since: Option<DateTime<Utc>>,
    /// Of one field.
    pub field: Option<&'a str>,
    /// Of the tenants of one domain, by its name or id.
    pub domain: Option<&'a str>,
}

impl Findings<'_> {
    fn states(&self) -> Option<String> {
        let states: Vec<&str> = self.states.iter().map(|state| state.as_str()).collect();
        (!states.is_empty()).then(|| format!(",{},", states.join(",")))
    }
}

/// What has ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Dead letters.
    DeadLetters,
    /// Findings.
    Findings,
    /// Jobs.
    Jobs,
    /// Snapshots.
    Snapshots,
}

impl Store {
    /// Jobs, the newest first; the window counts, not the filter's limit.
    pub async fn job_page(&self, filter: jobs::Filter<'_>, window: Window) -> Result<Part<Job>, StoreError> {
        let count = async {
            Ok(read!(self, pool => sqlx::query_scalar(sql::JOB_COUNT)
                .bind(filter.state.map(JobState::as_str)).bind(filter.kind).bind(filter.cloud).bind(filter.tenant)
                .bind(filter.since).bind(filter.part_of).fetch_one(pool).await)?)
        };
        let (items, total) = tokio::try_join!(self.some_jobs(filter, window), count)?;
        Ok(Part { items, total })
    }

    /// Findings, the newest first.
    pub async fn finding_page(
        &self,
        wanted: &Findings<'_>,
        window: Window,
    ) -> Result<Part<findings::Listed>, StoreError> {
        let (items, total) = tokio::try_join!(self.some_findings(wanted, window), self.finding_count(wanted))?;
        Ok(Part { items, total })
    }

    /// Those of them that are in a window.
    pub(super) async fn some_findings(
        &self,
        wanted: &Findings<'_>,
        window: Window,
    ) -> Result<Vec<findings::Listed>, StoreError> {
        let rows: Vec<findings::Row> = read!(self, pool => sqlx::query_as(sql::FINDING_PAGE)
            .bind(wanted.cloud).bind(wanted.tenant).bind(wanted.resource_type.map(ResourceType::as_str))
            .bind(wanted.severity.map(Severity::as_str)).bind(wanted.states()).bind(wanted.since)
            .bind(wanted.field).bind(wanted.domain).bind(window.limit).bind(window.offset)
            .fetch_all(pool).await)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// How many findings there are of a sort.
    pub async fn finding_count(&self, wanted: &Findings<'_>) -> Result<i64, StoreError> {
        Ok(read!(self, pool => sqlx::query_scalar(sql::FINDING_COUNT)
            .bind(wanted.cloud).bind(wanted.tenant).bind(wanted.resource_type.map(ResourceType::as_str))
            .bind(wanted.severity.map(Severity::as_str)).bind(wanted.states()).bind(wanted.since)
            .bind(wanted.field).bind(wanted.domain).fetch_one(pool).await)?)
    }

    /// Snapshots, the newest first; the window counts, not the filter's limit.
    pub async fn snapshot_page(
        &self,
        filter: snapshots::Filter<'_>,
        window: Window,
    ) -> Result<Part<snapshots::Snapshot>, StoreError> {
        let count = async {
            Ok(read!(self, pool => sqlx::query_scalar(sql::SNAPSHOT_COUNT)
                .bind(filter.cloud).bind(filter.tenant).bind(filter.resource_type.map(ResourceType::as_str))
                .fetch_one(pool).await)?)
        };
        let (items, total) = tokio::try_join!(self.some_snapshots(filter, window), count)?;
        Ok(Part { items, total })
    }

    /// Up to two ids that end in these hexadecimal digits.
    pub async fn ids_ending(&self, kept: Kept, digits: &str) -> Result<Vec<Uuid>, StoreError> {
        let (sqlite, postgres) = match kept {
            Kept::DeadLetters => (sql::DEAD_ENDING_SQLITE, sql::DEAD_ENDING_POSTGRES),
            Kept::Findings => (sql::FINDING_ENDING_SQLITE, sql::FINDING_ENDING_POSTGRES),
            Kept::Jobs => (sql::JOB_ENDING_SQLITE, sql::JOB_ENDING_POSTGRES),
            Kept::Snapshots => (sql::SNAPSHOT_ENDING_SQLITE, sql::SNAPSHOT_ENDING_POSTGRES),
        };
        Ok(match &self.pools {
            Pools::Sqlite { read, .. } => sqlx::query_scalar(sqlite).bind(digits).fetch_all(read).await?,
            Pools::Postgres(pool) => sqlx::query_scalar(postgres).bind(digits).fetch_all(pool).await?,
        })
    }
}
