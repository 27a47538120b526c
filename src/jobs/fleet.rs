//! Looks at all tenants of a cloud: one listing for what has one, tenant by tenant for what has none or for a role that
//! sees no project but its own.

use std::collections::HashMap;

use futures::{StreamExt, TryStreamExt, stream};
use serde::de::DeserializeOwned;

use super::context::CloudEntry;
use super::coverage;
use super::error::JobError;
use super::gathered::Gathered;
use super::heap::{of_nothing, of_section, shared_out};
use super::listed::Listed;
use super::networks;
use super::observe::{self, Extent};
use super::uses::{self, Uses};
use crate::model::{Observation, ResourceType, Tenant};
use crate::openstack::{Error, Listing, OfProject, Sections, Which};

/// Looks at one resource type of all `tenants` of a cloud.
///
/// # Errors
/// When there is no time left to record what was seen; what a service did is gathered.
pub(super) async fn look(
    cloud: &CloudEntry,
    tenants: &[Tenant],
    (resource_type, extent): (ResourceType, Extent),
    gathered: &Gathered<'_>,
) -> Result<(), JobError> {
    let fleet = Fleet { cloud, tenants, resource_type, gathered };
    let is_done = match resource_type {
        ResourceType::Quotas => false,
        ResourceType::SecurityGroups if extent.uses => fleet.groups_in_use().await?,
        ResourceType::SecurityGroups => fleet.by_project(cloud.api.security_groups_by_project().await).await?,
        ResourceType::FloatingIps => fleet.by_project(cloud.api.floating_ips_by_project().await).await?,
        ResourceType::ServerGroups => fleet.whole(cloud.api.server_groups(Which::All).await).await?,
        ResourceType::Networks => fleet.networks().await?,
        ResourceType::Ports => fleet.by_project(cloud.api.ports_by_project().await).await?,
        ResourceType::Instances => fleet.whole(cloud.api.servers(Which::All).await).await?,
        ResourceType::Volumes => fleet.whole(cloud.api.volumes(Which::All).await).await?,
        ResourceType::VolumeSnapshots => fleet.whole(cloud.api.volume_snapshots(Which::All).await).await?,
    };
    if is_done { Ok(()) } else { fleet.one_by_one(extent).await }
}

struct Fleet<'a> {
    cloud: &'a CloudEntry,
    tenants: &'a [Tenant],
    resource_type: ResourceType,
    gathered: &'a Gathered<'a>,
}

/// Whether the role sees only its own project, so that each tenant is to be asked about.
const fn is_blind(error: &Error) -> bool {
    matches!(error, Error::Forbidden(_) | Error::OutOfSight { .. })
}

impl Fleet<'_> {
    /// Reads what every project has, one after the other; false where the role does not see that.
    async fn by_project<T>(&self, sections: Result<Sections<'_, T>, Error>) -> Result<bool, JobError>
    where
        T: Listed + OfProject + DeserializeOwned,
    {
        let mut left: HashMap<&str, &Tenant> = self.tenants.iter().map(|it| (it.backend_id.as_str(), it)).collect();
        let read = async {
            let mut sections = match sections {
                Ok(sections) => sections,
                Err(error) => return Ok(Err(error)),
            };
            loop {
                let section = match sections.next().await {
                    Ok(Some(section)) => section,
                    Ok(None) => return Ok(Ok(sections.end().cloned())),
                    Err(error) => return Ok(Err(error)),
                };
                if let Some(tenant) = left.remove(section.project.as_str()) {
                    self.add(tenant, Ok(of_section(section))).await?;
                }
            }
        };
        let read: Result<Result<_, Error>, JobError> = read.await;
        // In the order in which tenants are kept.
        let missing: Vec<&Tenant> =
            self.tenants.iter().filter(|it| left.contains_key(it.backend_id.as_str())).collect();
        match read? {
            Err(error) => return self.unread(error, &missing).await,
            Ok(None) => {}
            Ok(Some(end)) => {
                if let Some(doubt) = self.doubt(&missing).await? {
                    self.gathered.fail(&missing, self.resource_type, doubt).await?;
                    return Ok(true);
                }
                for tenant in missing {
                    self.add(tenant, Ok(of_nothing::<T>(&end))).await?;
                }
            }
        }
        Ok(true)
    }

    /// Reads a listing that is held as a whole, for its service does not sort it by project.
    async fn whole<T: Listed>(&self, listing: Result<Listing<T>, Error>) -> Result<bool, JobError> {
        match listing {
            Err(error) => self.unread(error, &self.everyone()).await,
            Ok(listing) => self.share_out(listing, Uses::NotAsked).await,
        }
    }

    /// Gives each tenant its own out of a listing of everything; where that is doubted, only those whom it shows.
    async fn share_out<T: Listed>(&self, listing: Listing<T>, uses: Uses) -> Result<bool, JobError> {
        let shares = shared_out(listing, self.tenants);
        let is_missing = |seen: &Observation| seen.body.is_empty() && seen.unreadable.is_empty();
        let missing: Vec<&Tenant> =
            shares.iter().filter(|(_, seen)| is_missing(seen)).map(|(tenant, _)| *tenant).collect();
        let doubt = self.doubt(&missing).await?;
        let uses = if let Some(doubt) = &doubt { uses.doubted(doubt) } else { uses };
        for (tenant, mut seen) in shares.into_iter().filter(|(_, seen)| doubt.is_none() || !is_missing(seen)) {
            uses.add_to(&mut seen);
            self.add(tenant, Ok(seen)).await?;
        }
        if let Some(doubt) = doubt {
            self.gathered.fail(&missing, self.resource_type, doubt).await?;
        }
        Ok(true)
    }

    /// Networks, subnets and routers are three listings, of which a tenant's body is made.
    async fn networks(&self) -> Result<bool, JobError> {
        let (networks, routers, subnets) = match networks::listed(&self.cloud.api, Which::All).await {
            Ok(listed) => listed,
            Err(error) => return self.unread(error, &self.everyone()).await,
        };
        // What is shared with the login's project is listed to everyone, so that tells nothing.
        if let Some(doubt) = self.doubted(&self.everyone()).await? {
            return self.doubt_all(doubt).await;
        }
        let both = shared_out(networks, self.tenants).into_iter().zip(shared_out(routers, self.tenants));
        for ((tenant, networks), (_, routers)) in both {
            self.add(tenant, Ok(subnets.joined(networks, routers))).await?;
        }
        Ok(true)
    }

    /// Which groups are in use is known only when all groups and ports are.
    async fn groups_in_use(&self) -> Result<bool, JobError> {
        let api = &self.cloud.api;
        let listing = match api.security_groups(Which::All).await {
            Ok(listing) => listing,
            Err(error) => return self.unread(error, &self.everyone()).await,
        };
        let uses = uses::of_all(api, &listing).await;
        self.share_out(listing, uses).await
    }

    /// Asks about each tenant by itself, about as many at once as the cloud may be asked; parts that run beside each other
    /// share that, twice over so that none rests: a person's question waits behind no more.
    async fn one_by_one(&self, extent: Extent) -> Result<(), JobError> {
        let look = |tenant| async move {
            let seen = observe::tenant(self.cloud, tenant, self.resource_type, extent).await;
            self.add(tenant, seen).await
        };
        let tenants = stream::iter(self.tenants).map(Ok);
        let at_once = match self.gathered.call().parts_at_once {
            1 => self.cloud.concurrency,
            parts => (2 * self.cloud.concurrency).div_ceil(parts),
        };
        tenants.try_for_each_concurrent(at_once.max(1), look).await
    }

    /// Why it is not believed that those have nothing: where a listing showed at most one of all tenants, or lost many that
    /// cannot be without.
    async fn doubt(&self, missing: &[&Tenant]) -> Result<Option<JobError>, JobError> {
        if missing.len() + 1 < self.tenants.len() {
            return match self.resource_type {
                ResourceType::SecurityGroups => {
                    coverage::doubt_of_groups(self.gathered.context(), missing, self.tenants.len()).await
                }
                _ => Ok(None),
            };
        }
        if missing.is_empty() { Ok(None) } else { self.doubted(missing).await }
    }

    async fn doubted(&self, missing: &[&Tenant]) -> Result<Option<JobError>, JobError> {
        match coverage::doubt(self.gathered.context(), self.cloud, self.resource_type, missing).await {
            Ok(doubt) => Ok(doubt),
            // What cannot be found out is no reason to believe it.
            Err(JobError::Interrupted) => Err(JobError::Interrupted),
            Err(error) => Ok(Some(error)),
        }
    }

    async fn doubt_all(&self, doubt: JobError) -> Result<bool, JobError> {
        self.gathered.fail(&self.everyone(), self.resource_type, doubt).await?;
        Ok(true)
    }

    /// What becomes of those of whom a listing said nothing; false where each is to be asked about.
    async fn unread(&self, error: Error, tenants: &[&Tenant]) -> Result<bool, JobError> {
        if is_blind(&error) {
            let (cloud, resource_type) = (self.cloud.api.name(), self.resource_type);
            tracing::info!(cloud.name = cloud, %resource_type, %error, "no listing of everyone; each tenant is asked about");
            return Ok(false);
        }
        self.gathered.fail(tenants, self.resource_type, error.into()).await?;
        Ok(true)
    }

    fn everyone(&self) -> Vec<&Tenant> {
        self.tenants.iter().collect()
    }

    async fn add(&self, tenant: &Tenant, seen: Result<Observation, JobError>) -> Result<(), JobError> {
        self.gathered.add(tenant, self.resource_type, seen).await
    }
}
