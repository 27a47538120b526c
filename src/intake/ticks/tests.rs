//! Every moment is held to a count of all the minutes there are.

use std::collections::BTreeMap;

use chrono::{Datelike, Timelike};
use chrono_tz::TZ_VARIANTS;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::config::Schedule;

/// Whole minutes, so that the count is short.
const CRONS: [&str; 12] = [
    "0 * * * * *",
    "0 */10 * * * *",
    "0 5/10 * * * *",
    "0 0 * * * *",
    "0 30 2 * * *",
    "0 0 0 * * *",
    "0 15 1,13 * * *",
    "0 */20 2 * * *",
    "0 45 */6 * * *",
    "0 30 3 * * MON-FRI",
    "0 0 12 1 * *",
    "0 10 23 * * SUN",
];

fn ticks(cron: &str, zone: Tz) -> Ticks {
    let schedule = serde_json::json!({ "name": "s", "cron": cron, "job": "pull" });
    let schedule: Schedule = serde_json::from_value(schedule).unwrap();
    Ticks::new(schedule.times().unwrap().unwrap(), zone)
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// All ticks of a stretch of time, found by asking of each minute whether it fits.
fn counted(cron: &str, zone: Tz, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let ticks = ticks(cron, zone);
    let minutes = (from.timestamp() / 60 - 1)..=(until.timestamp() / 60);
    let moments: Vec<DateTime<Utc>> = minutes.map(|it| DateTime::from_timestamp(it * 60, 0).unwrap()).collect();
    let fits = |wall: NaiveDateTime| ticks.times.is_time_matching(&wall.and_utc()).unwrap();
    let mut found = Vec::new();
    // The latest that the wall has shown: what comes again is no news to a schedule with hours.
    let mut shown = ticks.wall(moments[0] - NEARBY.min(chrono::Duration::hours(4)));
    for minute in (-240..0).rev().map(|it| moments[0] + chrono::Duration::minutes(it)) {
        shown = shown.max(ticks.wall(minute));
    }
    for moment in moments {
        let wall = ticks.wall(moment);
        let due = if ticks.every_hour {
            fits(wall)
        } else {
            let passed = (wall - shown).num_minutes().max(0);
            (0..passed).any(|back| fits(wall - chrono::Duration::minutes(back)))
        };
        shown = shown.max(wall);
        if due && moment > from && moment <= until {
            found.push(moment);
        }
    }
    found
}

/// Moments around which something may happen: half of them near a change of the clocks.
fn moments() -> impl Strategy<Value = (Tz, DateTime<Utc>)> {
    // From 1980 on every offset is in whole minutes; the database of zones ends in 2037 for some.
    (select(&TZ_VARIANTS[..]), 315_532_800_i64..2_114_380_800, any::<bool>()).prop_map(|(zone, seconds, near)| {
        let moment = DateTime::from_timestamp(seconds, 0).unwrap();
        (zone, if near { change_after(zone, moment).unwrap_or(moment) } else { moment })
    })
}

/// Some hours before the next change of the clocks.
fn change_after(zone: Tz, moment: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let ticks = ticks("0 * * * * *", zone);
    let days = (0..400).map(|day| moment + chrono::Duration::days(day));
    let before = days.into_iter().find(|day| ticks.offset(*day) != ticks.offset(*day + chrono::Duration::days(1)))?;
    let offset = ticks.offset(before);
    let change = first(before, before + chrono::Duration::days(1), |it| ticks.offset(it) != offset)?;
    Some(change - chrono::Duration::minutes(90) - SECOND * i32::try_from(moment.timestamp() % 3600).ok()?)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// However often somebody looks: ticks come in order, each once, and at each look the newest there is.
    #[test]
    fn looks_find_each_tick_once_and_lose_only_what_a_newer_one_makes_up_for(
        cron in select(&CRONS[..]),
        (zone, start) in moments(),
        pauses in prop::collection::vec(1_i64..20_000, 1..12),
    ) {
        let ticks = ticks(cron, zone);
        let end = start + chrono::Duration::seconds(pauses.iter().sum());
        let all = counted(cron, zone, start, end);
        let (mut last, mut now) = (start, start);
        for pause in pauses {
            now += chrono::Duration::seconds(pause);
            let expected = all.iter().copied().rfind(|tick| *tick > last && *tick <= now);
            let found = ticks.newest_until(now).filter(|tick| *tick > last);
            prop_assert_eq!(found, expected, "{} in {} at {} after {}", cron, zone, now, last);
            if let Some(tick) = found {
                let missed = all.iter().filter(|it| **it > last && **it < tick).count();
                prop_assert_eq!(ticks.between(last, tick, 10_000), missed);
                last = tick;
            }
        }
    }

    /// Walking forward meets the same moments as looking back.
    #[test]
    fn the_next_tick_is_the_next_one_found(cron in select(&CRONS[..]), (zone, start) in moments()) {
        let ticks = ticks(cron, zone);
        let all = counted(cron, zone, start, start + chrono::Duration::hours(30));
        let next = ticks.next_after(start);
        match all.first() {
            Some(first) => prop_assert_eq!(next, Some(*first), "{} in {} after {}", cron, zone, start),
            None => prop_assert!(next.is_none_or(|next| next > start + chrono::Duration::hours(30))),
        }
        if let Some(next) = next {
            prop_assert_eq!(ticks.newest_until(next), Some(next));
            prop_assert!(ticks.newest_until(next - SECOND).is_none_or(|before| before <= start));
        }
    }

    /// A daily job runs once on each day of the calendar, also on the days when the clocks change.
    #[test]
    fn a_daily_schedule_ticks_once_a_day(
        (zone, start) in moments(), hour in 0_u32..24, minute in 0_u32..60,
    ) {
        let ticks = ticks(&format!("0 {minute} {hour} * * *"), zone);
        let mut by_day: BTreeMap<i32, usize> = BTreeMap::new();
        let (mut tick, mut steps) = (ticks.next_after(start).unwrap(), 0);
        while steps < 12 {
            // A tick stands for the newest such time that the wall has passed, though it may have skipped that.
            let wall = ticks.wall(tick);
            let before = (wall.hour(), wall.minute()) < (hour, minute);
            let day = if before { wall - chrono::Duration::days(1) } else { wall };
            *by_day.entry(day.num_days_from_ce()).or_default() += 1;
            tick = ticks.next_after(tick).unwrap();
            steps += 1;
        }
        let days: Vec<i32> = by_day.keys().copied().collect();
        prop_assert!(by_day.values().all(|count| *count == 1), "{}: {:?}", zone, by_day);
        prop_assert!(days.windows(2).all(|pair| pair[1] - pair[0] == 1), "{}: {:?}", zone, by_day);
    }
}

#[test]
fn the_clocks_go_forward_and_back_in_berlin() {
    let zone = chrono_tz::Europe::Berlin;
    let walk = |cron: &str, from: &str, count: usize| {
        let ticks = ticks(cron, zone);
        let walked = std::iter::successors(ticks.next_after(at(from)), |tick| ticks.next_after(*tick)).take(count);
        walked.map(|tick| tick.format("%m-%d %H:%M").to_string()).collect::<Vec<_>>().join(", ")
    };
    // 02:30 is left out on 29 March, and comes twice on 25 October.
    assert_eq!(walk("0 30 2 * * *", "2026-03-28T00:00:00Z", 3), "03-28 01:30, 03-29 01:00, 03-30 00:30");
    assert_eq!(walk("0 30 2 * * *", "2026-10-24T00:00:00Z", 3), "10-24 00:30, 10-25 00:30, 10-26 01:30");
    assert_eq!(walk("0 30 * * * *", "2026-03-29T00:00:00Z", 3), "03-29 00:30, 03-29 01:30, 03-29 02:30");
    assert_eq!(walk("0 30 * * * *", "2026-10-25T00:00:00Z", 3), "10-25 00:30, 10-25 01:30, 10-25 02:30");
}

#[test]
fn a_day_that_never_comes_is_no_tick() {
    let never = ticks("0 0 0 30 2 *", Tz::UTC);
    assert_eq!(
        (never.newest_until(at("2026-01-01T00:00:00Z")), never.next_after(at("2026-01-01T00:00:00Z"))),
        (None, None)
    );
}

#[test]
fn the_longest_gap_is_what_a_schedule_promises() {
    let gap = ticks("0 0 2,3 * * *", Tz::UTC).longest_gap(at("2026-01-01T00:00:00Z"));
    assert_eq!(gap, Some(Duration::from_hours(23)));
}
