//! `snapshots`: what was seen, and what changed between two looks.

use chrono::{DateTime, Utc};
use clap::Subcommand;
use serde_json::json;

use super::output::{self, Columns, Row};
use super::records::{Id, Records};
use super::{DONE, diff, values};
use crate::model::ResourceType;
use crate::store::pages::Kept;
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
    /// What changed, and of whom
    Diff(diff::Diff),
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
            Self::Diff(diff) => return diff.run(records).await,
        }
        Ok(DONE)
    }
}

/// The snapshot that an argument names.
pub(super) async fn find(records: &Records, id: &Id) -> anyhow::Result<Snapshot> {
    let store = records.store();
    let snapshot = match id.whole(store, Kept::Snapshots).await? {
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
