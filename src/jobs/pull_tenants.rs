//! `pull_tenants`: find out which projects there are.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;

use super::context::CloudEntry;
use super::normalise::storable;
use super::{Call, Effect, Job, JobError, Report};
use crate::model::Tenant;
use crate::model::job::Scope;
use crate::openstack::{self, Project, ProjectFilter};
use crate::store::tenants::Seen;

/// Discovery: enabled projects of the configured domains and tags become tenants; Heat's stack users are left out. A
/// tenant whose project is gone is marked, once Keystone confirms it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PullTenants {}

impl Job for PullTenants {
    const KIND: &'static str = "pull_tenants";
    const ABOUT: &'static str = "find out which projects there are";

    async fn run(self, call: Call) -> Report {
        if call.request.scope() == Scope::All {
            return call.each_cloud().await;
        }
        let name = call.tenant.as_ref().map(|it| it.cloud.clone()).or_else(|| call.request.cloud.clone());
        match discover(&call, name.as_deref().unwrap_or_default()).await {
            Ok(effects) => Report { effects, ..Report::default() },
            Err(error) => Report::failed(error),
        }
    }
}

/// The names of a cloud's domains by id; empty where the role may not list them.
pub(super) async fn domain_names(cloud: &CloudEntry) -> Result<BTreeMap<String, String>, openstack::Error> {
    match cloud.api.domains().await {
        Ok(listing) => Ok(listing.items.into_iter().map(|domain| (domain.id, domain.name)).collect()),
        Err(openstack::Error::Forbidden(_)) => {
            tracing::warn!(cloud.name = cloud.api.name(), "domains cannot be listed: `discover` must name them by id");
            Ok(BTreeMap::new())
        }
        Err(error) => Err(error),
    }
}

/// A project as it is recorded.
pub(super) fn seen(cloud: &str, project: &Project, domain_name: Option<&str>) -> Seen {
    let mut tags: Vec<String> = project.tags.iter().cloned().map(storable).collect();
    tags.sort();
    Seen {
        cloud: cloud.to_owned(),
        backend_id: project.id.clone(),
        name: storable(project.name.clone()),
        domain: project.domain_id.clone().unwrap_or_default(),
        description: storable(project.description.clone()),
        enabled: project.enabled,
        tags,
        domain_name: domain_name.map(str::to_owned).map(storable).unwrap_or_default(),
    }
}

async fn discover(call: &Call, name: &str) -> Result<Vec<Effect>, JobError> {
    let cloud = call.live.cloud(name)?;
    let domains = domain_names(cloud).await?;
    let filter = ProjectFilter { tags: cloud.discovery.tags.clone(), ..ProjectFilter::default() };
    let listing = cloud.api.projects(&filter).await?;
    let known = call.context.store().tenants(Some(name)).await?;
    let by_id: BTreeMap<&str, &Tenant> = known.iter().map(|tenant| (tenant.backend_id.as_str(), tenant)).collect();

    let unlinked = call.context.store().unlinked(Some(name)).await?;
    let unlinked: BTreeSet<&str> = unlinked.iter().map(|it| it.backend_id.as_str()).collect();

    let unmade = known.iter().filter(|tenant| tenant.project().is_none());
    let unmade: Vec<String> = unmade.map(Tenant::marker).collect();

    let mut effects = Vec::new();
    let mut present = BTreeSet::new();
    for project in &listing.items {
        let domain = project.domain_id.as_ref().and_then(|id| domains.get(id)).map(String::as_str);
        let tenant = by_id.get(project.id.as_str());
        present.insert(project.id.as_str());
        // The job that makes it writes it down under the tenant that it is made for.
        if unmade.iter().any(|marker| project.tags.contains(marker)) {
            continue;
        }
        // Who is a tenant already stays one; whether it is enabled is recorded.
        let welcome = cloud.discovery.allows(project, domain) && !unlinked.contains(project.id.as_str());
        if tenant.is_none() && !welcome {
            continue;
        }
        let seen = seen(name, project, domain);
        if tenant.is_none_or(|tenant| seen.differs_from(tenant)) {
            effects.push(Effect::Project(seen));
        }
    }
    let listed_broken: BTreeSet<&str> = listing.broken.iter().filter_map(|broken| broken.id.as_deref()).collect();
    let missing = known.iter().filter(|tenant| {
        let id = tenant.backend_id.as_str();
        tenant.project().is_some()
            && tenant.vanished_at.is_none()
            && !present.contains(id)
            && !listed_broken.contains(id)
    });
    for tenant in missing {
        match cloud.api.project(&tenant.backend_id).await? {
            None => effects.push(Effect::Vanished(tenant.clone())),
            Some(project) => {
                let domain = project.domain_id.as_ref().and_then(|id| domains.get(id)).map(String::as_str);
                let seen = seen(name, &project, domain);
                if seen.differs_from(tenant) {
                    effects.push(Effect::Project(seen));
                }
            }
        }
    }
    Ok(effects)
}
