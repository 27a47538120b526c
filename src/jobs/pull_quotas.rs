//! `pull_quotas`: read limits and usage, three requests a tenant.

use schemars::JsonSchema;
use serde::Deserialize;

use super::observe::Extent;
use super::{Call, Job, Report, States, pull};
use crate::model::ResourceType;

/// Limits and usage of Nova, Neutron and Cinder under the names of the API documents.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PullQuotas {
    /// Sum up the sizes of volumes and snapshots too, at the cost of two listings.
    sizes: bool,
    /// Count security groups, rules, floating IPs, ports, networks, subnets, instances, volumes and snapshots, and compare
    /// with the services' own counters, at the cost of nine listings a tenant and the three questions once more.
    count: bool,
}

impl Job for PullQuotas {
    const KIND: &'static str = "pull_quotas";
    const ABOUT: &'static str = "read limits and usage of Nova, Neutron and Cinder";
    const STATES: Option<States> = Some(States::LOOK);

    async fn run(self, call: Call) -> Report {
        pull::resource_types(
            call,
            &[ResourceType::Quotas],
            Extent { sizes: self.sizes, count: self.count, ..Extent::default() },
        )
        .await
    }
}
