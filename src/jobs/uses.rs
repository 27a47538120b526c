//! Which security groups something uses: a port that has them, or a rule of another group that names them.
//!
//! Ports are listed after the groups: a group that was made and given to a port in between is not taken for unused. Of
//! what could not be read nobody knows which group it uses; then no group is called unused.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::error::JobError;
use crate::model::{Body, Observation};
use crate::openstack::{Cloud, Error, GroupedPort, Listing, NamingRule, SecurityGroup};

/// So many groups are named in one question, for an address must not become too long.
const AT_ONCE: usize = 50;

/// What is known of the use of groups.
#[derive(Debug)]
pub(super) enum Uses {
    /// Nobody wants to know.
    NotAsked,
    /// Whether something uses a group, by its id; of what is missing it is not known.
    Known {
        /// By the group's id.
        in_use: BTreeMap<String, bool>,
        /// Why no group is called unused.
        trouble: Option<String>,
        /// When the last answer had arrived.
        answered_at: DateTime<Utc>,
    },
    /// They could not be listed.
    Unknown(String),
}

/// What was found so far.
struct Found {
    used: BTreeSet<String>,
    is_whole: bool,
    answered_at: DateTime<Utc>,
}

/// Asks about the groups of one project.
pub(super) async fn of_some(api: &Cloud, groups: &Listing<SecurityGroup>) -> Uses {
    let ids: BTreeSet<String> = groups.items.iter().map(|group| group.id.clone()).collect();
    told(&ids, Box::pin(ask(api, groups, &ids)).await)
}

/// Asks about the groups of a whole cloud, with one listing: the rules are known, for all groups are.
pub(super) async fn of_all(api: &Cloud, groups: &Listing<SecurityGroup>) -> Uses {
    let ids: BTreeSet<String> = groups.items.iter().map(|group| group.id.clone()).collect();
    let mut found = Found::of(groups);
    let ports = api.ports_with(&[]).await;
    told(
        &ids,
        ports.map(|ports| {
            found.add_ports(ports);
            found
        }),
    )
}

async fn ask(api: &Cloud, groups: &Listing<SecurityGroup>, ids: &BTreeSet<String>) -> Result<Found, Error> {
    let mut found = Found::of(groups);
    for some in chunks(ids.iter()) {
        found.add_ports(api.ports_with(&some).await?);
    }
    let left: BTreeSet<String> = ids.difference(&found.used).cloned().collect();
    for some in chunks(left.iter()) {
        found.add_rules(api.rules_naming(&some).await?);
    }
    Ok(found)
}

fn chunks<'a>(ids: impl Iterator<Item = &'a String>) -> Vec<Vec<String>> {
    let ids: Vec<String> = ids.cloned().collect();
    ids.chunks(AT_ONCE).map(<[String]>::to_vec).collect()
}

impl Found {
    /// What the rules of groups that were listed name.
    fn of(groups: &Listing<SecurityGroup>) -> Self {
        let named = groups.items.iter().flat_map(|group| {
            let others = group.security_group_rules.iter().filter_map(|rule| rule.remote_group_id.as_ref());
            others.filter(|other| **other != group.id)
        });
        let used = named.cloned().collect();
        Self { used, is_whole: groups.broken.is_empty(), answered_at: groups.answered_at }
    }

    fn add_ports(&mut self, ports: Listing<GroupedPort>) {
        self.is_whole &= ports.broken.is_empty();
        self.answered_at = self.answered_at.max(ports.answered_at);
        self.used.extend(ports.items.into_iter().flat_map(|port| port.security_groups));
    }

    fn add_rules(&mut self, rules: Listing<NamingRule>) {
        self.is_whole &= rules.broken.is_empty();
        self.answered_at = self.answered_at.max(rules.answered_at);
        let others = rules.items.into_iter().filter(|rule| rule.remote_group_id != rule.security_group_id);
        self.used.extend(others.map(|rule| rule.remote_group_id));
    }
}

fn told(ids: &BTreeSet<String>, found: Result<Found, Error>) -> Uses {
    let found = match found {
        Ok(found) => found,
        Err(error) => return Uses::Unknown(format!("which security groups are in use is not known: {error}")),
    };
    let known = ids.iter().map(|id| (id.clone(), found.used.contains(id)));
    let in_use = known.filter(|(_, is_used)| *is_used || found.is_whole).collect();
    let trouble = "not every group, port or rule can be read, so no security group is called unused";
    let trouble = (!found.is_whole).then(|| trouble.to_owned());
    Uses::Known { in_use, trouble, answered_at: found.answered_at }
}

impl Uses {
    /// What is left of it where the listing of the groups is doubted: rules that name a group may not have been shown.
    pub fn doubted(self, doubt: &JobError) -> Self {
        match self {
            Self::NotAsked => Self::NotAsked,
            _ => Self::Unknown(format!("which security groups are in use is not known: {doubt}")),
        }
    }

    /// Adds to a look at groups what is known of their use.
    pub fn add_to(&self, observation: &mut Observation) {
        match self {
            Self::NotAsked => {}
            Self::Unknown(why) => observation.uncounted = Some(why.clone()),
            Self::Known { in_use, trouble, answered_at } => {
                let Body::SecurityGroups(groups) = &observation.body else { return };
                let known = groups.iter().filter_map(|group| in_use.get_key_value(&group.id));
                observation.in_use = Some(known.map(|(id, is_used)| (id.clone(), *is_used)).collect());
                observation.uncounted.clone_from(trouble);
                observation.answered_at = observation.answered_at.max(*answered_at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn listing<T>(items: Vec<T>, broken: bool) -> Listing<T> {
        let at = DateTime::UNIX_EPOCH;
        let broken = broken.then(|| crate::openstack::Broken { id: None, project: None, error: "odd".to_owned() });
        Listing { asked_at: at, answered_at: at, items, broken: broken.into_iter().collect(), pages: Vec::new() }
    }

    fn group(id: &str, names: &[&str]) -> SecurityGroup {
        let rule = |(number, other): (usize, &&str)| json!({ "id": format!("{id}{number}"), "direction": "ingress", "ethertype": "IPv4", "remote_group_id": other });
        let rules: Vec<Value> = names.iter().enumerate().map(rule).collect();
        let group = json!({ "id": id, "name": id, "project_id": "p", "security_group_rules": rules });
        serde_json::from_value(group).unwrap()
    }

    fn said(groups: Vec<SecurityGroup>, ports: &[&[&str]], broken: bool) -> (BTreeMap<String, bool>, bool) {
        let ids = groups.iter().map(|group| group.id.clone()).collect();
        let mut found = Found::of(&listing(groups, false));
        let ports = ports
            .iter()
            .map(|groups| GroupedPort { security_groups: groups.iter().map(|it| (*it).to_owned()).collect() });
        found.add_ports(listing(ports.collect(), broken));
        match told(&ids, Ok(found)) {
            Uses::Known { in_use, trouble, .. } => (in_use, trouble.is_some()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_group_is_used_by_a_port_or_by_another_groups_rule() {
        let groups = vec![group("a", &["b"]), group("b", &[]), group("c", &["c"]), group("d", &[])];
        let known = [("a", false), ("b", true), ("c", false), ("d", true)].map(|(id, is)| (id.to_owned(), is));
        assert_eq!(said(groups, &[&["d", "x"], &[]], false), (BTreeMap::from(known), false));
    }

    #[test]
    fn a_port_that_cannot_be_read_may_use_any_group() {
        let groups = vec![group("a", &[]), group("b", &[])];
        assert_eq!(said(groups, &[&["a"]], true), (BTreeMap::from([("a".to_owned(), true)]), true));
    }
}
