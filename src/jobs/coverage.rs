//! Whether a listing of everything shows everything. A policy of the cloud, or a role that sees less than it is said to,
//! filters listings without a word; then everybody else's objects would seem to be gone.

use super::context::{CloudEntry, Context};
use super::error::JobError;
use crate::model::{ResourceType, Tenant};
use crate::openstack::Which;

/// Why a listing that showed nothing of any project but the login's own is not believed; nothing where it may be true.
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
    let holders = context.store().holders(api.name(), resource_type, own).await?;
    if holders == 0 {
        return Ok(None);
    }
    let witness = missing.iter().find(|tenant| tenant.backend_id != own);
    // Neutron keeps a group in every project, so whoever sees another project sees that.
    if resource_type != ResourceType::SecurityGroups
        && let Some(witness) = witness
        && !api.security_groups(Which::Project(&witness.backend_id)).await?.items.is_empty()
    {
        return Ok(None);
    }
    let message = format!(
        "the listing of {resource_type} showed nothing of any project but {own}, the login's own, while {holders} others are \
         known to have some; a policy of the cloud seems to filter it, so nothing is taken for gone; look at the roles {} \
         and at `all_projects_roles`",
        identity.roles.join(", ")
    );
    Ok(Some(JobError::give_up("short_listing", message)))
}
