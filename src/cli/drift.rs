//! `drift`: what differs from what is expected, and what somebody says of it.

mod accept;
mod ack;
mod show;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand, value_parser};
use serde_json::{Value, json};
use uuid::Uuid;

use super::arguments::count;
use super::moment::Moment;
use super::output::{self, Columns, Row};
use super::records::{Id, Records};
use super::{DONE, DRIFT, FAILED, explain, policy, usage, values};
use crate::drift::EXISTENCE;
use crate::model::{Change, Finding, FindingState, ResourceType};
use crate::store::directory::{Part, Window};
use crate::store::findings::{Filter, Listed};
use crate::store::pages::{Findings, Kept};

/// Drift.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Findings that last, the newest first
    List(List),
    /// Everything about one, with its life
    Show {
        /// The finding's id.
        id: Id,
    },
    /// Know of findings: no alert tells of them until the time is up, or they change or resolve
    Ack(ack::Ack),
    /// Write something into a finding's life
    Note(ack::Note),
    /// Make what is there what is expected
    Accept(accept::Accept),
    /// Policies: what they would find
    #[command(subcommand)]
    Policy(policy::Command),
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
    /// Opened since: a time, an age such as 2h, or by the clock here (TZ): 'Friday 18:00'.
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Of the tenants of this domain, by its name or id.
    #[arg(long)]
    domain: Option<String>,
}

/// Findings.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    which: Which,
    /// Resolved and accepted ones too.
    #[arg(long)]
    all: bool,
    /// Exit with 2 when one of them is open, listed or beyond the limit.
    #[arg(long)]
    exit_code: bool,
    /// At most so many, the newest [with --all: 1000, if not told].
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

/// What is listed of a finding, and at the end what is shown of it alone.
const KEYS: &[&str] = &[
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
    "ack_reason",
    "ack_by",
    "ack_at",
    "ack_until",
    "flapping",
    "life",
];

pub(super) const COLUMNS: Columns = Columns {
    keys: KEYS.split_at(KEYS.len() - 1).0,
    headings: &["OPENED", "SEVERITY", "TENANT", "WHAT", "EXPECTED", "OBSERVED", "STATE", "ID"],
    none: "no open drift",
};

impl Command {
    pub(super) async fn run(self, records: &Records) -> anyhow::Result<u8> {
        match self {
            Self::List(list) => list.run(records).await,
            Self::Show { id } => {
                show::show(records, &find(records, &id).await?).await?;
                Ok(DONE)
            }
            Self::Ack(ack) => ack.run(records).await,
            Self::Note(note) => note.run(records).await,
            Self::Accept(accept) => accept.run(records).await,
            Self::Policy(policy) => policy.run(records).await,
            Self::Digest(digest) => digest.run(records).await,
        }
    }
}

async fn find(records: &Records, id: &Id) -> anyhow::Result<Listed> {
    let store = records.store();
    let finding = match id.whole(store, Kept::Findings).await? {
        Some(whole) => store.finding(whole).await?,
        None => None,
    };
    finding.ok_or_else(|| anyhow::anyhow!("no finding {id}; `tenantd drift list --all` shows those there are"))
}

impl Which {
    fn is_empty(&self) -> bool {
        let named = [&self.cloud, &self.tenant, &self.field, &self.domain].into_iter().any(Option::is_some);
        !named && self.resource_type.is_none() && self.since.is_none()
    }

    async fn filter(&self, records: &Records, ended: bool) -> anyhow::Result<Filter<'_>> {
        let tenant = records.tenant_if(self.tenant.as_deref(), self.cloud.as_deref()).await?;
        Ok(Filter {
            cloud: self.cloud.as_deref(),
            tenant: tenant.map(|it| it.uuid),
            resource_type: self.resource_type,
            field: self.field.as_deref(),
            ended,
            since: self.since.map(|since| since.at(records.now(), "--since")).transpose()?,
            domain: self.domain.as_deref(),
        })
    }

    /// Says which domains there are, where nothing was found in the one that was asked for.
    async fn note_if_none(&self, records: &Records, findings: &[Listed]) -> anyhow::Result<()> {
        match self.domain.as_deref().filter(|_| findings.is_empty()) {
            Some(domain) => records.note_unknown_domain(domain).await,
            None => Ok(()),
        }
    }

    /// The findings with these ids, else those that last and that the options describe.
    async fn chosen(&self, records: &Records, ids: &[Id]) -> anyhow::Result<Vec<Listed>> {
        if !ids.is_empty() {
            let mut chosen = Vec::with_capacity(ids.len());
            for id in ids {
                chosen.push(find(records, id).await?);
            }
            return Ok(chosen);
        }
        if self.is_empty() {
            let options = "--cloud, --tenant, --resource-type, --field, --since, --domain";
            return Err(usage(format!("name findings, or say which with {options}")));
        }
        let findings = records.store().findings(self.filter(records, false).await?).await?;
        self.note_if_none(records, &findings).await?;
        Ok(findings)
    }
}

impl List {
    async fn run(self, records: &Records) -> anyhow::Result<u8> {
        let (store, now) = (records.store(), records.now());
        let wanted = Findings::from(self.which.filter(records, self.all).await?);
        let Part { items: findings, total } =
            store.finding_page(&wanted, Window { limit: self.most(), offset: 0 }).await?;
        self.which.note_if_none(records, &findings).await?;
        let rows: Vec<Row> = findings.iter().map(|it| row(it, now)).collect();
        let columns = Columns { none: if self.all { "no drift recorded" } else { COLUMNS.none }, ..COLUMNS };
        output::list(records.output, columns, &rows)?;
        let more = usize::try_from(total)?.saturating_sub(findings.len());
        if more > 0 {
            output::note(&format!("{} left out; --limit shows more", count(more, "older finding")));
        }
        Ok(if self.exit_code && Self::is_any_open(records, &findings, more, wanted).await? { DRIFT } else { DONE })
    }

    /// What lasts is listed to its end; what ever ended would take seconds.
    fn most(&self) -> i64 {
        self.limit.map_or(if self.all { 1_000 } else { i64::MAX }, i64::from)
    }

    /// Whether one of them is open, among the newest or the `more` that are older.
    async fn is_any_open(
        records: &Records,
        newest: &[Listed],
        more: usize,
        wanted: Findings<'_>,
    ) -> anyhow::Result<bool> {
        if newest.iter().any(|it| it.finding.state == FindingState::Open) {
            return Ok(true);
        }
        let open = Findings { states: vec![FindingState::Open], ..wanted };
        Ok(more > 0 && records.store().finding_count(&open).await? > 0)
    }
}

/// One finding in both forms.
pub(super) fn row(listed: &Listed, now: DateTime<Utc>) -> Row {
    let finding = &listed.finding;
    let known = finding.acknowledgement.as_ref();
    Row {
        json: json!({
            "id": finding.id, "cloud": listed.cloud, "tenant": listed.backend_id, "tenant_name": listed.tenant_name,
            "resource_type": finding.resource_type, "object": finding.object, "object_name": finding.object_name,
            "field": finding.field, "change": finding.change, "expected": finding.expected,
            "observed": finding.observed, "severity": finding.severity, "state": finding.state,
            "source": finding.source, "opened_at": finding.opened_at, "last_seen_at": finding.last_seen_at,
            "resolved_at": finding.resolved_at, "customer_name": listed.customer_name,
            "project_name": listed.project_name, "ack_reason": known.map(|it| &it.reason),
            "ack_by": known.map(|it| &it.by), "ack_at": known.map(|it| it.at),
            "ack_until": known.and_then(|it| it.until), "flapping": finding.flapping,
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
            observed(finding),
            standing(finding, now),
            finding.id.to_string(),
        ],
    }
}

/// The state in a table: `acknowledged, 7d left`, or `open, flapping`.
fn standing(finding: &Finding, now: DateTime<Utc>) -> String {
    let until = finding.acknowledgement.as_ref().and_then(|it| it.until);
    let state = match (finding.state, until) {
        (FindingState::Acknowledged, Some(until)) => format!("{}, {} left", finding.state, output::left(now, until)),
        (state, _) => state.to_string(),
    };
    let flaps = finding.state.lasts() && finding.flapping.is_some();
    if flaps { format!("{state}, flapping") } else { state }
}

/// How a finding comes and goes: `7 flips since 2026-01-01T00:00:00Z (6h ago), the last one …; as expected at the moment`.
fn flapping(finding: &Finding, now: DateTime<Utc>) -> Option<String> {
    let flapping = finding.flapping.as_ref()?;
    let (since, last) = (output::moment(Some(flapping.since), now), output::moment(Some(flapping.last_at), now));
    let mut text = format!("{} since {since}, the last one {last}", count(flapping.flips as usize, "flip"));
    if finding.state.lasts() && !flapping.differs {
        text.push_str("; as expected at the moment");
    }
    Some(text)
}

/// Who knows of a finding, until when and why: `by olga until 2026-01-08T00:00:00Z (in 6d): ticket 7`.
pub(super) fn known(finding: &Finding, now: DateTime<Utc>) -> Option<String> {
    let known = finding.acknowledgement.as_ref().filter(|_| finding.state == FindingState::Acknowledged)?;
    Some(say_known(&known.by, known.until, &known.reason, now))
}

fn say_known(by: &str, until: Option<DateTime<Utc>>, reason: &str, now: DateTime<Utc>) -> String {
    let until = until.map_or_else(|| "it resolves".to_owned(), |until| output::moment(Some(until), now));
    format!("by {by} until {until}: {reason}")
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

/// What is there, in a table: a limit that is the service's default is called so.
fn observed(finding: &Finding) -> String {
    let observed = said(finding, &finding.observed);
    if finding.change == Change::Default { format!("{observed} (the default)") } else { observed }
}

/// What became of findings, one by one.
#[derive(Debug, Default)]
struct Done {
    ids: Vec<Uuid>,
    failed: bool,
}

impl Done {
    /// Takes down what became of one; what went wrong is said at once.
    fn add(&mut self, id: Uuid, done: anyhow::Result<()>) {
        match done {
            Ok(()) => self.ids.push(id),
            Err(error) => {
                self.failed = true;
                output::note(&format!("tenantd: {}", explain(&error)));
            }
        }
    }

    /// Prints the findings as they are now, and how many it were; the exit code.
    async fn tell(self, records: &Records, what: &str, none: &'static str) -> anyhow::Result<u8> {
        let mut rows = Vec::new();
        for id in &self.ids {
            rows.extend(records.store().finding(*id).await?.map(|it| row(&it, records.now())));
        }
        if !(self.failed && rows.is_empty()) {
            output::list(records.output, Columns { none, ..COLUMNS }, &rows)?;
        }
        output::note(&format!("{} {what}", count(self.ids.len(), "finding")));
        Ok(if self.failed { FAILED } else { DONE })
    }
}
