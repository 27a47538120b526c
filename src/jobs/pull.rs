//! `pull`, and what every pull of one resource type shares.

use futures::future::join_all;
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

use super::context::CloudEntry;
use super::observe::{self, Extent};
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
                of_tenant(cloud, tenant, types, extent).await
            }
            Err(error) => Report::failed(error),
        },
        (None, Scope::Cloud) => match call.live.cloud(call.request.cloud.as_deref().unwrap_or_default()) {
            Ok(cloud) => of_cloud(&call, cloud, types, extent).await,
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
            match self.context.store().active_clouds(&self.request.source).await {
                Ok(clouds) => active = clouds,
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

async fn of_tenant(cloud: &CloudEntry, tenant: &Tenant, types: &[ResourceType], extent: Extent) -> Report {
    let looks = types.iter().map(|it| observe::tenant(cloud, tenant, *it, extent));
    let mut gathered = Gathered::default();
    for (resource_type, seen) in types.iter().zip(join_all(looks).await) {
        gathered.add(tenant.clone(), *resource_type, seen);
    }
    gathered.into_report()
}

async fn of_cloud(call: &Call, cloud: &CloudEntry, types: &[ResourceType], extent: Extent) -> Report {
    let tenants = match call.context.store().tenants(Some(cloud.api.name())).await {
        Ok(tenants) => tenants,
        Err(error) => return Report::failed(error.into()),
    };
    let tenants: Vec<Tenant> = tenants.into_iter().filter(|it| it.enabled && it.vanished_at.is_none()).collect();
    let extent = Extent { uses: tenants.iter().any(|it| call.live.rules.ask_for_use(it)), ..extent };
    let looks = types.iter().map(|it| observe::fleet(cloud, tenants.clone(), *it, extent));
    let mut gathered = Gathered::default();
    for (resource_type, seen) in types.iter().zip(join_all(looks).await) {
        match seen {
            Ok(seen) => seen.into_iter().for_each(|(tenant, look)| gathered.add(tenant, *resource_type, look)),
            Err(error) => gathered.add_all(&tenants, *resource_type, error),
        }
    }
    gathered.into_report()
}

/// What several looks brought.
#[derive(Default)]
struct Gathered {
    effects: Vec<Effect>,
    complete: usize,
    incomplete: usize,
    troubles: Vec<String>,
    uncounted: Vec<String>,
    failures: Vec<JobError>,
}

impl Gathered {
    fn add(&mut self, tenant: Tenant, resource_type: ResourceType, seen: Result<crate::model::Observation, JobError>) {
        match seen {
            Ok(observation) => {
                self.complete += 1;
                self.incomplete += usize::from(observation.is_partial());
                self.uncounted.extend(observation.uncounted.clone());
                let trouble = observation.trouble.clone();
                self.effects.push(Effect::Observed { tenant: tenant.clone(), observation });
                if let Some((reason, error)) = trouble {
                    self.troubles.push(error.clone());
                    self.effects.push(Effect::Unreadable { tenant, resource_type, reason, error });
                }
            }
            Err(error) => {
                self.effects.push(Effect::unreadable(tenant, resource_type, &error));
                self.failures.push(error);
            }
        }
    }

    fn add_all(&mut self, tenants: &[Tenant], resource_type: ResourceType, error: JobError) {
        let failed = |tenant: &Tenant| Effect::unreadable(tenant.clone(), resource_type, &error);
        self.effects.extend(tenants.iter().map(failed));
        self.failures.push(error);
    }

    /// A failure when nothing could be read; the kindest one, for then a retry can help.
    fn into_report(mut self) -> Report {
        if self.complete == 0 && !self.failures.is_empty() {
            let retry = self.failures.iter().position(|error| matches!(error, JobError::Retry { .. }));
            let failure = self.failures.swap_remove(retry.unwrap_or(0));
            return Report { effects: self.effects, failure: Some(failure), ..Report::default() };
        }
        let mut left_out = Vec::new();
        if let Some(first) = self.failures.first() {
            left_out.push(format!(
                "{} of {} looks failed; the first: {first}",
                self.failures.len(),
                self.failures.len() + self.complete
            ));
        }
        if let Some(first) = self.troubles.first() {
            left_out.push(format!("{} looks missed a service; the first: {first}", self.troubles.len()));
        }
        let unreadable = self.incomplete - self.troubles.len();
        if unreadable > 0 {
            left_out.push(format!("{unreadable} listings had objects that cannot be read"));
        }
        if let Some(first) = self.uncounted.first() {
            left_out.push(format!("{} looks could not count; the first: {first}", self.uncounted.len()));
        }
        let left_out = (!left_out.is_empty()).then(|| left_out.join("; "));
        Report { effects: self.effects, left_out, ..Report::default() }
    }
}
