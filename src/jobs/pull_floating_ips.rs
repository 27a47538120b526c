//! `pull_floating_ips`: read floating IPs.

use schemars::JsonSchema;
use serde::Deserialize;

use super::observe::Extent;
use super::{Call, Job, Report, States, pull};
use crate::model::ResourceType;

/// Every address that the tenant holds, attached or not.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PullFloatingIps {}

impl Job for PullFloatingIps {
    const KIND: &'static str = "pull_floating_ips";
    const ABOUT: &'static str = "read floating IPs";
    const STATES: Option<States> = Some(States::LOOK);

    async fn run(self, call: Call) -> Report {
        pull::resource_types(call, &[ResourceType::FloatingIps], Extent::default()).await
    }
}
