//! Tells in the terminal what the records say: tenants read, drift appearing with its before and after, resolving.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::Print;
use crate::drift::{self, EXISTENCE};
use crate::jobs::context::Context;
use crate::model::{Body, Change, FindingState, ResourceType, Tenant};
use crate::simulator::Simulator;
use crate::store::StoreError;
use crate::store::findings::{Filter, Listed};

const LOOK: Duration = Duration::from_millis(300);

/// Tells what happens, for as long as it is polled.
pub(super) async fn tell(
    context: &Context,
    tenants: usize,
    simulator: &Simulator,
    config: &Path,
    print: Print<'_>,
) -> anyhow::Result<()> {
    let began = tokio::time::Instant::now();
    while !everything_was_read(context, tenants).await? {
        tokio::time::sleep(LOOK).await;
    }
    let known: Vec<Tenant> = context.store().tenants(None).await?;
    let took = humantime::format_duration(Duration::from_millis(
        u64::try_from(began.elapsed().as_millis()).unwrap_or_default(),
    ));
    print(&format!(
        "{} tenants pulled: quotas, security groups, floating IPs, server groups, and what else they have ({took})",
        known.len()
    ));
    invite(context, &known, simulator, config, print).await?;
    let mut states: BTreeMap<Uuid, FindingState> = BTreeMap::new();
    loop {
        let mut findings = context.store().findings(Filter { ended: true, ..Filter::default() }).await?;
        findings.reverse();
        for listed in findings {
            let finding = &listed.finding;
            if states.insert(finding.id, finding.state) != Some(finding.state) {
                print(&sentence(&listed));
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Whether each tenant's every resource type was read once.
pub(super) async fn everything_was_read(context: &Context, tenants: usize) -> Result<bool, StoreError> {
    let ages = context.store().ages().await?;
    let read = ages.iter().filter(|age| age.last_success_at.is_some()).count();
    Ok(read >= tenants * ResourceType::ALL.len())
}

/// Lines to paste, with which whoever watches can meddle too.
async fn invite(
    context: &Context,
    tenants: &[Tenant],
    simulator: &Simulator,
    config: &Path,
    print: Print<'_>,
) -> anyhow::Result<()> {
    let clouds = config.with_file_name("clouds.yaml");
    let mut group = None;
    for tenant in tenants {
        let now = context.clock().now();
        let snapshot = context.store().snapshot_at(tenant.uuid, ResourceType::SecurityGroups, now).await?;
        if let Some(Body::SecurityGroups(groups)) = snapshot.map(|snapshot| snapshot.body) {
            group = groups.into_iter().find(|group| group.name != "default").map(|group| (tenant, group.id));
        }
        if group.is_some() {
            break;
        }
    }
    let Some((tenant, group)) = group else { return Ok(()) };
    print(&format!("\nmeddle yourself ({} answers any OpenStack client):\n", simulator.auth_url()));
    print(&format!("  export OS_CLIENT_CONFIG_FILE={} OS_CLOUD=sim", clouds.display()));
    print(&format!(
        "  openstack security group rule create --protocol tcp --dst-port 22 --remote-ip 0.0.0.0/0 {group}"
    ));
    print(&format!("  {} --config {} drift list --tenant {}\n", program(), config.display(), tenant.backend_id));
    Ok(())
}

/// This program, so that a line can be pasted before anything is installed.
fn program() -> String {
    std::env::current_exe().map_or_else(|_| "tenantd".to_owned(), |path| path.display().to_string())
}

fn sentence(listed: &Listed) -> String {
    let finding = &listed.finding;
    let what = match finding.state {
        FindingState::Open => "drift   ",
        FindingState::Acknowledged => "known   ",
        FindingState::Resolved => "resolved",
        FindingState::Accepted => "accepted",
    };
    let (field, before, after) = (finding.field.as_str(), shown(&finding.expected), shown(&finding.observed));
    let change = match (field, finding.field.strip_prefix("rule ")) {
        (_, Some(rule)) if finding.expected.is_null() => format!("unexpected rule: {rule}"),
        (_, Some(rule)) => format!("missing rule: {rule}"),
        (EXISTENCE, _) if finding.expected.is_null() => "is there, but nobody expects it".to_owned(),
        (EXISTENCE, _) => "is gone".to_owned(),
        _ if finding.change == Change::Usage => {
            drift::meaning(finding.change, (&finding.expected, &finding.observed), shown).unwrap_or_default()
        }
        _ => format!("{field} should be {before}, is {after}"),
    };
    let noun = finding.resource_type.noun();
    format!("{what} [{}] {}: {noun} {} {change}", finding.severity, listed.tenant_name, finding.object_name)
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What it came to.
pub(super) async fn sum_up(context: &Context, config: &Path, print: Print<'_>) -> anyhow::Result<()> {
    let findings = context.store().findings(Filter { ended: true, ..Filter::default() }).await?;
    let resolved = findings.iter().filter(|it| it.finding.state == FindingState::Resolved).count();
    print(&format!("\n{} drift findings, {resolved} of them resolved; the records stay here:", findings.len()));
    print(&format!("  {} --config {} drift list --all", program(), config.display()));
    Ok(())
}
