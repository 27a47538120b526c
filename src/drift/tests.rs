//! Properties of the comparison and tables of what it says.

use proptest::prelude::*;
use serde_json::json;

use super::lifecycle::{Standing, Suspicion, plan};
use super::rules::Rules;
use super::*;
use crate::model::quota::{Limit, Quota, Quotas};
use crate::model::security_group::{Meaning, Rule, SecurityGroup};
use crate::model::{FindingState, ResourceType, Severity};
use chrono::{DateTime, Duration};
use uuid::Uuid;

fn quotas(entries: &[(&str, i64, u64)]) -> Body {
    let entry = |(name, limit, usage): &(&str, i64, u64)| {
        (name.to_string(), Quota { limit: Limit::from_api(*limit).ok(), usage: Some(*usage) })
    };
    Body::Quotas(entries.iter().map(entry).collect::<Quotas>())
}

fn arbitrary_rule() -> impl Strategy<Value = Rule> {
    let protocol = prop::option::of(prop::sample::select(vec!["tcp", "6", "UDP", "17", "icmp", "1", "112", "any"]));
    let cidr =
        prop::option::of(prop::sample::select(vec!["0.0.0.0/0", "10.0.0.7/24", "10.0.0.0/24", "192.0.2.1", "::/0"]));
    let direction = prop::sample::select(vec!["ingress", "egress"]);
    (direction, protocol, 0_u16..3, 0_u16..3, cidr).prop_map(|(direction, protocol, first, more, cidr)| Rule {
        meaning: Meaning {
            direction: direction.to_owned(),
            ethertype: "IPv4".to_owned(),
            protocol: protocol.map(str::to_owned),
            port_min: Some(first),
            port_max: Some(first + more),
            cidr: cidr.map(str::to_owned),
            remote_group: None,
            remote_address_group: None,
        }
        .canonical(),
        id: String::new(),
        description: String::new(),
    })
}

fn arbitrary_groups() -> impl Strategy<Value = Vec<SecurityGroup>> {
    let group = ("[a-e]", "[x-z]", prop::collection::vec(arbitrary_rule(), 0..5));
    prop::collection::btree_map("[a-e]", group, 0..5).prop_map(|groups| {
        let group = |(id, (name, description, rules))| SecurityGroup { id, name, description, stateful: true, rules };
        groups.into_iter().map(group).collect()
    })
}

/// Applies differences to facts, as a repair would.
fn apply(facts: &mut Facts, differences: &[Difference], target: &Facts) {
    for difference in differences {
        let wanted = target.objects.get(&difference.object);
        match (difference.field.as_str(), wanted) {
            (EXISTENCE, Some(object)) => drop(facts.objects.insert(difference.object.clone(), object.clone())),
            (EXISTENCE, None) => drop(facts.objects.remove(&difference.object)),
            (field, Some(object)) => {
                let mine = facts.objects.get_mut(&difference.object).unwrap();
                match object.fields.get(field) {
                    Some(fact) => drop(mine.fields.insert(field.to_owned(), fact.clone())),
                    None => drop(mine.fields.remove(field)),
                }
            }
            (_, None) => unreachable!("a field differs only where both have the object"),
        }
    }
}

proptest! {
    #[test]
    fn nothing_differs_from_itself_in_any_order(groups in arbitrary_groups(), seed in any::<usize>()) {
        let mut shuffled = groups.clone();
        let places = shuffled.len().max(1);
        shuffled.rotate_left(seed % places);
        for group in &mut shuffled {
            group.rules.reverse();
            for (index, rule) in group.rules.iter_mut().enumerate() { rule.id = format!("other-{index}"); }
        }
        prop_assert_eq!(compare(&Body::SecurityGroups(groups), &Body::SecurityGroups(shuffled)), vec![]);
    }

    #[test]
    fn differences_turn_one_into_the_other_and_back(left in arbitrary_groups(), right in arbitrary_groups()) {
        let (left, right) = (facts(&Body::SecurityGroups(left)), facts(&Body::SecurityGroups(right)));
        let (there, back) = (diff(&left, &right), diff(&right, &left));
        prop_assert_eq!(there.len(), back.len());
        for (one, other) in there.iter().zip(&back) {
            prop_assert_eq!(one.key(), other.key());
            prop_assert_eq!(&one.expected, &other.observed);
        }
        let mut repaired = left.clone();
        apply(&mut repaired, &there, &right);
        prop_assert_eq!(diff(&right, &repaired), vec![]);
    }

    #[test]
    fn a_stored_body_reads_back_equal(groups in arbitrary_groups()) {
        let body = Body::SecurityGroups(groups).sorted();
        let read = Body::from_json(ResourceType::SecurityGroups, &body.to_json()).unwrap();
        prop_assert_eq!(read.digest(), body.digest());
    }
}

#[test]
fn a_limit_differs_and_usage_does_not() {
    let differences =
        compare(&quotas(&[("vcpu", 20, 3), ("ram", -1, 9)]), &quotas(&[("vcpu", 40, 7), ("ram", 0, 9), ("new", 1, 0)]));
    let said: Vec<_> =
        differences.iter().map(|d| (d.object.as_str(), d.change, d.expected.clone(), d.observed.clone())).collect();
    assert_eq!(
        said,
        [("ram", Change::Limit, json!("unlimited"), json!(0)), ("vcpu", Change::Limit, json!(20), json!(40))]
    );
}

#[test]
fn more_used_than_allowed_is_said_without_any_expectation() {
    let said = conditions(&quotas(&[("vcpu", 2, 3), ("ram", -1, 9), ("instances", 3, 3)]), None, []);
    assert_eq!(said.iter().map(|d| (d.object.as_str(), d.change)).collect::<Vec<_>>(), [("vcpu", Change::OverLimit)]);
}

#[test]
fn world_open_ingress_to_a_critical_port_is_critical() {
    let rules = Rules { critical_ports: vec![22], ..Rules::default() };
    let group = |rules| {
        Body::SecurityGroups(vec![SecurityGroup {
            id: "g".into(),
            name: "web".into(),
            description: String::new(),
            stateful: true,
            rules,
        }])
    };
    let open = |port| Rule {
        meaning: Meaning {
            direction: "ingress".into(),
            ethertype: "IPv4".into(),
            protocol: Some("tcp".into()),
            port_min: Some(port),
            port_max: Some(port),
            cidr: Some("0.0.0.0/0".into()),
            remote_group: None,
            remote_address_group: None,
        }
        .canonical(),
        id: "r".into(),
        description: String::new(),
    };
    let severities: Vec<_> = compare(&group(vec![]), &group(vec![open(22), open(80)]))
        .iter()
        .map(|d| (d.field.clone(), rules.severity(d)))
        .collect();
    assert_eq!(
        severities,
        [
            ("rule ingress IPv4 tcp 22 from 0.0.0.0/0".to_owned(), Severity::Critical),
            ("rule ingress IPv4 tcp 80 from 0.0.0.0/0".to_owned(), Severity::Warning),
        ]
    );
}

#[test]
fn a_finding_is_opened_changed_kept_and_resolved_once() {
    let (rules, now) = (Rules::default(), DateTime::UNIX_EPOCH);
    let expected = quotas(&[("vcpu", 20, 0)]);
    let first = plan(compare(&expected, &quotas(&[("vcpu", 40, 0)])), &[], &[], &rules, now);
    assert_eq!(first.open.len(), 1);
    let (difference, severity) = first.open[0].clone();
    let standing =
        [Standing { id: Uuid::nil(), difference, severity, state: FindingState::Open, opened_at: now, flapping: None }];
    let same = plan(compare(&expected, &quotas(&[("vcpu", 40, 0)])), &standing, &[], &rules, now);
    assert_eq!((same.keep.len(), same.open.len(), same.change.len(), same.resolve.len()), (1, 0, 0, 0));
    let other = plan(compare(&expected, &quotas(&[("vcpu", 50, 0)])), &standing, &[], &rules, now);
    assert_eq!((other.keep.len(), other.open.len(), other.change.len(), other.resolve.len()), (0, 0, 1, 0));
    let back = plan(compare(&expected, &expected), &standing, &[], &rules, now);
    assert_eq!((back.keep.len(), back.open.len(), back.change.len(), back.resolve.len()), (0, 0, 0, 1));
}

#[test]
fn what_is_known_is_open_again_when_its_values_are_others() {
    use FindingState::{Acknowledged, Open};
    let (rules, now) = (Rules::default(), DateTime::UNIX_EPOCH);
    let reopened = |was: Vec<Difference>, is: Vec<Difference>, state| {
        let (difference, severity) = plan(was, &[], &[], &rules, now).open[0].clone();
        let standing = [Standing { id: Uuid::nil(), difference, severity, state, opened_at: now, flapping: None }];
        plan(is, &standing, &[], &rules, now).change[0].reopened
    };
    let limit = |expected, observed| compare(&quotas(&[("vcpu", expected, 0)]), &quotas(&[("vcpu", observed, 0)]));
    let over = |limit, usage| conditions(&quotas(&[("vcpu", limit, usage)]), None, []);
    assert_eq!(reopened(limit(20, 40), limit(20, 50), Open), None);
    assert_eq!(reopened(limit(20, 40), limit(20, 50), Acknowledged), Some("another value was observed"));
    assert_eq!(reopened(limit(20, 40), limit(30, 40), Acknowledged), Some("another value is expected"));
    assert_eq!(reopened(over(2, 9), over(2, 10), Acknowledged), Some("another value was observed"));
    assert_eq!(reopened(over(2, 9), over(2, 8), Acknowledged), None, "it gets better");
    assert_eq!(reopened(over(2, 9), over(1, 8), Acknowledged), Some("another value is expected"));
}

#[test]
fn an_object_is_gone_when_a_second_look_far_enough_apart_agrees() {
    let (rules, start) = (Rules::default(), DateTime::UNIX_EPOCH);
    let gone = || {
        compare(
            &Body::SecurityGroups(vec![SecurityGroup {
                id: "g".into(),
                name: "web".into(),
                description: String::new(),
                stateful: true,
                rules: vec![],
            }]),
            &Body::SecurityGroups(vec![]),
        )
    };
    let first = plan(gone(), &[], &[], &rules, start);
    assert_eq!((first.open.len(), first.suspect.len()), (0, 1));
    assert_eq!(first.look_again_at, Some(start + Duration::seconds(60)));
    let soon = plan(gone(), &[], &first.suspect, &rules, start + Duration::seconds(1));
    assert_eq!((soon.open.len(), soon.suspect[0].count), (0, 1));
    let later = plan(gone(), &[], &first.suspect, &rules, start + Duration::seconds(60));
    assert_eq!((later.open.len(), later.suspect.len(), later.forget.len()), (1, 0, 1));
    let back = plan(vec![], &[], &first.suspect, &rules, start + Duration::seconds(60));
    assert_eq!((back.open.len(), back.forget.len()), (0, 1));
    let _: &Suspicion = &first.suspect[0];
}
