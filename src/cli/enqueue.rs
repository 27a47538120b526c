//! `enqueue`: puts a job into the jobs table, from which the daemon takes it with or without a broker.

use std::time::Duration;

use clap::Args;
use serde_json::Value;
use uuid::Uuid;

use super::output::{self, Format};
use super::progress::Bar;
use super::records::{Records, candidates};
use super::{DONE, FAILED, jobs as listing, usage};
use crate::jobs::{self, part_id};
use crate::model::job::{Job, JobState, Outcome, Request};

/// How often the row is looked at while waiting.
const POLL: Duration = Duration::from_millis(200);
/// After so long without a start, the daemon is probably not there.
const PATIENCE: chrono::Duration = chrono::Duration::seconds(5);

/// A job to put there.
#[derive(Debug, Args)]
#[command(after_help = kinds())]
pub struct Enqueue {
    /// The job kind.
    kind: String,
    /// For this tenant: an id, cloud/name, or a name that only one has.
    #[arg(long)]
    tenant: Option<String>,
    /// In this cloud; alone: for all its tenants.
    #[arg(long)]
    cloud: Option<String>,
    /// For every tenant of every cloud.
    #[arg(long, conflicts_with_all = ["tenant", "cloud"])]
    all: bool,
    /// The kind's parameters; `tenantd schema job` describes them.
    #[arg(long, value_name = "JSON")]
    params: Option<String>,
    /// Wait for its end, and exit by it.
    #[arg(long)]
    wait: bool,
}

/// The kinds with what they do, for the help.
fn kinds() -> String {
    let longest = jobs::KINDS.iter().map(|kind| kind.name.len()).max().unwrap_or_default();
    let lines = jobs::KINDS.iter().map(|kind| format!("\n  {:longest$}  {}", kind.name, kind.about));
    format!("Kinds:{}", lines.collect::<String>())
}

impl Enqueue {
    pub(super) async fn run(self, records: &Records) -> anyhow::Result<u8> {
        let mut request = self.request(records)?;
        let mut uuid = None;
        if let Some(subject) = &self.tenant {
            uuid = self.address(records, &mut request, subject).await?;
        }
        let mut tx = records.store().begin().await?;
        tx.insert_job(&request, uuid).await?;
        tx.commit().await?;
        if self.wait {
            output::note(&format!("job {}", request.id));
            let bar = Bar::new(records.output);
            let mut code = wait(records, request.id, &bar).await?;
            for id in parts(records, &request).await? {
                code = code.max(wait(records, id, &bar).await?);
            }
            return Ok(code);
        }
        match records.output {
            Format::Table => output::line(&request.id.to_string())?,
            _ => listing::show(records, &job(records, request.id).await?).await?,
        }
        Ok(DONE)
    }

    /// What is asked for, if it makes sense.
    fn request(&self, records: &Records) -> anyhow::Result<Request> {
        let Some(kind) = jobs::kind(&self.kind) else {
            let known = jobs::kind_names().join(", ");
            return Err(usage(format!("`{}` is no job kind; there are {known}", self.kind)));
        };
        let params: Value = match &self.params {
            None => Value::Object(serde_json::Map::new()),
            Some(text) => serde_json::from_str(text).map_err(|error| usage(format!("--params is no JSON: {error}")))?,
        };
        if !params.is_object() {
            return Err(usage("--params must be a JSON object, such as {\"sizes\": true}"));
        }
        kind.check(&params).map_err(usage)?;
        if self.tenant.is_none() && !kind.fleet {
            return Err(usage(format!("{} is for one tenant: say which with --tenant", kind.name)));
        }
        let whole = kind.local && kind.fleet;
        if whole && (self.tenant.is_some() || self.cloud.is_some()) {
            return Err(usage(format!("{} is for the records as a whole: leave --tenant and --cloud out", kind.name)));
        }
        if self.tenant.is_none() && self.cloud.is_none() && !self.all && !whole {
            return Err(usage("say for whom: --tenant TENANT, --cloud CLOUD, or --all"));
        }
        records.known_cloud(self.cloud.as_deref())?;
        Ok(Request { params, cloud: self.cloud.clone(), ..records.request(kind.name) })
    }

    /// Writes down whom it is for; a project that is not recorded yet is left for the daemon to look up.
    async fn address(&self, records: &Records, request: &mut Request, subject: &str) -> anyhow::Result<Option<Uuid>> {
        let cloud = self.cloud.as_deref();
        let looks_like_an_id = Uuid::parse_str(subject).is_ok();
        if looks_like_an_id && candidates(&records.context, subject, cloud).await?.is_empty() {
            output::note(&format!("`{subject}` is not recorded yet; the daemon will look for such a project"));
            request.subject = Some(subject.to_owned());
            return Ok(None);
        }
        let tenant = records.tenant(subject, cloud).await?;
        request.subject = Some(tenant.uuid.to_string());
        request.cloud = Some(tenant.cloud);
        Ok(Some(tenant.uuid))
    }
}

/// The jobs that a job for every cloud became, one for each: it is done when they are.
async fn parts(records: &Records, request: &Request) -> anyhow::Result<Vec<Uuid>> {
    let mut parts = Vec::new();
    for cloud in &records.config.clouds {
        let id = part_id(request.id, &cloud.name);
        if records.store().job(id).await?.is_some() {
            parts.push(id);
        }
    }
    Ok(parts)
}

async fn job(records: &Records, id: Uuid) -> anyhow::Result<Job> {
    records.store().job(id).await?.ok_or_else(|| anyhow::anyhow!("job {id} is not in the table any more"))
}

/// Looks at the row until the job has ended.
async fn wait(records: &Records, id: Uuid, bar: &Bar) -> anyhow::Result<u8> {
    let mut told = false;
    let (mut attempts, mut over) = (0, -1);
    loop {
        let job = job(records, id).await?;
        if job.finished_at.is_some() && !matches!(job.state, JobState::Queued | JobState::Running) {
            bar.clear();
            listing::show(records, &job).await?;
            let done = job.state == JobState::Succeeded && job.outcome != Some(Outcome::Partial);
            return Ok(if done { DONE } else { FAILED });
        }
        if job.reason.as_deref() == Some("parted")
            && let Some(progress) = records.store().progress(id).await?
        {
            if progress.over() > over && bar.is_hidden() {
                output::note(&format!("{} of {} parts are over", progress.over(), progress.count));
            }
            over = progress.over();
            bar.tell((over.unsigned_abs(), progress.count.unsigned_abs()), "parts");
        } else {
            bar.wait(format!("{} is {}", job.request.kind, job.state));
        }
        let waited = records.now() - job.request.enqueued_at;
        if !told && job.request.attempt == 0 && job.state == JobState::Queued && waited > PATIENCE {
            told = true;
            bar.clear();
            output::note("it has not started yet; is `tenantd run` running, with the same database? still waiting");
        }
        if job.request.attempt > attempts && job.state == JobState::Queued {
            attempts = job.request.attempt;
            let (error, next) = (job.error.unwrap_or_default(), job.request.not_before);
            bar.clear();
            output::note(&format!("attempt {attempts}: {error}; next {}", output::when(Some(next), records.now())));
        }
        records.context.clock().sleep(POLL).await;
    }
}
