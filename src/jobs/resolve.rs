//! Finds the tenant that a request means; one that is new in the cloud is looked up there once.

use uuid::Uuid;

use super::context::{CloudEntry, Context, Live};
use super::effects::announce;
use super::error::JobError;
use super::pull_tenants::{domain_names, seen};
use crate::model::Tenant;
use crate::model::ids::new_id;
use crate::openstack::Project;
use crate::store::StoreError;

/// The tenants that `subject` may mean: tenantd's id, the project's id, or `cloud/name`.
pub async fn known(context: &Context, subject: &str, cloud: Option<&str>) -> Result<Vec<Tenant>, StoreError> {
    let store = context.store();
    if let Ok(uuid) = Uuid::parse_str(subject)
        && let Some(tenant) = store.tenant(uuid).await?
    {
        return Ok(vec![tenant]);
    }
    let by_id = store.tenants_by_backend_id(subject, cloud).await?;
    if !by_id.is_empty() {
        return Ok(by_id);
    }
    match subject.split_once('/') {
        Some((cloud, name)) => store.tenants_by_name(name, Some(cloud)).await,
        None => Ok(Vec::new()),
    }
}

/// The one tenant that `subject` means; `tenants` are those with such an id.
pub async fn tenant(
    context: &Context,
    live: &Live,
    (subject, mut tenants): (&str, Vec<Tenant>),
    cloud: Option<&str>,
) -> Result<Tenant, JobError> {
    if tenants.is_empty() {
        tenants = known(context, subject, cloud).await?;
    }
    if tenants.len() > 1 {
        return Err(ambiguous(subject, tenants.iter().map(|tenant| tenant.cloud.as_str())));
    }
    match tenants.pop() {
        Some(tenant) => Ok(tenant),
        None => look_up(context, live, subject, cloud).await,
    }
}

fn ambiguous<'a>(subject: &str, clouds: impl Iterator<Item = &'a str>) -> JobError {
    let clouds = clouds.collect::<Vec<_>>().join(" and of ");
    JobError::give_up("ambiguous_tenant", format!("`{subject}` is a tenant of {clouds}; say which with `cloud`"))
}

/// Asks the clouds for a project that is not recorded yet: a portal enqueues seconds after it created one.
async fn look_up(context: &Context, live: &Live, subject: &str, cloud: Option<&str>) -> Result<Tenant, JobError> {
    let unknown = |why: &str| JobError::give_up("unknown_tenant", format!("no tenant `{subject}`: {why}"));
    let plausible = !subject.is_empty() && subject.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if !plausible {
        return Err(unknown("it is neither tenantd's id, nor a project id, nor cloud/name of a tenant"));
    }
    if let Some(name) = cloud {
        live.cloud(name)?;
    }
    let (mut found, mut refused) = (Vec::new(), false);
    // A cloud that is not ready may be the one that has it.
    let mut trouble = live.unprepared.keys().next().and_then(|name| live.cloud(name).err());
    for (name, entry) in live.clouds.iter().filter(|(name, _)| cloud.is_none_or(|only| only == name.as_str())) {
        match project(entry, subject).await {
            Ok(Some((project, true))) => found.push((name.as_str(), project)),
            Ok(Some((_, false))) => refused = true,
            Ok(None) => {}
            // Another cloud may have it; if none has, a trouble that passes is worth waiting for.
            Err(error) => match trouble {
                Some(JobError::Retry { .. }) => {}
                _ => trouble = Some(error),
            },
        }
    }
    if found.len() > 1 {
        return Err(ambiguous(subject, found.iter().map(|(name, _)| *name)));
    }
    if let Some((name, project)) = found.pop() {
        let now = context.clock().now();
        let mut tx = context.store().begin().await?;
        if let Some(unlinked) = tx.unlinked(name, &project.id).await? {
            let (by, when) = (unlinked.author, unlinked.unlinked_at.format("%Y-%m-%d"));
            let again = format!("`tenantd tenants add --cloud {name} {}` takes it up again", project.id);
            return Err(unknown(&format!("{by} unlinked it on {when}; {again}")));
        }
        let new = new_id(now);
        let tenant = tx.save_tenant(new, &seen(name, &project, None), now).await?;
        // Several requests may look the same project up at once; one of them is first.
        if tenant.uuid == new {
            announce(context, &mut tx, &tenant, "tenant.discovered");
        }
        context.tell(tx.commit().await?);
        return Ok(tenant);
    }
    if let Some(trouble) = trouble {
        return Err(trouble);
    }
    if refused {
        return Err(unknown("the project exists, but `discover` leaves it out"));
    }
    Err(unknown("no configured cloud has such a project"))
}

/// The project, and whether `discover` allows it.
async fn project(entry: &CloudEntry, id: &str) -> Result<Option<(Project, bool)>, JobError> {
    let Some(project) = entry.api.project(id).await? else { return Ok(None) };
    let domains = domain_names(entry).await?;
    let domain = project.domain_id.as_ref().and_then(|id| domains.get(id));
    let allowed = entry.discovery.allows(&project, domain.map(String::as_str));
    Ok(Some((project, allowed)))
}
