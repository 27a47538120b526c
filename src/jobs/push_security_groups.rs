//! `push_security_groups`: make a tenant's security groups what a portal says, by the least change, group by group.
//!
//! Groups are the same by their ids, so that one that is renamed stays the group that instances are in. Those that the
//! request does not name go, but for `default`, which is OpenStack's. What comes is there before anything goes, and
//! nothing goes where something could not come.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;

use super::known::Known;
use super::made::{wrong_name, wrong_text};
use super::pushing::Pushing;
use super::security_groups::{BORN_WITH, DEFAULT, NAME, Neighbours, Side, wrong_rules};
use super::{Call, Job, Report, States};
use crate::model::rule_wish::{DESCRIPTION, RuleWish};
use crate::model::security_group::SecurityGroup;
use crate::model::{Invalid, Object};

/// One group as it is to be.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GroupWish {
    /// Its id, here or in the cloud; without one it is new.
    pub uuid: Option<String>,
    /// Its name, which no other group has.
    #[schemars(required, with = "String")]
    pub name: Option<String>,
    /// Free text; left out: as it is.
    pub description: Option<String>,
    /// What it lets through; left out: as it is.
    pub rules: Option<Vec<RuleWish>>,
    /// Whether the two rules that let everything out, with which every group begins, stay beside `rules` where they are.
    pub default_egress_rules: bool,
}

impl Default for GroupWish {
    fn default() -> Self {
        Self { uuid: None, name: None, description: None, rules: None, default_egress_rules: true }
    }
}

impl GroupWish {
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    pub fn rules(&self) -> &[RuleWish] {
        self.rules.as_deref().unwrap_or_default()
    }
}

/// All the groups that the tenant is to have besides `default`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PushSecurityGroups {
    /// The groups.
    pub security_groups: Vec<GroupWish>,
}

impl Job for PushSecurityGroups {
    const KIND: &'static str = "push_security_groups";
    const ABOUT: &'static str = "make a tenant's security groups and their rules what a portal says";
    const FLEET: bool = false;
    const WRITES: bool = true;
    const STATES: Option<States> = Some(States::UPDATE);

    fn problems(&self) -> Invalid {
        let mut invalid = Invalid::default();
        let (mut names, mut ids) = (BTreeSet::new(), BTreeSet::new());
        let groups = invalid.field("security_groups");
        for (index, wish) in self.security_groups.iter().enumerate() {
            let item = groups.item(index);
            if let Some(why) = wrong_name(wish.name.as_deref(), NAME) {
                item.field("name").add(why);
            } else if wish.name() == DEFAULT {
                item.field("name").add("the default security group is managed by OpenStack");
            } else if !names.insert(wish.name()) {
                item.field("name").add("another group of the request has this name");
            }
            if let Some(why) = wrong_text(wish.description.as_deref().unwrap_or_default(), DESCRIPTION) {
                item.field("description").add(why);
            }
            if wish.uuid.as_deref().is_some_and(|uuid| !ids.insert(uuid.replace('-', "").to_lowercase())) {
                item.field("uuid").add("another group of the request is the same");
            }
            item.field("rules").merge(wrong_rules(wish.rules()));
        }
        invalid
    }

    fn conflicts(&self, known: &Known) -> Invalid {
        let Some(groups) = known.security_groups() else { return Invalid::default() };
        let mut invalid = self.collisions(groups, &known.objects);
        let neighbours = self.neighbours(groups, &known.objects);
        let (mut new_groups, mut new_rules) = (0, 0_u64);
        for (wish, (id, _)) in self.security_groups.iter().zip(&neighbours.request) {
            let held = groups.iter().find(|group| Some(&group.id) == id.as_ref());
            new_groups += u64::from(held.is_none());
            let there = held.map(|group| group.rules.len());
            let rules = u64::try_from(wish.rules().len().saturating_sub(there.unwrap_or(0))).unwrap_or(u64::MAX);
            new_rules = new_rules.saturating_add(rules + if held.is_none() { BORN_WITH } else { 0 });
        }
        let more = [("security_group_count", new_groups), ("security_group_rule_count", new_rules)];
        let more: Vec<(&str, u64)> = more.into_iter().filter(|(_, more)| *more > 0).collect();
        if let Some(why) = known.exceeded(&more) {
            invalid.add(why);
        }
        invalid
    }

    async fn run(self, call: Call) -> Report {
        match Pushing::begin(&call, Self::KIND, &self).await {
            Ok(pushing) => pushing.finish().await.unwrap_or_else(Report::failed),
            Err(error) => Report::failed(error),
        }
    }
}

impl PushSecurityGroups {
    /// The groups that its rules may name.
    pub fn neighbours<'a>(&'a self, groups: &'a [SecurityGroup], objects: &'a [Object]) -> Neighbours<'a> {
        let mut neighbours = Neighbours { groups, objects, request: Vec::new(), replaces: true };
        let known = |wish: &'a GroupWish| {
            let group = wish.uuid.as_deref().and_then(|uuid| neighbours.group(uuid));
            (group.map(|group| group.id.clone()), wish.name())
        };
        let request = self.security_groups.iter().map(known).collect();
        neighbours.request = request;
        neighbours
    }

    /// Everything in which it collides with the groups of the tenant.
    pub fn collisions(&self, groups: &[SecurityGroup], objects: &[Object]) -> Invalid {
        let neighbours = self.neighbours(groups, objects);
        let mut invalid = Invalid::default();
        let items = invalid.field("security_groups");
        for (index, wish) in self.security_groups.iter().enumerate() {
            let (item, own) = (items.item(index), &neighbours.request[index].0);
            match (&wish.uuid, own) {
                (Some(uuid), None) => item.field("uuid").add(format!("the tenant has no security group {uuid}")),
                (Some(_), Some(id)) if groups.iter().any(|group| group.id == *id && group.name == DEFAULT) => {
                    item.field("uuid").add("the default security group is managed by OpenStack");
                }
                _ => {}
            }
            // Whoever has the name may give it up in the same request.
            let holds = |group: &&SecurityGroup| {
                group.name == wish.name() && own.as_ref() != Some(&group.id) && !neighbours.renames(&group.id)
            };
            if groups.iter().any(|group| holds(&group)) {
                item.field("name").add("the tenant has another security group of this name");
            }
            item.field("rules").merge(neighbours.wrong_sides(wish.rules()));
        }
        invalid
    }
}

impl Neighbours<'_> {
    fn renames(&self, id: &str) -> bool {
        self.request.iter().any(|(named, _)| named.as_deref() == Some(id))
    }

    /// Which groups of the request the rules of each name, by their places.
    pub(super) fn named_by(&self, wishes: &[GroupWish]) -> Vec<BTreeSet<usize>> {
        let place = |side: Side| match side {
            Side::ToBe(place) => Some(place),
            Side::There(id) => self.request.iter().position(|(named, _)| named.as_ref() == Some(&id)),
        };
        let named = |rule: &RuleWish| self.side(rule).ok().flatten().and_then(place);
        wishes.iter().map(|wish| wish.rules().iter().filter_map(named).collect()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Body, ResourceType};
    use serde_json::{Value, json};

    fn push(groups: &Value) -> PushSecurityGroups {
        serde_json::from_value(json!({ "security_groups": groups })).unwrap()
    }

    fn known() -> Known {
        let groups = json!([
            {"id": "d", "name": "default"}, {"id": "a", "name": "app"}, {"id": "b", "name": "base"},
        ]);
        let quotas = json!({"security_group_count": {"limit": 3, "usage": 3}});
        let bodies = [(ResourceType::SecurityGroups, groups), (ResourceType::Quotas, quotas)];
        let bodies = bodies.iter().map(|(of, json)| Body::from_json(*of, json).unwrap()).collect();
        Known { bodies, ..Known::default() }
    }

    fn rule(more: &Value) -> Value {
        let mut rule = json!({"protocol": "tcp", "from_port": 1, "to_port": 2});
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        rule
    }

    #[test]
    fn what_is_wrong_by_itself_is_told_of_every_group() {
        let invalid = push(&json!([
            {"uuid": "a", "name": "one"}, {"uuid": "A", "name": "one"}, {"name": "default"}, {},
            {"name": "two", "rules": [rule(&json!({})), rule(&json!({"direction": "ingress"})), rule(&json!({"id": 1}))]},
        ]))
        .problems();
        let said = serde_json::to_value(invalid).unwrap();
        let expected = json!([
            {},
            {"name": ["another group of the request has this name"], "uuid": ["another group of the request is the same"]},
            {"name": ["the default security group is managed by OpenStack"]},
            {"name": ["This field is required."]},
            {"rules": [
                {}, {"non_field_errors": ["another rule of the request is the same"]},
                {"id": ["a rule has no id of its own here: it is what it says"]},
            ]},
        ]);
        assert_eq!(said["security_groups"], expected);
    }

    #[test]
    fn what_collides_with_the_tenants_groups_is_told_of_every_group() {
        let invalid = push(&json!([
            {"uuid": "a", "name": "base"}, {"uuid": "zzz", "name": "two"}, {"uuid": "d", "name": "three"},
            {"name": "four", "rules": [
                rule(&json!({"remote_group": "b"})), rule(&json!({"remote_group_name": "nobody"})),
                rule(&json!({"remote_group_name": "default"})), rule(&json!({"remote_group_name": "two"})),
                rule(&json!({"remote_group_name": "four"})), rule(&json!({"remote_group": "zzz"})),
            ]},
        ]))
        .conflicts(&known());
        let said = serde_json::to_value(invalid).unwrap();
        let expected = json!([
            {"name": ["the tenant has another security group of this name"]},
            {"uuid": ["the tenant has no security group zzz"]},
            {"uuid": ["the default security group is managed by OpenStack"]},
            {"rules": [
                {"remote_group": ["the security group base is not among those that are to stay"]},
                {"remote_group_name": ["the tenant has no security group nobody"]},
                {}, {}, {}, {"remote_group": ["the tenant has no security group zzz"]},
            ]},
        ]);
        assert_eq!(said["security_groups"], expected);
        let full = "One or more quotas were exceeded: security_group_count quota limit: 3, requires 5";
        assert_eq!(said["non_field_errors"], json!([full]));
    }

    #[test]
    fn two_groups_may_exchange_their_names() {
        let exchange = push(&json!([{"uuid": "a", "name": "base"}, {"uuid": "b", "name": "app"}]));
        assert_eq!(exchange.conflicts(&known()).to_string(), "");
    }
}
