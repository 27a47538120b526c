//! From what is there to what is expected, step by step: the least change, and in an order in which what is to be is
//! there before what is not to be goes.
//!
//! One file per resource type says which steps there are; this one says what they have in common. A step names what it
//! makes by the id under which that is expected, for it has no other yet: whoever carries steps out makes what is new,
//! looks again, and plans the rest from there.

mod floating_ips;
mod quotas;
mod security_groups;
mod server_groups;

use std::collections::BTreeMap;

use super::least_change::Change;
use crate::model::quota::Limit;
use crate::model::{Body, ResourceType};

/// What becomes of objects that nobody expects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unexpected {
    /// They stay, and are told.
    #[default]
    Stay,
    /// They go.
    Go,
}

/// Why something that nobody expects stays.
const NOT_ASKED: &str = "not expected; left, for --delete was not given";

/// One change of a cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub act: Act,
    /// The object that it is done to: a quota's name, an id in the cloud, or the id under which a new one is expected.
    pub object: String,
    /// Its name for people.
    pub object_name: String,
    /// What is done, in one line.
    pub line: String,
}

/// What is done to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// A limit is set.
    SetLimit {
        /// What it is to be.
        limit: Limit,
        /// What it is.
        before: Limit,
    },
    /// What is there under another id is taken for the expected one: nothing changes but what is expected.
    Take {
        /// The id under which it was expected.
        expected: String,
    },
    /// A security group is made, with the rules that every group is born with.
    MakeSecurityGroup {
        /// What is said about it.
        description: String,
        /// Whether replies are let through by themselves.
        stateful: bool,
    },
    /// A group gets another name, gets a rule, or loses one.
    ChangeSecurityGroup(Change),
    /// A group lets replies through by itself, or not any more.
    SetStateful(bool),
    /// A security group goes, with its rules.
    RemoveSecurityGroup,
    /// An address is taken, by name.
    MakeFloatingIp {
        /// The external network that it is of.
        network: String,
        /// What is said about it.
        description: String,
    },
    /// Something else is said about a floating IP.
    DescribeFloatingIp(String),
    /// A floating IP leads to a port.
    Lead {
        /// The port.
        port: String,
        /// Which of its addresses.
        fixed_ip: Option<String>,
    },
    /// A floating IP leads nowhere.
    Unlead {
        /// Whether another one is to lead where it does.
        makes_room: bool,
    },
    /// A floating IP is given back.
    ReleaseFloatingIp,
    /// A server group is made.
    MakeServerGroup {
        /// Its policy.
        policy: String,
    },
    /// A server group goes.
    RemoveServerGroup,
}

/// When a step is taken, the steps of all resource types together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Limits go up, so that there is room.
    Raise,
    /// What is missing is made.
    Make,
    /// What is there becomes what it is to be, and loses nothing.
    Change,
    /// What is not to be goes.
    Remove,
    /// Limits go down, once less is used.
    Lower,
}

impl Act {
    /// When it is done.
    pub fn phase(&self) -> Phase {
        match self {
            Self::SetLimit { limit, before } if limit > before => Phase::Raise,
            Self::SetLimit { .. } => Phase::Lower,
            Self::Take { .. }
            | Self::MakeSecurityGroup { .. }
            | Self::MakeFloatingIp { .. }
            | Self::MakeServerGroup { .. } => Phase::Make,
            Self::ChangeSecurityGroup(Change::RemoveRule { .. })
            | Self::RemoveSecurityGroup
            | Self::Unlead { makes_room: false }
            | Self::ReleaseFloatingIp
            | Self::RemoveServerGroup => Phase::Remove,
            Self::ChangeSecurityGroup(_)
            | Self::SetStateful(_)
            | Self::DescribeFloatingIp(_)
            | Self::Lead { .. }
            | Self::Unlead { makes_room: true } => Phase::Change,
        }
    }

    /// What a person calls it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::SetLimit { .. } => "set",
            Self::Take { .. } => "take",
            Self::MakeSecurityGroup { .. } | Self::MakeFloatingIp { .. } | Self::MakeServerGroup { .. } => "make",
            Self::ChangeSecurityGroup(Change::AddRule { .. }) => "add",
            Self::ChangeSecurityGroup(Change::Describe { .. })
            | Self::SetStateful(_)
            | Self::DescribeFloatingIp(_)
            | Self::Lead { .. }
            | Self::Unlead { .. } => "change",
            Self::ChangeSecurityGroup(Change::RemoveRule { .. })
            | Self::RemoveSecurityGroup
            | Self::ReleaseFloatingIp
            | Self::RemoveServerGroup => "remove",
        }
    }
}

/// A difference that no step is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The object.
    pub object: String,
    /// Its name for people.
    pub object_name: String,
    /// Why it stays as it is.
    pub why: String,
}

impl Left {
    fn new(object: &str, object_name: &str, why: impl Into<String>) -> Self {
        Self { object: object.to_owned(), object_name: object_name.to_owned(), why: why.into() }
    }
}

/// What is to be done to one resource type of one tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The steps, in their order.
    pub steps: Vec<Step>,
    /// Differences that no step can mend.
    pub unmendable: Vec<Left>,
    /// What is left alone.
    pub left: Vec<Left>,
}

impl Plan {
    fn step(&mut self, act: Act, (object, object_name): (&str, &str), line: String) {
        self.steps.push(Step { act, object: object.to_owned(), object_name: object_name.to_owned(), line });
    }

    /// Takes what is there for what is expected under other ids.
    fn take(&mut self, noun: &str, taken: &[(String, String, String)]) {
        for (expected, id, name) in taken {
            let line = format!("take {noun} {name} ({id}) for the one that was expected as {expected}");
            self.step(Act::Take { expected: expected.clone() }, (id, name), line);
        }
    }
}

/// The steps from `observed` to `expected`, both of one resource type.
pub fn plan(expected: &Body, observed: &Body, unexpected: Unexpected) -> Plan {
    let mut plan = match (expected, observed) {
        (Body::Quotas(expected), Body::Quotas(observed)) => quotas::plan(expected, observed),
        (Body::SecurityGroups(expected), Body::SecurityGroups(observed)) => {
            security_groups::plan(expected, observed, unexpected)
        }
        (Body::FloatingIps(expected), Body::FloatingIps(observed)) => {
            floating_ips::plan(expected, observed, unexpected)
        }
        (Body::ServerGroups(expected), Body::ServerGroups(observed)) => {
            server_groups::plan(expected, observed, unexpected)
        }
        _ => Plan::default(),
    };
    plan.steps.sort_by_key(|step| step.act.phase());
    plan
}

/// The steps of several resource types in the order in which they are taken.
pub fn in_turn(plans: &[(ResourceType, Plan)]) -> Vec<(ResourceType, &Step)> {
    let all = plans.iter().flat_map(|(resource_type, plan)| plan.steps.iter().map(|step| (*resource_type, step)));
    let mut all: Vec<(ResourceType, &Step)> = all.collect();
    all.sort_by_key(|(_, step)| step.act.phase());
    all
}

/// The body in which objects have other ids, those that rules name too.
#[must_use]
pub fn moved(mut body: Body, ids: &BTreeMap<String, String>) -> Body {
    let follow = |id: &mut String| {
        if let Some(new) = ids.get(id) {
            id.clone_from(new);
        }
    };
    match &mut body {
        Body::SecurityGroups(groups) => {
            for group in groups {
                follow(&mut group.id);
                group.rules.iter_mut().filter_map(|rule| rule.meaning.remote_group.as_mut()).for_each(follow);
            }
        }
        Body::FloatingIps(addresses) => addresses.iter_mut().for_each(|address| follow(&mut address.id)),
        Body::ServerGroups(groups) => groups.iter_mut().for_each(|group| follow(&mut group.id)),
        // Nothing else is made anew.
        _ => {}
    }
    body.sorted()
}

/// Of those that are expected and not there, each for which exactly one that is there and not expected can be taken:
/// the id that was expected, the id that is there, and its name.
fn taken<T>(
    expected: &[T],
    observed: &[T],
    id: impl Fn(&T) -> &str,
    name: impl Fn(&T) -> &str,
    alike: impl Fn(&T, &T) -> bool,
) -> Vec<(String, String, String)> {
    let is_in = |list: &[T], one: &T| list.iter().any(|other| id(other) == id(one));
    let missing: Vec<&T> = expected.iter().filter(|one| !is_in(observed, one)).collect();
    let new: Vec<&T> = observed.iter().filter(|one| !is_in(expected, one)).collect();
    let only = |list: &[&T], one: &T| list.iter().filter(|other| alike(other, one)).count() == 1;
    let candidate = |wanted: &&T| new.iter().find(|one| alike(one, wanted) && only(&new, wanted)).copied();
    let pairs = missing.iter().filter(|wanted| only(&missing, wanted));
    let pairs = pairs.filter_map(|wanted| candidate(wanted).map(|there| (wanted, there)));
    pairs.map(|(wanted, there)| (id(wanted).to_owned(), id(there).to_owned(), name(there).to_owned())).collect()
}

fn ids(taken: &[(String, String, String)]) -> BTreeMap<String, String> {
    taken.iter().map(|(expected, id, _)| (expected.clone(), id.clone())).collect()
}

#[cfg(test)]
mod tests;
