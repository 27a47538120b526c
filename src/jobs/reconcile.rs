//! `reconcile`: make a tenant what it is expected to be again, by the least change, step by step.
//!
//! It looks at the cloud afresh, and plans from there. What is to be is there before what is not to be goes; what nobody
//! expects goes only where that is asked for. What was made anew has another id, and what is expected follows it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::reconciling::Reconciling;
use super::{Call, Job, Report, States};
use crate::drift::reconcile::Unexpected;
use crate::model::token::Role;
use crate::model::{Invalid, ResourceType};

/// What is to be as it is expected.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Reconcile {
    /// Only these resource types, of quotas, security groups, floating IPs and server groups; left out or empty: all four.
    resource_types: Vec<ResourceType>,
    /// Whether security groups, floating IPs and server groups go that nobody expects; `default` never does.
    delete: bool,
}

/// Why a resource type cannot be reconciled.
pub fn not_mended(resource_type: ResourceType) -> String {
    let mended = ResourceType::MENDABLE.map(ResourceType::as_str).join(", ");
    format!("{resource_type} are read and compared, and never changed; what can be reconciled: {mended}")
}

impl Job for Reconcile {
    const KIND: &'static str = "reconcile";
    const ABOUT: &'static str = "make a tenant what it is expected to be again, by the least change";
    const FLEET: bool = false;
    const WRITES: bool = true;
    const STATES: Option<States> = Some(States::UPDATE);
    const ROLE: Role = Role::Staff;

    fn problems(&self) -> Invalid {
        let mut invalid = Invalid::default();
        for one in self.resource_types.iter().filter(|it| !it.is_mendable()) {
            invalid.field("resource_types").add(not_mended(*one));
        }
        invalid
    }

    async fn run(self, call: Call) -> Report {
        let is_wanted = |it: &ResourceType| self.resource_types.is_empty() || self.resource_types.contains(it);
        let types: Vec<ResourceType> = ResourceType::MENDABLE.into_iter().filter(is_wanted).collect();
        let unexpected = if self.delete { Unexpected::Go } else { Unexpected::Stay };
        match Reconciling::begin(&call, Self::KIND, unexpected, &types).await {
            Ok(reconciling) => reconciling.finish().await.unwrap_or_else(Report::failed),
            Err(error) => Report::failed(error),
        }
    }
}
