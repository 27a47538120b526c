//! `pull`: reads clouds now, and says what was seen, what was not, and what differs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::json;
use uuid::Uuid;

use super::arguments::count;
use super::output::{self, Columns, Format, Row};
use super::progress::Bar;
use super::records::{candidates, known_cloud, tenant};
use super::{DONE, FAILED, drift, usage, values};
use crate::app::build;
use crate::app::pull::{PullOptions, Pulled, pull};
use crate::jobs::context::Context;
use crate::jobs::runner::Ended;
use crate::model::job::Outcome;
use crate::model::{FindingState, ResourceType, Tenant};
use crate::store::findings::{Filter, Listed};
use crate::store::resources::Age;

/// What to read.
#[derive(Debug, Args)]
pub struct Pull {
    /// `quotas`, `security_groups`, `floating_ips`, `server_groups`, `networks`, `ports`, `instances`, `volumes`,
    /// `volume_snapshots`; none named: all.
    #[arg(value_name = "RESOURCE_TYPE")]
    types: Vec<ResourceType>,
    /// Only this tenant: an id, cloud/name, or a name that only one has; else all, discovered first.
    #[arg(long)]
    tenant: Option<String>,
    /// Only this cloud.
    #[arg(long)]
    cloud: Option<String>,
    /// Count what quotas limit, and compare with the services' own counters; costs nine listings a tenant.
    #[arg(long)]
    count: bool,
}

const COLUMNS: Columns = Columns {
    keys: &[
        "cloud",
        "tenant",
        "tenant_name",
        "resource_type",
        "read",
        "seen",
        "last_success_at",
        "error_reason",
        "drift_open",
    ],
    headings: &["CLOUD", "TENANT", "TYPE", "READ", "SEEN", "DRIFT"],
    none: "no tenants; see `discover` in the configuration, or: tenantd tenants add",
};

impl Pull {
    pub(super) async fn run(self, path: &Path, format: Format) -> anyhow::Result<u8> {
        let config = build::load_config(path)?;
        known_cloud(&config, self.cloud.as_deref())?;
        if config.clouds.is_empty() {
            return Err(usage("no cloud is configured; `tenantd config init` says what to add"));
        }
        let context = build::context(&config).await?;
        let options = self.options(&context).await?;
        let began = context.clock().now();
        let progress = || context.looks().progress();
        let work = pull(&context, &options);
        let pulled = Bar::new(format).beside(context.clock().as_ref(), progress, "looks", work).await?;
        let failures = tell_failures(&pulled);
        let looks = looks(&context, &options, began).await?;
        let findings = findings(&context, &options).await?;
        print(&context, format, &looks, &findings)?;
        let unread = looks.iter().filter(|look| !look.read).count();
        let open = count(findings.len(), "finding");
        output::note(&format!("{} read, {unread} not; {open} open", count(looks.len() - unread, "listing")));
        context.store().close().await;
        let tenantd = output::tenantd(path);
        if failures + unread > 0 {
            output::note(&format!("next: {tenantd} tenants why TENANT, or {tenantd} check"));
            return Ok(FAILED);
        }
        output::note(&format!(
            "next: {tenantd} drift list; the daemon goes on by itself: {tenantd} run, or its systemd service"
        ));
        Ok(DONE)
    }

    /// A tenant that is recorded is named by its id; another is left for the job to look up.
    async fn options(&self, context: &Context) -> anyhow::Result<PullOptions> {
        let mut options =
            PullOptions { types: self.types.clone(), cloud: self.cloud.clone(), tenant: None, count: self.count };
        if let Some(subject) = &self.tenant {
            let known = candidates(context, subject, self.cloud.as_deref()).await?;
            if known.is_empty() && Uuid::parse_str(subject).is_ok() {
                options.tenant = Some(subject.clone());
                return Ok(options);
            }
            let tenant = tenant(context, subject, self.cloud.as_deref()).await?;
            options.tenant = Some(tenant.uuid.to_string());
            options.cloud = Some(tenant.cloud);
        }
        Ok(options)
    }
}

/// Says which jobs did not bring all they should; how many.
pub(super) fn tell_failures(pulled: &[Pulled]) -> usize {
    let mut failures = 0;
    for it in pulled {
        let cloud = it.cloud.as_deref().unwrap_or("every cloud");
        let what = match &it.ended {
            Ended::Done { left_out: Some(left_out), .. } => left_out.clone(),
            Ended::Done { outcome: outcome @ (Outcome::Partial | Outcome::Failed), .. } => outcome.to_string(),
            Ended::Parked { error: Some(error) } => format!("{error} (`tenantd run` tries it again)"),
            Ended::Parked { error: None } => "waits in the jobs table for `tenantd run`".to_owned(),
            Ended::Dead { reason, error } => format!("{reason}: {error}"),
            Ended::Done { .. } | Ended::Duplicate => continue,
        };
        failures += 1;
        output::note(&format!("tenantd: {} of {cloud}: {what}", it.kind));
    }
    failures
}

/// What is known of one resource type of one tenant after the pull.
struct Look {
    tenant: Tenant,
    resource_type: ResourceType,
    age: Option<Age>,
    /// What was seen last, in short.
    seen: Option<String>,
    /// Whether this pull read it.
    read: bool,
}

async fn looks(context: &Context, options: &PullOptions, began: DateTime<Utc>) -> anyhow::Result<Vec<Look>> {
    let store = context.store();
    let tenants = match &options.tenant {
        Some(subject) => candidates(context, subject, options.cloud.as_deref()).await?,
        None => store.tenants(options.cloud.as_deref()).await?,
    };
    let types = if options.types.is_empty() { ResourceType::ALL.to_vec() } else { options.types.clone() };
    let tenants: Vec<Tenant> = tenants.into_iter().filter(|it| it.enabled && it.vanished_at.is_none()).collect();
    let wanted: BTreeSet<Uuid> = tenants.iter().map(|tenant| tenant.uuid).collect();
    let mut ages = store.ages().await?;
    ages.retain(|age| wanted.contains(&age.tenant) && types.contains(&age.resource_type));
    let mut seen: BTreeMap<(Uuid, ResourceType), String> = BTreeMap::new();
    let summarise = |age: &Age, body| drop(seen.insert((age.tenant, age.resource_type), values::summary(&body)));
    store.contents(&ages, summarise).await?;
    let ages = ages.into_iter().map(|age| ((age.tenant, age.resource_type), age));
    let mut ages: BTreeMap<(Uuid, ResourceType), Age> = ages.collect();
    let mut looks = Vec::new();
    for tenant in tenants {
        for resource_type in &types {
            let (age, seen) =
                (ages.remove(&(tenant.uuid, *resource_type)), seen.remove(&(tenant.uuid, *resource_type)));
            let read = age.as_ref().and_then(|it| it.last_success_at).is_some_and(|at| at >= began);
            looks.push(Look { tenant: tenant.clone(), resource_type: *resource_type, age, seen, read });
        }
    }
    Ok(looks)
}

async fn findings(context: &Context, options: &PullOptions) -> anyhow::Result<Vec<Listed>> {
    let tenant = match &options.tenant {
        Some(subject) => candidates(context, subject, options.cloud.as_deref()).await?.first().map(|it| it.uuid),
        None => None,
    };
    if options.tenant.is_some() && tenant.is_none() {
        return Ok(Vec::new());
    }
    let filter = Filter { cloud: options.cloud.as_deref(), tenant, ..Filter::default() };
    let mut findings = context.store().findings(filter).await?;
    findings.retain(|it| options.types.is_empty() || options.types.contains(&it.finding.resource_type));
    Ok(findings)
}

fn print(context: &Context, format: Format, looks: &[Look], findings: &[Listed]) -> anyhow::Result<()> {
    let now = context.clock().now();
    let mut open: BTreeMap<(Uuid, ResourceType), usize> = BTreeMap::new();
    for it in findings.iter().filter(|it| it.finding.state == FindingState::Open) {
        *open.entry((it.finding.tenant, it.finding.resource_type)).or_default() += 1;
    }
    let open = |look: &Look| open.get(&(look.tenant.uuid, look.resource_type)).copied().unwrap_or_default();
    let rows: Vec<Row> = looks.iter().map(|look| row(look, open(look), now)).collect();
    output::list(format, COLUMNS, &rows)?;
    if format == Format::Table && !findings.is_empty() {
        output::line("")?;
        let rows: Vec<Row> = findings.iter().map(|it| drift::row(it, now)).collect();
        output::list(format, drift::COLUMNS, &rows)?;
    }
    Ok(())
}

fn row(look: &Look, open: usize, now: DateTime<Utc>) -> Row {
    let Look { tenant, resource_type, age, seen, read } = look;
    let last_success_at = age.as_ref().and_then(|it| it.last_success_at);
    let reason = age.as_ref().and_then(|it| it.error_reason.clone());
    let said = match (read, &reason) {
        (true, _) => "now".to_owned(),
        (false, Some(reason)) => format!("failed: {reason}, last {}", output::when(last_success_at, now)),
        (false, None) => format!("no, last {}", output::when(last_success_at, now)),
    };
    Row {
        json: json!({
            "cloud": tenant.cloud, "tenant": tenant.backend_id, "tenant_name": tenant.name,
            "resource_type": resource_type, "read": read, "seen": seen, "last_success_at": last_success_at,
            "error_reason": reason, "drift_open": open,
        }),
        cells: vec![
            tenant.cloud.clone(),
            tenant.name.clone(),
            resource_type.to_string(),
            said,
            seen.clone().unwrap_or_else(|| "-".to_owned()),
            if open == 0 { "-".to_owned() } else { open.to_string() },
        ],
    }
}
