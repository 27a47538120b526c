use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn objective(max_age: i64, kind: &str) -> Objective {
    Objective { max_age: Duration::seconds(max_age), cost: Cost::of(kind), lists_everyone: true }
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_000_000 + seconds, 0).unwrap()
}

fn id(number: usize) -> Uuid {
    Uuid::from_u128(number as u128 + 1)
}

/// A tenant that was read completely then.
fn read(number: usize, seconds: i64) -> Freshness {
    let then = Some(at(seconds));
    Freshness { tenant: id(number), tried: true, oldest: then, succeeded_at: then, ..Freshness::default() }
}

fn plan(tenants: &[Freshness], now: i64) -> Plan {
    objective(100, "pull_quotas").plan(tenants, &BTreeSet::new(), at(now))
}

#[test]
fn a_tenant_is_due_before_its_time_is_up_and_the_oldest_comes_first() {
    let tenants = [read(0, 10), read(1, 0), read(2, 60), read(3, 79)];
    assert_eq!(plan(&tenants, 79), Plan::Nobody);
    assert_eq!(plan(&tenants, 80), Plan::Some(vec![id(1)]));
    assert_eq!(plan(&tenants, 100), Plan::Some(vec![id(1), id(0)]));
}

#[test]
fn whoever_was_never_read_is_due_at_once_and_before_all_others() {
    let new = Freshness { tenant: id(7), ..Freshness::default() };
    assert_eq!(plan(&[read(0, 0), read(1, 130), read(2, 130), new], 130), Plan::Some(vec![id(7), id(0)]));
}

#[test]
fn who_changed_lately_or_shows_a_difference_is_due_sooner() {
    let changed = Freshness { changed_at: Some(at(-200)), ..read(0, 0) };
    let suspected = Freshness { suspected: true, ..read(1, 0) };
    let (long_ago, quiet) = (Freshness { changed_at: Some(at(-1000)), ..read(2, 0) }, read(3, 0));
    let tenants = [changed, suspected, long_ago, quiet];
    assert_eq!(plan(&tenants, 39), Plan::Nobody);
    assert_eq!(plan(&tenants, 40), Plan::Some(vec![id(0), id(1)]));
}

#[test]
fn who_could_not_be_read_is_tried_again_sooner_but_not_all_the_time() {
    let failed = |oldest: Option<i64>| Freshness {
        tenant: id(0),
        tried: true,
        oldest: oldest.map(at),
        failed_at: Some(at(0)),
        ..Freshness::default()
    };
    for it in [failed(None), failed(Some(-500))] {
        assert_eq!(plan(std::slice::from_ref(&it), 39), Plan::Nobody);
        assert_eq!(plan(std::slice::from_ref(&it), 40), Plan::Some(vec![id(0)]));
    }
    let one_of_two = Freshness { succeeded_at: Some(at(20)), ..failed(Some(20)) };
    assert_eq!(objective(100, "pull").due_at(&one_of_two, at(20)), Some(at(40)));
}

#[test]
fn a_clock_that_went_back_puts_no_look_off() {
    let failed = Freshness { tenant: id(1), tried: true, failed_at: Some(at(500)), ..Freshness::default() };
    let tenants = [read(0, 500), failed, read(2, 90)];
    assert_eq!(plan(&tenants, 100), Plan::Some(vec![id(1), id(0)]));
    assert_eq!(plan(&[read(0, 160)], 100), Plan::Nobody, "clocks of replicas differ a little");
}

#[test]
fn everyone_is_looked_at_where_that_asks_for_less() {
    let groups = objective(100, "pull_security_groups");
    let tenants = |due: usize| (0..300).map(|it| read(it, if it < due { 0 } else { 60 })).collect::<Vec<_>>();
    let plan = |objective: &Objective, due| objective.plan(&tenants(due), &BTreeSet::new(), at(85));
    assert_eq!(plan(&groups, 3), Plan::Some(vec![id(0), id(1), id(2)]), "a listing of everyone is four pages");
    assert_eq!(plan(&groups, 4), Plan::Everyone(id(0)));
    let limits = objective(100, "pull_quotas");
    assert!(matches!(plan(&limits, 239), Plan::Some(some) if some.len() == 239), "three requests a tenant in any case");
    assert_eq!(plan(&limits, 240), Plan::Everyone(id(0)));
    let blind = Objective { lists_everyone: false, ..groups };
    assert!(matches!(plan(&blind, 300), Plan::Some(some) if some.len() == 300));
    assert_eq!(objective(100, "pull").plan(&[read(0, 0)], &BTreeSet::new(), at(100)), Plan::Some(vec![id(0)]));
}

#[test]
fn nobody_is_asked_for_twice_and_no_more_than_there_is_room_for() {
    let limits = Objective { lists_everyone: false, ..objective(100, "pull_quotas") };
    let tenants: Vec<Freshness> = (0..1500).zip(0_i64..).map(|(it, age)| read(it, -age)).collect();
    let Plan::Some(some) = limits.plan(&tenants, &BTreeSet::new(), at(100)) else { unreachable!() };
    assert_eq!((some.len(), some[0]), (1000, id(1499)));
    let active: BTreeSet<Uuid> = some.into_iter().take(600).collect();
    let Plan::Some(more) = limits.plan(&tenants, &active, at(100)) else { unreachable!() };
    assert_eq!((more.len(), more[0]), (400, id(899)));
}

proptest! {
    /// A world in which a look takes up to a tenth of the time, and some tenants change now and then.
    #[test]
    fn nothing_becomes_older_than_promised(
        max_age in 30_i64..7200,
        took in proptest::collection::vec(0_i64..=100, 1..60),
        restless in proptest::collection::vec(any::<bool>(), 60),
        kind in proptest::sample::select(vec!["pull", "pull_quotas", "pull_security_groups"]),
        lists_everyone in any::<bool>(),
    ) {
        let objective = Objective { lists_everyone, ..objective(max_age, kind) };
        // In milliseconds from here on, as the loop that looks at schedules sleeps.
        let (age, pause) = (max_age * 1000, (max_age * 50).min(15_000));
        let moment = |ms: i64| at(0) + Duration::milliseconds(ms);
        let mut tenants: Vec<Freshness> =
            (0..took.len()).map(|it| Freshness { tenant: id(it), ..Freshness::default() }).collect();
        let mut ends: BTreeMap<Uuid, i64> = BTreeMap::new();
        let (mut now, mut looks) = (0, 0);
        while now < age * 5 {
            for (place, it) in tenants.iter_mut().enumerate() {
                let Some(end) = ends.get(&it.tenant).copied().filter(|end| *end <= now) else { continue };
                if let Some(before) = it.oldest {
                    prop_assert!(moment(end) - before <= objective.max_age, "{} after {before}", moment(end));
                }
                ends.remove(&it.tenant);
                (it.tried, it.oldest, it.succeeded_at) = (true, Some(moment(end)), Some(moment(end)));
                it.changed_at = if restless[place] { it.oldest } else { it.changed_at };
                looks += 1;
            }
            let active = ends.keys().copied().collect();
            let wanted = match objective.plan(&tenants, &active, moment(now)) {
                Plan::Nobody => Vec::new(),
                Plan::Everyone(_) => tenants.iter().map(|it| it.tenant).filter(|it| !active.contains(it)).collect(),
                Plan::Some(some) => some,
            };
            for tenant in wanted {
                let place = usize::try_from(tenant.as_u128()).unwrap() - 1;
                ends.insert(tenant, now + age * took[place] / 1000);
            }
            now += pause;
        }
        // Nor is anybody looked at more often than that asks for.
        prop_assert!(looks <= 13 * tenants.len(), "{looks} looks at {}", tenants.len());
    }
}
