//! `tenantd pull`: reads clouds now, in this process, without broker or daemon.

use std::collections::BTreeSet;

use futures::future::try_join_all;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::jobs::context::Context;
use crate::jobs::runner::{Ended, Origin, Runner};
use crate::jobs::{self};
use crate::model::ResourceType;
use crate::model::ids::new_id;
use crate::model::job::{PRIORITY_PERSON, Request};

/// The kind that reads every resource type.
const PULL: &str = "pull";

/// What to read.
#[derive(Debug, Clone, Default)]
pub struct PullOptions {
    /// These resource types; empty: all.
    pub types: Vec<ResourceType>,
    /// Of this tenant.
    pub tenant: Option<String>,
    /// Of this cloud.
    pub cloud: Option<String>,
    /// Count what quotas limit, and compare with the services' counters.
    pub count: bool,
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

/// The parameters of one job: only what reads quotas can count.
fn params(kind: &str, options: &PullOptions) -> Value {
    let counts = options.count && [PULL, &jobs::pull_kind(ResourceType::Quotas)].contains(&kind);
    if counts { json!({ "count": true }) } else { json!({}) }
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
        [] => vec![PULL.to_owned()],
        types => {
            let mut kinds: Vec<String> = types.iter().map(|it| jobs::pull_kind(*it)).collect();
            let mut known = BTreeSet::new();
            // Two resource types may be of one kind.
            kinds.retain(|kind| known.insert(kind.clone()));
            kinds
        }
    };
    let mut pulled = Vec::new();
    for cloud in clouds {
        if options.tenant.is_none() {
            pulled.push(run(context, &runner, options, ("pull_tenants", cloud.as_deref())).await?);
        }
        let kinds = kinds.iter().map(|kind| run(context, &runner, options, (kind, cloud.as_deref())));
        pulled.extend(try_join_all(kinds).await?);
    }
    Ok(pulled)
}

async fn run(
    context: &Context,
    runner: &Runner,
    options: &PullOptions,
    (kind, cloud): (&str, Option<&str>),
) -> anyhow::Result<Pulled> {
    let now = context.clock().now();
    let cloud = cloud.map(str::to_owned);
    let request = Request {
        cloud: cloud.clone(),
        subject: options.tenant.clone(),
        priority: PRIORITY_PERSON,
        params: params(kind, options),
        ..Request::new(new_id(now), kind, "cli", now)
    };
    let ended = runner.run(request, Origin::Delivery).await?;
    Ok(Pulled { kind: kind.to_owned(), cloud, ended })
}
