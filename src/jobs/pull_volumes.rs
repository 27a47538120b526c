//! `pull_volumes`: read volumes and their snapshots.

use schemars::JsonSchema;
use serde::Deserialize;

use super::observe::Extent;
use super::{Call, Job, Report, States, pull};
use crate::model::ResourceType;

/// Volumes and their snapshots.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PullVolumes {}

impl Job for PullVolumes {
    const KIND: &'static str = "pull_volumes";
    const ABOUT: &'static str = "read volumes and their snapshots";
    const STATES: Option<States> = Some(States::LOOK);

    async fn run(self, call: Call) -> Report {
        pull::resource_types(call, &[ResourceType::Volumes, ResourceType::VolumeSnapshots], Extent::default()).await
    }
}
