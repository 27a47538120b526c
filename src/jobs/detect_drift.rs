//! `detect_drift`: compare again what is known, without asking the cloud; for after an expectation or a rule changed.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Call, Effect, Job, Report};
use crate::model::ResourceType;

/// Compares the newest snapshots with the expectations.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DetectDrift {
    /// Only this resource type; default: every one.
    resource_type: Option<ResourceType>,
}

impl Job for DetectDrift {
    const KIND: &'static str = "detect_drift";
    const ABOUT: &'static str = "compare what is known with what is expected, without asking the cloud";

    async fn run(self, call: Call) -> Report {
        let tenants = match &call.tenant {
            Some(tenant) => Ok(vec![tenant.clone()]),
            None => call.context.store().tenants(call.request.cloud.as_deref()).await,
        };
        let tenants = match tenants {
            Ok(tenants) => tenants,
            Err(error) => return Report::failed(error.into()),
        };
        let types = ResourceType::ALL.into_iter().filter(|it| self.resource_type.is_none_or(|only| only == *it));
        let types: Vec<ResourceType> = types.collect();
        let of_tenant = |tenant| {
            types.iter().map(move |it| Effect::Reconsider { tenant: Clone::clone(&tenant), resource_type: *it })
        };
        Report { effects: tenants.into_iter().flat_map(of_tenant).collect(), ..Report::default() }
    }
}
