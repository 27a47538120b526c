//! `tenantd pull`: reads clouds now, in this process, without broker or daemon.

use tokio_util::sync::CancellationToken;

use crate::jobs::context::Context;
use crate::jobs::runner::{Ended, Origin, Runner};
use crate::jobs::{self};
use crate::model::ResourceType;
use crate::model::ids::new_id;
use crate::model::job::{PRIORITY_PERSON, Request};

/// What to read.
#[derive(Debug, Clone, Default)]
pub struct PullOptions {
    /// These resource types; empty: all.
    pub types: Vec<ResourceType>,
    /// Of this tenant.
    pub tenant: Option<String>,
    /// Of this cloud.
    pub cloud: Option<String>,
}

/// How one job of it ended.
#[derive(Debug)]
pub struct Pulled {
    /// The job's kind.
    pub kind: String,
    /// The cloud.
    pub cloud: Option<String>,
    /// How it ended.
    pub ended: Ended,
}

/// Discovers tenants (unless one is named), reads what was asked for, and says how each job ended.
///
/// # Errors
/// When the records cannot be written.
pub async fn pull(context: &Context, options: &PullOptions) -> anyhow::Result<Vec<Pulled>> {
    let runner = Runner::new(context.clone(), 16, CancellationToken::new());
    let clouds: Vec<Option<String>> = match (&options.tenant, &options.cloud) {
        (Some(_), cloud) => vec![cloud.clone()],
        (None, Some(cloud)) => vec![Some(cloud.clone())],
        (None, None) => context.live().clouds.keys().cloned().map(Some).collect(),
    };
    let kinds: Vec<String> = match options.types.as_slice() {
        [] => vec!["pull".to_owned()],
        types => types.iter().map(|it| jobs::pull_kind(*it)).collect(),
    };
    let mut pulled = Vec::new();
    for cloud in clouds {
        let discovery = options.tenant.is_none().then(|| "pull_tenants".to_owned());
        for kind in discovery.into_iter().chain(kinds.iter().cloned()) {
            let now = context.clock().now();
            let request = Request {
                cloud: cloud.clone(),
                subject: options.tenant.clone(),
                priority: PRIORITY_PERSON,
                ..Request::new(new_id(now), kind.clone(), "cli", now)
            };
            let ended = runner.run(request, Origin::Delivery).await?;
            pulled.push(Pulled { kind, cloud: cloud.clone(), ended });
        }
    }
    Ok(pulled)
}
