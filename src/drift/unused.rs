//! Security groups that nothing uses. Ports are no part of what is recorded: only a look that lists them knows.
//!
//! Of what a look does not know it says nothing: it confirms no suspicion and forgets none, it keeps no finding and
//! resolves none, as with counters that it did not compare ([`super::usage`]).

use std::collections::BTreeMap;

use super::Difference;
use super::lifecycle::{Standing, Suspicion};
use super::policy::Policy;
use crate::model::{Body, Change, Observation};

/// Whether something uses a security group, by the group's id; of those that are missing nobody knows.
pub type InUse = BTreeMap<String, bool>;

/// Whether a look found something unused that a policy forbids.
pub fn is_found_in<'a>(observation: &Observation, policies: impl IntoIterator<Item = &'a Policy>) -> bool {
    let in_use = observation.in_use.as_ref();
    in_use.is_some()
        && policies
            .into_iter()
            .any(|policy| policy.is_about_use() && !policy.violations(&observation.body, in_use).is_empty())
}

/// What of that which is known a look says something about: all but the use of groups that it does not know. A group that
/// is there no more is used by nobody.
pub fn told_of<'a>(
    (mut standing, mut suspicions): (Vec<Standing>, Vec<Suspicion>),
    (body, in_use): (&Body, Option<&InUse>),
    policies: impl IntoIterator<Item = &'a Policy>,
) -> (Vec<Standing>, Vec<Suspicion>) {
    let fields: Vec<String> = policies.into_iter().filter(|it| it.is_about_use()).map(Policy::field).collect();
    let is_there = |id: &str| matches!(body, Body::SecurityGroups(groups) if groups.iter().any(|it| it.id == id));
    let is_told = |difference: &Difference| {
        difference.change != Change::Policy
            || !fields.contains(&difference.field)
            || in_use.is_some_and(|in_use| in_use.contains_key(&difference.object))
            || !is_there(&difference.object)
    };
    standing.retain(|it| is_told(&it.difference));
    suspicions.retain(|it| is_told(&it.difference));
    (standing, suspicions)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::DateTime;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::drift::lifecycle::plan;
    use crate::drift::policy::{Condition, Whom};
    use crate::drift::rules::Rules;
    use crate::model::{FindingState, ResourceType, Severity};

    fn policy(name: &str, condition: Condition) -> Policy {
        let (only, except, except_objects) = (Whom::default(), Whom::default(), Vec::new());
        Policy { name: name.to_owned(), severity: Severity::Info, only, except, except_objects, condition }
    }

    fn unused(hours: u64) -> Policy {
        policy("unused", Condition::UnusedSecurityGroup(Duration::from_hours(hours)))
    }

    fn body(names: &[&str]) -> Body {
        let groups: Vec<_> = names.iter().map(|name| json!({ "id": name, "name": name })).collect();
        Body::from_json(ResourceType::SecurityGroups, &json!(groups)).unwrap()
    }

    fn in_use(groups: &[(&str, bool)]) -> InUse {
        groups.iter().map(|(id, is_used)| ((*id).to_owned(), *is_used)).collect()
    }

    #[test]
    fn a_look_says_nothing_about_use_that_it_does_not_know() {
        let policies = [unused(1), policy("long", Condition::MostRules(1))];
        let found = policies[0].violations(&body(&["web"]), Some(&in_use(&[("web", false)]))).remove(0);
        let long = Difference { field: "policy long".to_owned(), ..found.clone() };
        let switched_off = Difference { field: "policy gone".to_owned(), ..found.clone() };
        let standing = |difference: &Difference| {
            let (id, severity, state) = (Uuid::nil(), Severity::Info, FindingState::Open);
            Standing {
                id,
                difference: difference.clone(),
                severity,
                state,
                opened_at: DateTime::UNIX_EPOCH,
                flapping: None,
            }
        };
        let at = DateTime::UNIX_EPOCH;
        let known = [&found, &long, &switched_off].map(standing).to_vec();
        let suspicions = vec![Suspicion { difference: found.clone(), count: 1, since: at, counted_at: at }];
        let told = |names: &[&str], in_use: Option<&InUse>| {
            let (standing, suspicions) =
                told_of((known.clone(), suspicions.clone()), (&body(names), in_use), &policies);
            (standing.len(), suspicions.len())
        };
        assert_eq!(told(&["web"], None), (2, 0));
        assert_eq!(told(&["web"], Some(&in_use(&[("db", false)]))), (2, 0), "it is not known of this one");
        assert_eq!(told(&["web"], Some(&in_use(&[("web", true)]))), (3, 1));
        assert_eq!(told(&["db"], None), (3, 1), "there is no such group any more");
    }

    #[test]
    fn two_looks_must_agree_even_without_patience() {
        let rules = Rules { policies: vec![unused(0)], ..Rules::default() };
        let found = || rules.policies[0].violations(&body(&["web"]), Some(&in_use(&[("web", false)])));
        let first = plan(found(), &[], &[], &rules, DateTime::UNIX_EPOCH);
        assert_eq!((first.open.len(), first.suspect.len()), (0, 1));
        let later = DateTime::UNIX_EPOCH + rules.confirm.spacing;
        assert_eq!(first.look_again_at, Some(later));
        assert_eq!(plan(found(), &[], &first.suspect, &rules, later).open.len(), 1);
    }

    #[test]
    fn only_what_a_policy_forbids_is_found() {
        let policies = [unused(0)];
        let look = |in_use: Option<InUse>| Observation {
            in_use,
            ..Observation::clean(DateTime::UNIX_EPOCH, body(&["default", "web"]))
        };
        let is_found = |it: Option<InUse>| is_found_in(&look(it), &policies);
        assert!(is_found(Some(in_use(&[("web", false)]))));
        assert!(!is_found(Some(in_use(&[("web", true), ("default", false)]))) && !is_found(None));
        assert!(!is_found_in(&look(Some(in_use(&[("web", false)]))), []));
    }
}
