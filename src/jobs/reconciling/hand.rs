//! The requests that steps are, each noted before it leaves and never made twice.

use crate::drift::reconcile::{Act, Step};
use crate::jobs::create_server_group::{NewGroup, without_role};
use crate::jobs::journal::Creation;
use crate::jobs::made::Made;
use crate::jobs::normalise::service_key;
use crate::jobs::security_groups::Groups;
use crate::jobs::{Call, JobError, Journal};
use crate::model::Tenant;
use crate::model::quota::Limit;
use crate::openstack::{self, Cloud, NetworkObject, Which, Writer};

/// The right to change a tenant.
pub(super) struct Hand<'a> {
    pub call: &'a Call,
    pub tenant: &'a Tenant,
    pub project: &'a str,
    pub journal: Journal,
}

impl Hand<'_> {
    const fn groups(&self) -> Groups<'_> {
        Groups { call: self.call, tenant: self.tenant, project: self.project, journal: &self.journal }
    }

    /// Takes a step; the id of what it made.
    pub async fn take(&self, step: &Step) -> Result<Option<String>, JobError> {
        let (id, name) = (step.object.as_str(), step.object_name.as_str());
        let made = match &step.act {
            Act::MakeSecurityGroup { description, stateful } => {
                let step = format!("security group {name}, expected as {id}");
                self.groups().make_as(step, (name, description), *stateful).await?
            }
            Act::MakeFloatingIp { network, description } => {
                let project = self.project;
                self.journal.create(&Address { project, network, text: name, description }).await?
            }
            Act::MakeServerGroup { policy } => self.make_server_group(id, name, policy).await?,
            act => return self.change(act, id).await.map(|()| None),
        };
        Ok(Some(made.id))
    }

    async fn change(&self, act: &Act, id: &str) -> Result<(), JobError> {
        match act {
            Act::SetLimit { limit, .. } => self.set_limit(id, *limit).await,
            Act::ChangeSecurityGroup(change) => self.groups().apply(change).await,
            Act::SetStateful(stateful) => {
                let act = async |writer: Writer| writer.set_stateful(id, *stateful).await;
                self.journal.change(&format!("security group {id}: stateful {stateful}"), act).await
            }
            Act::RemoveSecurityGroup => self.groups().remove(id).await,
            Act::DescribeFloatingIp(description) => {
                let act = async |writer: Writer| writer.describe_floating_ip(id, description).await;
                self.journal.change(&format!("floating IP {id}: describe"), act).await
            }
            Act::Lead { port, fixed_ip } => {
                let act = async |writer: Writer| writer.lead_floating_ip(id, Some(port), fixed_ip.as_deref()).await;
                self.journal.change(&format!("floating IP {id}: lead to port {port}"), act).await
            }
            Act::Unlead { .. } => {
                let act = async |writer: Writer| writer.lead_floating_ip(id, None, None).await;
                self.journal.change(&format!("floating IP {id}: lead nowhere"), act).await
            }
            Act::ReleaseFloatingIp => {
                let what = NetworkObject::FloatingIp;
                let act = async |writer: Writer| writer.remove_from_network(what, id).await;
                self.journal.change(&format!("floating IP {id}: release"), act).await
            }
            Act::RemoveServerGroup => {
                let act = async |writer: Writer| writer.delete_server_group(id).await;
                self.journal.change(&format!("server group {id}: remove"), act).await
            }
            // Nothing changes in the cloud, or it was made above.
            Act::Take { .. }
            | Act::MakeSecurityGroup { .. }
            | Act::MakeFloatingIp { .. }
            | Act::MakeServerGroup { .. } => Ok(()),
        }
    }

    /// One limit, in its service's own unit.
    async fn set_limit(&self, name: &str, limit: Limit) -> Result<(), JobError> {
        let nobody = || JobError::give_up("invalid_params", "no service limits this");
        let (service, key, factor) = service_key(name).ok_or_else(nobody)?;
        let number = match limit {
            Limit::Of(limit) if limit % factor != 0 => {
                let why = format!("{service} counts whole GiB, and {limit} MiB is none");
                return Err(JobError::give_up("invalid_params", why));
            }
            Limit::Of(limit) => Limit::Of(limit / factor).to_api(),
            Limit::Unlimited => limit.to_api(),
        };
        let limits = [(key.to_owned(), number)];
        let act = async |writer: Writer| writer.set_quota(service, self.project, &limits).await;
        self.journal.change(&format!("limit {name} {limit}"), act).await
    }

    /// Nova makes one only for the project of the token.
    async fn make_server_group(&self, id: &str, name: &str, policy: &str) -> Result<Made, JobError> {
        let own = self.journal.cloud().within(self.project).await;
        let own = own.map_err(|error| without_role(error.into(), self.tenant))?;
        let step = format!("server group {name}, expected as {id}");
        self.journal.create(&NewGroup { step, own: &own, project: self.project, name, policy }).await
    }
}

/// A floating IP that is taken again, by its address: nobody else can have it meanwhile.
struct Address<'a> {
    project: &'a str,
    network: &'a str,
    text: &'a str,
    description: &'a str,
}

impl Creation for Address<'_> {
    type Made = Made;
    const MARKED: bool = true;

    fn step(&self) -> String {
        format!("floating IP {}", self.text)
    }

    async fn look(&self, cloud: &Cloud) -> Result<Vec<Made>, openstack::Error> {
        let mut same = cloud.floating_ips(Which::Project(self.project)).await?.items;
        same.retain(|it| it.floating_ip_address == self.text);
        Ok(same.into_iter().map(|it| Made { id: it.id }).collect())
    }

    fn id(made: &Made) -> &str {
        &made.id
    }

    async fn make(&self, writer: &Writer) -> Result<Made, openstack::Error> {
        let made = writer.take_floating_ip(self.project, self.network, self.text, self.description).await?;
        Ok(Made { id: made.id })
    }

    async fn remove(&self, writer: &Writer, id: &str) -> Result<(), openstack::Error> {
        writer.remove_from_network(NetworkObject::FloatingIp, id).await
    }
}
