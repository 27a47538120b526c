//! What files of the operator's say of tenants: limits, rules that must or must not be, how many of what.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use super::announced::meant;
use super::policy::{Bounds, Whom};
use super::rules::Mode;
use super::{Difference, EXISTENCE};
use crate::model::body::hex_digest;
use crate::model::pattern::matches;
use crate::model::quota::{Limit, Quota};
use crate::model::rule_wish::RuleWish;
use crate::model::security_group::{Meaning, Rule, SecurityGroup};
use crate::model::{Body, Change, Expectation, Origin, ResourceType, Tenant};

/// One entry of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Declaration {
    /// The file and when it was changed.
    pub origin: Origin,
    /// Only these tenants.
    pub only: Whom,
    /// None of these.
    pub except: Whom,
    /// Whether it gives way to what somebody commanded.
    pub default: bool,
    /// Limits, by the quota's name.
    pub limits: BTreeMap<String, Limit>,
    /// Rules that a group must have, by the group's name.
    pub required: BTreeMap<String, Vec<RuleWish>>,
    /// What no group may let through.
    pub forbidden: Vec<Forbidden>,
    /// How many objects of a resource type there may be.
    pub counts: BTreeMap<ResourceType, Bounds>,
    /// What a difference means, by resource type.
    pub modes: BTreeMap<ResourceType, Mode>,
}

/// Packets that no rule may let through; what is left out is any.
#[derive(Debug, Clone, PartialEq)]
pub struct Forbidden {
    /// Patterns of the names of groups; empty: every group.
    pub groups: Vec<String>,
    /// `ingress` or `egress`.
    pub direction: String,
    /// `IPv4` or `IPv6`.
    pub ethertype: Option<String>,
    /// Spellings of the protocol.
    pub protocols: Vec<String>,
    /// A port of TCP or UDP.
    pub port: Option<u16>,
    /// Whether only rules count that let anybody in.
    pub from_anywhere: bool,
}

/// Every entry of every file, weakest first.
#[derive(Clone, Default, PartialEq)]
pub struct Declarations {
    entries: Vec<Declaration>,
    digest: String,
}

impl fmt::Debug for Declarations {
    /// Short, for it is part of what stands for all rules.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Declarations({})", self.digest)
    }
}

impl Declarations {
    /// These entries.
    pub fn new(entries: Vec<Declaration>) -> Self {
        let digest = hex_digest(format!("{entries:?}"));
        Self { entries, digest }
    }

    /// Those for a tenant, weakest first.
    pub fn of<'a>(&'a self, tenant: &Tenant) -> Vec<&'a Declaration> {
        self.entries.iter().filter(|it| it.only.has(tenant) && !it.except.excludes(tenant)).collect()
    }
}

impl Declaration {
    /// Lays it over an expectation; `recorded` says what somebody commanded.
    pub(super) fn lay_over(&self, body: Body, recorded: Option<&Expectation>, observed: &Body) -> Body {
        match body {
            Body::Quotas(mut quotas) => {
                for (name, limit) in self.limits.iter().filter(|(name, _)| !self.gives_way(recorded, name)) {
                    let usage = quotas.get(name).and_then(|quota| quota.usage);
                    quotas.insert(name.clone(), Quota { limit: Some(*limit), usage });
                }
                Body::Quotas(quotas)
            }
            Body::SecurityGroups(groups) => Body::SecurityGroups(self.with_rules(groups, observed)).sorted(),
            other => other,
        }
    }

    /// Whether it says what one quota's limit is.
    pub(super) fn limits_quota(&self, name: &str, recorded: Option<&Expectation>) -> bool {
        self.limits.contains_key(name) && !self.gives_way(recorded, name)
    }

    /// What it says of a resource type, in words: of which object, and what.
    pub fn lines(&self, of: ResourceType) -> Vec<(String, String)> {
        let mut lines = Vec::new();
        if of == ResourceType::Quotas {
            lines.extend(self.limits.iter().map(|(name, limit)| (name.clone(), format!("limit {limit}"))));
        }
        if of == ResourceType::SecurityGroups {
            for (name, wishes) in &self.required {
                let lacks_nothing = wishes.is_empty().then(|| (name.clone(), "is there".to_owned()));
                let rules = wishes.iter().map(|wish| (name.clone(), format!("has {}", wish.likeness())));
                lines.extend(rules.chain(lacks_nothing));
            }
            lines.extend(self.forbidden.iter().map(Forbidden::line));
        }
        let counts = self.counts.get(&of).map(|bounds| (of.to_string(), format!("{bounds} of them")));
        lines.into_iter().chain(counts).collect()
    }

    fn gives_way(&self, recorded: Option<&Expectation>, object: &str) -> bool {
        self.default && recorded.is_some_and(|it| it.origin_of(object).is_told())
    }

    fn with_rules(&self, mut groups: Vec<SecurityGroup>, observed: &Body) -> Vec<SecurityGroup> {
        let seen: &[SecurityGroup] = if let Body::SecurityGroups(seen) = observed { seen } else { &[] };
        for (name, wishes) in &self.required {
            if !groups.iter().any(|group| group.name == *name) {
                let there: Vec<SecurityGroup> = seen.iter().filter(|group| group.name == *name).cloned().collect();
                groups.extend(if there.is_empty() { vec![absent(name)] } else { there });
            }
            for group in groups.iter_mut().filter(|group| group.name == *name) {
                for wish in wishes {
                    let meaning = meant(wish, seen);
                    if !group.rules.iter().any(|rule| rule.meaning == meaning) {
                        group.rules.push(Rule { meaning, id: String::new(), description: String::new() });
                    }
                }
            }
        }
        for group in &mut groups {
            let name = group.name.clone();
            group.rules.retain(|rule| !self.forbids(&name, &rule.meaning));
        }
        groups
    }

    fn forbids(&self, group: &str, rule: &Meaning) -> bool {
        self.forbidden.iter().any(|it| it.concerns(group) && it.is_let_through_by(rule))
    }

    /// What must not be, whatever else is expected: rules that are forbidden, too few or too many objects.
    pub(super) fn conditions(&self, observed: &Body) -> Vec<Difference> {
        let mut found = Vec::new();
        if let Body::SecurityGroups(groups) = observed {
            for group in groups {
                let forbidden = group.rules.iter().filter(|rule| self.forbids(&group.name, &rule.meaning));
                found.extend(forbidden.map(|rule| {
                    let field = format!("rule {}", rule.meaning);
                    difference((&group.id, &group.name), field, Change::Added, (Value::Null, json!(rule.meaning)))
                }));
            }
        }
        let (of, many) = (observed.resource_type(), u64::try_from(observed.count()).unwrap_or(u64::MAX));
        if let Some(bounds) = self.counts.get(&of).filter(|bounds| !bounds.allow(many)) {
            let name = (of.as_str(), of.as_str());
            found.push(difference(name, "count".to_owned(), Change::Changed, (json!(bounds.to_string()), json!(many))));
        }
        found
    }

    /// Whether a difference is one from what it says.
    pub(super) fn speaks_of(&self, it: &Difference, recorded: Option<&Expectation>, observed: &Body) -> bool {
        let of = observed.resource_type();
        let seen: &[SecurityGroup] = if let Body::SecurityGroups(seen) = observed { seen } else { &[] };
        let required = || {
            let wishes = self.required.get(&it.object_name)?;
            let names = |wish: &RuleWish| format!("rule {}", meant(wish, seen)) == it.field;
            Some((it.field == EXISTENCE && it.change == Change::Removed) || wishes.iter().any(names))
        };
        match of {
            ResourceType::Quotas => self.limits_quota(&it.object, recorded),
            _ if it.field == "count" && it.object == of.as_str() => self.counts.contains_key(&of),
            ResourceType::SecurityGroups => {
                let rule: Option<Meaning> = serde_json::from_value(it.observed.clone()).ok();
                rule.is_some_and(|rule| self.forbids(&it.object_name, &rule)) || required().unwrap_or(false)
            }
            _ => false,
        }
    }
}

impl Forbidden {
    fn concerns(&self, group: &str) -> bool {
        self.groups.is_empty() || self.groups.iter().any(|pattern| matches(pattern, group))
    }

    fn line(&self) -> (String, String) {
        let groups = if self.groups.is_empty() { "*".to_owned() } else { self.groups.join(", ") };
        let words = [
            Some(format!("no {}", self.direction)),
            self.ethertype.clone(),
            (!self.protocols.is_empty()).then(|| self.protocols.join("/")),
            self.port.map(|port| format!("to port {port}")),
            self.from_anywhere.then(|| "open to anybody".to_owned()),
        ];
        (groups, words.into_iter().flatten().collect::<Vec<_>>().join(" "))
    }

    fn is_let_through_by(&self, rule: &Meaning) -> bool {
        let anywhere = rule.cidr.is_none() && rule.remote_group.is_none() && rule.remote_address_group.is_none();
        let protocol = rule.protocol.as_deref();
        rule.direction == self.direction
            && self.ethertype.as_ref().is_none_or(|it| *it == rule.ethertype)
            && (self.protocols.is_empty() || protocol.is_none_or(|it| self.protocols.iter().any(|named| named == it)))
            && self.port.is_none_or(|port| rule.covers_port(port))
            && (!self.from_anywhere || anywhere)
    }
}

/// A group that must be there and is not: nothing but its name is known.
fn absent(name: &str) -> SecurityGroup {
    let (id, name) = (name.to_owned(), name.to_owned());
    SecurityGroup { id, name, description: String::new(), stateful: true, rules: Vec::new() }
}

fn difference((id, name): (&str, &str), field: String, change: Change, values: (Value, Value)) -> Difference {
    let (expected, observed) = values;
    Difference { object: id.to_owned(), object_name: name.to_owned(), field, change, expected, observed }
}
