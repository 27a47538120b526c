//! Which moments a cron expression means in a time zone. The parser only answers for a clock on a wall that never
//! changes; what a change of the clocks means is decided here.
//!
//! A schedule that names hours means the clock on the wall: at a time that is left out in spring it ticks when the
//! clocks have gone forward, and at one that comes twice in autumn it ticks the first time. A schedule for every hour
//! means the time that passes: nothing is left out, and nothing comes twice.

use std::time::Duration;

use chrono::{DateTime, LocalResult, NaiveDateTime, Offset, SubsecRound, TimeZone, Utc};
use chrono_tz::Tz;
use croner::Cron;

/// Clocks change by less than this, and not twice within it.
const NEARBY: chrono::Duration = chrono::Duration::hours(26);
const SECOND: chrono::Duration = chrono::Duration::seconds(1);

/// The moments of a schedule.
#[derive(Debug, Clone)]
pub struct Ticks {
    times: Cron,
    zone: Tz,
    every_hour: bool,
}

impl Ticks {
    /// Those of `times` in `zone`.
    pub fn new(times: Cron, zone: Tz) -> Self {
        let every_hour = (0..24).all(|hour| times.pattern.hour_match(hour).unwrap_or_default());
        Self { times, zone, every_hour }
    }

    /// The newest at or before `now`.
    pub fn newest_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let now = now.trunc_subsecs(0);
        if self.every_hour { self.passing_before(now) } else { self.on_the_wall_before(now) }
    }

    /// The first after `then`.
    pub fn next_after(&self, then: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let then = then.trunc_subsecs(0);
        if self.every_hour { self.passing_after(then) } else { self.on_the_wall_after(then) }
    }

    /// The longest time between two of the next ticks.
    pub fn longest_gap(&self, from: DateTime<Utc>) -> Option<Duration> {
        let mut before = self.next_after(from)?;
        let mut longest = chrono::Duration::zero();
        for _ in 0..49 {
            let Some(tick) = self.next_after(before) else { break };
            longest = longest.max(tick - before);
            before = tick;
        }
        longest.to_std().ok()
    }

    /// How many lie between two moments, both left out; counting ends at `most`.
    pub fn between(&self, after: DateTime<Utc>, before: DateTime<Utc>, most: usize) -> usize {
        let ticks = std::iter::successors(self.next_after(after), |tick| self.next_after(*tick));
        ticks.take_while(|tick| *tick < before).take(most).count()
    }

    /// What a clock on the wall shows.
    fn wall(&self, moment: DateTime<Utc>) -> NaiveDateTime {
        moment.with_timezone(&self.zone).naive_local()
    }

    fn offset(&self, moment: DateTime<Utc>) -> chrono::Duration {
        let offset = self.zone.offset_from_utc_datetime(&moment.naive_utc()).fix();
        chrono::Duration::seconds(offset.local_minus_utc().into())
    }

    /// The newest time on the wall until `wall` that fits.
    fn fitting_before(&self, wall: NaiveDateTime) -> Option<NaiveDateTime> {
        self.times.find_previous_occurrence(&wall.and_utc(), true).ok().map(|fits| fits.naive_utc())
    }

    /// The first time on the wall from `wall` on that fits.
    fn fitting_from(&self, wall: NaiveDateTime) -> Option<NaiveDateTime> {
        self.times.find_next_occurrence(&wall.and_utc(), true).ok().map(|fits| fits.naive_utc())
    }

    /// The moment of a time on the wall: the first, where there are two, and the end of the gap, where there is none.
    fn moment(&self, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
        match self.zone.from_local_datetime(&wall) {
            LocalResult::Single(moment) | LocalResult::Ambiguous(moment, _) => Some(moment.to_utc()),
            LocalResult::None => {
                let middle = wall.and_utc();
                first(middle - NEARBY, middle + NEARBY, |moment| self.wall(moment) >= wall)
            }
        }
    }

    fn on_the_wall_before(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // While an hour comes the second time, the end of its first time was later on the wall than now.
        let turned_back = (self.offset(now - NEARBY) - self.offset(now)).max(chrono::Duration::zero());
        let mut wall = self.fitting_before(self.wall(now) + turned_back)?;
        loop {
            let moment = self.moment(wall)?;
            if moment <= now {
                return Some(moment);
            }
            wall = self.fitting_before(wall - SECOND)?;
        }
    }

    fn on_the_wall_after(&self, then: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut wall = self.fitting_from(self.wall(then))?;
        loop {
            let moment = self.moment(wall)?;
            if moment > then {
                return Some(moment);
            }
            wall = self.fitting_from(wall + SECOND)?;
        }
    }

    fn passing_before(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut from = now;
        loop {
            let offset = self.offset(from);
            let tick = (self.fitting_before(self.wall(from))? - offset).and_utc();
            if self.offset(tick) == offset {
                return Some(tick);
            }
            // The clocks changed in between: look on from the last second before.
            from = first(tick.max(from - NEARBY), from, |moment| self.offset(moment) == offset)? - SECOND;
        }
    }

    fn passing_after(&self, then: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut from = then + SECOND;
        loop {
            let offset = self.offset(from);
            let tick = (self.fitting_from(self.wall(from))? - offset).and_utc();
            if self.offset(tick) == offset {
                return Some(tick);
            }
            from = first(from, tick.min(from + NEARBY), |moment| self.offset(moment) != offset)?;
        }
    }
}

/// The first whole second between two moments from which on something holds.
fn first(from: DateTime<Utc>, until: DateTime<Utc>, holds: impl Fn(DateTime<Utc>) -> bool) -> Option<DateTime<Utc>> {
    let (mut no, mut yes) = (from.timestamp() - 1, until.timestamp());
    while yes - no > 1 {
        let middle = no.midpoint(yes);
        if holds(DateTime::from_timestamp(middle, 0)?) {
            yes = middle;
        } else {
            no = middle;
        }
    }
    DateTime::from_timestamp(yes, 0)
}

#[cfg(test)]
mod tests;
