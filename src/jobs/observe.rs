//! Looks at one resource type, of one tenant or of a whole cloud, and says what was seen or why not.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::asked;
use super::context::CloudEntry;
use super::count::{self, Count};
use super::error::JobError;
use super::heap::alone;
use super::networks;
use super::normalise;
use super::uses::{self, Uses};
use crate::model::{Body, Observation, ResourceType, Tenant};
use crate::openstack::{self, Answer, Which};

/// What to look at besides what every pull looks at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// Sum up the sizes of volumes and snapshots, at the cost of two listings.
    pub sizes: bool,
    /// Count what quotas limit, at the cost of nine listings and the counters once more.
    pub count: bool,
    /// Find out which security groups are in use, at the cost of a listing of ports and one of rules.
    pub uses: bool,
}

/// Looks at one tenant.
pub(super) async fn tenant(
    cloud: &CloudEntry,
    tenant: &Tenant,
    resource_type: ResourceType,
    extent: Extent,
) -> Result<Observation, JobError> {
    let project = tenant.backend_id.as_str();
    let (api, which) = (&cloud.api, Which::Project(project));
    // Many looks go on beside each other: each takes no more room than what it does, not than the largest of these.
    match resource_type {
        ResourceType::Quotas => Box::pin(quotas(cloud, project, extent)).await,
        ResourceType::SecurityGroups => Box::pin(groups(cloud, project, extent)).await,
        ResourceType::FloatingIps => Ok(alone(Box::pin(api.floating_ips(which)).await?, project)),
        ResourceType::ServerGroups => Ok(alone(Box::pin(api.server_groups(which)).await?, project)),
        ResourceType::Networks => {
            let (networks, routers, subnets) = Box::pin(networks::listed(api, which)).await?;
            Ok(subnets.joined(alone(networks, project), alone(routers, project)))
        }
        ResourceType::Ports => Ok(alone(Box::pin(api.ports(which)).await?, project)),
        ResourceType::Instances => Ok(alone(Box::pin(api.servers(which)).await?, project)),
        ResourceType::Volumes => Ok(alone(Box::pin(api.volumes(which)).await?, project)),
        ResourceType::VolumeSnapshots => Ok(alone(Box::pin(api.volume_snapshots(which)).await?, project)),
    }
}

async fn groups(cloud: &CloudEntry, project: &str, extent: Extent) -> Result<Observation, JobError> {
    let listing = cloud.api.security_groups(Which::Project(project)).await?;
    let uses = if extent.uses { uses::of_some(&cloud.api, &listing).await } else { Uses::NotAsked };
    let mut observation = alone(listing, project);
    uses.add_to(&mut observation);
    Ok(observation)
}

/// Each of the three services by itself: one that fails leaves what the others say.
async fn quotas(cloud: &CloudEntry, project: &str, extent: Extent) -> Result<Observation, JobError> {
    let api = &cloud.api;
    let (compute, network, volume, defaults) =
        tokio::join!(api.compute_quota(project), api.network_quota(project), api.volume_quota(project), api.defaults());
    let (mut answers, mut failures) = (Vec::new(), Vec::new());
    for answer in [compute, network, volume] {
        match answer {
            Ok(answer) => answers.push(answer),
            // A place is kept, for the services' keys are told apart by it.
            Err(error) => {
                answers.push(Answer {
                    asked_at: DateTime::<Utc>::MAX_UTC,
                    answered_at: DateTime::<Utc>::MIN_UTC,
                    asked: None,
                    value: openstack::Quotas::default(),
                });
                failures.push(JobError::from(error));
            }
        }
    }
    if failures.len() == answers.len() {
        let retry = failures.iter().position(|error| matches!(error, JobError::Retry { .. }));
        return Err(failures.swap_remove(retry.unwrap_or(0)));
    }
    let mut asked_at = answers.iter().map(|answer| answer.asked_at).min().unwrap_or(DateTime::<Utc>::MAX_UTC);
    let mut answered_at = answers.iter().map(|answer| answer.answered_at).max().unwrap_or(asked_at);
    let protocol = |why: String| JobError::give_up("protocol", format!("quotas of project {project}: {why}"));
    let mut requests = Vec::with_capacity(answers.len());
    asked::note(&mut requests, answers.iter().filter_map(|answer| answer.asked.as_ref()));
    let mut quotas = normalise::quotas(&answers[0].value, &answers[1].value, &answers[2].value).map_err(protocol)?;
    if extent.sizes {
        let which = Which::Project(project);
        let (volumes, snapshots) =
            Box::pin(async { tokio::try_join!(api.volumes(which), api.volume_snapshots(which)) }).await?;
        asked_at = asked_at.min(volumes.asked_at).min(snapshots.asked_at);
        answered_at = answered_at.max(volumes.answered_at).max(snapshots.answered_at);
        asked::note(&mut requests, asked::of(&volumes.pages).chain(asked::of(&snapshots.pages)));
        let sizes = normalise::sizes(
            volumes.items.iter().map(|volume| volume.size),
            snapshots.items.iter().map(|snapshot| snapshot.size),
        );
        quotas.extend(sizes);
    }
    let mut observation = Observation::clean(asked_at, Body::Quotas(quotas));
    observation.answered_at = answered_at;
    observation.requests = requests;
    observation.defaults = Some(Arc::new(normalise::defaults(&defaults)));
    // Of a quota that cannot be read only the service's key is known, so every earlier one may be it.
    observation.absence_unknown = !failures.is_empty() || answers.iter().any(|it| !it.value.broken.is_empty());
    observation.trouble = failures.first().map(|error| (error.reason(), error.to_string()));
    if extent.count {
        // A service that did not answer has no counters.
        let told = [0, 1, 2].map(|place| answers.get(place).map(|it| &it.value).filter(|it| !it.values.is_empty()));
        add_count(&mut observation, Box::pin(count::count(cloud, project, told)).await);
    }
    Ok(observation)
}

fn add_count(observation: &mut Observation, count: Count) {
    observation.answered_at = count.answered_at.map_or(observation.answered_at, |at| at.max(observation.answered_at));
    asked::note(&mut observation.requests, &count.requests);
    (observation.counted, observation.uncounted) = (Some(count.numbers), count.trouble);
}
