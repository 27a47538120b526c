//! Jobs, findings and snapshots a page at a time, each with the length of the whole.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::directory::{Part, Window};
use super::{Store, StoreError, findings, jobs, read, snapshots, sql};
use crate::model::job::{Job, JobState};
use crate::model::{FindingState, ResourceType, Severity};

/// A row with the length of the whole.
#[derive(sqlx::FromRow)]
struct Counted<Row> {
    #[sqlx(flatten)]
    row: Row,
    total: i64,
}

/// Reads rows into what they stand for.
fn part<Row, T>(rows: Vec<Counted<Row>>) -> Result<Part<T>, StoreError>
where
    T: TryFrom<Row, Error = StoreError>,
{
    let total = rows.first().map_or(0, |row| row.total);
    let items = rows.into_iter().map(|it| it.row.try_into()).collect::<Result<_, _>>()?;
    Ok(Part { items, total })
}

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
}

impl Store {
    /// Jobs, the newest first; the window counts, not the filter's limit.
    pub async fn job_page(&self, filter: jobs::Filter<'_>, window: Window) -> Result<Part<Job>, StoreError> {
        let rows: Vec<Counted<jobs::Row>> = read!(self, pool => sqlx::query_as(sql::JOB_PAGE)
            .bind(filter.state.map(JobState::as_str)).bind(filter.kind).bind(filter.cloud).bind(filter.tenant)
            .bind(filter.since).bind(window.limit).bind(window.offset).bind(filter.part_of).fetch_all(pool).await)?;
        part(rows)
    }

    /// Findings, the newest first.
    pub async fn finding_page(
        &self,
        wanted: &Findings<'_>,
        window: Window,
    ) -> Result<Part<findings::Listed>, StoreError> {
        let states: Vec<&str> = wanted.states.iter().map(|state| state.as_str()).collect();
        let states = (!states.is_empty()).then(|| format!(",{},", states.join(",")));
        let rows: Vec<Counted<findings::Row>> = read!(self, pool => sqlx::query_as(sql::FINDING_PAGE)
            .bind(wanted.cloud).bind(wanted.tenant).bind(wanted.resource_type.map(ResourceType::as_str))
            .bind(wanted.severity.map(Severity::as_str)).bind(states).bind(wanted.since)
            .bind(window.limit).bind(window.offset).fetch_all(pool).await)?;
        part(rows)
    }

    /// Snapshots, the newest first; the window counts, not the filter's limit.
    pub async fn snapshot_page(
        &self,
        filter: snapshots::Filter<'_>,
        window: Window,
    ) -> Result<Part<snapshots::Snapshot>, StoreError> {
        let rows: Vec<Counted<snapshots::Row>> = read!(self, pool => sqlx::query_as(sql::SNAPSHOT_PAGE)
            .bind(filter.cloud).bind(filter.tenant).bind(filter.resource_type.map(ResourceType::as_str))
            .bind(window.limit).bind(window.offset).fetch_all(pool).await)?;
        part(rows)
    }
}
