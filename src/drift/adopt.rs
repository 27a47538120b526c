//! Takes one difference over into an expectation, as `drift accept` does: just that field of just that object.

use serde_json::Value;

use super::{Difference, EXISTENCE};
use crate::model::security_group::{Meaning, SecurityGroup};
use crate::model::{Body, Change};

/// The expectation in which the difference is none any more.
///
/// # Errors
/// When the difference is no difference from an expectation, or the object is not in what was observed.
pub fn adopt(expected: &Body, observed: &Body, difference: &Difference) -> Result<Body, String> {
    if matches!(difference.change, Change::OverLimit | Change::Usage | Change::Policy) {
        return Err(format!("{} is a condition of the cloud, not a difference from an expectation", difference.change));
    }
    if difference.field == EXISTENCE {
        return match difference.change {
            Change::Removed => Ok(expected.clone().without(|id| id == difference.object)),
            _ => Ok(expected.clone().with_objects_of(observed, |id| id == difference.object)),
        };
    }
    if let (Body::SecurityGroups(groups), Some(_)) = (expected, difference.field.strip_prefix("rule ")) {
        return adopt_rule(groups.clone(), difference);
    }
    let mut json = expected.to_json();
    let object = match &mut json {
        Value::Object(entries) => entries.get_mut(&difference.object),
        Value::Array(items) => items.iter_mut().find(|item| item["id"] == difference.object.as_str()),
        _ => None,
    };
    let object = object.ok_or_else(|| format!("`{}` is not in the expectation", difference.object))?;
    object[difference.field.as_str()] = difference.observed.clone();
    Body::from_json(expected.resource_type(), &json)
}

fn adopt_rule(mut groups: Vec<SecurityGroup>, difference: &Difference) -> Result<Body, String> {
    let group = groups.iter_mut().find(|group| group.id == difference.object);
    let group = group.ok_or_else(|| format!("group `{}` is not in the expectation", difference.object))?;
    let rule = if difference.observed.is_null() { &difference.expected } else { &difference.observed };
    let meaning: Meaning = serde_json::from_value(rule.clone()).map_err(|error| error.to_string())?;
    group.rules.retain(|rule| rule.meaning != meaning);
    if !difference.observed.is_null() {
        group.rules.push(crate::model::security_group::Rule { meaning, id: String::new(), description: String::new() });
    }
    Ok(Body::SecurityGroups(groups).sorted())
}
