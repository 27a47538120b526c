//! `schedules`: when each is next, and running one now.

use chrono::Utc;
use clap::Subcommand;
use serde_json::json;

use super::output::{self, Columns, Row};
use super::records::Records;
use super::{DONE, usage};
use crate::config::Schedule;
use crate::intake::objective::standing;
use crate::intake::schedule::{now_request, ticks};

/// Schedules.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// All of them, with their next and last ticks
    List,
    /// Put the job of one into the jobs table now
    Run {
        /// The schedule's name.
        name: String,
    },
}

const COLUMNS: Columns = Columns {
    keys: &[
        "name",
        "cron",
        "timezone",
        "max_age_seconds",
        "job",
        "cloud",
        "tenants",
        "next_tick",
        "last_tick",
        "last_success_at",
        "last_job",
        "overdue",
    ],
    headings: &["NAME", "WHEN", "JOB", "FOR", "NEXT", "LAST", "LAST SUCCESS"],
    none: "no schedules; add [[schedules]] to the configuration",
};

impl Command {
    pub(super) async fn run(self, records: &Records) -> anyhow::Result<u8> {
        match self {
            Self::List => list(records).await,
            Self::Run { name } => run(records, &name).await,
        }
    }
}

/// When a schedule ticks next.
pub(super) fn next_tick(schedule: &Schedule, now: chrono::DateTime<Utc>) -> Option<chrono::DateTime<Utc>> {
    ticks(schedule)?.next_after(now)
}

async fn list(records: &Records) -> anyhow::Result<u8> {
    let (store, now) = (records.store(), records.now());
    let states = store.schedules().await?;
    let clouds: Vec<&str> = records.config.clouds.iter().map(|cloud| cloud.name.as_str()).collect();
    let mut rows = Vec::new();
    for schedule in &records.config.timetable() {
        let standing = standing(store, &clouds, schedule, now).await?;
        let state = states.iter().find(|state| state.name == schedule.name);
        let next = standing.map_or_else(|| next_tick(schedule, now), |it| it.next);
        let last = state.map(|it| it.last_tick);
        let success = state.and_then(|it| it.last_success_at);
        let concerns = match (schedule.tenant(), &schedule.cloud) {
            (Some(tenant), _) => tenant.to_owned(),
            (None, Some(cloud)) => format!("all of {cloud}"),
            (None, None) => "all".to_owned(),
        };
        let overdue = standing.map(|it| it.overdue);
        let late = overdue.filter(|it| *it > 0).map(|it| format!(", {it} overdue")).unwrap_or_default();
        rows.push(Row {
            json: json!({
                "name": schedule.name, "cron": schedule.cron, "timezone": schedule.timezone, "job": schedule.job,
                "max_age_seconds": schedule.max_age.map(|it| it.0.as_secs()), "overdue": overdue,
                "cloud": schedule.cloud, "tenants": schedule.tenants, "next_tick": next, "last_tick": last,
                "last_success_at": success, "last_job": state.and_then(|it| it.last_job),
            }),
            cells: vec![
                schedule.name.clone(),
                schedule.when(),
                schedule.job.clone(),
                concerns,
                output::when(next, now) + &late,
                output::when(last, now),
                output::when(success, now),
            ],
        });
    }
    output::list(records.output, COLUMNS, &rows)?;
    Ok(DONE)
}

async fn run(records: &Records, name: &str) -> anyhow::Result<u8> {
    let schedules = records.config.timetable();
    let Some(schedule) = schedules.iter().find(|it| it.name == name) else {
        let known: Vec<&str> = schedules.iter().map(|it| it.name.as_str()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(usage(format!("no schedule `{name}`; there is {known}")));
    };
    let request = now_request(schedule, "cli", records.now());
    let mut tx = records.store().begin().await?;
    tx.insert_job(&request, None).await?;
    tx.commit().await?;
    output::line(&request.id.to_string())?;
    output::note(&format!("`tenantd run` takes it from there; see: tenantd jobs show {}", request.id));
    Ok(DONE)
}
