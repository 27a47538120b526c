//! `pull_security_groups`: read security groups with their rules.

use schemars::JsonSchema;
use serde::Deserialize;

use super::observe::Extent;
use super::{Call, Job, Report, States, pull};
use crate::model::ResourceType;

/// Rules come inside their groups: listing them by themselves costs Neutron ten times as much.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PullSecurityGroups {}

impl Job for PullSecurityGroups {
    const KIND: &'static str = "pull_security_groups";
    const ABOUT: &'static str = "read security groups with their rules";
    const STATES: Option<States> = Some(States::LOOK);

    async fn run(self, call: Call) -> Report {
        pull::resource_types(call, &[ResourceType::SecurityGroups], Extent::default()).await
    }
}
