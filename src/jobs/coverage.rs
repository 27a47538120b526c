//! Whether a listing of everything shows everything. A policy of the cloud, or a role that sees less than it is said to,
//! filters listings without a word, and a service may end one early; then everybody else's objects would seem to be gone.

use std::collections::HashMap;

use uuid::Uuid;

use super::context::{CloudEntry, Context};
use super::error::JobError;
use crate::model::{Body, ResourceType, Tenant};
use crate::openstack::{Cloud, Error, Quotas, Which};
use crate::store::resources::Age;
use crate::store::{Store, StoreError};

/// Why a listing is doubted, in one word.
pub(super) const SHORT_LISTING: &str = "short_listing";

/// Fewer tenants that seem to have lost everything are not worth a doubt: each is looked at again before it is believed.
const FEW: usize = 3;
/// Tenants whose counters are asked for where nobody is known to have anything.
const SAMPLE: usize = 3;

/// Why a listing that showed nothing of these tenants is not believed; nothing where it may be true. Asked where it showed
/// at most one project.
///
/// # Errors
/// When the cloud or the database cannot be asked.
pub(super) async fn doubt(
    context: &Context,
    cloud: &CloudEntry,
    resource_type: ResourceType,
    missing: &[&Tenant],
) -> Result<Option<JobError>, JobError> {
    let api = &cloud.api;
    let identity = api.identity().await?;
    let own = identity.project_id().unwrap_or_default();
    let others: Vec<&Tenant> = missing.iter().copied().filter(|tenant| tenant.backend_id != own).collect();
    if others.is_empty() {
        return Ok(None);
    }
    if may_be_true(context.store(), api, (resource_type, own), &others).await? {
        return Ok(None);
    }
    let known = match context.store().holders(api.name(), resource_type, own).await? {
        0 => "and no other question shows anything of them either".to_owned(),
        holders => format!("while {holders} others than {own}, the login's own, are known to have some"),
    };
    let message = format!(
        "the listing of {resource_type} showed nothing of any project but one at most, {known}; a policy of the cloud seems \
         to filter it, so nothing is taken for gone; look at the roles {} and at `all_projects_roles`",
        identity.roles.join(", ")
    );
    Ok(Some(JobError::give_up(SHORT_LISTING, message)))
}

/// Why a listing of security groups that showed nothing of these, out of so many tenants, is not believed: Neutron keeps a
/// group in every project that ever had one.
///
/// # Errors
/// When the database cannot be asked.
pub(super) async fn doubt_of_groups(
    context: &Context,
    missing: &[&Tenant],
    tenants: usize,
) -> Result<Option<JobError>, JobError> {
    if missing.len() < FEW || missing.len() * 5 < tenants {
        return Ok(None);
    }
    let lost = holding(context.store(), ResourceType::SecurityGroups, missing).await?.len();
    let message = format!(
        "the listing of security_groups showed nothing of {lost} of {tenants} projects that are known to have some, and each \
         keeps one; it seems to be cut or filtered, so nothing is taken for gone"
    );
    Ok((lost >= FEW && lost * 5 >= tenants).then(|| JobError::give_up(SHORT_LISTING, message)))
}

/// Whether another question agrees that these tenants have nothing. What is stored is read only where the question is about
/// those who were seen with some.
async fn may_be_true(
    store: &Store,
    api: &Cloud,
    (resource_type, own): (ResourceType, &str),
    others: &[&Tenant],
) -> Result<bool, JobError> {
    let holding = async || match store.holders(api.name(), resource_type, own).await? {
        0 => Ok(Vec::new()),
        _ => holding(store, resource_type, others).await,
    };
    match resource_type {
        ResourceType::Quotas => Ok(false),
        // Neutron keeps a group in every project, so a listing of them that shows none of those who had some is short.
        ResourceType::SecurityGroups => Ok(holding().await?.is_empty() && sees_another(api, others).await?),
        ResourceType::FloatingIps | ResourceType::Networks | ResourceType::Ports => {
            Ok(sees_another(api, others).await?)
        }
        ResourceType::ServerGroups
        | ResourceType::Instances
        | ResourceType::Volumes
        | ResourceType::VolumeSnapshots => {
            let mut asked = holding().await?;
            if asked.is_empty() {
                asked = others.iter().take(SAMPLE).map(|it| it.backend_id.as_str()).collect();
            }
            Ok(are_counted_empty(api, resource_type, &asked).await?)
        }
    }
}

/// Whether Neutron shows something of another project: whoever sees another one sees the group that each has.
async fn sees_another(api: &Cloud, others: &[&Tenant]) -> Result<bool, Error> {
    let Some(witness) = others.first() else { return Ok(false) };
    Ok(!api.security_groups(Which::Project(&witness.backend_id)).await?.items.is_empty())
}

/// The projects of those who were seen with some.
async fn holding<'t>(
    store: &Store,
    resource_type: ResourceType,
    tenants: &[&'t Tenant],
) -> Result<Vec<&'t str>, StoreError> {
    let projects: HashMap<Uuid, &str> = tenants.iter().map(|it| (it.uuid, it.backend_id.as_str())).collect();
    let mut ages = store.ages().await?;
    ages.retain(|age| age.resource_type == resource_type && projects.contains_key(&age.tenant));
    let mut holding = Vec::new();
    let note = |age: &Age, body: Body| holding.extend(projects.get(&age.tenant).copied().filter(|_| !body.is_empty()));
    store.contents(&ages, note).await?;
    Ok(holding)
}

/// Whether the service itself counts nothing in any of these projects. Nova and Cinder keep nothing in every project that
/// could be looked for, but count what each has, and refuse to tell a role that sees its own only.
async fn are_counted_empty(api: &Cloud, resource_type: ResourceType, projects: &[&str]) -> Result<bool, Error> {
    for project in projects {
        let counted = match resource_type {
            ResourceType::ServerGroups => api.compute_quota(project).await.map(|it| used(&it.value, "server_groups")),
            ResourceType::Instances => api.compute_quota(project).await.map(|it| used(&it.value, "instances")),
            ResourceType::Volumes => api.volume_quota(project).await.map(|it| used(&it.value, "volumes")),
            _ => api.volume_quota(project).await.map(|it| used(&it.value, "snapshots")),
        };
        match counted {
            Ok(Some(0)) => {}
            Ok(_) | Err(Error::Forbidden(_)) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

fn used(quotas: &Quotas, key: &str) -> Option<i64> {
    quotas.values.get(key).map(|value| value.used)
}
