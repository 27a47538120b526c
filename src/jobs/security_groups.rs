//! What the jobs that change security groups share: which groups a rule may name, and the changes themselves.

use uuid::Uuid;

use super::journal::{Creation, Journal};
use super::made::Made;
use super::observe::{self, Extent};
use super::{Call, JobError};
use crate::drift::least_change::Change;
use crate::model::rule_wish::{Peer, RuleWish};
pub(super) use crate::model::security_group::DEFAULT;
use crate::model::security_group::{Meaning, SecurityGroup};
use crate::model::{Body, Invalid, Object, Observation, ResourceType, Tenant};
use crate::openstack::{self, Cloud, NetworkObject, NewRule, Which, Writer};

/// The longest name, in characters.
pub(super) const NAME: usize = 150;
/// How many rules Neutron gives a new group.
pub(super) const BORN_WITH: u64 = 2;

/// The group on the other side of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Side {
    /// One that is there, by its id in the cloud.
    There(String),
    /// One that the request makes, by its place there.
    ToBe(usize),
}

/// The groups that a request may name.
#[derive(Debug)]
pub(super) struct Neighbours<'a> {
    /// Those that the tenant has.
    pub groups: &'a [SecurityGroup],
    /// The records of those that were made through tenantd, by whose ids a portal knows them.
    pub objects: &'a [Object],
    /// Those of the request: the id in the cloud of what is there, and the name.
    pub request: Vec<(Option<String>, &'a str)>,
    /// Whether those that the request does not name go.
    pub replaces: bool,
}

impl Neighbours<'_> {
    /// The tenant's group that is known here or in the cloud by this id.
    pub fn group(&self, id: &str) -> Option<&SecurityGroup> {
        let uuid = Uuid::parse_str(id).ok();
        let same = |other: &str| other == id || (uuid.is_some() && Uuid::parse_str(other).ok() == uuid);
        let recorded = self.objects.iter().find(|object| Some(object.uuid) == uuid);
        let recorded = recorded.and_then(|object| object.backend_id.as_deref());
        self.groups.iter().find(|group| recorded == Some(group.id.as_str()) || same(&group.id))
    }

    /// The group on the other side of a rule, if the rule names one.
    ///
    /// # Errors
    /// Why it may not be named: it is nobody's, another tenant's, or about to go.
    pub fn side(&self, rule: &RuleWish) -> Result<Option<Side>, String> {
        match rule.peer() {
            None => Ok(None),
            Some(Peer::Id(id)) => match self.group(id) {
                Some(group) => self.staying(group).map(Some),
                None => Err(format!("the tenant has no security group {id}")),
            },
            Some(Peer::Name(name)) => {
                if let Some(place) = self.request.iter().position(|(_, wanted)| *wanted == name) {
                    let there = self.request[place].0.clone().map(Side::There);
                    return Ok(Some(there.unwrap_or(Side::ToBe(place))));
                }
                let mut named = self.groups.iter().filter(|group| group.name == name);
                match (named.next(), named.next()) {
                    (Some(group), None) => self.staying(group).map(Some),
                    (Some(_), Some(_)) => Err(format!("several security groups are called {name}: name one by its id")),
                    (None, _) => Err(format!("the tenant has no security group {name}")),
                }
            }
        }
    }

    fn staying(&self, group: &SecurityGroup) -> Result<Side, String> {
        let is_named = || self.request.iter().any(|(id, _)| id.as_deref() == Some(group.id.as_str()));
        if self.replaces && group.name != DEFAULT && !is_named() {
            return Err(format!("the security group {} is not among those that are to stay", group.name));
        }
        Ok(Side::There(group.id.clone()))
    }

    /// Everything in which rules name groups that they may not.
    pub fn wrong_sides(&self, rules: &[RuleWish]) -> Invalid {
        let mut invalid = Invalid::default();
        for (index, rule) in rules.iter().enumerate() {
            if let Err(why) = self.side(rule) {
                let by_id = matches!(rule.peer(), Some(Peer::Id(_)));
                let field = if by_id { "remote_group" } else { "remote_group_name" };
                invalid.item(index).field(field).add(why);
            }
        }
        invalid
    }
}

/// Everything that is wrong with rules by themselves.
pub(super) fn wrong_rules(rules: &[RuleWish]) -> Invalid {
    let mut invalid = Invalid::default();
    let mut before: Vec<Meaning> = Vec::with_capacity(rules.len());
    for (index, rule) in rules.iter().enumerate() {
        let problems = rule.problems();
        let likeness = rule.likeness();
        if problems.is_empty() && before.contains(&likeness) {
            invalid.item(index).add("another rule of the request is the same");
        }
        if problems.is_empty() {
            before.push(likeness);
        }
        invalid.item(index).merge(problems);
    }
    invalid
}

/// What rules mean, once every group has an id; `made` are those of the request that it makes.
pub(super) fn meanings(
    rules: &[RuleWish],
    neighbours: &Neighbours<'_>,
    made: impl Fn(usize) -> Option<String>,
) -> Result<Vec<(Meaning, String)>, String> {
    let meaning = |rule: &RuleWish| {
        let peer = match neighbours.side(rule)? {
            None => None,
            Some(Side::There(id)) => Some(id),
            Some(Side::ToBe(place)) => {
                let name = neighbours.request.get(place).map_or("", |(_, name)| name);
                Some(made(place).ok_or_else(|| format!("the security group {name} is not there"))?)
            }
        };
        Ok((rule.meaning(peer), rule.description.clone().unwrap_or_default()))
    };
    rules.iter().map(meaning).collect()
}

/// The security groups of a tenant, and the right to change them.
pub(super) struct Groups<'a> {
    pub call: &'a Call,
    pub tenant: &'a Tenant,
    pub project: &'a str,
    pub journal: &'a Journal,
}

impl Groups<'_> {
    /// Those that are there now.
    pub async fn seen(&self) -> Result<(Observation, Vec<SecurityGroup>), JobError> {
        let cloud = self.call.live.cloud(&self.tenant.cloud)?;
        let seen = observe::tenant(cloud, self.tenant, ResourceType::SecurityGroups, Extent::default()).await?;
        let groups = if let Body::SecurityGroups(groups) = &seen.body { groups.clone() } else { Vec::new() };
        Ok((seen, groups))
    }

    /// The step that makes a group of this name.
    pub fn step(name: &str) -> String {
        format!("security group {name}")
    }

    /// Makes a group.
    pub async fn make(&self, name: &str, description: &str) -> Result<Made, JobError> {
        self.make_as(Self::step(name), (name, description), true).await
    }

    /// Makes a group as a step of this name.
    pub async fn make_as(
        &self,
        step: String,
        (name, description): (&str, &str),
        stateful: bool,
    ) -> Result<Made, JobError> {
        self.journal.create(&NewGroup { step, project: self.project, name, description, stateful }).await
    }

    /// Makes one change.
    pub async fn apply(&self, change: &Change) -> Result<(), JobError> {
        match change {
            Change::Describe { group, name, description } => {
                let act = async |writer: Writer| writer.update_security_group(group, name, description).await;
                self.journal.change(&format!("security group {group}: describe"), act).await
            }
            Change::AddRule { group, meaning, description } => {
                let rule = NewRule {
                    security_group_id: group,
                    direction: &meaning.direction,
                    ethertype: &meaning.ethertype,
                    protocol: meaning.protocol.as_deref(),
                    port_range_min: meaning.port_min,
                    port_range_max: meaning.port_max,
                    remote_ip_prefix: meaning.cidr.as_deref(),
                    remote_group_id: meaning.remote_group.as_deref(),
                    remote_address_group_id: meaning.remote_address_group.as_deref(),
                    description,
                };
                let act = async |writer: Writer| writer.create_security_group_rule(self.project, &rule).await;
                self.journal.change(&format!("security group {group}: add {meaning}"), act).await
            }
            Change::RemoveRule { group, rule, .. } => {
                let what = NetworkObject::SecurityGroupRule;
                let act = async |writer: Writer| writer.remove_from_network(what, rule).await;
                self.journal.change(&format!("security group {group}: remove rule {rule}"), act).await
            }
        }
    }

    /// Removes a group with its rules.
    pub async fn remove(&self, id: &str) -> Result<(), JobError> {
        let what = NetworkObject::SecurityGroup;
        let act = async |writer: Writer| writer.remove_from_network(what, id).await;
        self.journal.change(&format!("security group {id}: remove"), act).await
    }
}

/// A group that is to be. Neutron lets two have the same name, so only one that is new is taken for it.
struct NewGroup<'a> {
    step: String,
    project: &'a str,
    name: &'a str,
    description: &'a str,
    stateful: bool,
}

impl Creation for NewGroup<'_> {
    type Made = Made;
    const MARKED: bool = false;

    fn step(&self) -> String {
        self.step.clone()
    }

    async fn look(&self, cloud: &Cloud) -> Result<Vec<Made>, openstack::Error> {
        let listing = cloud.security_groups(Which::Project(self.project)).await?;
        let mut like: Vec<openstack::SecurityGroup> = listing.items;
        like.retain(|group| group.name == self.name && group.description == self.description);
        like.sort_by(|one, other| (&one.created_at, &one.id).cmp(&(&other.created_at, &other.id)));
        Ok(like.into_iter().map(|group| Made { id: group.id }).collect())
    }

    fn id(made: &Made) -> &str {
        &made.id
    }

    async fn make(&self, writer: &Writer) -> Result<Made, openstack::Error> {
        let made = writer.create_security_group(self.project, (self.name, self.description), self.stateful).await?;
        Ok(Made { id: made.id })
    }

    async fn remove(&self, writer: &Writer, id: &str) -> Result<(), openstack::Error> {
        writer.remove_from_network(NetworkObject::SecurityGroup, id).await
    }
}
