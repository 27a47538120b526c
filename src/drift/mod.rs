//! Pure comparison: expected and observed go in, differences and steps in the life of findings come out.
//!
//! Nothing here asks a cloud, a database or a clock. A body is first turned into [`Facts`], one file per resource
//! type, which keep what counts and leave out what does not (ids of rules, order, runtime status, usage); then one
//! function compares facts of any kind, and one decides what the differences mean for the findings that exist.

pub mod adopt;
pub mod announced;
pub mod declared;
pub mod defaults;
pub mod digest;
pub mod facts;
pub mod flapping;
mod floating_ips;
mod instances;
pub mod layers;
pub mod least_change;
pub mod lifecycle;
mod networks;
pub mod policy;
mod ports;
mod quotas;
pub mod reconcile;
pub mod rules;
mod security_groups;
mod server_groups;
pub mod since;
pub mod unified;
pub mod unused;
pub mod usage;
pub mod values;
pub mod vanish;
mod volumes;

use serde_json::Value;

use crate::model::{Body, Change};
use facts::{Fact, Facts, Object};
use policy::Policy;
use unused::InUse;

/// The field of a finding about a whole object.
pub const EXISTENCE: &str = "existence";

/// One difference between expectation and observation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The object: a quota's name, or an id in the cloud.
    pub object: String,
    /// Its name for people.
    pub object_name: String,
    /// The field, [`EXISTENCE`] for the whole object.
    pub field: String,
    /// The kind of difference.
    pub change: Change,
    /// What should be there; null when nothing should.
    pub expected: Value,
    /// What is there; null when nothing is.
    pub observed: Value,
}

impl Difference {
    /// What makes it the same difference at the next look.
    pub fn key(&self) -> (&str, &str) {
        (&self.object, &self.field)
    }
}

/// What a difference of this kind means, where its values do not say it by themselves; `say` writes a number.
pub fn meaning(
    change: Change,
    (expected, observed): (&Value, &Value),
    say: impl Fn(&Value) -> String,
) -> Option<String> {
    match change {
        Change::Usage => Some(usage::meaning(expected, observed, say)),
        Change::Default => Some(defaults::MEANING.to_owned()),
        _ => None,
    }
}

/// The facts of a body.
pub fn facts(body: &Body) -> Facts {
    match body {
        Body::Quotas(quotas) => quotas::facts(quotas),
        Body::SecurityGroups(groups) => security_groups::facts(groups),
        Body::FloatingIps(addresses) => floating_ips::facts(addresses),
        Body::ServerGroups(groups) => server_groups::facts(groups),
        Body::Networks(parts) => networks::facts(parts),
        Body::Ports(ports) => ports::facts(ports),
        Body::Instances(instances) => instances::facts(instances),
        Body::Volumes(volumes) => volumes::facts(volumes),
        Body::VolumeSnapshots(snapshots) => volumes::snapshot_facts(snapshots),
    }
}

/// Everything in which `observed` differs from `expected`, sorted by object and field.
pub fn compare(expected: &Body, observed: &Body) -> Vec<Difference> {
    diff(&facts(expected), &facts(observed))
}

/// Everything in which a later look differs from an earlier one, sorted by object and field. Both saw all there was, so
/// what only the later one has is new, quotas too.
pub fn changes(before: &Body, after: &Body) -> Vec<Difference> {
    diff(&Facts { open_ended: false, ..facts(before) }, &facts(after))
}

/// What is wrong with `observed` whatever was expected: more used than allowed, or what a policy forbids; `in_use` is what
/// the look knows beside it.
pub fn conditions<'a>(
    observed: &Body,
    in_use: Option<&InUse>,
    policies: impl IntoIterator<Item = &'a Policy>,
) -> Vec<Difference> {
    let mut conditions = match observed {
        Body::Quotas(quotas) => quotas::over_limit(quotas),
        _ => Vec::new(),
    };
    conditions.extend(policies.into_iter().flat_map(|policy| policy.violations(observed, in_use)));
    conditions
}

fn diff(expected: &Facts, observed: &Facts) -> Vec<Difference> {
    let mut differences = Vec::new();
    for (id, was) in &expected.objects {
        match observed.objects.get(id) {
            Some(is) => differences.extend(diff_object(id, was, is)),
            None => differences.push(existence(id, was, Change::Removed)),
        }
    }
    if !expected.open_ended {
        let added = observed.objects.iter().filter(|(id, _)| !expected.objects.contains_key(*id));
        differences.extend(added.map(|(id, is)| existence(id, is, Change::Added)));
    }
    differences.sort_by(|left, right| left.key().cmp(&right.key()));
    differences
}

fn existence(id: &str, object: &Object, change: Change) -> Difference {
    let (expected, observed) = match change {
        Change::Removed => (object.summary.clone(), Value::Null),
        _ => (Value::Null, object.summary.clone()),
    };
    Difference {
        object: id.to_owned(),
        object_name: object.name.clone(),
        field: EXISTENCE.to_owned(),
        change,
        expected,
        observed,
    }
}

fn diff_object(id: &str, was: &Object, is: &Object) -> Vec<Difference> {
    let difference = |field: &str, change, expected: Option<&Fact>, observed: Option<&Fact>| Difference {
        object: id.to_owned(),
        object_name: is.name.clone(),
        field: field.to_owned(),
        change,
        expected: expected.map_or(Value::Null, |fact| fact.value.clone()),
        observed: observed.map_or(Value::Null, |fact| fact.value.clone()),
    };
    let mut differences = Vec::new();
    for (field, expected) in &was.fields {
        let observed = is.fields.get(field);
        let change = match observed {
            Some(observed) if observed.value == expected.value => continue,
            Some(_) => expected.change,
            None => Change::Removed,
        };
        differences.push(difference(field, change, Some(expected), observed));
    }
    for (field, observed) in is.fields.iter().filter(|(field, _)| !was.fields.contains_key(*field)) {
        differences.push(difference(field, Change::Added, None, Some(observed)));
    }
    differences
}

#[cfg(test)]
mod tests;
