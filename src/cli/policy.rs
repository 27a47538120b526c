//! `drift policy`: what policies would find in what was seen last, before they are switched on.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde_json::json;

use super::arguments::count;
use super::output::{self, Columns, Row};
use super::records::Records;
use super::{DONE, usage};
use crate::app::policies;
use crate::config;
use crate::drift::Difference;
use crate::drift::policy::Policy;
use crate::model::{Body, ResourceType, Tenant};
use crate::store::resources::Age;

/// Policies.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// What they would find in what was seen last, those that are switched off too; nothing is recorded
    Test(Test),
}

/// Which policies, and where.
#[derive(Debug, Args)]
pub struct Test {
    /// Their names; default: all of the configuration.
    names: Vec<String>,
    /// In this cloud.
    #[arg(long)]
    cloud: Option<String>,
    /// In this tenant.
    #[arg(long)]
    tenant: Option<String>,
}

const COLUMNS: Columns = Columns {
    keys: &[
        "policy",
        "enabled",
        "severity",
        "cloud",
        "tenant",
        "tenant_name",
        "resource_type",
        "object",
        "object_name",
        "expected",
        "observed",
        "patience_seconds",
    ],
    headings: &["POLICY", "SEVERITY", "TENANT", "WHAT", "EXPECTED", "OBSERVED"],
    none: "nothing that was seen last is against a policy",
};

impl Command {
    pub(super) async fn run(self, records: &Records) -> anyhow::Result<u8> {
        match self {
            Self::Test(test) => test.run(records).await,
        }
    }
}

impl Test {
    async fn run(self, records: &Records) -> anyhow::Result<u8> {
        records.known_cloud(self.cloud.as_deref())?;
        let policies = self.policies(&records.config.drift.policies)?;
        let one = records.tenant_if(self.tenant.as_deref(), self.cloud.as_deref()).await?;
        let mut tenants = records.tenants_by_id().await?;
        tenants.retain(|uuid, tenant| {
            tenant.vanished_at.is_none()
                && self.cloud.as_ref().is_none_or(|cloud| tenant.cloud == *cloud)
                && one.as_ref().is_none_or(|one| one.uuid == *uuid)
        });
        let mut rows = Vec::new();
        let mut found: BTreeMap<&str, usize> = policies.iter().map(|(written, _)| (written.name.as_str(), 0)).collect();
        let mut ages = records.store().ages().await?;
        ages.retain(|age| tenants.contains_key(&age.tenant));
        let test = |age: &Age, body: Body| {
            let tenant = &tenants[&age.tenant];
            for (written, policy) in policies.iter().filter(|(_, policy)| policy.concerns(tenant)) {
                let violations = policy.violations(&body, None);
                *found.entry(&written.name).or_default() += violations.len();
                rows.extend(violations.iter().map(|it| row((written, policy), (tenant, age.resource_type), it)));
            }
        };
        records.store().contents(&ages, test).await?;
        output::list(records.output, COLUMNS, &rows)?;
        for (written, policy) in &policies {
            output::note(&summary(written, policy, found[written.name.as_str()]));
        }
        Ok(DONE)
    }

    /// Those that are named, as they are written and as drift knows them.
    fn policies<'a>(&self, written: &'a [config::Policy]) -> anyhow::Result<Vec<(&'a config::Policy, Policy)>> {
        if let Some(unknown) = self.names.iter().find(|name| !written.iter().any(|policy| policy.name == **name)) {
            let why = format!("no policy is called `{unknown}`; see [[drift.policies]] of the configuration");
            return Err(usage(why));
        }
        if written.is_empty() {
            return Err(usage("there is no policy; add a [[drift.policies]] section to the configuration"));
        }
        let named = written.iter().filter(|policy| self.names.is_empty() || self.names.contains(&policy.name));
        Ok(named.filter_map(|policy| Some((policy, policies::policy(policy)?))).collect())
    }
}

/// `idle: 3 findings, once each has lasted for 7d; it is switched off`.
fn summary(written: &config::Policy, policy: &Policy, found: usize) -> String {
    let off = if written.enabled { "" } else { "; it is switched off" };
    if policy.is_about_use() {
        let why =
            "cannot be tried: what was seen last does not say what ports use; each pull looks while it is enabled, and";
        let patience = config::HumanDuration(policy.patience());
        return format!("{}: {why} finds what lasts for {patience}{off}", written.name);
    }
    let patience = match policy.patience() {
        patience if patience.is_zero() => String::new(),
        patience => format!(", once each has lasted for {}", config::HumanDuration(patience)),
    };
    format!("{}: {}{patience}{off}", written.name, count(found, "finding"))
}

fn row(
    (written, policy): (&config::Policy, &Policy),
    (tenant, resource_type): (&Tenant, ResourceType),
    found: &Difference,
) -> Row {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let name = if found.object_name.is_empty() { &found.object } else { &found.object_name };
    Row {
        json: json!({
            "policy": written.name, "enabled": written.enabled, "severity": policy.severity, "cloud": tenant.cloud,
            "tenant": tenant.backend_id, "tenant_name": tenant.name, "resource_type": resource_type,
            "object": found.object, "object_name": found.object_name, "expected": found.expected,
            "observed": found.observed, "patience_seconds": policy.patience().as_secs(),
        }),
        cells: vec![
            written.name.clone(),
            policy.severity.to_string(),
            format!("{}/{}", tenant.cloud, tenant.name),
            format!("{} {name}", resource_type.noun()),
            text(&found.expected),
            text(&found.observed),
        ],
    }
}
