//! `snapshots`: what was seen, and what changed between two looks.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde_json::json;

use super::arguments::Moment;
use super::output::{self, Columns, Format, Row};
use super::records::{Id, Records};
use super::{DONE, usage, values};
use crate::drift::{self, Difference};
use crate::model::ResourceType;
use crate::store::snapshots::{Filter, Snapshot};

/// Snapshots.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The newest first
    List {
        /// Of this tenant.
        #[arg(long)]
        tenant: Option<String>,
        /// Of this cloud.
        #[arg(long)]
        cloud: Option<String>,
        /// Of this resource type.
        #[arg(long, value_name = "TYPE")]
        resource_type: Option<ResourceType>,
        /// At most so many.
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u32,
    },
    /// One, with its content
    Show {
        /// The snapshot's id.
        id: Id,
    },
    /// What changed between two
    Diff(Diff),
}

/// Two snapshots, or two moments of one resource type of one tenant.
#[derive(Debug, Args)]
pub struct Diff {
    /// The earlier snapshot and the later one.
    #[arg(num_args = 2, value_names = ["EARLIER", "LATER"], conflicts_with_all = ["tenant", "resource_type", "from", "to"])]
    ids: Vec<Id>,
    /// Of this tenant.
    #[arg(long, requires = "from", requires = "resource_type")]
    tenant: Option<String>,
    /// Of this cloud, where the tenant alone does not tell.
    #[arg(long, requires = "tenant")]
    cloud: Option<String>,
    /// Of this resource type.
    #[arg(long, value_name = "TYPE", requires = "tenant")]
    resource_type: Option<ResourceType>,
    /// From then: a time, or an age such as 2h.
    #[arg(long, value_name = "TIME", requires = "tenant")]
    from: Option<Moment>,
    /// To then; default: now.
    #[arg(long, value_name = "TIME", requires = "tenant")]
    to: Option<Moment>,
}

const COLUMNS: Columns = Columns {
    keys: &["id", "cloud", "tenant", "tenant_name", "resource_type", "digest", "first_seen_at", "last_seen_at"],
    headings: &["FIRST SEEN", "LAST SEEN", "CLOUD", "TENANT", "TYPE", "CONTENT", "ID"],
    none: "no snapshots; `tenantd pull` makes some",
};
const SHOWN: Columns = Columns {
    keys: &["id", "cloud", "tenant", "tenant_name", "resource_type", "digest", "first_seen_at", "last_seen_at", "body"],
    ..COLUMNS
};
const CHANGES: Columns = Columns {
    keys: &["object", "object_name", "field", "change", "before", "after"],
    headings: &["OBJECT", "FIELD", "CHANGE", "BEFORE", "AFTER"],
    none: "no difference in what is compared",
};

impl Command {
    pub(super) async fn run(self, records: &Records) -> anyhow::Result<u8> {
        let now = records.now();
        match self {
            Self::List { tenant, cloud, resource_type, limit } => {
                let tenant = records.tenant_if(tenant.as_deref(), cloud.as_deref()).await?;
                let (cloud, tenant) = (cloud.as_deref(), tenant.map(|it| it.uuid));
                let filter = Filter { cloud, tenant, resource_type, limit: limit.into() };
                let snapshots = records.store().snapshots(filter).await?;
                let rows: Vec<Row> = snapshots.iter().map(|it| row(it, now)).collect();
                output::list(records.output, COLUMNS, &rows)?;
            }
            Self::Show { id } => show(records, &find(records, &id).await?)?,
            Self::Diff(diff) => diff.run(records).await?,
        }
        Ok(DONE)
    }
}

/// Snapshots that are looked through for the ending of an id.
const MOST: i64 = 10_000;

/// The snapshot that an argument names.
pub(super) async fn find(records: &Records, id: &Id) -> anyhow::Result<Snapshot> {
    let store = records.store();
    let newest = Filter { limit: MOST, ..Filter::default() };
    let known = async { Ok(store.snapshots(newest).await?.iter().map(|it| it.id).collect()) };
    let snapshot = match id.whole(known).await? {
        Some(whole) => store.snapshot(whole).await?,
        None => None,
    };
    snapshot.ok_or_else(|| anyhow::anyhow!("no snapshot {id}; `tenantd snapshots list` shows the newest"))
}

fn row(snapshot: &Snapshot, now: DateTime<Utc>) -> Row {
    Row {
        json: json!({
            "id": snapshot.id, "cloud": snapshot.cloud, "tenant": snapshot.backend_id,
            "tenant_name": snapshot.tenant_name, "resource_type": snapshot.resource_type, "digest": snapshot.digest,
            "first_seen_at": snapshot.first_seen_at, "last_seen_at": snapshot.last_seen_at,
            "body": snapshot.body.to_json(),
        }),
        cells: vec![
            output::when(Some(snapshot.first_seen_at), now),
            output::when(Some(snapshot.last_seen_at), now),
            snapshot.cloud.clone(),
            snapshot.tenant_name.clone(),
            snapshot.resource_type.to_string(),
            values::summary(&snapshot.body),
            snapshot.id.to_string(),
        ],
    }
}

fn show(records: &Records, snapshot: &Snapshot) -> anyhow::Result<()> {
    let now = records.now();
    let fields = [
        ("id", snapshot.id.to_string()),
        ("cloud", snapshot.cloud.clone()),
        ("tenant", format!("{} (project {})", snapshot.tenant_name, snapshot.backend_id)),
        ("type", snapshot.resource_type.to_string()),
        ("first seen", output::moment(Some(snapshot.first_seen_at), now)),
        ("last seen", output::moment(Some(snapshot.last_seen_at), now)),
        ("digest", snapshot.digest.clone()),
        ("content", serde_json::to_string_pretty(&snapshot.body.to_json())?),
    ];
    output::show(records.output, SHOWN, &row(snapshot, now), &fields)?;
    Ok(())
}

impl Diff {
    async fn run(self, records: &Records) -> anyhow::Result<()> {
        let (before, after) = match self.ids.as_slice() {
            [before, after] => (find(records, before).await?, find(records, after).await?),
            _ => self.of_moments(records).await?,
        };
        if before.resource_type != after.resource_type {
            let (before, after) = (before.resource_type, after.resource_type);
            return Err(usage(format!("{before} cannot be compared with {after}")));
        }
        let now = records.now();
        let differences = drift::compare(&before.body, &after.body);
        if records.output != Format::Table || differences.is_empty() {
            output::list(records.output, CHANGES, &differences.iter().map(change).collect::<Vec<_>>())?;
            return Ok(());
        }
        let head = |sign: &str, it: &Snapshot| {
            let (cloud, name, first_seen) = (&it.cloud, &it.tenant_name, output::moment(Some(it.first_seen_at), now));
            format!("{sign} {cloud}/{name} {} first seen {first_seen}", it.resource_type)
        };
        let lines = [head("---", &before), head("+++", &after)].into_iter();
        let lines = lines.chain(differences.iter().flat_map(values::diff_lines));
        output::line(&lines.collect::<Vec<_>>().join("\n"))?;
        Ok(())
    }

    /// The snapshots that were current at the two moments.
    async fn of_moments(&self, records: &Records) -> anyhow::Result<(Snapshot, Snapshot)> {
        let (Some(tenant), Some(resource_type), Some(from)) = (&self.tenant, self.resource_type, self.from) else {
            return Err(usage("name two snapshots, or --tenant, --resource-type and --from"));
        };
        let tenant = records.tenant(tenant, self.cloud.as_deref()).await?;
        let now = records.now();
        let at = |moment: DateTime<Utc>| {
            let label = tenant.label();
            async move {
                let snapshot = records.store().snapshot_at(tenant.uuid, resource_type, moment).await?;
                let at = moment.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
                snapshot.ok_or_else(|| {
                    anyhow::anyhow!("{resource_type} of {label} were not seen yet at {at}; see: tenantd snapshots list")
                })
            }
        };
        Ok((at(from.at(now)).await?, at(self.to.map_or(now, |to| to.at(now))).await?))
    }
}

fn change(difference: &Difference) -> Row {
    Row {
        json: json!({
            "object": difference.object, "object_name": difference.object_name, "field": difference.field,
            "change": difference.change, "before": difference.expected, "after": difference.observed,
        }),
        cells: vec![
            difference.object_name.clone(),
            difference.field.clone(),
            difference.change.to_string(),
            values::say(&difference.object, &difference.expected),
            values::say(&difference.object, &difference.observed),
        ],
    }
}
