//! Times as the clock on the wall shows them: `Friday 18:00`, `yesterday`, `2026-11-20 18:00`.
//!
//! They are read in a zone and from a moment that the caller names. What the clock showed twice, or never, because it
//! was set back or ahead, is refused: nobody can know which was meant.

use chrono::{DateTime, Datelike, Days, Duration, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Weekday};

/// The forms, for whoever wrote something else.
pub const FORMS: &str = "18:00, today, 'Friday 18:00', 2026-11-20, '2026-11-20 18:00'";

/// A day, and a time of it; without one it is the first moment of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wall {
    day: Day,
    time: Option<NaiveTime>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Day {
    /// Whichever is nearest: a time alone.
    Any,
    /// Today, or so many days from it.
    Today(i64),
    /// The nearest of this name.
    Named(Weekday),
    /// This one.
    Date(NaiveDate),
}

/// Where a time lies that has come before and comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Towards {
    /// The last that was.
    Past,
    /// The next that will be.
    Future,
}

impl Wall {
    /// Reads one; nothing, when it is none.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let (day, time) = match text.split_once([' ', 'T']) {
            Some((day, time)) => (read_day(day)?, Some(read_time(time.trim_start())?)),
            None => match read_time(text) {
                Some(time) => (Day::Any, Some(time)),
                None => (read_day(text)?, None),
            },
        };
        Some(Self { day, time })
    }

    /// The moment itself, seen from `now`, in the zone of `now`.
    ///
    /// # Errors
    /// The clock showed it twice or never, or no calendar has it.
    pub fn at<Tz: TimeZone>(self, now: &DateTime<Tz>, towards: Towards) -> Result<DateTime<Tz>, String>
    where
        Tz::Offset: std::fmt::Display,
    {
        let (today, zone) = (now.date_naive(), now.timezone());
        let (nearest, step) = match self.day {
            Day::Date(date) => return self.on(date, &zone),
            Day::Today(days) => return self.on(away(today, days)?, &zone),
            Day::Any => (today, 1),
            Day::Named(day) => (away(today, days_to(today.weekday(), day, towards))?, 7),
        };
        let (step, lies) = match towards {
            Towards::Past => (-step, DateTime::le as fn(&DateTime<Tz>, &DateTime<Tz>) -> bool),
            Towards::Future => (step, DateTime::gt as fn(&DateTime<Tz>, &DateTime<Tz>) -> bool),
        };
        match self.on(nearest, &zone) {
            Ok(moment) if !lies(&moment, now) => self.on(away(nearest, step)?, &zone),
            found => found,
        }
    }

    fn on<Tz: TimeZone>(self, date: NaiveDate, zone: &Tz) -> Result<DateTime<Tz>, String>
    where
        Tz::Offset: std::fmt::Display,
    {
        match self.time {
            None => first(date, zone),
            Some(time) => exactly(date.and_time(time), zone),
        }
    }
}

fn read_day(text: &str) -> Option<Day> {
    match text.to_ascii_lowercase().as_str() {
        "yesterday" => Some(Day::Today(-1)),
        "today" => Some(Day::Today(0)),
        "tomorrow" => Some(Day::Today(1)),
        word if is_date(word) => NaiveDate::parse_from_str(word, "%Y-%m-%d").ok().map(Day::Date),
        word => word.parse().ok().map(Day::Named),
    }
}

/// Whether it is written as 2026-11-20: a calendar would read 6-1-2 too.
fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(at, c)| if at == 4 || at == 7 { c == b'-' } else { c.is_ascii_digit() })
}

/// `18:00`, `7:30`, `18:00:30`.
fn read_time(text: &str) -> Option<NaiveTime> {
    let digits = |part: &str, least: usize| {
        let fits = (least..=2).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_digit());
        fits.then(|| part.parse::<u32>().ok()).flatten()
    };
    let mut parts = text.split(':');
    let (hour, minute) = (digits(parts.next()?, 1)?, digits(parts.next()?, 2)?);
    let second = parts.next().map_or(Some(0), |part| digits(part, 2))?;
    parts.next().is_none().then(|| NaiveTime::from_hms_opt(hour, minute, second)).flatten()
}

fn away(date: NaiveDate, days: i64) -> Result<NaiveDate, String> {
    let far = Days::new(days.unsigned_abs());
    let there = if days < 0 { date.checked_sub_days(far) } else { date.checked_add_days(far) };
    there.ok_or_else(|| "no calendar reaches so far".to_owned())
}

/// Days from a day of the week to the nearest of that name; none, when it is that one.
fn days_to(today: Weekday, day: Weekday, towards: Towards) -> i64 {
    match towards {
        Towards::Past => -i64::from(today.days_since(day)),
        Towards::Future => i64::from(day.days_since(today)),
    }
}

/// The one moment at which the clock showed this.
fn exactly<Tz: TimeZone>(wall: NaiveDateTime, zone: &Tz) -> Result<DateTime<Tz>, String>
where
    Tz::Offset: std::fmt::Display,
{
    match zone.from_local_datetime(&wall) {
        LocalResult::Single(moment) => Ok(moment),
        LocalResult::Ambiguous(one, other) => {
            // Zones do not agree on which comes first.
            let (earlier, later) = if one <= other { (one, other) } else { (other, one) };
            let written = wall.format("%Y-%m-%d %H:%M");
            let (earlier, later) = (stamp(&earlier), stamp(&later));
            Err(format!("{written} is there twice, for the clock is set back: write {earlier} or {later}"))
        }
        LocalResult::None => Err(format!(
            "{} is not there, for the clock is set ahead: write a time before or after that",
            wall.format("%Y-%m-%d %H:%M")
        )),
    }
}

/// The first moment of a day: midnight, or what comes in its place where the clock is set ahead at midnight.
fn first<Tz: TimeZone>(date: NaiveDate, zone: &Tz) -> Result<DateTime<Tz>, String> {
    let midnight = date.and_time(NaiveTime::MIN);
    let mut minutes = (0..24 * 60).map(|minute| midnight + Duration::minutes(minute));
    let first = minutes.find_map(|wall| match zone.from_local_datetime(&wall) {
        LocalResult::Single(moment) => Some(moment),
        LocalResult::Ambiguous(one, other) => Some(one.min(other)),
        LocalResult::None => None,
    });
    first.ok_or_else(|| format!("{date} is a day that this zone left out"))
}

/// A moment with its zone: `2026-11-20T18:00:00+02:00`.
pub fn stamp<Tz: TimeZone>(moment: &DateTime<Tz>) -> String
where
    Tz::Offset: std::fmt::Display,
{
    moment.format("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::Tz;

    /// What is meant by `text` in a zone where the clock shows `now`.
    fn said(zone: Tz, now: &str, towards: Towards, text: &str) -> String {
        let now = now.parse::<NaiveDateTime>().unwrap();
        let now = zone.from_local_datetime(&now).latest().unwrap();
        match Wall::read(text).map(|wall| wall.at(&now, towards)) {
            Some(Ok(moment)) => stamp(&moment),
            Some(Err(why)) => why,
            None => "none".to_owned(),
        }
    }

    /// On a Monday at eight in the morning.
    fn monday(towards: Towards, text: &str) -> String {
        said(Tz::Europe__Tallinn, "2026-11-23T08:00:00", towards, text)
    }

    #[test]
    fn what_was_is_the_last_such_moment() {
        let last = [
            ("Friday 18:00", "2026-11-20T18:00:00+02:00"),
            ("fri 18:00", "2026-11-20T18:00:00+02:00"),
            ("FRI", "2026-11-20T00:00:00+02:00"),
            ("monday 07:59", "2026-11-23T07:59:00+02:00"),
            ("monday 8:00", "2026-11-23T08:00:00+02:00"),
            ("monday 08:01", "2026-11-16T08:01:00+02:00"),
            ("monday", "2026-11-23T00:00:00+02:00"),
            ("18:00", "2026-11-22T18:00:00+02:00"),
            ("7:30", "2026-11-23T07:30:00+02:00"),
            ("yesterday", "2026-11-22T00:00:00+02:00"),
            ("yesterday 22:00", "2026-11-22T22:00:00+02:00"),
            ("today", "2026-11-23T00:00:00+02:00"),
            ("2026-11-20", "2026-11-20T00:00:00+02:00"),
            ("2026-11-20 18:00", "2026-11-20T18:00:00+02:00"),
            ("2026-07-20T18:00:30", "2026-07-20T18:00:30+03:00"),
        ];
        for (text, moment) in last {
            assert_eq!(monday(Towards::Past, text), moment, "{text}");
        }
    }

    #[test]
    fn what_will_be_is_the_next_such_moment() {
        let next = [
            ("Friday 18:00", "2026-11-27T18:00:00+02:00"),
            ("monday 08:00", "2026-11-30T08:00:00+02:00"),
            ("monday 08:01", "2026-11-23T08:01:00+02:00"),
            ("monday", "2026-11-30T00:00:00+02:00"),
            ("18:00", "2026-11-23T18:00:00+02:00"),
            ("7:30", "2026-11-24T07:30:00+02:00"),
            ("tomorrow 9:00", "2026-11-24T09:00:00+02:00"),
            ("2026-12-01", "2026-12-01T00:00:00+02:00"),
        ];
        for (text, moment) in next {
            assert_eq!(monday(Towards::Future, text), moment, "{text}");
        }
    }

    #[test]
    fn what_is_none_of_these_forms_is_not_guessed() {
        for text in [
            "",
            "18",
            "1800",
            "18:5",
            "24:00",
            "6pm",
            "next friday",
            "frid",
            "friday 18",
            "26-11-20",
            "6-1-2",
            "2026-02-30",
            "18:00 friday",
            "18:00:00:00",
        ] {
            assert_eq!(monday(Towards::Past, text), "none", "{text}");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_or_ahead_is_not_guessed() {
        let at = |text: &str| said(Tz::Europe__Tallinn, "2026-10-26T08:00:00", Towards::Past, text);
        let twice = "2026-10-25 03:30 is there twice, for the clock is set back: write 2026-10-25T03:30:00+03:00 or \
                     2026-10-25T03:30:00+02:00";
        assert_eq!((at("yesterday 03:30").as_str(), at("sunday 3:30").as_str()), (twice, twice));
        assert_eq!(at("sunday 02:59"), "2026-10-25T02:59:00+03:00");
        assert_eq!(at("sunday 04:00"), "2026-10-25T04:00:00+02:00");
        // Today's has not come, yesterday's came twice.
        assert_eq!(said(Tz::Europe__Tallinn, "2026-10-26T01:00:00", Towards::Past, "3:30"), twice);
        let at = |text: &str| said(Tz::Europe__Tallinn, "2026-03-29T02:00:00", Towards::Future, text);
        assert_eq!(
            at("03:30"),
            "2026-03-29 03:30 is not there, for the clock is set ahead: write a time before or after that"
        );
        assert_eq!(at("04:00"), "2026-03-29T04:00:00+03:00");
    }

    #[test]
    fn a_day_begins_when_it_does() {
        let beirut = |text: &str| said(Tz::Asia__Beirut, "2026-04-01T08:00:00", Towards::Past, text);
        assert_eq!(beirut("2026-03-29"), "2026-03-29T01:00:00+03:00");
        let havana = |text: &str| said(Tz::America__Havana, "2026-11-02T08:00:00", Towards::Past, text);
        assert_eq!(havana("yesterday"), "2026-11-01T00:00:00-04:00");
        let apia = |text: &str| said(Tz::Pacific__Apia, "2012-01-01T08:00:00", Towards::Past, text);
        assert_eq!(apia("2011-12-30"), "2011-12-30 is a day that this zone left out");
    }
}
