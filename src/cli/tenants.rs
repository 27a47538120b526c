//! `tenants`: whom tenantd looks after, and how old what it knows of each is.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::import::Import;
use super::output::{self, Columns, Format, Row};
use super::records::{Records, known_cloud};
use super::unlink::{self, Unlink};
use super::{DONE, why};
use crate::app::build;
use crate::jobs::resolve;
use crate::model::{ResourceType, Tenant};
use crate::store::directory::Owner;
use crate::store::resources::Status;

/// Tenants.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// All of them, with the age of what is known
    List {
        /// Of this cloud.
        #[arg(long)]
        cloud: Option<String>,
        /// In their place, the projects that were unlinked.
        #[arg(long)]
        unlinked: bool,
    },
    /// Everything recorded of one
    Show(Which),
    /// Why one looks as it does: ages, errors, next attempts, findings, and who expects what
    Why(Which),
    /// Record a project now, without waiting for discovery
    Add(Add),
    /// Take over what a portal says of its tenants: whose they are, and what was sold
    Import(Import),
    /// Forget one with all that is recorded of it; its project stays in the cloud, and discovery leaves it alone
    Unlink(Unlink),
}

/// Which tenant.
#[derive(Debug, Args)]
pub struct Which {
    /// An id, cloud/name, or a name that only one has.
    tenant: String,
    /// Its cloud, where the tenant alone does not tell.
    #[arg(long)]
    cloud: Option<String>,
}

/// A project to record.
#[derive(Debug, Args)]
pub struct Add {
    /// Its cloud.
    #[arg(long)]
    cloud: String,
    /// Its id in the cloud.
    project_id: String,
}

const COLUMNS: Columns = Columns {
    keys: &[
        "uuid",
        "cloud",
        "backend_id",
        "name",
        "state",
        "error_message",
        "enabled",
        "vanished_at",
        "ages",
        "customer_name",
        "project_name",
    ],
    headings: &["CLOUD", "NAME", "STATE", "QUOTAS", "GROUPS", "FLOATING IPS", "SERVER GROUPS", "OTHERS", "PROJECT ID"],
    none: "no tenants; `tenantd pull` finds those of the configured clouds",
};
const SHOWN: Columns = Columns {
    keys: &[
        "uuid",
        "cloud",
        "backend_id",
        "name",
        "state",
        "error_message",
        "enabled",
        "vanished_at",
        "ages",
        "customer_name",
        "project_name",
        "domain",
        "description",
        "created_at",
        "resources",
    ],
    ..COLUMNS
};

type Ages = BTreeMap<ResourceType, DateTime<Utc>>;

impl Command {
    pub(super) async fn run(self, records: &Records) -> anyhow::Result<u8> {
        match self {
            Self::List { cloud, unlinked: true } => unlink::list(records, cloud.as_deref()).await?,
            Self::List { cloud, .. } => list(records, cloud.as_deref()).await?,
            Self::Show(which) => show(records, &which.tenant(records).await?).await?,
            Self::Why(which) => why::run(records, &which.tenant(records).await?).await?,
            Self::Unlink(unlink) => return unlink.run(records).await,
            // Run without `Records`, for they talk to a cloud.
            Self::Add(_) | Self::Import(_) => {}
        }
        Ok(DONE)
    }
}

impl Which {
    async fn tenant(&self, records: &Records) -> anyhow::Result<Tenant> {
        records.tenant(&self.tenant, self.cloud.as_deref()).await
    }
}

async fn list(records: &Records, cloud: Option<&str>) -> anyhow::Result<()> {
    let now = records.now();
    let mut ages: BTreeMap<_, Ages> = BTreeMap::new();
    for age in records.store().ages().await? {
        if let Some(success) = age.last_success_at {
            ages.entry(age.tenant).or_default().insert(age.resource_type, success);
        }
    }
    let none = Ages::new();
    let (tenants, owners) = tokio::try_join!(records.store().tenants(cloud), records.store().owners())?;
    let row = |it: &Tenant| row(it, ages.get(&it.uuid).unwrap_or(&none), owners.get(&it.uuid), now);
    let rows: Vec<Row> = tenants.iter().map(row).collect();
    output::list(records.output, COLUMNS, &rows)?;
    Ok(())
}

fn row(tenant: &Tenant, ages: &Ages, owner: Option<&Owner>, now: DateTime<Utc>) -> Row {
    let seconds = |it: &ResourceType| ages.get(it).map(|success| (now - *success).num_seconds().max(0));
    let by_type: Map<String, Value> = ResourceType::ALL.iter().map(|it| (it.to_string(), json!(seconds(it)))).collect();
    let mut cells = vec![tenant.cloud.clone(), tenant.name.clone(), state(tenant)];
    cells.extend(ResourceType::MENDABLE.iter().map(|it| output::when(ages.get(it).copied(), now)));
    // Of the others the oldest look that there is; `tenants show` tells each.
    cells.push(output::when(ages.iter().filter(|(it, _)| !it.is_mendable()).map(|(_, at)| *at).min(), now));
    cells.push(tenant.project().unwrap_or_default().to_owned());
    Row {
        json: json!({
            "uuid": tenant.uuid, "cloud": tenant.cloud, "backend_id": tenant.project().unwrap_or_default(), "name": tenant.name,
            "state": tenant.state, "error_message": tenant.error_message, "enabled": tenant.enabled,
            "vanished_at": tenant.vanished_at, "ages": by_type,
            "customer_name": owner.map_or("", |it| &it.customer_name),
            "project_name": owner.map_or("", |it| &it.project_name),
        }),
        cells,
    }
}

/// The state with what else keeps it from being looked at.
fn state(tenant: &Tenant) -> String {
    match (tenant.vanished_at, tenant.enabled) {
        (Some(_), _) => format!("{}, gone", tenant.state),
        (None, false) => format!("{}, disabled", tenant.state),
        (None, true) => tenant.state.to_string(),
    }
}

fn successes(statuses: &[Status]) -> Ages {
    statuses.iter().filter_map(|it| Some((it.resource_type, it.last_success_at?))).collect()
}

async fn show(records: &Records, tenant: &Tenant) -> anyhow::Result<()> {
    let (now, statuses) = (records.now(), records.store().statuses(tenant.uuid).await?);
    let owner = records.store().owners().await?.remove(&tenant.uuid).unwrap_or_default();
    let mut row = row(tenant, &successes(&statuses), Some(&owner), now);
    row.json["domain"] = json!(tenant.domain);
    row.json["description"] = json!(tenant.description);
    row.json["created_at"] = json!(tenant.created_at);
    row.json["resources"] = json!(statuses);
    let mut fields = vec![
        ("uuid", tenant.uuid.to_string()),
        ("cloud", tenant.cloud.clone()),
        ("name", tenant.name.clone()),
        ("project id", tenant.project().unwrap_or_default().to_owned()),
        ("domain", tenant.domain.clone()),
        ("description", tenant.description.clone()),
        ("customer", owner.customer_name),
        ("portal project", owner.project_name),
        ("state", state(tenant)),
        ("error", tenant.error_message.clone()),
        ("recorded", output::moment(Some(tenant.created_at), now)),
        ("gone since", output::moment(tenant.vanished_at, now)),
    ];
    let looks = ResourceType::ALL.map(|it| (it, statuses.iter().find(|status| status.resource_type == it)));
    let told = looks.into_iter().filter(|(it, status)| it.is_mendable() || status.is_some());
    fields.extend(told.map(|(it, status)| (it.as_str(), look(status, now))));
    output::show(records.output, SHOWN, &row, &fields)?;
    Ok(())
}

/// What the last looks at one resource type brought.
pub(super) fn look(status: Option<&Status>, now: DateTime<Utc>) -> String {
    let Some(status) = status else { return "never looked at".to_owned() };
    let read = match status.last_success_at {
        Some(success) => format!("read {}", output::when(Some(success), now)),
        None => "never read".to_owned(),
    };
    match (&status.error, status.failures) {
        (Some(error), failures) if failures > 0 => {
            format!(
                "{read}; failed {failures} times since, last {}: {error}",
                output::when(Some(status.last_attempt_at), now)
            )
        }
        _ => read,
    }
}

impl Add {
    pub(super) async fn run(self, path: &Path, format: Format) -> anyhow::Result<u8> {
        let config = build::load_config(path)?;
        known_cloud(&config, Some(&self.cloud))?;
        let context = build::context(&config).await?;
        let (live, began) = (context.live(), context.clock().now());
        let mut tx = context.store().begin().await?;
        let relinked = tx.relink(&self.cloud, &self.project_id).await?;
        tx.commit().await?;
        let found = resolve::tenant(&context, &live, (&self.project_id, Vec::new()), Some(&self.cloud)).await;
        let tenant = found.with_context(|| format!("cloud `{}`", self.cloud))?;
        let statuses = context.store().statuses(tenant.uuid).await?;
        let owners = context.store().owners().await?;
        let row = row(&tenant, &successes(&statuses), owners.get(&tenant.uuid), context.clock().now());
        output::list(format, COLUMNS, &[row])?;
        if relinked {
            output::note("it had been unlinked, and is looked after again");
        }
        if tenant.created_at < began {
            output::note("it was recorded already; nothing was changed");
        }
        let tenantd = output::tenantd(path);
        output::note(&format!("next: {tenantd} pull --cloud {} --tenant {}", tenant.cloud, tenant.backend_id));
        context.store().close().await;
        Ok(DONE)
    }
}
