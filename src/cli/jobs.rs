//! `jobs`: what waits, runs, and ended.

use std::collections::BTreeMap;

use anyhow::bail;
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde_json::json;
use uuid::Uuid;

use super::arguments::author;
use super::moment::Moment;
use super::output::{self, Columns, Row};
use super::records::{Id, Records};
use super::{DONE, FAILED, explain};
use crate::jobs::cancel::{Cancelled, cancel};
use crate::model::Tenant;
use crate::model::job::{Job, JobState, Part};
use crate::store::jobs::Filter;
use crate::store::pages::Kept;
use crate::store::parts::Progress;

/// Jobs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The newest first
    List(List),
    /// Everything about one
    Show {
        /// The job's id.
        id: Id,
    },
    /// End some: those that wait end at once, those that run as soon as who holds them sees it
    Cancel {
        /// The jobs' ids.
        #[arg(required = true)]
        ids: Vec<Id>,
    },
}

/// Which ones.
#[derive(Debug, Args)]
pub struct List {
    /// queued, running, succeeded, failed or cancelled.
    #[arg(long)]
    state: Option<JobState>,
    /// Of this kind.
    #[arg(long)]
    kind: Option<String>,
    /// Of this cloud.
    #[arg(long)]
    cloud: Option<String>,
    /// Of this tenant.
    #[arg(long)]
    tenant: Option<String>,
    /// Asked for since: a time, an age such as 2h, or by the clock here (TZ): 'Friday 18:00'.
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// The parts of this job; without it, jobs that are no parts.
    #[arg(long, value_name = "ID")]
    part_of: Option<Uuid>,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
}

pub(super) const COLUMNS: Columns = Columns {
    keys: &[
        "id",
        "kind",
        "cloud",
        "tenant",
        "state",
        "attempt",
        "source",
        "error",
        "enqueued_at",
        "started_at",
        "finished_at",
        "outcome",
        "reason",
        "not_before",
        "params",
        "retry_of",
    ],
    headings: &["ENQUEUED", "KIND", "CLOUD", "TENANT", "STATE", "TRY", "SOURCE", "ERROR", "ID"],
    none: "no jobs",
};
const SHOWN: Columns = Columns {
    keys: &[
        "id",
        "kind",
        "cloud",
        "tenant",
        "state",
        "attempt",
        "source",
        "error",
        "enqueued_at",
        "started_at",
        "finished_at",
        "outcome",
        "reason",
        "not_before",
        "params",
        "retry_of",
        "priority",
        "deadline",
        "producer",
        "reply",
        "trace",
        "cancel_asked_at",
        "part",
        "parts",
        "parts_over",
        "did",
    ],
    ..COLUMNS
};
const CANCELLED: Columns =
    Columns { keys: &["id", "state"], headings: &["JOB ID", "STATE"], none: "nothing was cancelled" };

impl Command {
    pub(super) async fn run(self, records: &Records) -> anyhow::Result<u8> {
        match self {
            Self::List(list) => list.run(records).await,
            Self::Show { id } => {
                let job = match whole(records, &id).await? {
                    Some(whole) => records.store().job(whole).await?,
                    None => None,
                };
                show(records, &job.ok_or_else(|| unknown(&id))?).await?;
                Ok(DONE)
            }
            Self::Cancel { ids } => cancel_all(records, &ids).await,
        }
    }
}

async fn whole(records: &Records, id: &Id) -> anyhow::Result<Option<Uuid>> {
    id.whole(records.store(), Kept::Jobs).await
}

fn unknown(id: &Id) -> anyhow::Error {
    anyhow::anyhow!("no job {id}; `tenantd jobs list` shows the newest")
}

/// Cancels each by itself: one that is over keeps no other from its end.
async fn cancel_all(records: &Records, ids: &[Id]) -> anyhow::Result<u8> {
    let (mut rows, mut refused) = (Vec::new(), 0);
    for id in ids {
        match cancel_one(records, id).await {
            Ok((id, state)) => rows.push(Row {
                json: json!({ "id": id, "state": state }),
                cells: vec![id.to_string(), state.to_string()],
            }),
            Err(error) => {
                refused += 1;
                output::note(&format!("tenantd: {}", explain(&error)));
            }
        }
    }
    output::list(records.output, CANCELLED, &rows)?;
    Ok(if refused > 0 { FAILED } else { DONE })
}

async fn cancel_one(records: &Records, id: &Id) -> anyhow::Result<(Uuid, JobState)> {
    let whole = whole(records, id).await?.ok_or_else(|| unknown(id))?;
    let mut tx = records.store().begin().await?;
    let done = cancel(&records.context, &mut tx, whole, &format!("cancelled by {}", author())).await?;
    tx.commit().await?;
    match done {
        Cancelled::Now => Ok((whole, JobState::Cancelled)),
        Cancelled::Asked => {
            output::note(&format!("job {whole} runs; whoever holds it ends it; see: tenantd jobs show {whole}"));
            Ok((whole, JobState::Running))
        }
        Cancelled::Over(state) => bail!("job {whole} has ended already: {state}"),
        Cancelled::Unknown => Err(unknown(id)),
    }
}

impl List {
    async fn run(self, records: &Records) -> anyhow::Result<u8> {
        let tenant = records.tenant_if(self.tenant.as_deref(), self.cloud.as_deref()).await?;
        let filter = Filter {
            state: self.state,
            kind: self.kind.as_deref(),
            cloud: self.cloud.as_deref(),
            tenant: tenant.map(|it| it.uuid),
            since: self.since.map(|since| since.at(records.now(), "--since")).transpose()?,
            part_of: self.part_of,
            limit: self.limit.into(),
        };
        let (jobs, tenants, now) = (records.store().jobs(filter).await?, records.tenants_by_id().await?, records.now());
        let rows: Vec<Row> = jobs.iter().map(|job| row(job, &tenants, now)).collect();
        output::list(records.output, COLUMNS, &rows)?;
        Ok(DONE)
    }
}

/// The project id where the tenant is known, else what the asker wrote.
fn tenant_of(job: &Job, tenants: &BTreeMap<Uuid, Tenant>) -> Option<Tenant> {
    let subject = job.request.subject.as_deref().and_then(|it| Uuid::parse_str(it).ok());
    job.tenant.or(subject).and_then(|uuid| tenants.get(&uuid)).cloned()
}

fn row(job: &Job, tenants: &BTreeMap<Uuid, Tenant>, now: DateTime<Utc>) -> Row {
    let request = &job.request;
    let tenant = tenant_of(job, tenants);
    let project = tenant.as_ref().map(|it| it.backend_id.clone()).or_else(|| request.subject.clone());
    let cloud = request.cloud.clone().or_else(|| tenant.as_ref().map(|it| it.cloud.clone()));
    let name = tenant.map(|it| it.name).or_else(|| request.subject.clone()).unwrap_or_else(|| "all".to_owned());
    let state = match job.outcome {
        Some(outcome) if outcome.as_str() != job.state.as_str() => format!("{} ({outcome})", job.state),
        _ if job.state == JobState::Queued && request.not_before > now => {
            format!("queued, {}", output::when(Some(request.not_before), now))
        }
        _ => job.state.to_string(),
    };
    Row {
        json: json!({
            "id": request.id, "kind": request.kind, "cloud": cloud, "tenant": project, "state": job.state,
            "attempt": request.attempt, "source": request.source, "error": job.error,
            "enqueued_at": request.enqueued_at, "started_at": job.started_at, "finished_at": job.finished_at,
            "outcome": job.outcome, "reason": job.reason, "not_before": request.not_before,
            "params": request.shown_params(), "retry_of": request.retry_of,
        }),
        cells: vec![
            output::when(Some(request.enqueued_at), now),
            request.kind.clone(),
            cloud.unwrap_or_else(|| "all".to_owned()),
            name,
            state,
            request.attempt.to_string(),
            request.source.clone(),
            job.error.clone().unwrap_or_default(),
            request.id.to_string(),
        ],
    }
}

/// What a job changed in a cloud, in the order in which it was asked for.
async fn did(records: &Records, job: Uuid) -> anyhow::Result<Vec<String>> {
    let mut steps = records.store().steps(job).await?;
    steps.retain(|step| step.result.is_some());
    steps.sort_by_key(|step| step.intended_at);
    Ok(steps.into_iter().map(|step| step.name).collect())
}

fn told(part: &Part) -> String {
    format!("{} of {} of job {}: {}", part.number, part.count, part.of, part.resource_type)
}

/// Prints one job.
pub(super) async fn show(records: &Records, job: &Job) -> anyhow::Result<()> {
    let (tenants, now) = (records.tenants_by_id().await?, records.now());
    let mut row = row(job, &tenants, now);
    let request = &job.request;
    row.json["priority"] = json!(request.priority);
    row.json["deadline"] = json!(request.deadline);
    row.json["producer"] = json!(request.producer);
    row.json["reply"] = json!(request.reply);
    row.json["trace"] = json!(request.trace);
    row.json["cancel_asked_at"] = json!(job.cancel_asked_at);
    let progress = records.store().progress(request.id).await?;
    row.json["part"] = json!(request.part);
    row.json["parts"] = json!(progress.as_ref().map(|it| it.count));
    row.json["parts_over"] = json!(progress.as_ref().map(Progress::over));
    let did = did(records, request.id).await?;
    row.json["did"] = json!(did);
    let reply = request.reply.as_ref().map(|reply| {
        let id = reply.correlation_id.as_deref().unwrap_or("none");
        format!("queue {} ({}, correlation id {id}, asked as {})", reply.to, reply.format, reply.asked_as)
    });
    let params = if request.params == json!({}) { String::new() } else { request.shown_params().to_string() };
    let moment = |at| output::moment(at, now);
    let waits = (job.state == JobState::Queued).then_some(request.not_before);
    let fields = [
        ("id", request.id.to_string()),
        ("kind", request.kind.clone()),
        ("cloud", row.cells[2].clone()),
        ("tenant", row.cells[3].clone()),
        ("params", params),
        ("state", row.cells[4].clone()),
        ("attempt", request.attempt.to_string()),
        ("reason", job.reason.clone().unwrap_or_default()),
        ("error", job.error.clone().unwrap_or_default()),
        ("source", request.source.clone()),
        ("producer", request.producer.clone().unwrap_or_default()),
        ("reply to", reply.unwrap_or_default()),
        ("trace", request.trace.clone().unwrap_or_default()),
        ("priority", request.priority.to_string()),
        ("retry of", request.retry_of.map(|it| it.to_string()).unwrap_or_default()),
        ("enqueued", moment(Some(request.enqueued_at))),
        ("not before", moment(waits)),
        ("deadline", moment(request.deadline)),
        ("started", moment(job.started_at)),
        ("cancel asked", moment(job.cancel_asked_at)),
        ("finished", moment(job.finished_at)),
        ("part", request.part.as_ref().map(told).unwrap_or_default()),
        ("parts", progress.map(|it| format!("{} of {} are over", it.over(), it.count)).unwrap_or_default()),
        ("did", did.join("\n")),
    ];
    output::show(records.output, SHOWN, &row, &fields)?;
    Ok(())
}
