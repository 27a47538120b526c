//! `create_floating_ip`: take an address of an external network for a tenant, read it back, and expect it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::journal::{Creation, Journal};
use super::known::Known;
use super::made::{self, Made, wrong_text};
use super::observe::{self, Extent};
use super::{Call, Effect, Job, JobError, Report, States};
use crate::model::floating_ip::FloatingIp;
use crate::model::{Body, Invalid, Object, ResourceType, Tenant};
use crate::openstack::{self, Cloud, NetworkObject, Router, Which, Writer};
use crate::store::states::Traits;

/// The longest description that Neutron keeps, in characters.
const DESCRIPTION: usize = 255;

/// Where the address comes from, if that is to be said.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CreateFloatingIp {
    /// A router of the tenant, by its id: the address is one of the network that it leads to.
    router: Option<String>,
    /// The external network, by its id. Neither: the tenant's own, else the one that its routers lead to, else the only
    /// one that the cloud has.
    external_network: Option<String>,
    /// Free text.
    description: String,
}

impl Job for CreateFloatingIp {
    const KIND: &'static str = "create_floating_ip";
    const ABOUT: &'static str = "take a floating IP for a tenant";
    const FLEET: bool = false;
    const WRITES: bool = true;
    const STATES: Option<States> = Some(States::UPDATE);

    fn problems(&self) -> Invalid {
        let mut invalid = Invalid::default();
        if let Some(why) = wrong_text(&self.description, DESCRIPTION) {
            invalid.field("description").add(why);
        }
        if self.router.is_some() && self.external_network.is_some() {
            invalid.add("router and external_network exclude each other");
        }
        invalid
    }

    fn conflicts(&self, known: &Known) -> Invalid {
        known.exceeded(&[("floating_ip_count", 1)]).map(Invalid::because).unwrap_or_default()
    }

    async fn run(self, call: Call) -> Report {
        self.create(&call).await.unwrap_or_else(Report::failed)
    }
}

impl CreateFloatingIp {
    async fn create(&self, call: &Call) -> Result<Report, JobError> {
        let (tenant, project) = call.project()?;
        let journal = Journal::open(call, Self::KIND, tenant).await?;
        let record = made::record(call, tenant, "floating_ips").await?;
        let wish = (self.router.as_deref(), self.external_network.as_deref());
        let network = network(journal.cloud(), tenant, wish).await?;
        let mark = format!("tenantd {}", call.request.order());
        let address = Address { project, network: &network, mark: &mark };
        let made = journal.create(&address).await.map_err(|error| exhausted(error, &network))?;
        // The mark has told that it is ours; from here on its id does.
        let describe = async |writer: Writer| writer.describe_floating_ip(&made.id, &self.description).await;
        let described = journal.change("floating IP: describe", describe).await;
        let cloud = call.live.cloud(&tenant.cloud)?;
        let seen = observe::tenant(cloud, tenant, ResourceType::FloatingIps, Extent::default()).await?;
        let settled = described.and_then(|()| self.confirm(&seen.body, &made));
        let address = settled.as_ref().map(|it| it.address.clone()).unwrap_or_default();
        let record = Object { name: address, description: self.description.clone(), ..record };
        let settled = settled.map(|address| Body::FloatingIps(vec![address]));
        let mut report = made::report(call, record, &made, seen, settled);
        if tenant.external_network.is_empty() {
            let traits = Traits { external_network: Some(network), ..Traits::default() };
            report.effects.push(Effect::Described { tenant: tenant.clone(), traits });
        }
        Ok(report)
    }

    fn confirm(&self, seen: &Body, made: &Made) -> Result<FloatingIp, JobError> {
        let found = match seen {
            Body::FloatingIps(addresses) => addresses.iter().find(|address| address.id == made.id),
            _ => None,
        };
        let refused = |why: &str| JobError::give_up("not_confirmed", format!("the floating IP {} {why}", made.id));
        let address = found.ok_or_else(|| refused("is gone again"))?;
        if address.description != self.description {
            return Err(refused("is not described as it was asked for"));
        }
        Ok(address.clone())
    }
}

/// The network that an address of the tenant is to come from: that of the router or the network that is named, else the
/// tenant's own, else the one that its routers lead to, else the only one that the cloud has.
///
/// # Errors
/// `invalid_params` when what is named is not there; `no_external_network` when there is none, or too many to choose from.
pub async fn network(
    cloud: &Cloud,
    tenant: &Tenant,
    (router, named): (Option<&str>, Option<&str>),
) -> Result<String, JobError> {
    let project = tenant.backend_id.as_str();
    if let Some(id) = router {
        let routers = cloud.routers(Which::Project(project)).await?.items;
        let refused = |why: &str| JobError::give_up("invalid_params", format!("router: {id} {why}"));
        let own = routers.iter().find(|router| router.id == id && router.project_id == project);
        let router = own.ok_or_else(|| refused("is no router of the tenant"))?;
        return gateway(router).ok_or_else(|| refused("leads to no external network"));
    }
    let external = cloud.external_networks().await?;
    if let Some(id) = named {
        if external.iter().any(|network| network.id == id) {
            return Ok(id.to_owned());
        }
        let why = format!("external_network: the cloud has no external network {id}");
        return Err(JobError::give_up("invalid_params", why));
    }
    if external.iter().any(|network| network.id == tenant.external_network) {
        return Ok(tenant.external_network.clone());
    }
    let routers = cloud.routers(Which::Project(project)).await?.items;
    let mut candidates: Vec<String> = routers.iter().filter_map(gateway).collect();
    if candidates.is_empty() {
        candidates = external.into_iter().map(|network| network.id).collect();
    }
    candidates.sort_unstable();
    candidates.dedup();
    match candidates.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(JobError::give_up("no_external_network", "the cloud has no external network that it shows us")),
        many => {
            let why = format!("there are several external networks, name one: {}", many.join(", "));
            Err(JobError::give_up("no_external_network", why))
        }
    }
}

fn gateway(router: &Router) -> Option<String> {
    router.external_gateway_info.as_ref().map(|gateway| gateway.network_id.clone())
}

/// Neutron's words for a network without free addresses say which subnet it means, not what that means.
fn exhausted(error: JobError, network: &str) -> JobError {
    let said = error.to_string();
    if said.contains("No more IP addresses available") {
        return error.told(format!("the external network {network} has no free address: {said}"));
    }
    error
}

/// An address that is to be. It has no name: its description tells that it is this order's.
struct Address<'a> {
    project: &'a str,
    network: &'a str,
    mark: &'a str,
}

impl Creation for Address<'_> {
    type Made = Made;
    const MARKED: bool = true;

    fn step(&self) -> String {
        "floating IP".to_owned()
    }

    async fn look(&self, cloud: &Cloud) -> Result<Vec<Made>, openstack::Error> {
        let mut marked = cloud.floating_ips(Which::Project(self.project)).await?.items;
        marked.retain(|address| address.description == self.mark);
        marked.sort_by(|one, other| (&one.created_at, &one.id).cmp(&(&other.created_at, &other.id)));
        Ok(marked.into_iter().map(|address| Made { id: address.id }).collect())
    }

    fn id(made: &Made) -> &str {
        &made.id
    }

    async fn make(&self, writer: &Writer) -> Result<Made, openstack::Error> {
        let made = writer.create_floating_ip(self.project, self.network, self.mark).await?;
        Ok(Made { id: made.id })
    }

    async fn remove(&self, writer: &Writer, id: &str) -> Result<(), openstack::Error> {
        writer.remove_from_network(NetworkObject::FloatingIp, id).await
    }
}
