//! `drift`: what differs from what is expected, and accepting it.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;

use super::arguments::{Moment, author, count};
use super::output::{self, Columns, Row};
use super::records::{Id, Records};
use super::{DONE, DRIFT, FAILED, explain, usage, values};
use crate::drift::EXISTENCE;
use crate::jobs::accept::accept;
use crate::model::{Change, Finding, FindingState, ResourceType};
use crate::store::findings::{Filter, Listed};

/// Drift.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Findings that last, the newest first
    List(List),
    /// Everything about one
    Show {
        /// The finding's id.
        id: Id,
    },
    /// Make what is there what is expected
    Accept(Accept),
    /// What was opened and ended in a while, and what stands
    Digest(super::digest::Tell),
}

/// Which findings.
#[derive(Debug, Args)]
pub struct Which {
    /// Of this cloud.
    #[arg(long)]
    cloud: Option<String>,
    /// Of this tenant.
    #[arg(long)]
    tenant: Option<String>,
    /// Of this resource type.
    #[arg(long, value_name = "TYPE")]
    resource_type: Option<ResourceType>,
    /// Of this field, such as limit.
    #[arg(long)]
    field: Option<String>,
    /// Opened since: a time, or an age such as 2h.
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
}

/// Findings.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    which: Which,
    /// Resolved and accepted ones too.
    #[arg(long)]
    all: bool,
    /// Exit with 2 when a listed finding is open.
    #[arg(long)]
    exit_code: bool,
}

/// Findings to accept.
#[derive(Debug, Args)]
pub struct Accept {
    /// Their ids; else all that the options describe.
    #[arg(conflicts_with_all = ["cloud", "tenant", "resource_type", "field", "since"])]
    ids: Vec<Id>,
    #[command(flatten)]
    which: Which,
    /// Only say what would be accepted.
    #[arg(long)]
    dry_run: bool,
}

pub(super) const COLUMNS: Columns = Columns {
    keys: &[
        "id",
        "cloud",
        "tenant",
        "tenant_name",
        "resource_type",
        "object",
        "object_name",
        "field",
        "change",
        "expected",
        "observed",
        "severity",
        "state",
        "source",
        "opened_at",
        "last_seen_at",
        "resolved_at",
        "customer_name",
        "project_name",
    ],
    headings: &["OPENED", "SEVERITY", "TENANT", "WHAT", "EXPECTED", "OBSERVED", "STATE", "ID"],
    none: "no open drift",
};

impl Command {
    pub(super) async fn run(self, records: &Records) -> anyhow::Result<u8> {
        match self {
            Self::List(list) => list.run(records).await,
            Self::Show { id } => {
                show(records, &find(records, &id).await?)?;
                Ok(DONE)
            }
            Self::Accept(accept) => accept.run(records).await,
            Self::Digest(digest) => digest.run(records).await,
        }
    }
}

/// Whether a finding still lasts.
pub(super) fn lasts(state: FindingState) -> bool {
    matches!(state, FindingState::Open | FindingState::Acknowledged)
}

async fn find(records: &Records, id: &Id) -> anyhow::Result<Listed> {
    let store = records.store();
    let every = Filter { ended: true, ..Filter::default() };
    let known = async { Ok(store.findings(every).await?.iter().map(|it| it.finding.id).collect()) };
    let finding = match id.whole(known).await? {
        Some(whole) => store.finding(whole).await?,
        None => None,
    };
    finding.ok_or_else(|| anyhow::anyhow!("no finding {id}; `tenantd drift list --all` shows those there are"))
}

impl Which {
    fn is_empty(&self) -> bool {
        let named = [&self.cloud, &self.tenant, &self.field].into_iter().any(Option::is_some);
        !named && self.resource_type.is_none() && self.since.is_none()
    }

    async fn findings(&self, records: &Records, ended: bool) -> anyhow::Result<Vec<Listed>> {
        let tenant = records.tenant_if(self.tenant.as_deref(), self.cloud.as_deref()).await?;
        let filter = Filter {
            cloud: self.cloud.as_deref(),
            tenant: tenant.map(|it| it.uuid),
            resource_type: self.resource_type,
            field: self.field.as_deref(),
            ended,
            since: self.since.map(|since| since.at(records.now())),
        };
        Ok(records.store().findings(filter).await?)
    }
}

impl List {
    async fn run(self, records: &Records) -> anyhow::Result<u8> {
        let (findings, now) = (self.which.findings(records, self.all).await?, records.now());
        let rows: Vec<Row> = findings.iter().map(|it| row(it, now)).collect();
        let columns = Columns { none: if self.all { "no drift recorded" } else { COLUMNS.none }, ..COLUMNS };
        output::list(records.output, columns, &rows)?;
        let open = findings.iter().any(|it| it.finding.state == FindingState::Open);
        Ok(if self.exit_code && open { DRIFT } else { DONE })
    }
}

/// One finding in both forms.
pub(super) fn row(listed: &Listed, now: DateTime<Utc>) -> Row {
    let finding = &listed.finding;
    Row {
        json: json!({
            "id": finding.id, "cloud": listed.cloud, "tenant": listed.backend_id, "tenant_name": listed.tenant_name,
            "resource_type": finding.resource_type, "object": finding.object, "object_name": finding.object_name,
            "field": finding.field, "change": finding.change, "expected": finding.expected,
            "observed": finding.observed, "severity": finding.severity, "state": finding.state,
            "source": finding.source, "opened_at": finding.opened_at, "last_seen_at": finding.last_seen_at,
            "resolved_at": finding.resolved_at, "customer_name": listed.customer_name,
            "project_name": listed.project_name,
        }),
        cells: vec![
            output::when(Some(finding.opened_at), now),
            finding.severity.to_string(),
            format!("{}/{}", listed.cloud, listed.tenant_name),
            format!(
                "{} {}",
                finding.resource_type.noun(),
                values::what(&finding.object_name, &finding.object, &finding.field)
            ),
            said(finding, &finding.expected),
            said(finding, &finding.observed),
            finding.state.to_string(),
            finding.id.to_string(),
        ],
    }
}

/// A value in a table; of a whole object or rule, which has been named, only whether it is there.
fn said(finding: &Finding, value: &Value) -> String {
    let named = finding.field == EXISTENCE || finding.field.starts_with("rule ");
    match (named, value) {
        (true, Value::Null) => "absent".to_owned(),
        (true, _) => "present".to_owned(),
        (false, value) => values::say(&finding.object, value),
    }
}

fn show(records: &Records, listed: &Listed) -> anyhow::Result<()> {
    let (finding, now) = (&listed.finding, records.now());
    let row = row(listed, now);
    let fields = [
        ("id", finding.id.to_string()),
        ("tenant", format!("{}/{} (project {})", listed.cloud, listed.tenant_name, listed.backend_id)),
        ("customer", listed.customer_name.clone()),
        ("portal project", listed.project_name.clone()),
        ("what", row.cells[3].clone()),
        ("object", finding.object.clone()),
        ("change", finding.change.to_string()),
        ("expected", values::say(&finding.object, &finding.expected)),
        ("observed", values::say(&finding.object, &finding.observed)),
        ("severity", finding.severity.to_string()),
        ("state", finding.state.to_string()),
        ("source", format!("the expectation was {}", finding.source)),
        ("opened", output::moment(Some(finding.opened_at), now)),
        ("last seen", output::moment(Some(finding.last_seen_at), now)),
        ("ended", output::moment(finding.resolved_at, now)),
    ];
    output::show(records.output, COLUMNS, &row, &fields)?;
    if lasts(finding.state) && is_acceptable(finding.change) {
        output::note(&format!("to make what is there what is expected: tenantd drift accept {}", finding.id));
    }
    Ok(())
}

/// Whether it differs from an expectation; the others are conditions of the cloud.
const fn is_acceptable(change: Change) -> bool {
    !matches!(change, Change::OverLimit | Change::Usage | Change::Policy)
}

impl Accept {
    async fn run(self, records: &Records) -> anyhow::Result<u8> {
        if self.ids.is_empty() && self.which.is_empty() {
            return Err(usage("name findings, or say which with --cloud, --tenant, --resource-type, --field, --since"));
        }
        let mut failed = false;
        let mut chosen = Vec::new();
        for id in &self.ids {
            chosen.push(find(records, id).await?);
        }
        if self.ids.is_empty() {
            chosen = self.which.findings(records, false).await?;
            let all = chosen.len();
            chosen.retain(|it| is_acceptable(it.finding.change));
            if chosen.len() < all {
                output::note(&format!(
                    "{} left as it is: a condition of the cloud is no difference from an expectation",
                    count(all - chosen.len(), "finding")
                ));
            }
        }
        let mut accepted = Vec::new();
        for listed in chosen {
            match self.one(records, &listed).await {
                Ok(()) => accepted.push(listed.finding.id),
                Err(error) => {
                    failed = true;
                    output::note(&format!("tenantd: {}", explain(&error)));
                }
            }
        }
        if !(failed && accepted.is_empty()) {
            print(records, &accepted).await?;
        }
        let what = if self.dry_run { "would be accepted; nothing was changed" } else { "accepted" };
        output::note(&format!("{} {what}", count(accepted.len(), "finding")));
        Ok(if failed { FAILED } else { DONE })
    }

    async fn one(&self, records: &Records, listed: &Listed) -> anyhow::Result<()> {
        let finding = &listed.finding;
        if !self.dry_run {
            accept(&records.context, finding.id, &author()).await?;
            return Ok(());
        }
        if !lasts(finding.state) {
            anyhow::bail!("finding {} is {} already", finding.id, finding.state);
        }
        if !is_acceptable(finding.change) {
            let (id, change) = (finding.id, finding.change);
            anyhow::bail!("finding {id} cannot be accepted: {change} is a condition of the cloud");
        }
        Ok(())
    }
}

/// Prints findings as they are now.
async fn print(records: &Records, ids: &[Uuid]) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for id in ids {
        rows.extend(records.store().finding(*id).await?.map(|it| row(&it, records.now())));
    }
    output::list(records.output, Columns { none: "nothing to accept", ..COLUMNS }, &rows)?;
    Ok(())
}
