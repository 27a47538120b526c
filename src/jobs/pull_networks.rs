//! `pull_networks`: read networks with their subnets, routers, and ports.

use schemars::JsonSchema;
use serde::Deserialize;

use super::observe::Extent;
use super::{Call, Job, Report, States, pull};
use crate::model::ResourceType;

/// Networks with their subnets, routers, and ports.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PullNetworks {}

impl Job for PullNetworks {
    const KIND: &'static str = "pull_networks";
    const ABOUT: &'static str = "read networks with their subnets, routers, and ports";
    const STATES: Option<States> = Some(States::LOOK);

    async fn run(self, call: Call) -> Report {
        pull::resource_types(call, &[ResourceType::Networks, ResourceType::Ports], Extent::default()).await
    }
}
