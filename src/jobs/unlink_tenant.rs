//! `unlink_tenant`: forget a tenant. Its project stays in the cloud as it is; no cloud is asked.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Call, Effect, Job, JobError, Report};

/// Ends the tenant's findings, cancels what waits for it, and removes everything recorded of it. Discovery leaves the
/// project alone from then on, until somebody adds it again.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct UnlinkTenant {
    /// Who wants it; default: whoever the broker says, or the job's source.
    author: Option<String>,
}

impl Job for UnlinkTenant {
    const KIND: &'static str = "unlink_tenant";
    const ABOUT: &'static str = "forget a tenant and all that is recorded of it; its project stays in the cloud";
    const FLEET: bool = false;
    const WRITES: bool = true;
    const LOCAL: bool = true;

    async fn run(self, call: Call) -> Report {
        let Some(tenant) = call.tenant else {
            return Report::failed(JobError::give_up("invalid_params", "unlink_tenant needs a tenant"));
        };
        let by = self.author.or(call.request.producer).unwrap_or(call.request.source);
        Report { effects: vec![Effect::Unlinked { tenant, by }], ..Report::default() }
    }
}
