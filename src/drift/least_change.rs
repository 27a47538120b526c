//! From the security groups that are there to those that are wanted, by the least change: what is right already is never
//! touched, so that no connection breaks for it, and what is to be is there before what is not to be goes.
//!
//! Rules are the same by what they mean. Neutron can change no rule, so one that only says something else about itself
//! stays as it is: to replace it would be to do without it for a moment.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::security_group::{Meaning, Rule, SecurityGroup};

/// A group as it is to be; its id is known, and so are those of the groups that its rules name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Neutron's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its description; none leaves what there is.
    pub description: Option<String>,
    /// Its rules with their descriptions; none leaves those that there are.
    pub rules: Option<Vec<(Meaning, String)>>,
    /// Whether the two rules that let everything out, with which every group begins, stay if they are there.
    pub keeps_default_egress: bool,
}

/// One change of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It gets another name or description.
    Describe {
        /// The group.
        group: String,
        /// What it is called then.
        name: String,
        /// What is said about it then.
        description: String,
    },
    /// It gets a rule.
    AddRule {
        /// The group.
        group: String,
        /// What it lets through.
        meaning: Meaning,
        /// What is said about it.
        description: String,
    },
    /// It loses a rule.
    RemoveRule {
        /// The group.
        group: String,
        /// The rule's id.
        rule: String,
        /// What it let through.
        meaning: Meaning,
    },
}

impl Change {
    /// The group that it is about.
    pub fn group(&self) -> &str {
        match self {
            Self::Describe { group, .. } | Self::AddRule { group, .. } | Self::RemoveRule { group, .. } => group,
        }
    }
}

/// The rule with which Neutron begins every group, for one kind of addresses: everything may leave.
pub fn default_egress(ethertype: &str) -> Meaning {
    Meaning {
        direction: "egress".to_owned(),
        ethertype: ethertype.to_owned(),
        protocol: None,
        port_min: None,
        port_max: None,
        cidr: None,
        remote_group: None,
        remote_address_group: None,
    }
}

/// Whether a rule is one of the two with which Neutron begins every group.
pub fn is_default_egress(meaning: &Meaning) -> bool {
    *meaning == default_egress(&meaning.ethertype)
}

/// The changes that lead from `current` to `wanted`, in the order in which they are to be made: everything that comes
/// before anything that goes.
pub fn changes(current: &[SecurityGroup], wanted: &[Wanted]) -> Vec<Change> {
    let by_id: BTreeMap<&str, &SecurityGroup> = current.iter().map(|group| (group.id.as_str(), group)).collect();
    let (mut coming, mut going) = (Vec::new(), Vec::new());
    for wish in wanted {
        let Some(group) = by_id.get(wish.id.as_str()) else { continue };
        let description = wish.description.as_ref().unwrap_or(&group.description);
        if (&wish.name, description) != (&group.name, &group.description) {
            let (name, description) = (wish.name.clone(), description.clone());
            coming.push(Change::Describe { group: group.id.clone(), name, description });
        }
        let Some(rules) = &wish.rules else { continue };
        let there: BTreeSet<&Meaning> = group.rules.iter().map(|rule| &rule.meaning).collect();
        let mut new = BTreeSet::new();
        for (meaning, description) in rules.iter().filter(|(meaning, _)| !there.contains(meaning)) {
            if new.insert(meaning) {
                let (meaning, description) = (meaning.clone(), description.clone());
                coming.push(Change::AddRule { group: group.id.clone(), meaning, description });
            }
        }
        going.extend(superfluous(group, rules, wish.keeps_default_egress).map(|rule| Change::RemoveRule {
            group: group.id.clone(),
            rule: rule.id.clone(),
            meaning: rule.meaning.clone(),
        }));
    }
    coming.extend(going);
    coming
}

fn superfluous<'a>(
    group: &'a SecurityGroup,
    rules: &'a [(Meaning, String)],
    keeps_default_egress: bool,
) -> impl Iterator<Item = &'a Rule> {
    let mut kept = BTreeSet::new();
    group.rules.iter().filter(move |rule| {
        let is_wanted = rules.iter().any(|(meaning, _)| *meaning == rule.meaning)
            || (keeps_default_egress && is_default_egress(&rule.meaning));
        // Of two that mean the same, one is enough.
        !(is_wanted && kept.insert(&rule.meaning))
    })
}

/// Whether a group is the one that Neutron makes when a project is first asked about, and nobody changed it: it lets
/// everything out, and its own members in.
pub fn is_as_born(group: &SecurityGroup) -> bool {
    let from_itself = |meaning: &Meaning| {
        meaning.direction == "ingress"
            && meaning.protocol.is_none()
            && meaning.remote_group.as_ref() == Some(&group.id)
            && meaning.cidr.is_none()
    };
    group.rules.iter().all(|rule| is_default_egress(&rule.meaning) || from_itself(&rule.meaning))
}

/// Whether a group is as it is wanted; in what it is not, in words.
pub fn missing(current: &SecurityGroup, wanted: &Wanted) -> Vec<String> {
    let tell = |change: Change| match change {
        Change::Describe { .. } => format!("it is called `{}`", current.name),
        Change::AddRule { meaning, .. } => format!("it lacks `{meaning}`"),
        Change::RemoveRule { meaning, .. } => format!("it still has `{meaning}`"),
    };
    changes(std::slice::from_ref(current), std::slice::from_ref(wanted)).into_iter().map(tell).collect()
}

/// An order of groups in which each comes after those that its rules name, as far as that goes: groups that name each
/// other come in the order in which they stand. `names` says for each group which others its rules name.
pub fn in_order(names: &[BTreeSet<usize>]) -> Vec<usize> {
    let mut order = Vec::with_capacity(names.len());
    let mut left: BTreeSet<usize> = (0..names.len()).collect();
    while let Some(first) = left.first().copied() {
        let is_ready = |group: &&usize| names[**group].iter().all(|named| named == *group || !left.contains(named));
        let next = left.iter().find(is_ready).copied().unwrap_or(first);
        left.remove(&next);
        order.push(next);
    }
    order
}

/// The same for groups that are there, by what their rules name: those that name others come first, for they are to go.
pub fn removal_order(groups: &[&SecurityGroup]) -> Vec<usize> {
    let place = |id: &String| groups.iter().position(|group| group.id == *id);
    let peers = |group: &&SecurityGroup| -> BTreeSet<usize> {
        group.rules.iter().filter_map(|rule| rule.meaning.remote_group.as_ref()).filter_map(place).collect()
    };
    let names: Vec<BTreeSet<usize>> = groups.iter().map(peers).collect();
    in_order(&names).into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn meaning(direction: &str, port: Option<u16>, peer: Option<&str>) -> Meaning {
        Meaning {
            direction: direction.to_owned(),
            ethertype: "IPv4".to_owned(),
            protocol: port.map(|_| "tcp".to_owned()),
            port_min: port,
            port_max: port,
            cidr: None,
            remote_group: peer.map(str::to_owned),
            remote_address_group: None,
        }
    }

    fn group(id: &str, meanings: &[Meaning]) -> SecurityGroup {
        let rule = |(number, meaning): (usize, &Meaning)| {
            let id = format!("{id}/{number}");
            Rule { meaning: meaning.clone(), id, description: String::new() }
        };
        SecurityGroup {
            id: id.to_owned(),
            name: id.to_owned(),
            description: String::new(),
            stateful: true,
            rules: meanings.iter().enumerate().map(rule).collect(),
        }
    }

    fn wanted(id: &str, meanings: &[Meaning], keeps_default_egress: bool) -> Wanted {
        let rules = meanings.iter().map(|meaning| (meaning.clone(), "said anew".to_owned())).collect();
        let (id, name) = (id.to_owned(), id.to_owned());
        Wanted { id, name, description: None, rules: Some(rules), keeps_default_egress }
    }

    /// Does what a plan says, as Neutron would: it refuses a rule that means the same as one that is there.
    fn applied(mut groups: Vec<SecurityGroup>, plan: &[Change]) -> Vec<SecurityGroup> {
        for (number, change) in plan.iter().enumerate() {
            let group = groups.iter_mut().find(|group| group.id == change.group()).unwrap();
            match change {
                Change::Describe { name, description, .. } => {
                    (group.name, group.description) = (name.clone(), description.clone());
                }
                Change::AddRule { meaning, description, .. } => {
                    assert!(group.rules.iter().all(|rule| rule.meaning != *meaning), "409: {meaning}");
                    let (id, description) = (format!("new/{number}"), description.clone());
                    group.rules.push(Rule { meaning: meaning.clone(), id, description });
                }
                Change::RemoveRule { rule, .. } => {
                    let before = group.rules.len();
                    group.rules.retain(|held| held.id != *rule);
                    assert_eq!(group.rules.len(), before - 1, "404: {rule}");
                }
            }
        }
        groups
    }

    prop_compose! {
        fn some_meaning()(egress in any::<bool>(), port in prop::option::of(1_u16..5), peer in prop::option::of("[ab]"))
            -> Meaning
        {
            meaning(if egress { "egress" } else { "ingress" }, port, peer.as_deref())
        }
    }

    fn some_rules() -> impl Strategy<Value = Vec<Meaning>> {
        prop::collection::vec(some_meaning(), 0..8)
    }

    fn distinct(rules: &[Meaning]) -> Vec<Meaning> {
        rules.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect()
    }

    proptest! {
        #[test]
        fn a_plan_leads_to_what_is_wanted_and_touches_nothing_else(
            a in some_rules(), b in some_rules(), wants in some_rules(), keeps in any::<bool>(),
        ) {
            let current = vec![group("a", &distinct(&a)), group("b", &b)];
            let wish = wanted("a", &wants, keeps);
            let plan = changes(&current, std::slice::from_ref(&wish));
            let after = applied(current.clone(), &plan);
            prop_assert_eq!(&after[1], &current[1], "it is not named");
            let mut expected: BTreeSet<Meaning> = wants.iter().cloned().collect();
            if keeps {
                expected.extend(a.iter().filter(|meaning| is_default_egress(meaning)).cloned());
            }
            let seen: BTreeSet<Meaning> = after[0].rules.iter().map(|rule| rule.meaning.clone()).collect();
            prop_assert_eq!(&seen, &expected);
            prop_assert_eq!(seen.len(), after[0].rules.len());
            // What was right is the same rule as before, with the same id.
            for rule in current[0].rules.iter().filter(|rule| expected.contains(&rule.meaning)) {
                prop_assert!(after[0].rules.contains(rule));
            }
            // What comes is there before anything goes.
            let first_removal = plan.iter().position(|it| matches!(it, Change::RemoveRule { .. }));
            let last_addition = plan.iter().rposition(|it| matches!(it, Change::AddRule { .. }));
            if let (Some(removal), Some(addition)) = (first_removal, last_addition) {
                prop_assert!(addition < removal);
            }
            prop_assert!(changes(&after, std::slice::from_ref(&wish)).is_empty(), "there is nothing left to do");
            prop_assert!(missing(&after[0], &wish).is_empty());
        }

        #[test]
        fn any_part_of_a_plan_can_be_followed_by_the_plan_for_the_rest(
            a in some_rules(), wants in some_rules(), keeps in any::<bool>(), done in 0_usize..20,
        ) {
            let current = vec![group("a", &distinct(&a))];
            let wish = [wanted("a", &wants, keeps)];
            let plan = changes(&current, &wish);
            let begun = applied(current, &plan[..done.min(plan.len())]);
            let rest = changes(&begun, &wish);
            prop_assert!(rest.len() + done.min(plan.len()) == plan.len(), "nothing is done twice");
            prop_assert!(changes(&applied(begun, &rest), &wish).is_empty());
        }

        #[test]
        fn groups_come_after_those_that_they_name(edges in prop::collection::vec((0_usize..6, 0_usize..6), 0..12)) {
            // From higher to lower numbers only: no circles.
            let mut names = vec![BTreeSet::new(); 6];
            for (one, other) in edges {
                names[one.max(other)].insert(one.min(other));
            }
            let order = in_order(&names);
            let place = |group: usize| order.iter().position(|it| *it == group).unwrap();
            for (group, named) in names.iter().enumerate() {
                prop_assert!(named.iter().all(|other| *other == group || place(*other) < place(group)));
            }
        }
    }

    #[test]
    fn groups_that_name_each_other_still_have_an_order() {
        let circle = [BTreeSet::from([1]), BTreeSet::from([2]), BTreeSet::from([0]), BTreeSet::from([3])];
        let mut order = in_order(&circle);
        order.sort_unstable();
        assert_eq!(order, [0, 1, 2, 3]);
        let (app, db) = (group("app", &[]), group("db", &[meaning("ingress", Some(5432), Some("app"))]));
        assert_eq!(removal_order(&[&app, &db]), [1, 0], "what names another goes first");
    }

    #[test]
    fn what_is_said_of_a_group_changes_without_its_rules() {
        let current = [group("a", &[meaning("ingress", Some(22), None)])];
        let wish = Wanted { name: "b".to_owned(), rules: None, ..wanted("a", &[], false) };
        let renamed = Change::Describe { group: "a".to_owned(), name: "b".to_owned(), description: String::new() };
        assert_eq!(changes(&current, &[wish]), [renamed]);
    }
}
