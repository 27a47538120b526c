//! A limit that somebody set and that is the service's default again: its quota was deleted or reset.

use std::collections::BTreeMap;

use serde_json::json;

use super::Difference;
use super::lifecycle::Standing;
use crate::model::Change;
use crate::model::quota::Limit;

/// What such a finding means, in words.
pub const MEANING: &str = "what is there is the service's default: the quota that was set was deleted or reset";

/// Calls a limit that differs and is the service's default by its own kind. Where nobody knows the defaults, a finding
/// with the same limit stays what it was.
pub fn tell(differences: &mut [Difference], defaults: Option<&BTreeMap<String, Limit>>, standing: &[Standing]) {
    for difference in differences.iter_mut().filter(|it| it.change == Change::Limit) {
        let default = defaults.and_then(|defaults| defaults.get(&difference.object));
        let is_default = match default {
            Some(default) => difference.observed == json!(default),
            None => standing.iter().map(|finding| &finding.difference).any(|was| {
                was.change == Change::Default && was.key() == difference.key() && was.observed == difference.observed
            }),
        };
        if is_default {
            difference.change = Change::Default;
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::drift::compare;
    use crate::model::{Body, FindingState, ResourceType, Severity};

    fn quotas(vcpu: i64, ram: i64) -> Body {
        let body = json!({"vcpu": {"limit": vcpu}, "ram": {"limit": ram}});
        Body::from_json(ResourceType::Quotas, &body).unwrap()
    }

    fn changes(defaults: Option<&BTreeMap<String, Limit>>, standing: &[Standing]) -> Vec<Change> {
        let mut differences = compare(&quotas(40, 9), &quotas(20, 8));
        tell(&mut differences, defaults, standing);
        differences.iter().map(|it| it.change).collect()
    }

    #[test]
    fn a_limit_that_is_the_default_is_told_apart() {
        let limits = [("ram", Limit::Of(7)), ("vcpu", Limit::Of(20))];
        let defaults = limits.map(|(name, limit)| (name.to_owned(), limit)).into();
        assert_eq!(changes(Some(&defaults), &[]), [Change::Limit, Change::Default]);
        assert_eq!(changes(None, &[]), [Change::Limit, Change::Limit]);
        assert_eq!(changes(Some(&BTreeMap::new()), &[]), [Change::Limit, Change::Limit]);
    }

    #[test]
    fn it_stays_what_it_was_where_nobody_knows_the_defaults() {
        let mut was = compare(&quotas(40, 9), &quotas(20, 9)).remove(0);
        was.change = Change::Default;
        let standing = |difference: Difference| Standing {
            id: Uuid::nil(),
            difference,
            severity: Severity::Warning,
            state: FindingState::Open,
            opened_at: DateTime::UNIX_EPOCH,
            flapping: None,
        };
        assert_eq!(changes(None, &[standing(was.clone())]), [Change::Limit, Change::Default]);
        let other = Difference { observed: json!(30), ..was };
        assert_eq!(changes(None, &[standing(other)]), [Change::Limit, Change::Limit], "it has another value now");
    }
}
