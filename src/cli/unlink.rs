//! `tenants unlink`: forgets a tenant, and says what went.

use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::arguments::author;
use super::output::{self, Columns, Row};
use super::records::Records;
use super::{DONE, FAILED};
use crate::jobs::runner::{Ended, Origin, Runner};
use crate::model::Tenant;
use crate::model::job::Request;
use crate::store::tenants::{Holdings, Unlinked};

/// A tenant to forget.
#[derive(Debug, Args)]
pub struct Unlink {
    /// An id, cloud/name, or a name that only one has.
    tenant: String,
    /// Its cloud, where the tenant alone does not tell.
    #[arg(long)]
    cloud: Option<String>,
    /// Show what would go, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

const COLUMNS: Columns = Columns {
    keys: &["uuid", "cloud", "backend_id", "name", "snapshots", "findings", "expectations"],
    headings: &["CLOUD", "NAME", "SNAPSHOTS", "FINDINGS", "EXPECTATIONS", "PROJECT ID"],
    none: "nobody was unlinked",
};
const UNLINKED: Columns = Columns {
    keys: &["cloud", "backend_id", "name", "author", "unlinked_at"],
    headings: &["CLOUD", "NAME", "UNLINKED", "BY", "PROJECT ID"],
    none: "no project is unlinked",
};

impl Unlink {
    pub(super) async fn run(self, records: &Records) -> anyhow::Result<u8> {
        let tenant = records.tenant(&self.tenant, self.cloud.as_deref()).await?;
        let holdings = records.store().holdings(tenant.uuid).await?;
        if self.dry_run {
            output::list(records.output, COLUMNS, &[row(&tenant, holdings)])?;
            output::note("this would go; nothing was changed");
            return Ok(DONE);
        }
        let request = Request {
            subject: Some(tenant.uuid.to_string()),
            cloud: Some(tenant.cloud.clone()),
            params: json!({ "author": author() }),
            ..records.request("unlink_tenant")
        };
        let runner = Runner::new(records.context.clone(), 1, CancellationToken::new());
        let id = request.id;
        match runner.run(request, Origin::Delivery).await? {
            Ended::Done { .. } => {}
            Ended::Dead { error, .. } => {
                output::note(&format!("tenantd: {} was not unlinked: {error}", tenant.label()));
                return Ok(FAILED);
            }
            Ended::Parked { .. } | Ended::Duplicate => {
                output::note(&format!("`tenantd run` takes it from there; see: tenantd jobs show {id}"));
                return Ok(FAILED);
            }
        }
        output::list(records.output, COLUMNS, &[row(&tenant, holdings)])?;
        let again = format!("tenantd tenants add --cloud {} {}", tenant.cloud, tenant.backend_id);
        output::note(&format!(
            "removed from the records; the project stays in the cloud; to take it up again: {again}"
        ));
        Ok(DONE)
    }
}

fn row(tenant: &Tenant, holdings: Holdings) -> Row {
    Row {
        json: json!({
            "uuid": tenant.uuid, "cloud": tenant.cloud, "backend_id": tenant.backend_id, "name": tenant.name,
            "snapshots": holdings.snapshots, "findings": holdings.findings, "expectations": holdings.expectations,
        }),
        cells: vec![
            tenant.cloud.clone(),
            tenant.name.clone(),
            holdings.snapshots.to_string(),
            holdings.findings.to_string(),
            holdings.expectations.to_string(),
            tenant.backend_id.clone(),
        ],
    }
}

/// The projects that discovery leaves alone.
pub(super) async fn list(records: &Records, cloud: Option<&str>) -> anyhow::Result<()> {
    let now = records.now();
    let rows: Vec<Row> = records.store().unlinked(cloud).await?.iter().map(|it| unlinked_row(it, now)).collect();
    output::list(records.output, UNLINKED, &rows)?;
    Ok(())
}

fn unlinked_row(unlinked: &Unlinked, now: DateTime<Utc>) -> Row {
    Row {
        json: json!(unlinked),
        cells: vec![
            unlinked.cloud.clone(),
            unlinked.name.clone(),
            output::when(Some(unlinked.unlinked_at), now),
            unlinked.author.clone(),
            unlinked.backend_id.clone(),
        ],
    }
}
