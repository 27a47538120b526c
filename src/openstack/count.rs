//! Neutron's objects of one project, as far as one must know them to count them.

use serde::Deserialize;

use super::Cloud;
use super::answer::{Listing, Which};
use super::collection::{Collection, FLOATING_IPS, NETWORKS, PORTS, SECURITY_GROUP_RULES, SECURITY_GROUPS, SUBNETS};
use super::error::Error;

/// What Neutron keeps a quota of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Countable {
    /// Floating IPs.
    FloatingIps,
    /// Networks.
    Networks,
    /// Ports.
    Ports,
    /// Rules of security groups. They count for the project that made them, which need not be the group's, so their own
    /// listing is what must be read, however much it costs.
    SecurityGroupRules,
    /// Security groups.
    SecurityGroups,
    /// Subnets.
    Subnets,
}

impl Countable {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::SecurityGroups, Self::SecurityGroupRules, Self::FloatingIps, Self::Ports, Self::Networks, Self::Subnets];

    /// Neutron's key of the quota.
    pub const fn key(self) -> &'static str {
        match self {
            Self::FloatingIps => "floatingip",
            Self::Networks => "network",
            Self::Ports => "port",
            Self::SecurityGroupRules => "security_group_rule",
            Self::SecurityGroups => "security_group",
            Self::Subnets => "subnet",
        }
    }

    const fn collection(self) -> &'static Collection {
        match self {
            Self::FloatingIps => &FLOATING_IPS,
            Self::Networks => &NETWORKS,
            Self::Ports => &PORTS,
            Self::SecurityGroupRules => &SECURITY_GROUP_RULES,
            Self::SecurityGroups => &SECURITY_GROUPS,
            Self::Subnets => &SUBNETS,
        }
    }
}

/// An object of which only the owner counts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct Owned {
    pub id: String,
    pub project_id: String,
}

impl Cloud {
    /// The objects that a project owns, not those that others share with it. Ports without an owner, such as those of
    /// routers' gateways, are nobody's.
    ///
    /// # Errors
    /// [`Error::OutOfSight`] where the role does not see them.
    pub async fn owned(&self, what: Countable, project: &str) -> Result<Listing<Owned>, Error> {
        let (collection, which) = (what.collection(), Which::Project(project));
        let grant = self.inner.session.grant().await?;
        self.must_see(&grant, collection, which)?;
        let request = collection.request(which, grant.identity.project_id());
        let request = request.query("fields", "id").query("fields", "project_id");
        let mut listing: Listing<Owned> = self.list(collection, &request).await?;
        listing.retain(|object| object.project_id == project, |_| true);
        Ok(listing)
    }
}
