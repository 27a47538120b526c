//! Security groups: made with their two egress rules, deleted unless a port or the project needs them.

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::call::{Call, id};
use super::super::clock;
use super::super::identity::caller::Caller;
use super::super::random::Random;
use super::super::reply::{Answer, Reply};
use super::model::{Direction, Ethertype, Group, Networking, Rule, Stamp};
use super::{owner_of_new, refusal, views};

impl Networking {
    /// Gives a project its default group, once.
    pub fn welcome(&mut self, project: Uuid, at: DateTime<Utc>, random: &mut Random) -> Uuid {
        if let Some(existing) = self.defaults.get(&project) {
            return *existing;
        }
        let group = self.add_group(project, ("default", "Default security group"), at, random);
        for ethertype in [Ethertype::IPv4, Ethertype::IPv6] {
            let mut rule = self.blank_rule((group, project), Direction::Ingress, ethertype, at, random);
            rule.remote_group_id = Some(group);
            self.attach(rule);
        }
        self.defaults.insert(project, group);
        group
    }

    /// A group with the egress rules that every group is born with.
    pub fn add_group(
        &mut self,
        project: Uuid,
        (name, description): (&str, &str),
        at: DateTime<Utc>,
        random: &mut Random,
    ) -> Uuid {
        let group = Group {
            id: random.id(),
            project,
            name: name.to_owned(),
            description: description.to_owned(),
            stateful: true,
            rules: Vec::new(),
            at: Stamp { revision: 1, ..Stamp::new(at) },
        };
        let new = group.id;
        self.groups.insert(group);
        for ethertype in [Ethertype::IPv4, Ethertype::IPv6] {
            let rule = self.blank_rule((new, project), Direction::Egress, ethertype, at, random);
            self.attach(rule);
        }
        new
    }

    /// A rule that allows everything in one direction.
    pub fn blank_rule(
        &mut self,
        (group, project): (Uuid, Uuid),
        direction: Direction,
        ethertype: Ethertype,
        at: DateTime<Utc>,
        random: &mut Random,
    ) -> Rule {
        self.attributes += 1;
        Rule {
            id: random.id(),
            project_id: project,
            security_group_id: group,
            ethertype,
            direction,
            protocol: None,
            port_range_min: None,
            port_range_max: None,
            remote_ip_prefix: None,
            remote_address_group_id: None,
            normalized_cidr: None,
            remote_group_id: None,
            description: None,
            created_at: at,
            updated_at: at,
            revision_number: 0,
            tenant_id: project,
            standard_attr_id: self.attributes,
        }
    }

    /// Puts a rule into its group.
    pub fn attach(&mut self, rule: Rule) {
        if let Some(group) = self.groups.get_mut(rule.security_group_id) {
            group.rules.push(rule.id);
        }
        self.rules.insert(rule);
    }

    /// Takes a rule out of its group.
    pub fn detach(&mut self, rule: Uuid) -> Option<Rule> {
        let removed = self.rules.remove(rule)?;
        if let Some(group) = self.groups.get_mut(removed.security_group_id) {
            group.rules.retain(|held| *held != rule);
        }
        Some(removed)
    }

    /// Takes a group out, with its rules.
    pub fn remove_group(&mut self, group: Uuid) -> Option<Group> {
        let removed = self.groups.remove(group)?;
        for rule in &removed.rules {
            self.rules.remove(*rule);
        }
        Some(removed)
    }
}

/// A group that the caller may touch, or the 404 that hides those of others.
pub fn find<'a>(networking: &'a Networking, caller: &Caller, text: &str) -> Result<&'a Group, Reply> {
    networking
        .groups
        .get(id(text))
        .filter(|group| caller.reads(group.project))
        .ok_or_else(|| refusal::not_found("security_group", text))
}

/// `POST /v2.0/security-groups`.
pub fn create(networking: &mut Networking, call: &Call, caller: &Caller, random: &mut Random) -> Answer {
    let asked = &call.body["security_group"];
    let project = owner_of_new(caller, asked, "create_security_group")?;
    let Some(name) = asked["name"].as_str() else {
        return Err(refusal::invalid("Invalid input for name. Reason: 'None' is not a valid string."));
    };
    if name == "default" {
        let message = "Default security group already exists.";
        return Err(refusal::conflict("SecurityGroupDefaultAlreadyExists", message));
    }
    networking.room(project, "security_group", 1)?;
    networking.room(project, "security_group_rule", 2)?;
    let texts = (name, asked["description"].as_str().unwrap_or_default());
    let new = networking.add_group(project, texts, clock::now(), random);
    if let (Some(stateful), Some(group)) = (asked["stateful"].as_bool(), networking.groups.get_mut(new)) {
        group.stateful = stateful;
    }
    let group = networking.groups.get(new).ok_or_else(refusal::no_such_path)?;
    Ok(Reply::json(StatusCode::CREATED, &json!({"security_group": views::group(networking, group, true)})))
}

/// `PUT /v2.0/security-groups/{id}`.
pub fn update(networking: &mut Networking, call: &Call, caller: &Caller, text: &str) -> Answer {
    let group = find(networking, caller, text)?;
    let asked = &call.body["security_group"];
    let changes = asked["stateful"].as_bool().is_some_and(|stateful| stateful != group.stateful);
    if changes && in_use(networking, group) {
        return Err(refusal::conflict("SecurityGroupInUse", &format!("Security Group {} in use.", group.id)));
    }
    let group = group.id;
    if let Some(held) = networking.groups.get_mut(group) {
        let is_default = held.name == "default";
        if let Some(name) = asked["name"].as_str().filter(|_| !is_default) {
            name.clone_into(&mut held.name);
        }
        if let Some(description) = asked["description"].as_str() {
            description.clone_into(&mut held.description);
        }
        if let Some(stateful) = asked.get("stateful").and_then(Value::as_bool) {
            held.stateful = stateful;
        }
        held.at.touch(clock::now());
    }
    let group = find(networking, caller, text)?;
    Ok(Reply::ok(&json!({"security_group": views::group(networking, group, true)})))
}

/// Whether a port is in it.
fn in_use(networking: &Networking, group: &Group) -> bool {
    networking.ports.of(group.project).any(|port| port.groups.contains(&group.id))
}

/// `DELETE /v2.0/security-groups/{id}`.
pub fn delete(networking: &mut Networking, caller: &Caller, text: &str) -> Answer {
    let group = find(networking, caller, text)?;
    let (found, project) = (group.id, group.project);
    if networking.defaults.get(&project) == Some(&found) && !caller.admin() {
        let message = "Removing default security group not allowed.";
        return Err(refusal::conflict("SecurityGroupCannotRemoveDefault", message));
    }
    if in_use(networking, group) {
        let message = format!("Security Group {found} in use.");
        return Err(refusal::conflict("SecurityGroupInUse", &message));
    }
    networking.defaults.retain(|_, default| *default != found);
    networking.remove_group(found);
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}
