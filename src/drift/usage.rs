//! A service's own counter against the objects counted: the desynchronised quota, found by the API alone.
//!
//! Most looks do not count, and a look that counts may be uncertain of a quota. Of what a look does not know it says
//! nothing: it confirms no suspicion and forgets none, it keeps no finding and resolves none.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Difference;
use super::lifecycle::{Standing, Suspicion};
use crate::model::quota::keeper;
use crate::model::{Body, Change, Observation};

/// The field of a finding about a counter; more used than allowed is a finding about the usage itself.
pub const COUNTER: &str = "counter";

/// How many objects there are, by the quota's name and in its unit.
pub type Counted = BTreeMap<String, u64>;

/// Counters that say another number than was counted, with whose counter it is.
pub fn differences(body: &Body, counted: Option<&Counted>) -> Vec<Difference> {
    let (Body::Quotas(quotas), Some(counted)) = (body, counted) else { return Vec::new() };
    let difference = |(name, there): (&String, &u64)| {
        let said = quotas.get(name)?.usage.filter(|said| said != there)?;
        Some(Difference {
            object: name.clone(),
            object_name: name.clone(),
            field: COUNTER.to_owned(),
            change: Change::Usage,
            expected: json!({ "counted": there }),
            observed: json!({ "counter": said, "service": keeper(name) }),
        })
    };
    counted.iter().filter_map(difference).collect()
}

/// Whether a look counted and found a counter wrong.
pub fn is_found_in(observation: &Observation) -> bool {
    !differences(&observation.body, observation.counted.as_ref()).is_empty()
}

/// What of that which is known a look says something about: all but the counters that it did not compare. A quota that
/// is there no more has no counter.
pub fn told_of(
    standing: &[Standing],
    suspicions: &[Suspicion],
    (body, counted): (&Body, Option<&Counted>),
) -> (Vec<Standing>, Vec<Suspicion>) {
    let is_there = |name: &str| matches!(body, Body::Quotas(quotas) if quotas.contains_key(name));
    let is_told = |difference: &Difference| {
        difference.change != Change::Usage
            || counted.is_some_and(|counted| counted.contains_key(&difference.object))
            || !is_there(&difference.object)
    };
    let standing = standing.iter().filter(|it| is_told(&it.difference)).cloned().collect();
    let suspicions = suspicions.iter().filter(|it| is_told(&it.difference)).cloned().collect();
    (standing, suspicions)
}

/// By how much a counter is wrong: in a tenant at work both numbers move, and this is what lasts.
pub fn gap(difference: &Difference) -> Option<i128> {
    let (said, there) = (difference.observed["counter"].as_u64()?, difference.expected["counted"].as_u64()?);
    (difference.change == Change::Usage).then(|| i128::from(said) - i128::from(there))
}

/// What a counter that is wrong means, in words: `nova counts 5, 3 are there: nova's counter is to be mended`.
pub fn meaning(expected: &Value, observed: &Value, say: impl Fn(&Value) -> String) -> String {
    let service = observed["service"].as_str().unwrap_or_default();
    let (said, there) = (say(&observed["counter"]), say(&expected["counted"]));
    format!("{service} counts {said}, {there} are there: {service}'s counter is to be mended")
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Duration};
    use uuid::Uuid;

    use super::*;
    use crate::drift::lifecycle::{Plan, plan};
    use crate::drift::rules::Rules;
    use crate::model::{FindingState, ResourceType, Severity};

    fn quotas(usage: &[(&str, u64)]) -> Body {
        let quotas: serde_json::Map<String, Value> =
            usage.iter().map(|(name, usage)| ((*name).to_owned(), json!({"limit": 20, "usage": usage}))).collect();
        Body::from_json(ResourceType::Quotas, &Value::Object(quotas)).unwrap()
    }

    fn counted(numbers: &[(&str, u64)]) -> Counted {
        numbers.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect()
    }

    fn found(usage: u64, number: u64) -> Difference {
        differences(&quotas(&[("vcpu", usage)]), Some(&counted(&[("vcpu", number)]))).remove(0)
    }

    fn standing(difference: Difference, state: FindingState) -> Standing {
        let (severity, opened_at) = (Severity::Warning, DateTime::UNIX_EPOCH);
        Standing { id: Uuid::nil(), difference, severity, state, opened_at, flapping: None }
    }

    #[test]
    fn a_counter_that_says_another_number_is_told_with_both_and_the_service() {
        let body = quotas(&[("vcpu", 5), ("ram", 512), ("storage", 7168), ("port_count", 2)]);
        let counted = counted(&[("vcpu", 3), ("ram", 512), ("storage", 4096), ("port_count", 0), ("volumes", 1)]);
        let told = |it: &Difference| meaning(&it.expected, &it.observed, ToString::to_string);
        let told: Vec<String> = differences(&body, Some(&counted)).iter().map(told).collect();
        assert_eq!(
            told,
            [
                "neutron counts 2, 0 are there: neutron's counter is to be mended",
                "cinder counts 7168, 4096 are there: cinder's counter is to be mended",
                "nova counts 5, 3 are there: nova's counter is to be mended",
            ]
        );
        assert_eq!(differences(&body, None), []);
    }

    #[test]
    fn a_look_says_nothing_about_what_it_did_not_count() {
        let (vcpu, over) = (found(5, 3), Difference { change: Change::OverLimit, ..found(5, 3) });
        let findings = [standing(vcpu.clone(), FindingState::Open), standing(over, FindingState::Open)];
        let suspicion =
            Suspicion { difference: vcpu, count: 1, since: DateTime::UNIX_EPOCH, counted_at: DateTime::UNIX_EPOCH };
        let told = |body: &Body, counted: Option<&Counted>| {
            let (standing, suspicions) = told_of(&findings, std::slice::from_ref(&suspicion), (body, counted));
            (standing.len(), suspicions.len())
        };
        let body = quotas(&[("vcpu", 5), ("ram", 1)]);
        assert_eq!(told(&body, None), (1, 0));
        assert_eq!(told(&body, Some(&counted(&[("ram", 1)]))), (1, 0));
        assert_eq!(told(&body, Some(&counted(&[("vcpu", 5)]))), (2, 1));
        assert_eq!(told(&quotas(&[("ram", 1)]), None), (2, 1), "there is no such quota any more");
    }

    #[test]
    fn three_spaced_looks_with_the_same_gap_open_a_finding() {
        let (rules, start) = (Rules::default(), DateTime::UNIX_EPOCH);
        let look = |(usage, number), before: &Plan, seconds| {
            plan(vec![found(usage, number)], &[], &before.suspect, &rules, start + Duration::seconds(seconds))
        };
        let counts = |plan: &Plan| plan.suspect.first().map(|it| it.count);
        let first = look((5, 3), &Plan::default(), 0);
        assert_eq!((counts(&first), first.counts_again()), (Some(1), true));
        let second = look((6, 4), &first, 60);
        assert_eq!(counts(&second), Some(2), "something was made: the gap is what it was");
        assert_eq!(counts(&look((6, 3), &second, 120)), Some(1), "another gap begins anew");
        let third = look((5, 3), &second, 120);
        assert_eq!((counts(&third), third.open.len()), (None, 1));
    }

    #[test]
    fn whoever_knows_of_a_gap_is_not_told_again_while_it_does_not_grow() {
        let known = [standing(found(5, 3), FindingState::Acknowledged)];
        let reopened = |is| plan(vec![is], &known, &[], &Rules::default(), DateTime::UNIX_EPOCH).change[0].reopened;
        assert_eq!([reopened(found(6, 4)), reopened(found(4, 3))], [None; 2]);
        assert_eq!(reopened(found(6, 3)), Some("another value was observed"));
        assert_eq!(reopened(found(2, 3)), Some("another value was observed"), "it is wrong the other way");
    }
}
