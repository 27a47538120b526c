//! Quotas count by their limits; usage moves all day and is compared only with the limit.

use std::collections::BTreeMap;

use serde_json::json;

use super::Difference;
use super::facts::{Fact, Facts, Object};
use crate::model::Change;
use crate::model::quota::{Quota, Quotas};

/// The limits. A quota without one (a size that no service limits) has nothing to compare.
pub(super) fn facts(quotas: &Quotas) -> Facts {
    let object = |(name, quota): (&String, &Quota)| {
        let limit = quota.limit?;
        let fact = Fact { value: json!(limit), change: Change::Limit };
        let fields = BTreeMap::from([("limit".to_owned(), fact)]);
        Some((name.clone(), Object { name: name.clone(), summary: json!({ "limit": limit }), fields }))
    };
    Facts { objects: quotas.iter().filter_map(object).collect(), open_ended: true }
}

/// Quotas of which more is used than allowed.
pub(super) fn over_limit(quotas: &Quotas) -> Vec<Difference> {
    let exceeded = quotas.iter().filter_map(|(name, quota)| {
        let (limit, usage) = (quota.limit?, quota.usage?);
        limit.is_exceeded_by(usage).then(|| Difference {
            object: name.clone(),
            object_name: name.clone(),
            field: "usage".to_owned(),
            change: Change::OverLimit,
            expected: json!({ "at_most": limit }),
            observed: json!(usage),
        })
    });
    exceeded.collect()
}
