//! `pull_server_groups`: read server groups.

use schemars::JsonSchema;
use serde::Deserialize;

use super::observe::Extent;
use super::{Call, Job, Report, States, pull};
use crate::model::ResourceType;

/// With policy and members.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PullServerGroups {}

impl Job for PullServerGroups {
    const KIND: &'static str = "pull_server_groups";
    const ABOUT: &'static str = "read server groups";
    const STATES: Option<States> = Some(States::LOOK);

    async fn run(self, call: Call) -> Report {
        pull::resource_types(call, &[ResourceType::ServerGroups], Extent::default()).await
    }
}
