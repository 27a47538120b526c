//! `pull`, and what every pull of one resource type shares.

use futures::future::{join_all, try_join_all};
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

use super::context::CloudEntry;
use super::fleet;
use super::gathered::Gathered;
use super::observe::{self, Extent};
use super::parts;
use super::{Call, Effect, Job, JobError, Report, States};
use crate::model::ids::named_id;
use crate::model::job::{Request, Scope};
use crate::model::{ResourceType, Tenant};

/// Reads everything of a tenant, each resource type by itself.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Pull {
    /// Sum up the sizes of volumes and snapshots too, at the cost of two listings.
    sizes: bool,
    /// Count security groups, rules, floating IPs, ports, networks, subnets, instances, volumes and snapshots, and compare
    /// with the services' own counters, at the cost of nine listings a tenant and the three questions once more.
    count: bool,
}

impl Job for Pull {
    const KIND: &'static str = "pull";
    const ABOUT: &'static str = "read every resource type, each by itself";
    const STATES: Option<States> = Some(States::RECOVERING_LOOK);

    async fn run(self, call: Call) -> Report {
        resource_types(call, &ResourceType::ALL, Extent { sizes: self.sizes, count: self.count, ..Extent::default() })
            .await
    }
}

/// Reads some resource types of whomever the request concerns.
pub(super) async fn resource_types(call: Call, types: &[ResourceType], extent: Extent) -> Report {
    match (&call.tenant, call.request.scope()) {
        (Some(tenant), _) => match present(&call, tenant).await {
            Ok(cloud) => {
                let extent = Extent { uses: call.live.rules.ask_for_use(tenant), ..extent };
                of_tenant(&call, cloud, types, extent).await
            }
            Err(error) => Report::failed(error),
        },
        (None, Scope::Cloud) => match call.live.cloud(call.request.cloud.as_deref().unwrap_or_default()) {
            Ok(cloud) => of_whole_cloud(&call, cloud, types, extent).await,
            Err(error) => Report::failed(error),
        },
        (None, _) => call.each_cloud().await,
    }
}

/// The id of the part of a job for every cloud that is for this one.
pub fn part_id(job: Uuid, cloud: &str) -> Uuid {
    named_id(&job.to_string(), cloud)
}

impl Call {
    /// The same job once for each cloud, so that each succeeds or fails by itself. Where the part of an earlier tick
    /// is still on its way, there is none.
    pub(super) async fn each_cloud(&self) -> Report {
        let names = self.live.names();
        if names.is_empty() {
            let nothing = "no cloud is configured, so there is nothing to do; add a [[clouds]] section";
            return Report::failed(JobError::give_up("no_cloud", nothing));
        }
        let mut active = Vec::new();
        if self.request.source.starts_with("schedule:") {
            match self.context.store().active(&self.request.source).await {
                Ok(jobs) => active = jobs.into_iter().map(|(cloud, _)| cloud).collect(),
                Err(error) => return Report::failed(error.into()),
            }
        }
        let (busy, free): (Vec<&str>, Vec<&str>) =
            names.into_iter().partition(|name| active.iter().any(|cloud| cloud.as_deref() == Some(name)));
        let of_cloud = |cloud: &&str| {
            Effect::Enqueue(Request {
                id: part_id(self.request.id, cloud),
                cloud: Some((*cloud).to_owned()),
                attempt: 0,
                // The whole is answered once.
                reply: None,
                ..self.request.clone()
            })
        };
        let left_out = (!busy.is_empty()).then(|| format!("{}: the run before was not done yet", busy.join(", ")));
        Report { effects: free.iter().map(of_cloud).collect(), left_out, ..Report::default() }
    }
}

impl Report {
    /// Nothing useful was done.
    pub(super) fn failed(error: JobError) -> Self {
        Self { failure: Some(error), ..Self::default() }
    }
}

/// The tenant's cloud, unless its project is known to be gone and still is: Neutron would not refuse the question, it
/// would make a `default` group for a project that does not exist.
async fn present<'a>(call: &'a Call, tenant: &Tenant) -> Result<&'a CloudEntry, JobError> {
    let cloud = call.live.cloud(&tenant.cloud)?;
    call.project()?;
    if tenant.vanished_at.is_some() && cloud.api.project(&tenant.backend_id).await?.is_none() {
        let message = format!("the project {} of {} is gone", tenant.backend_id, tenant.label());
        return Err(JobError::give_up("tenant_gone", message));
    }
    Ok(cloud)
}

async fn of_tenant(call: &Call, cloud: &CloudEntry, types: &[ResourceType], extent: Extent) -> Report {
    let Some(tenant) = &call.tenant else { return Report::default() };
    let looks = types.iter().map(|it| observe::tenant(cloud, tenant, *it, extent));
    let gathered = Gathered::new(call, types, 1);
    for (resource_type, seen) in types.iter().zip(join_all(looks).await) {
        if let Err(error) = gathered.add(tenant, *resource_type, seen).await {
            return Report::failed(error);
        }
    }
    gathered.into_report()
}

/// A large cloud is shared out in parts, where somebody takes them.
async fn of_whole_cloud(call: &Call, cloud: &CloudEntry, types: &[ResourceType], extent: Extent) -> Report {
    let everyone = (Uuid::nil(), Uuid::max());
    if let Some(part) = &call.request.part {
        return of_cloud(call, cloud, (&[part.resource_type], extent), (part.after, part.upto)).await;
    }
    match parts::shared(call, cloud, types).await {
        Ok(Some(report)) => report,
        Ok(None) => of_cloud(call, cloud, (types, extent), everyone).await,
        Err(error) => Report::failed(error),
    }
}

async fn of_cloud(
    call: &Call,
    cloud: &CloudEntry,
    (types, extent): (&[ResourceType], Extent),
    range: (Uuid, Uuid),
) -> Report {
    let tenants = match call.context.store().tenants_within(cloud.api.name(), range).await {
        Ok(tenants) => tenants,
        Err(error) => return Report::failed(error.into()),
    };
    let extent = Extent { uses: tenants.iter().any(|it| call.live.rules.ask_for_use(it)), ..extent };
    let gathered = Gathered::new(call, types, tenants.len());
    let looks = types.iter().map(|it| fleet::look(cloud, &tenants, (*it, extent), &gathered));
    match try_join_all(looks).await {
        Ok(_) => gathered.into_report(),
        Err(error) => Report::failed(error),
    }
}
