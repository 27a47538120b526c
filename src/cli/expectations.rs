//! `expectations`: what a tenant should look like, who said so, and saying otherwise.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::arguments::author;
use super::output::{self, Columns, Format, Row};
use super::records::{Id, Records};
use super::{DONE, snapshots, usage, values};
use crate::model::job::Request;
use crate::model::quota::{self, Limit, Quotas};
use crate::model::{Body, ResourceType, Tenant};
use crate::store::Tx;
use crate::store::expectations::Expectation;

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

const COLUMNS: Columns = Columns {
    keys: &["cloud", "tenant", "tenant_name", "resource_type", "source", "author", "set_at", "body"],
    headings: &["TYPE", "OBJECT", "EXPECTED", "SOURCE", "BY", "SET"],
    none: "nothing is expected of it yet; the first complete look is, where the configuration says so",
};

impl Command {
    pub(super) async fn run(self, records: &Records) -> anyhow::Result<u8> {
        match self {
            Self::Show { whose, resource_type } => show(records, &whose, resource_type).await?,
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

async fn show(records: &Records, whose: &Whose, resource_type: Option<ResourceType>) -> anyhow::Result<()> {
    let (tenant, now) = (whose.tenant(records).await?, records.now());
    let mut expectations = records.store().expectations(tenant.uuid).await?;
    expectations.retain(|it| resource_type.is_none_or(|only| only == it.body.resource_type()));
    let record = |it: &Expectation| {
        json!({
            "cloud": tenant.cloud, "tenant": tenant.backend_id, "tenant_name": tenant.name,
            "resource_type": it.body.resource_type(), "source": it.source, "author": it.author, "set_at": it.set_at,
            "body": it.body.to_json(),
        })
    };
    let cells = |it: &Expectation, (name, fields): (String, String)| {
        let resource_type = it.body.resource_type().to_string();
        vec![resource_type, name, fields, it.source.clone(), it.author.clone(), output::when(Some(it.set_at), now)]
    };
    let mut rows = Vec::new();
    for expectation in &expectations {
        let json = record(expectation);
        match values::objects(&expectation.body) {
            _ if records.output != Format::Table => rows.push(Row { json, cells: Vec::new() }),
            objects if objects.is_empty() => {
                rows.push(Row { json, cells: cells(expectation, ("-".to_owned(), "nothing at all".to_owned())) });
            }
            objects => rows
                .extend(objects.into_iter().map(|object| Row { json: Value::Null, cells: cells(expectation, object) })),
        }
    }
    output::list(records.output, COLUMNS, &rows)?;
    Ok(())
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
        let body = if let Some(body) = body {
            body
        } else {
            let present = tx.expectation(tenant.uuid, self.resource_type).await?;
            self.merged(present.map(|it| it.body))?
        };
        let expectation = Expectation {
            tenant: tenant.uuid,
            body,
            source: source.to_owned(),
            author: author(),
            set_at: records.now(),
        };
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

    /// The present limits with those of `--values` laid over them.
    fn merged(&self, present: Option<Body>) -> anyhow::Result<Body> {
        if self.resource_type != ResourceType::Quotas {
            return Err(usage("--values is for quotas; give the others whole, with --file or --from-snapshot"));
        }
        let text = self.from.values.as_deref().unwrap_or_default();
        let limits: BTreeMap<String, Limit> =
            serde_json::from_str(text).map_err(|error| usage(format!("--values: {error}")))?;
        let mut quotas = match present {
            Some(Body::Quotas(quotas)) => quotas,
            _ => Quotas::new(),
        };
        for (name, limit) in limits {
            known_quota(&name)?;
            quotas.insert(name, quota::Quota { limit: Some(limit), usage: None });
        }
        Ok(Body::Quotas(quotas))
    }
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
