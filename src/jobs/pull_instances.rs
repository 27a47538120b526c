//! `pull_instances`: read instances.

use schemars::JsonSchema;
use serde::Deserialize;

use super::observe::Extent;
use super::{Call, Job, Report, States, pull};
use crate::model::ResourceType;

/// With flavor, addresses, security groups and volumes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PullInstances {}

impl Job for PullInstances {
    const KIND: &'static str = "pull_instances";
    const ABOUT: &'static str = "read instances";
    const STATES: Option<States> = Some(States::LOOK);

    async fn run(self, call: Call) -> Report {
        pull::resource_types(call, &[ResourceType::Instances], Extent::default()).await
    }
}
