//! Looks at one resource type, of one tenant or of a whole cloud, and says what was seen or why not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};

use super::asked::{self, Places};
use super::context::CloudEntry;
use super::count::{self, Count};
use super::error::JobError;
use super::listed::Listed;
use super::networks;
use super::normalise;
use super::uses::{self, Uses};
use crate::model::{Body, Observation, ResourceType, Tenant};
use crate::openstack::{self, Answer, Broken, Listing, PageOf, Which};

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

/// What a look at many tenants brought, by the project's id.
pub(super) type Seen = Vec<(Tenant, Result<Observation, JobError>)>;

/// Looks at one tenant.
pub(super) async fn tenant(
    cloud: &CloudEntry,
    tenant: &Tenant,
    resource_type: ResourceType,
    extent: Extent,
) -> Result<Observation, JobError> {
    let project = tenant.backend_id.as_str();
    let which = Which::Project(project);
    match resource_type {
        ResourceType::Quotas => Box::pin(quotas(cloud, project, extent)).await,
        ResourceType::SecurityGroups => {
            let listing = cloud.api.security_groups(which).await?;
            let uses = if extent.uses { uses::of_some(&cloud.api, &listing).await } else { Uses::NotAsked };
            let mut observation = alone(listing, project);
            uses.add_to(&mut observation);
            Ok(observation)
        }
        ResourceType::FloatingIps => Ok(alone(cloud.api.floating_ips(which).await?, project)),
        ResourceType::ServerGroups => Ok(alone(cloud.api.server_groups(which).await?, project)),
        ResourceType::Networks => {
            let (networks, routers, subnets) = Box::pin(networks::listed(&cloud.api, which)).await?;
            Ok(subnets.joined(alone(networks, project), alone(routers, project)))
        }
        ResourceType::Ports => Ok(alone(cloud.api.ports(which).await?, project)),
        ResourceType::Instances => Ok(alone(cloud.api.servers(which).await?, project)),
        ResourceType::Volumes => Ok(alone(cloud.api.volumes(which).await?, project)),
        ResourceType::VolumeSnapshots => Ok(alone(cloud.api.volume_snapshots(which).await?, project)),
    }
}

/// Looks at all `tenants` of a cloud: once for what has a listing, tenant by tenant for what has none.
pub(super) async fn fleet(
    cloud: &CloudEntry,
    tenants: Vec<Tenant>,
    resource_type: ResourceType,
    extent: Extent,
) -> Result<Seen, JobError> {
    match resource_type {
        ResourceType::Quotas => {}
        ResourceType::SecurityGroups => {
            if let Some(listing) = whole(cloud.api.security_groups(Which::All).await)? {
                let uses = if extent.uses { uses::of_all(&cloud.api, &listing).await } else { Uses::NotAsked };
                let mut seen = shared_out(listing, tenants);
                seen.iter_mut().filter_map(|(_, seen)| seen.as_mut().ok()).for_each(|seen| uses.add_to(seen));
                return Ok(seen);
            }
        }
        ResourceType::FloatingIps => {
            if let Some(listing) = whole(cloud.api.floating_ips(Which::All).await)? {
                return Ok(shared_out(listing, tenants));
            }
        }
        ResourceType::ServerGroups => {
            if let Some(listing) = whole(cloud.api.server_groups(Which::All).await)? {
                return Ok(shared_out(listing, tenants));
            }
        }
        ResourceType::Networks => {
            if let Some((networks, routers, subnets)) = whole(networks::listed(&cloud.api, Which::All).await)? {
                let networks = shared_out(networks, tenants.clone());
                let both = networks.into_iter().zip(shared_out(routers, tenants));
                let joined = both.map(|((tenant, networks), (_, routers))| {
                    (tenant, networks.and_then(|networks| Ok(subnets.joined(networks, routers?))))
                });
                return Ok(joined.collect());
            }
        }
        ResourceType::Ports => {
            if let Some(listing) = whole(cloud.api.ports(Which::All).await)? {
                return Ok(shared_out(listing, tenants));
            }
        }
        ResourceType::Instances => {
            if let Some(listing) = whole(cloud.api.servers(Which::All).await)? {
                return Ok(shared_out(listing, tenants));
            }
        }
        ResourceType::Volumes => {
            if let Some(listing) = whole(cloud.api.volumes(Which::All).await)? {
                return Ok(shared_out(listing, tenants));
            }
        }
        ResourceType::VolumeSnapshots => {
            if let Some(listing) = whole(cloud.api.volume_snapshots(Which::All).await)? {
                return Ok(shared_out(listing, tenants));
            }
        }
    }
    let look = |it: Tenant| async move {
        let seen = tenant(cloud, &it, resource_type, extent).await;
        (it, seen)
    };
    Ok(stream::iter(tenants).map(look).buffer_unordered(cloud.concurrency.max(1)).collect().await)
}

/// A listing of everything, or none where the role sees only its own project: then each tenant is asked about.
fn whole<T>(listing: Result<T, openstack::Error>) -> Result<Option<T>, JobError> {
    match listing {
        Ok(listing) => Ok(Some(listing)),
        Err(openstack::Error::Forbidden(_) | openstack::Error::OutOfSight { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
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
        let (volumes, snapshots) = tokio::try_join!(api.volumes(which), api.volume_snapshots(which))?;
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

/// The objects of one project out of a listing that was asked for it.
fn alone<T: Listed>(listing: Listing<T>, project: &str) -> Observation {
    let mut heap = Heap::new();
    let pages = &listing.pages;
    for (at, item) in listing.items.into_iter().enumerate() {
        if item.project().is_none_or(|owner| owner == project) {
            heap.add(item, page_of_item(pages, at));
        }
    }
    for (at, broken) in listing.broken.into_iter().enumerate() {
        if broken.project.as_deref().is_none_or(|owner| owner == project) {
            heap.add_broken(broken.id, page_of_broken(pages, at));
        }
    }
    heap.observation((listing.asked_at, listing.answered_at), pages)
}

/// Gives each tenant its own out of a listing of everything; a tenant without any has none.
fn shared_out<T: Listed>(listing: Listing<T>, tenants: Vec<Tenant>) -> Seen {
    let mut heaps: BTreeMap<String, Heap<T>> =
        tenants.iter().map(|tenant| (tenant.backend_id.clone(), Heap::new())).collect();
    let pages = &listing.pages;
    for (at, item) in listing.items.into_iter().enumerate() {
        if let Some(heap) = item.project().and_then(|owner| heaps.get_mut(owner)) {
            heap.add(item, page_of_item(pages, at));
        }
    }
    for (at, Broken { id, project, .. }) in listing.broken.into_iter().enumerate() {
        let page = page_of_broken(pages, at);
        match project.as_deref() {
            Some(owner) => {
                if let Some(heap) = heaps.get_mut(owner) {
                    heap.add_broken(id, page);
                }
            }
            // Whose it is cannot be read: it may be anyone's.
            None => heaps.values_mut().for_each(|heap| heap.add_broken(id.clone(), page)),
        }
    }
    let mut seen = Seen::new();
    for tenant in tenants {
        let heap = heaps.remove(&tenant.backend_id).unwrap_or_else(Heap::new);
        seen.push((tenant, Ok(heap.observation((listing.asked_at, listing.answered_at), pages))));
    }
    seen
}

/// The place of the page on which an item stood.
fn page_of_item(pages: &[PageOf], at: usize) -> usize {
    pages.partition_point(|page| page.items <= at)
}

fn page_of_broken(pages: &[PageOf], at: usize) -> usize {
    pages.partition_point(|page| page.broken <= at)
}

struct Heap<T: Listed> {
    objects: Vec<T::Object>,
    unreadable: BTreeSet<String>,
    absence_unknown: bool,
    places: Places,
}

impl<T: Listed> Heap<T> {
    fn new() -> Self {
        let places = Places::default();
        Self { objects: Vec::new(), unreadable: BTreeSet::new(), absence_unknown: false, places }
    }

    fn add(&mut self, item: T, page: usize) {
        self.places.add(page);
        let id = item.id().to_owned();
        match item.normalised() {
            Ok(object) => self.objects.push(object),
            Err(why) => {
                tracing::warn!(object = id, why, "an object of the cloud cannot be read");
                self.unreadable.insert(id);
            }
        }
    }

    fn add_broken(&mut self, id: Option<String>, page: usize) {
        self.places.add(page);
        match id {
            Some(id) => drop(self.unreadable.insert(id)),
            None => self.absence_unknown = true,
        }
    }

    fn observation(self, (asked_at, answered_at): (DateTime<Utc>, DateTime<Utc>), pages: &[PageOf]) -> Observation {
        Observation {
            answered_at,
            unreadable: self.unreadable,
            absence_unknown: self.absence_unknown,
            requests: self.places.requests(pages),
            ..Observation::clean(asked_at, T::body(self.objects))
        }
    }
}
