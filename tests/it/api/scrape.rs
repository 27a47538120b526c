//! `/metrics`: what each tenant has, what the tenants of a cloud have together, and what stays when it is too much.

use std::collections::BTreeMap;

use serde_json::json;
use tenantd::model::ResourceType;

use super::Rig;
use crate::support::{Database, TestApp, on_both_databases};

on_both_databases!(sums_are_exact_whoever_is_shown, what_changes_is_read_again, a_tenant_that_is_gone_leaves_nothing,);

/// The series of families that begin so, by name and labels; ids of projects are left out of sight.
async fn series(rig: &Rig, prefix: &str) -> BTreeMap<String, f64> {
    let text = rig.ask(reqwest::Method::GET, "/metrics", None, None).await.text;
    let lines = text.lines().filter(|line| line.starts_with(prefix));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

/// Sums by everything but the tenant.
fn summed(series: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for (name, value) in series {
        let (before, rest) = name.split_once(",tenant=\"").unwrap();
        let name = format!("{before}{}", rest.split_once('"').unwrap().1);
        *sums.entry(name.replace("tenantd_", "tenantd_cloud_")).or_default() += value;
    }
    sums
}

async fn pulled(database: &Database, max_series: usize) -> Rig {
    let setup = crate::support::Setup { tenants: 6, ..crate::support::Setup::default() };
    let rig = Rig::capped(TestApp::with(database, setup).await, max_series).await;
    for kind in ["pull_tenants", "pull"] {
        rig.app.run_for_cloud(kind, "sim").await;
    }
    rig
}

const FAMILIES: [&str; 6] = [
    "tenantd_quota_limit{",
    "tenantd_quota_usage{",
    "tenantd_quota_limit_bytes{",
    "tenantd_quota_usage_bytes{",
    "tenantd_quota_unlimited{",
    "tenantd_resources{",
];

async fn sums_are_exact_whoever_is_shown(database: Database) {
    let rig = pulled(&database, 10_000).await;
    let (mut all, mut told) = (BTreeMap::new(), BTreeMap::new());
    for family in FAMILIES {
        all.extend(series(&rig, family).await);
        told.extend(series(&rig, &family.replace("tenantd_", "tenantd_cloud_")).await);
    }
    assert!(all.len() > 100, "{all:?}");
    assert_eq!(summed(&all), told);
    let tenants = series(&rig, "tenantd_tenant_info").await.len();
    assert_eq!(
        series(&rig, "tenantd_cloud_tenants").await,
        [("tenantd_cloud_tenants{cloud=\"sim\"}".to_owned(), f64::from(u32::try_from(tenants).unwrap()))].into()
    );
    // Where there is no room, only what alerts could need is left of a tenant, and the sums are as they were.
    let capped = Rig::capped(rig.app, 1).await;
    for family in FAMILIES {
        let cloud = family.replace("tenantd_", "tenantd_cloud_");
        assert_eq!(
            series(&capped, &cloud).await,
            told.iter()
                .filter(|(name, _)| name.starts_with(&cloud))
                .map(|(name, value)| (name.clone(), *value))
                .collect()
        );
    }
    assert_eq!(series(&capped, "tenantd_resources{").await, [].into());
    assert_eq!(series(&capped, "tenantd_tenant_info{").await.len(), tenants);
    assert_eq!(series(&capped, "tenantd_snapshot_last_success").await.len(), tenants * ResourceType::ALL.len());
}

async fn what_changes_is_read_again(database: Database) {
    let rig = pulled(&database, 10_000).await;
    let project = rig.app.cloud().project("tenant-001").await;
    let limit = async || {
        let name = format!("tenantd_quota_limit{{cloud=\"sim\",tenant=\"{project}\",resource=\"vcpu\"}}");
        series(&rig, &name).await.into_values().collect::<Vec<_>>()
    };
    let before = limit().await;
    rig.app.cloud().limit_cores("tenant-001", 4_321).await;
    assert_eq!(limit().await, before, "nobody has looked yet");
    rig.app.run("pull_quotas", "tenant-001", json!({})).await;
    assert_eq!(limit().await, [4_321.0]);
}

async fn a_tenant_that_is_gone_leaves_nothing(database: Database) {
    let rig = pulled(&database, 10_000).await;
    let project = rig.app.cloud().project("tenant-001").await;
    let told = async || series(&rig, "tenantd_").await.keys().filter(|name| name.contains(&project)).count();
    assert!(told().await > 20);
    let now = rig.app.context.clock().now();
    let [tenant] = rig.app.context.store().tenants_by_backend_id(&project, None).await.unwrap().try_into().unwrap();
    let mut tx = rig.app.context.store().begin().await.unwrap();
    assert!(tx.unlink_tenant(&tenant, "olga", now).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(told().await, 0);
}
