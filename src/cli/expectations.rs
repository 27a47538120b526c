//! `expectations`: what a tenant should look like, who said so, and saying otherwise.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::arguments::author;
use super::output;
use super::records::{Id, Records};
use super::{DONE, snapshots, usage};
use crate::model::job::Request;
use crate::model::quota::{self, Limit, Quotas};
use crate::model::{Body, Expectation, Origin, ResourceType, Tenant};
use crate::store::Tx;

/// Expectations.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// What is expected, and who said so
    Show {
        #[command(flatten)]
        whose: Whose,
        /// Only of this resource type.
        #[arg(long, value_name = "TYPE")]
        resource_type: Option<ResourceType>,
    },
    /// Say what is expected
    Set(Set),
    /// Expect nothing; the next complete look is accepted, where the configuration says so
    Clear {
        #[command(flatten)]
        whose: Whose,
        /// Of which resource type.
        resource_type: ResourceType,
    },
}

/// Of which tenant.
#[derive(Debug, Args)]
pub struct Whose {
    /// The tenant.
    #[arg(long)]
    tenant: String,
    /// Its cloud, where the tenant alone does not tell.
    #[arg(long)]
    cloud: Option<String>,
}

/// What to expect.
#[derive(Debug, Args)]
pub struct Set {
    #[command(flatten)]
    whose: Whose,
    /// Of which resource type.
    resource_type: ResourceType,
    #[command(flatten)]
    from: From,
}

/// Where it comes from.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct From {
    /// Limits of quotas, laid over the present ones: {"vcpu": 40, "ram": "unlimited"}.
    #[arg(long, value_name = "JSON")]
    values: Option<String>,
    /// What this snapshot saw.
    #[arg(long = "from-snapshot", value_name = "ID")]
    snapshot: Option<Id>,
    /// All of it, in the form of `expectations show --output json` (its `body`); - reads stdin.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

impl Command {
    pub(super) async fn run(self, records: &Records) -> anyhow::Result<u8> {
        match self {
            Self::Show { whose, resource_type } => {
                super::expected::show(records, &whose.tenant(records).await?, resource_type).await?;
            }
            Self::Set(set) => set.run(records).await?,
            Self::Clear { whose, resource_type } => clear(records, &whose, resource_type).await?,
        }
        Ok(DONE)
    }
}

impl Whose {
    async fn tenant(&self, records: &Records) -> anyhow::Result<Tenant> {
        records.tenant(&self.tenant, self.cloud.as_deref()).await
    }
}

impl Set {
    async fn run(self, records: &Records) -> anyhow::Result<()> {
        let tenant = self.whose.tenant(records).await?;
        let mut body = None;
        if let Some(id) = &self.from.snapshot {
            body = Some(self.seen(records, &tenant, id).await?);
        }
        if let Some(file) = &self.from.file {
            body = Some(self.written(file)?);
        }
        let source = if self.from.snapshot.is_some() { "accepted" } else { "commanded" };
        let mut tx = records.store().begin().await?;
        let told = Origin { source: source.to_owned(), author: author(), set_at: records.now() };
        let (body, origin, objects) = if let Some(body) = body {
            (body, told, BTreeMap::new())
        } else {
            let present = tx.expectation(tenant.uuid, self.resource_type).await?;
            let limits = self.limits()?;
            let named = limits.keys().map(|name| (name.clone(), told.clone()));
            let mut objects = present.as_ref().map(|it| it.objects.clone()).unwrap_or_default();
            objects.extend(named);
            let origin = present.as_ref().map_or(told, |it| it.origin.clone());
            (merged(present.map(|it| it.body), limits), origin, objects)
        };
        let expectation = Expectation { tenant: tenant.uuid, body, origin, objects };
        tx.set_expectation(&expectation).await?;
        compare_again(records, &mut tx, &tenant, self.resource_type).await?;
        tx.commit().await?;
        output::note(&format!("{} of {} are expected as told", self.resource_type, tenant.label()));
        told_to_compare();
        Ok(())
    }

    async fn seen(&self, records: &Records, tenant: &Tenant, id: &Id) -> anyhow::Result<Body> {
        let snapshot = snapshots::find(records, id).await?;
        if snapshot.tenant != tenant.uuid || snapshot.resource_type != self.resource_type {
            return Err(usage(format!(
                "snapshot {id} is of {} of {}/{}, not of {} of {}",
                snapshot.resource_type,
                snapshot.cloud,
                snapshot.tenant_name,
                self.resource_type,
                tenant.label()
            )));
        }
        Ok(snapshot.body)
    }

    fn written(&self, file: &Path) -> anyhow::Result<Body> {
        let text = if file == Path::new("-") {
            std::io::read_to_string(std::io::stdin()).context("stdin")?
        } else {
            std::fs::read_to_string(file).with_context(|| file.display().to_string())?
        };
        let json: Value =
            serde_json::from_str(&text).map_err(|error| usage(format!("{} is no JSON: {error}", file.display())))?;
        let body = Body::from_json(self.resource_type, &json);
        let body = body.map_err(|why| usage(format!("{}: {why}", file.display())))?;
        if let Body::Quotas(quotas) = &body {
            quotas.keys().try_for_each(|name| known_quota(name))?;
        }
        Ok(body)
    }

    /// The limits of `--values`.
    fn limits(&self) -> anyhow::Result<BTreeMap<String, Limit>> {
        if self.resource_type != ResourceType::Quotas {
            return Err(usage("--values is for quotas; give the others whole, with --file or --from-snapshot"));
        }
        let text = self.from.values.as_deref().unwrap_or_default();
        let limits: BTreeMap<String, Limit> =
            serde_json::from_str(text).map_err(|error| usage(format!("--values: {error}")))?;
        limits.keys().try_for_each(|name| known_quota(name))?;
        Ok(limits)
    }
}

/// The present limits with others laid over them.
fn merged(present: Option<Body>, limits: BTreeMap<String, Limit>) -> Body {
    let mut quotas = match present {
        Some(Body::Quotas(quotas)) => quotas,
        _ => Quotas::new(),
    };
    quotas.extend(limits.into_iter().map(|(name, limit)| (name, quota::Quota { limit: Some(limit), usage: None })));
    Body::Quotas(quotas)
}

fn known_quota(name: &str) -> anyhow::Result<()> {
    if quota::is_name(name) {
        return Ok(());
    }
    let known = quota::NAMES.join(", ");
    Err(usage(format!("`{name}` is no quota; there are {known}, and gigabytes_<volume type>")))
}

async fn clear(records: &Records, whose: &Whose, resource_type: ResourceType) -> anyhow::Result<()> {
    let tenant = whose.tenant(records).await?;
    let mut tx = records.store().begin().await?;
    if !tx.clear_expectation(tenant.uuid, resource_type).await? {
        output::note(&format!("nothing was expected of {resource_type} of {}; nothing was changed", tenant.label()));
        return Ok(());
    }
    compare_again(records, &mut tx, &tenant, resource_type).await?;
    tx.commit().await?;
    output::note(&format!("nothing is expected any more of {resource_type} of {}", tenant.label()));
    told_to_compare();
    Ok(())
}

/// A job by which the daemon compares what it knows with the new expectation.
async fn compare_again(
    records: &Records,
    tx: &mut Tx,
    tenant: &Tenant,
    resource_type: ResourceType,
) -> anyhow::Result<()> {
    let request = Request {
        cloud: Some(tenant.cloud.clone()),
        subject: Some(tenant.uuid.to_string()),
        params: json!({ "resource_type": resource_type }),
        ..records.request("detect_drift")
    };
    tx.insert_job(&request, Some(tenant.uuid)).await?;
    Ok(())
}

fn told_to_compare() {
    output::note("`tenantd run` compares again from here; without it, the next `tenantd pull` does");
}
