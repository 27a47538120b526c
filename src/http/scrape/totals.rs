//! What the tenants of a cloud have together. It is summed over all of them, whoever's own series are shown.

use std::collections::BTreeMap;

use super::gist::{Amount, Word};
use super::series::Table;
use crate::model::ResourceType;
use crate::model::quota::Limit;
use crate::telemetry::exposition::Exposition;

/// One quota of all tenants of a cloud.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    /// Of those that have one.
    limit: Option<u128>,
    /// Of those where it is known.
    usage: Option<u128>,
    /// Tenants without a limit.
    unlimited: u32,
}

impl Sum {
    fn add(&mut self, amount: &Amount) {
        match amount.limit {
            Some(Limit::Of(limit)) => *self.limit.get_or_insert(0) += u128::from(limit),
            Some(Limit::Unlimited) => self.unlimited += 1,
            None => {}
        }
        if let Some(usage) = amount.usage {
            *self.usage.get_or_insert(0) += u128::from(usage);
        }
    }
}

/// One cloud.
#[derive(Debug, Default)]
struct Total {
    tenants: u32,
    /// By the place of the quota's name.
    quotas: Vec<Sum>,
    objects: BTreeMap<(ResourceType, Word), u64>,
}

/// Adds the sums of each cloud; one that is configured and has no tenant has none, and says so.
pub(super) fn add(exposition: &mut Exposition, table: &Table, configured: &[String]) {
    let mut totals: Vec<Total> = Vec::new();
    totals.resize_with(table.clouds.len(), || Total {
        quotas: vec![Sum::default(); table.words.terms().len()],
        ..Total::default()
    });
    for row in &table.rows {
        let total = &mut totals[row.cloud];
        total.tenants += 1;
        for (resource_type, gist) in ResourceType::ALL.into_iter().zip(&row.gists) {
            let Some(gist) = gist else { continue };
            gist.quotas.iter().for_each(|amount| total.quotas[amount.name.place()].add(amount));
            for (status, count) in &gist.objects {
                *total.objects.entry((resource_type, *status)).or_default() += u64::from(*count);
            }
        }
    }
    for cloud in configured.iter().filter(|cloud| !table.clouds.contains(cloud)) {
        exposition.add("tenantd_cloud_tenants", &[("cloud", cloud)], 0.0);
    }
    for (cloud, total) in table.clouds.iter().zip(&totals) {
        exposition.add("tenantd_cloud_tenants", &[("cloud", cloud)], f64::from(total.tenants));
        for ((resource_type, status), count) in &total.objects {
            let status = &*table.words.term(*status).text;
            let labels = [("cloud", cloud.as_str()), ("resource_type", resource_type.as_str()), ("status", status)];
            exposition.add("tenantd_cloud_resources", &labels, number(u128::from(*count)));
        }
        for (term, sum) in table.words.terms().iter().zip(&total.quotas) {
            let labels = [("cloud", cloud.as_str()), ("resource", &*term.text)];
            let (limit, usage) = match term.bytes {
                None => ("tenantd_cloud_quota_limit", "tenantd_cloud_quota_usage"),
                Some(_) => ("tenantd_cloud_quota_limit_bytes", "tenantd_cloud_quota_usage_bytes"),
            };
            let factor = u128::from(term.bytes.unwrap_or(1));
            for (family, value) in [(limit, sum.limit), (usage, sum.usage)] {
                if let Some(value) = value {
                    exposition.add(family, &labels, number(value * factor));
                }
            }
            if sum.unlimited > 0 {
                exposition.add("tenantd_cloud_quota_unlimited", &labels, f64::from(sum.unlimited));
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus has doubles; what is lost beyond 2^53 is nobody's")]
fn number(value: u128) -> f64 {
    value as f64
}
