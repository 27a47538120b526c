//! `snapshots diff`: what changed between two moments, and of whom; or between two snapshots.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use clap::Args;
use uuid::Uuid;

use super::arguments::count;
use super::changes::{COLUMNS, rows};
use super::moment::Moment;
use super::output::{self, Format, stamp};
use super::records::{Id, Records};
use super::{DONE, DRIFT, snapshots, usage};
use crate::drift::changes;
use crate::drift::since::Since;
use crate::drift::unified::{self, Side};
use crate::jobs::compared::{Compared, Found, between};
use crate::model::ResourceType;
use crate::store::history::{Span, Whose};
use crate::store::snapshots::Snapshot;

/// Two moments, or two snapshots.
#[derive(Debug, Args)]
pub struct Diff {
    /// The earlier snapshot and the later one; else all that changed since --from.
    #[arg(
        num_args = 2,
        value_names = ["EARLIER", "LATER"],
        conflicts_with_all = ["tenant", "cloud", "domain", "resource_type", "from", "to"]
    )]
    ids: Vec<Id>,
    /// Of this tenant; default: of every one.
    #[arg(long, conflicts_with = "domain")]
    tenant: Option<String>,
    /// Of this cloud.
    #[arg(long)]
    cloud: Option<String>,
    /// Of the tenants in this domain, by its name or id.
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// Of this resource type; default: of every one.
    #[arg(long, value_name = "TYPE")]
    resource_type: Option<ResourceType>,
    /// Since then: a time, an age such as 2h, or by the clock here (TZ): 'Friday 18:00'.
    #[arg(long, value_name = "TIME")]
    from: Option<Moment>,
    /// Until then; default: now.
    #[arg(long, value_name = "TIME")]
    to: Option<Moment>,
    /// As a unified diff.
    #[arg(long)]
    unified: bool,
    /// Exit with 2 when something changed.
    #[arg(long)]
    exit_code: bool,
}

impl Diff {
    pub(super) async fn run(self, records: &Records) -> anyhow::Result<u8> {
        if self.unified && records.output != Format::Table {
            return Err(usage("--unified is a format of its own: leave --output out"));
        }
        let found = match (self.ids.as_slice(), self.from) {
            ([before, after], _) => of_snapshots(records, before, after).await?,
            (_, Some(from)) => self.of_moments(records, from).await?,
            (_, None) => return Err(usage("name two snapshots, or say with --from since when")),
        };
        let changes = found.changes.as_slice();
        if self.unified && !changes.is_empty() {
            output::line(&found.unified())?;
        } else {
            output::list(records.output, COLUMNS, &rows(changes))?;
        }
        if records.output == Format::Table && !changes.is_empty() {
            let tenants: BTreeSet<Uuid> = changes.iter().map(|it| it.whose.tenant).collect();
            output::note(&format!("{} of {}", count(changes.len(), "change"), count(tenants.len(), "tenant")));
        }
        Ok(if self.exit_code && !changes.is_empty() { DRIFT } else { DONE })
    }

    async fn of_moments(&self, records: &Records, from: Moment) -> anyhow::Result<Found> {
        let now = records.now();
        let from = from.at(now, "--from")?;
        let to = self.to.map_or(Ok(now), |to| to.at(now, "--to"))?;
        if from > to {
            return Err(usage(format!("--from {} is later than --to {}", stamp(from), stamp(to))));
        }
        records.known_cloud(self.cloud.as_deref())?;
        let tenant = records.tenant_if(self.tenant.as_deref(), self.cloud.as_deref()).await?.map(|it| it.uuid);
        tell_what_is_forgotten(records, from, now);
        let (cloud, domain) = (self.cloud.as_deref(), self.domain.as_deref());
        let span = Span { from, to, cloud, domain, tenant, resource_type: self.resource_type };
        Ok(between(records.store(), span, self.unified).await?)
    }
}

/// Where snapshots may be gone already, what is there now may look as if it had not been there then.
fn tell_what_is_forgotten(records: &Records, from: DateTime<Utc>, now: DateTime<Utc>) {
    let kept = records.config.retention.snapshots;
    if (now - from).to_std().is_ok_and(|long| long > kept.0) {
        output::note(&format!(
            "snapshots are kept for {kept}: what was replaced before that may be forgotten, and what came after it be \
             called first seen"
        ));
    }
}

/// Two snapshots, of one tenant or of two.
async fn of_snapshots(records: &Records, before: &Id, after: &Id) -> anyhow::Result<Found> {
    let (before, after) = (snapshots::find(records, before).await?, snapshots::find(records, after).await?);
    let resource_type = after.resource_type;
    if before.resource_type != resource_type {
        return Err(usage(format!("{} cannot be compared with {resource_type}", before.resource_type)));
    }
    let owner = records.store().owners().await?.remove(&after.tenant);
    let (customer_name, project_name) = owner.map(|it| (it.customer_name, it.project_name)).unwrap_or_default();
    let differences = changes(&before.body, &after.body).into_iter();
    let compared = Compared {
        whose: Whose {
            cloud: after.cloud.clone(),
            tenant_name: after.tenant_name.clone(),
            backend_id: after.backend_id.clone(),
            tenant: after.tenant,
            customer_name,
            project_name,
        },
        resource_type,
        latest: after.id,
        has_more: before.tenant == after.tenant,
        since: differences.map(|it| Since::new(it, after.first_seen_at)).collect(),
        text: text(&before, &after),
    };
    let mut found = Found::default();
    found.finish(records.store(), before.first_seen_at, vec![compared]).await?;
    Ok(found)
}

fn text(before: &Snapshot, after: &Snapshot) -> String {
    let name = |it: &Snapshot| format!("{}/{} {}", it.cloud, it.tenant_name, it.resource_type);
    let (old, new) = (name(before), name(after));
    let (began, ended) = (stamp(before.first_seen_at), stamp(after.first_seen_at));
    let old = Side { name: &old, at: &began, body: &before.body };
    unified::diff(old, Side { name: &new, at: &ended, body: &after.body })
}
