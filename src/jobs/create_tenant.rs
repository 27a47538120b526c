//! `create_tenant`: a project with its user, limits, network, router and security groups, each made once however often it
//! is begun.

mod groups;
mod parts;

pub(super) use parts::user_name;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::create_security_group::CreateSecurityGroup;
use super::known::Known;
use super::observe::{self, Extent};
use super::security_groups::Groups;
use super::set_quotas::SetQuotas;
use super::update_tenant::{name_taken, wrong_texts};
use super::{Call, Effect, Job, JobError, Journal, Report, States};
use crate::drift::least_change::Wanted;
use crate::model::ids::named_id;
use crate::model::job::Request;
use crate::model::{Body, Invalid, ResourceType, Tenant, TenantState};
use crate::openstack::{Which, Writer};
use crate::store::in_time;
use crate::store::states::{NewTenant, Traits};

/// The network that a tenant gets when nobody says which.
const CIDR: &str = "192.168.42.0/24";
/// The domain that a tenant is made in when nobody says which.
const DOMAIN: &str = "default";
/// The role of the tenant's user and of our own login, and what older clouds call it.
const ROLES: [&str; 2] = ["member", "_member_"];

/// A tenant that is to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateTenant {
    /// The name of its project, unique in its domain.
    name: String,
    /// Its description.
    #[serde(default)]
    description: String,
    /// The id of its domain.
    #[serde(default = "domain")]
    domain: String,
    /// The zone that the portal wants its instances in.
    #[serde(default)]
    availability_zone: String,
    /// The name of the volume type that the portal wants for its volumes.
    #[serde(default)]
    default_volume_type_name: String,
    /// The addresses of its network: a private IPv4 network of the size /24.
    #[serde(default = "cidr")]
    subnet_cidr: String,
    /// Whether its network stays without a subnet.
    #[serde(default)]
    skip_creation_of_default_subnet: bool,
    /// Whether no router joins its network to the outside.
    #[serde(default)]
    skip_creation_of_default_router: bool,
    /// The id of the network outside; default: the only external network there is, if there is only one.
    #[serde(default)]
    external_network_id: Option<String>,
    /// Its limits, as `set_quotas` takes them.
    #[serde(default)]
    quotas: BTreeMap<String, Value>,
    /// Its security groups besides `default`, whose rules may name each other.
    #[serde(default)]
    security_groups: Vec<CreateSecurityGroup>,
}

fn domain() -> String {
    DOMAIN.to_owned()
}

fn cidr() -> String {
    CIDR.to_owned()
}

impl Job for CreateTenant {
    const KIND: &'static str = "create_tenant";
    const ABOUT: &'static str = "make a tenant: its project, user, limits, network, router and security groups";
    const WRITES: bool = true;
    const STATES: Option<States> = Some(States::CREATION);

    fn problems(&self) -> Invalid {
        let mut invalid = wrong_texts([
            ("name", Some(&self.name)),
            ("description", Some(&self.description)),
            ("availability_zone", Some(&self.availability_zone)),
            ("default_volume_type_name", Some(&self.default_volume_type_name)),
        ]);
        if let Err(why) = pool(&self.subnet_cidr) {
            invalid.field("subnet_cidr").add(why);
        }
        invalid.field("quotas").merge(SetQuotas::of(self.quotas.clone()).problems());
        invalid.field("security_groups").merge(groups::problems(&self.security_groups));
        invalid
    }

    fn conflicts(&self, known: &Known) -> Invalid {
        match &known.tenant {
            Some(tenant) if tenant.state == TenantState::Ok => {
                Invalid::because(format!("{} is there already; a new tenant has no id yet", tenant.label()))
            }
            _ => name_taken(known, &self.name, &self.domain),
        }
    }

    fn new_name(&self) -> Option<String> {
        Some(self.name.clone())
    }

    fn new_tenant(&self, request: &Request) -> Option<NewTenant> {
        Some(NewTenant {
            // The same order makes the same tenant, also when a dead one is asked for again.
            uuid: named_id("tenant", &request.order().to_string()),
            cloud: request.cloud.clone()?,
            name: self.name.clone(),
            domain: self.domain.clone(),
            description: self.description.clone(),
            availability_zone: self.availability_zone.clone(),
            default_volume_type: self.default_volume_type_name.clone(),
        })
    }

    async fn run(self, call: Call) -> Report {
        // It is large, and most jobs are not.
        match Box::pin(self.create(&call)).await {
            Ok(report) => report,
            Err(error) => Report::failed(error),
        }
    }
}

impl CreateTenant {
    async fn create(&self, call: &Call) -> Result<Report, JobError> {
        let Some(tenant) = &call.tenant else {
            return Err(JobError::give_up("invalid_params", "create_tenant: say in which cloud"));
        };
        let journal = Journal::open(call, Self::KIND, tenant).await?;
        journal.cloud().must_see_all().await?;
        must_be_ours(&journal, tenant).await?;
        let external = self.external(&journal).await?;
        let project = journal.create(&parts::OfProject { tenant, domain: &self.domain }).await?;
        let tenant = record(call, tenant, (&project.id, &self.domain)).await?;
        let user = parts::user_name(&tenant);
        let made = journal.create(&parts::OfUser { name: &user, domain: &self.domain, project: &project.id }).await?;
        let roles = journal.cloud().roles().await?;
        let role = ROLES.iter().find_map(|name| roles.iter().find(|role| role.name == *name));
        let role = role.ok_or_else(|| {
            JobError::give_up("no_role", format!("there is none of the roles {} to give to the user", ROLES.join(", ")))
        })?;
        let grant = async |writer: Writer| writer.grant_role(&project.id, &made.id, &role.id).await;
        journal.change("role of the user", grant).await?;
        self.join(&journal, &project.id, &role.id).await?;
        // Before anything is made that they might forbid.
        let quotas = SetQuotas::of(self.quotas.clone());
        quotas.set(&journal, &project.id).await?;
        let slug = parts::slug(&tenant.name);
        let name = format!("{slug}-int-net");
        let network = journal.create(&parts::OfNetwork { project: &project.id, name: &name }).await?;
        if !self.skip_creation_of_default_subnet {
            self.connect(&journal, &project.id, (&network, &slug), external.as_deref()).await?;
        }
        let groups = Groups { call, tenant: &tenant, project: &project.id, journal: &journal };
        let groups = groups::make(&groups, &self.security_groups).await?;
        let traits = Traits {
            internal_network: Some(network),
            external_network: external,
            user_name: Some(user),
            ..Traits::default()
        };
        self.report(call, tenant, traits, &groups).await
    }

    /// Gives our own login the role too: Nova makes a server group only for the project of a token. Nothing else needs
    /// it, so a tenant is made also where Keystone refuses.
    async fn join(&self, journal: &Journal, project: &str, role: &str) -> Result<(), JobError> {
        let own = journal.cloud().identity().await?.user_id;
        let grant = async |writer: Writer| writer.grant_role(project, &own, role).await;
        match journal.change("role of our own login", grant).await {
            Err(refused @ JobError::GiveUp { .. }) => {
                tracing::warn!(project.id = project, "server groups of the new tenant cannot be made: {refused}");
                Ok(())
            }
            granted => granted,
        }
    }

    /// The network outside: the one that is named, or the only one there is.
    async fn external(&self, journal: &Journal) -> Result<Option<String>, JobError> {
        if self.skip_creation_of_default_router || self.skip_creation_of_default_subnet {
            return Ok(None);
        }
        let networks = journal.cloud().networks(Which::All).await?.items;
        let mut outside = networks.into_iter().filter(|network| network.external).map(|network| network.id);
        if let Some(named) = &self.external_network_id {
            let message = || format!("external_network_id: there is no external network `{named}`");
            let found = outside.find(|id| id == named);
            return found.map(Some).ok_or_else(|| JobError::give_up("invalid_params", message()));
        }
        let first = outside.next();
        Ok(if outside.next().is_some() { None } else { first })
    }

    /// A subnet, and a router that joins it to the outside.
    async fn connect(
        &self,
        journal: &Journal,
        project: &str,
        (network, slug): (&str, &str),
        external: Option<&str>,
    ) -> Result<(), JobError> {
        let pool = pool(&self.subnet_cidr).map_err(|why| JobError::give_up("invalid_params", why))?;
        let name = format!("{slug}-sub-net");
        let subnet = parts::OfSubnet { project, network, name: &name, cidr: &self.subnet_cidr, pool: &pool };
        let subnet = journal.create(&subnet).await?;
        if self.skip_creation_of_default_router {
            return Ok(());
        }
        let name = format!("{slug}-int-net-router");
        let router = journal.create(&parts::OfRouter { project, name: &name }).await?;
        journal.create(&parts::OfInterface { project, router: &router, subnet: &subnet }).await?;
        if let Some(external) = external {
            let lead = async |writer: Writer| writer.set_gateway(&router, external).await;
            journal.change("gateway of the router", lead).await?;
        }
        Ok(())
    }

    /// What there is now, read back.
    async fn report(&self, call: &Call, tenant: Tenant, traits: Traits, groups: &[Wanted]) -> Result<Report, JobError> {
        let cloud = call.live.cloud(&tenant.cloud)?;
        let mut effects = vec![Effect::Described { tenant: tenant.clone(), traits }];
        for resource_type in ResourceType::MENDABLE {
            let observation = observe::tenant(cloud, &tenant, resource_type, Extent::default()).await?;
            match &observation.body {
                Body::Quotas(quotas) => {
                    let wishes = SetQuotas::of(self.quotas.clone());
                    effects.extend(wishes.commanded(call, &tenant, quotas)?);
                }
                Body::SecurityGroups(seen) => effects.extend(groups::commanded(call, &tenant, seen, groups)?),
                _ => {}
            }
            effects.push(Effect::Observed { tenant: tenant.clone(), observation });
        }
        Ok(Report { effects, ..Report::default() })
    }
}

/// A project that is recorded already must be one that was made for this tenant.
async fn must_be_ours(journal: &Journal, tenant: &Tenant) -> Result<(), JobError> {
    let Some(id) = tenant.project() else { return Ok(()) };
    let is_ours = |project: crate::openstack::Project| project.tags.contains(&tenant.marker());
    if journal.cloud().project(id).await?.is_some_and(is_ours) {
        return Ok(());
    }
    let message = format!("{} has the project {id}, which was not made for it", tenant.label());
    Err(JobError::give_up("invalid_params", message))
}

/// Writes the project down as soon as there is one: a discovery must not take it for somebody else's.
async fn record(call: &Call, tenant: &Tenant, made: (&str, &str)) -> Result<Tenant, JobError> {
    let gone = || JobError::give_up("tenant_gone", format!("{} was unlinked meanwhile", tenant.label()));
    if tenant.project() == Some(made.0) {
        return Ok(tenant.clone());
    }
    let now = call.context.clock().now();
    let recorded = in_time(async {
        let mut tx = call.context.store().begin().await?;
        tx.tenant_made(tenant, made, now).await?;
        let recorded = tx.tenant(tenant.uuid).await?;
        tx.commit().await?;
        Ok(recorded)
    });
    recorded.await?.ok_or_else(gone)
}

/// The addresses of a network that are given out, if it is one that a tenant may have.
fn pool(cidr: &str) -> Result<(String, String), String> {
    let wrong = || format!("\"{cidr}\" is no private IPv4 network of the size /24, such as {CIDR}.");
    let (address, size) = cidr.split_once('/').ok_or_else(wrong)?;
    let address: Ipv4Addr = address.parse().map_err(|_| wrong())?;
    let [first, second, third, last] = address.octets();
    if size != "24" || last != 0 || !address.is_private() {
        return Err(wrong());
    }
    let host = |number| Ipv4Addr::new(first, second, third, number).to_string();
    Ok((host(10), host(200)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let wish = json!({"name": " ", "subnet_cidr": "192.168.42.1/24", "quotas": {"vcpu": -3, "storage": 1}});
        let job: CreateTenant = serde_json::from_value(wish).unwrap();
        let said = serde_json::to_value(job.problems()).unwrap();
        let fields: Vec<&String> = said.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["name", "quotas", "subnet_cidr"]);
        assert_eq!(said["quotas"]["vcpu"], json!(["a limit of -3 has no meaning"]));
    }

    #[test]
    fn a_network_is_private_and_of_one_size() {
        assert_eq!(pool(CIDR).unwrap(), ("192.168.42.10".to_owned(), "192.168.42.200".to_owned()));
        for wrong in ["8.8.8.0/24", "10.0.0.0/16", "10.0.0.0", "fd00::/64", "10.0.0.0/24/1", "172.32.0.0/24"] {
            assert!(pool(wrong).is_err(), "{wrong}");
        }
    }
}
