//! Security groups that are made again, get back what they lack, and lose what nobody expects. `default` is
//! OpenStack's and never goes; the rules that let everything out count as any other.

use std::collections::{BTreeMap, BTreeSet};

use super::{Act, Left, NOT_ASKED, Plan, Unexpected, ids, moved, taken};
use crate::drift::least_change::{Change, Wanted, changes, default_egress, in_order, removal_order};
use crate::model::Body;
use crate::model::security_group::{DEFAULT, Meaning, Rule, SecurityGroup};

const NOUN: &str = "security group";

/// What is compared: the expected groups under the ids by which they are there, as far as they are.
struct Comparison<'a> {
    expected: Vec<SecurityGroup>,
    observed: &'a [SecurityGroup],
    /// Names by id, for people.
    names: BTreeMap<String, String>,
}

pub(super) fn plan(expected: &[SecurityGroup], observed: &[SecurityGroup], unexpected: Unexpected) -> Plan {
    let taken = taken(expected, observed, |group| &group.id, |group| &group.name, |one, other| one.name == other.name);
    let mut plan = Plan::default();
    plan.take(NOUN, &taken);
    let Body::SecurityGroups(expected) = moved(Body::SecurityGroups(expected.to_vec()), &ids(&taken)) else {
        return plan;
    };
    let names = expected.iter().chain(observed).map(|group| (group.id.clone(), group.name.clone())).collect();
    let comparison = Comparison { expected, observed, names };
    comparison.make(&mut plan);
    comparison.change(&mut plan);
    comparison.remove(&mut plan, unexpected);
    plan
}

impl Comparison<'_> {
    fn there(&self, id: &str) -> Option<&SecurityGroup> {
        self.observed.iter().find(|group| group.id == id)
    }

    fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.names.get(id).map_or(id, String::as_str)
    }

    /// A rule in which the other side is named.
    fn say(&self, meaning: &Meaning) -> String {
        let remote_group = meaning.remote_group.as_deref().map(|id| self.name(id).to_owned());
        Meaning { remote_group, ..meaning.clone() }.to_string()
    }

    /// The expected groups, each after those that its rules name.
    fn in_order(&self) -> impl Iterator<Item = &SecurityGroup> {
        let place = |id: &String| self.expected.iter().position(|group| group.id == *id);
        let peers = |group: &SecurityGroup| -> BTreeSet<usize> {
            group.rules.iter().filter_map(|rule| rule.meaning.remote_group.as_ref()).filter_map(place).collect()
        };
        let names: Vec<BTreeSet<usize>> = self.expected.iter().map(peers).collect();
        in_order(&names).into_iter().map(|place| &self.expected[place])
    }

    fn make(&self, plan: &mut Plan) {
        for group in self.in_order().filter(|group| self.there(&group.id).is_none()) {
            let (description, stateful) = (group.description.clone(), group.stateful);
            let act = Act::MakeSecurityGroup { description, stateful };
            plan.step(act, (&group.id, &group.name), format!("make security group {}", group.name));
        }
    }

    fn change(&self, plan: &mut Plan) {
        let wanted: Vec<Wanted> = self.in_order().map(wanted).collect();
        let born = |group: &SecurityGroup| SecurityGroup { rules: born_with(), ..group.clone() };
        let new = self.expected.iter().filter(|group| self.there(&group.id).is_none()).map(born);
        let current: Vec<SecurityGroup> = self.observed.iter().cloned().chain(new).collect();
        let is_wanted = |change: &Change| match change {
            // Of two that mean the same both may be expected, for Neutron may tell them apart.
            Change::RemoveRule { group, meaning, .. } => {
                self.expected.iter().any(|it| it.id == *group && it.rules.iter().any(|rule| rule.meaning == *meaning))
            }
            _ => false,
        };
        for change in changes(&current, &wanted).into_iter().filter(|change| !is_wanted(change)) {
            let id = change.group().to_owned();
            let line = self.line(&change);
            plan.step(Act::ChangeSecurityGroup(change), (&id, self.name(&id)), line);
        }
        for group in &self.expected {
            if self.there(&group.id).is_some_and(|there| there.stateful != group.stateful) {
                let how = if group.stateful { "stateful" } else { "stateless" };
                let line = format!("make group {} {how}", self.name(&group.id));
                plan.step(Act::SetStateful(group.stateful), (&group.id, self.name(&group.id)), line);
            }
        }
    }

    fn line(&self, change: &Change) -> String {
        let group = self.name(change.group());
        match change {
            Change::Describe { name, .. } if name != group => format!("call group {group} {name}"),
            Change::Describe { description, .. } => format!("describe group {group} as \"{description}\""),
            Change::AddRule { meaning, .. } => format!("add to group {group}: {}", self.say(meaning)),
            Change::RemoveRule { meaning, .. } => format!("remove from group {group}: {}", self.say(meaning)),
        }
    }

    fn remove(&self, plan: &mut Plan, unexpected: Unexpected) {
        let is_expected = |there: &&SecurityGroup| self.expected.iter().any(|group| group.id == there.id);
        let mut going = Vec::new();
        for group in self.observed.iter().filter(|there| !is_expected(there)) {
            let stays = if group.name == DEFAULT {
                Some("not expected; left, for it is OpenStack's")
            } else if self.is_named(&group.id) {
                Some("not expected; left, for a rule that is expected names it")
            } else {
                (unexpected == Unexpected::Stay).then_some(NOT_ASKED)
            };
            match stays {
                Some(why) => plan.left.push(Left::new(&group.id, &group.name, why)),
                None => going.push(group),
            }
        }
        for place in removal_order(&going) {
            let group = going[place];
            let line = format!("remove security group {}", group.name);
            plan.step(Act::RemoveSecurityGroup, (&group.id, &group.name), line);
        }
    }

    fn is_named(&self, id: &str) -> bool {
        let mut rules = self.expected.iter().flat_map(|group| &group.rules);
        rules.any(|rule| rule.meaning.remote_group.as_deref() == Some(id))
    }
}

fn wanted(group: &SecurityGroup) -> Wanted {
    Wanted {
        id: group.id.clone(),
        name: group.name.clone(),
        description: Some(group.description.clone()),
        rules: Some(group.rules.iter().map(|rule| (rule.meaning.clone(), rule.description.clone())).collect()),
        keeps_default_egress: false,
    }
}

/// The rules with which Neutron begins every group; their ids are its to choose.
fn born_with() -> Vec<Rule> {
    let rule = |ethertype| Rule { meaning: default_egress(ethertype), id: String::new(), description: String::new() };
    ["IPv4", "IPv6"].map(rule).to_vec()
}
