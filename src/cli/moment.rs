//! Moments as people write them: RFC 3339, how long ago or from now, or as the clock on the wall shows them here.

use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Local, Utc};

use super::output::{self, stamp};
use super::usage;
use super::wall::{self, FORMS, Towards, Wall};

/// A moment that was: a time, or how long ago (`2h`, `3d`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Then.
    At(DateTime<Utc>),
    /// So long ago.
    Ago(Duration),
    /// When the clock here last showed it.
    Wall(Wall),
}

impl Moment {
    /// The moment itself, which the option `named` asks for; what it is, is said where it had to be worked out.
    pub fn at(self, now: DateTime<Utc>, named: &str) -> anyhow::Result<DateTime<Utc>> {
        match self {
            Self::At(moment) => Ok(moment),
            // Longer ago than any calendar reaches is the beginning.
            Self::Ago(long) => {
                let long = chrono::Duration::from_std(long).ok().filter(|long| *long < chrono::Duration::days(36_500));
                Ok(long.map_or(DateTime::UNIX_EPOCH, |long| now - long))
            }
            Self::Wall(wall) => here(wall, now, Towards::Past, named),
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(moment) = text.parse::<DateTime<Utc>>() {
            return Ok(Self::At(moment));
        }
        if let Some(wall) = Wall::read(text) {
            return Ok(Self::Wall(wall));
        }
        let long = text.trim_end_matches("ago").trim();
        let wrong = || {
            format!(
                "`{text}` is no moment; write 2026-01-31T12:00:00Z, how long ago: 30m, 2h, 3d, or by the clock here: {FORMS}"
            )
        };
        humantime::parse_duration(long).map(Self::Ago).map_err(|_| wrong())
    }
}

/// A moment ahead: a time, or how long from now (`7d`, `12h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ahead {
    /// Then.
    At(DateTime<Utc>),
    /// So long from now.
    In(Duration),
    /// When the clock here shows it next.
    Wall(Wall),
}

impl Ahead {
    /// The moment itself, which the option `named` asks for; what it is, is said where it had to be worked out.
    pub fn at(self, now: DateTime<Utc>, named: &str) -> anyhow::Result<DateTime<Utc>> {
        match self {
            Self::At(moment) => Ok(moment),
            Self::In(long) => {
                let there = chrono::Duration::from_std(long).ok().and_then(|long| now.checked_add_signed(long));
                there.ok_or_else(|| usage(format!("{named}: no calendar reaches so far")))
            }
            Self::Wall(wall) => here(wall, now, Towards::Future, named),
        }
    }
}

impl FromStr for Ahead {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(moment) = text.parse::<DateTime<Utc>>() {
            return Ok(Self::At(moment));
        }
        if let Some(wall) = Wall::read(text) {
            return Ok(Self::Wall(wall));
        }
        let long = text.trim().strip_prefix("in ").unwrap_or(text).trim();
        let wrong = || {
            format!(
                "`{text}` is no moment; write 2026-01-31T12:00:00Z, how long from now: 12h, 7d, or by the clock here: {FORMS}"
            )
        };
        humantime::parse_duration(long).map(Self::In).map_err(|_| wrong())
    }
}

/// What the clock of this host shows, as a moment; says which that is.
fn here(wall: Wall, now: DateTime<Utc>, towards: Towards, named: &str) -> anyhow::Result<DateTime<Utc>> {
    let moment = wall.at(&now.with_timezone(&Local), towards).map_err(|why| usage(format!("{named}: {why}")))?;
    let utc = moment.to_utc();
    output::note(&format!("{named} is {}, {}", wall::stamp(&moment), stamp(utc)));
    Ok(utc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_an_age() {
        let now = "2026-01-02T00:00:00Z".parse::<DateTime<Utc>>().unwrap();
        let at = |text: &str| text.parse::<Moment>().map(|it| it.at(now, "--since").unwrap().to_rfc3339());
        assert_eq!(at("2h").unwrap(), "2026-01-01T22:00:00+00:00");
        assert_eq!(at("1d ago").unwrap(), "2026-01-01T00:00:00+00:00");
        assert_eq!(at("2026-01-01T10:00:00+02:00").unwrap(), "2026-01-01T08:00:00+00:00");
        assert!(at("the day before").unwrap_err().contains("how long ago"));
        assert!(matches!("yesterday".parse(), Ok(Moment::Wall(_))));
    }

    #[test]
    fn a_moment_ahead_is_a_time_or_how_long_from_now() {
        let now = "2026-01-02T00:00:00Z".parse::<DateTime<Utc>>().unwrap();
        let at = |text: &str| text.parse::<Ahead>().map(|it| it.at(now, "--until").unwrap().to_rfc3339());
        assert_eq!(at("7d").unwrap(), "2026-01-09T00:00:00+00:00");
        assert_eq!(at("in 2h").unwrap(), "2026-01-02T02:00:00+00:00");
        assert_eq!(at("2026-01-10T10:00:00+02:00").unwrap(), "2026-01-10T08:00:00+00:00");
        assert!(at("some day").unwrap_err().contains("from now"));
        assert!(matches!("tomorrow".parse(), Ok(Ahead::Wall(_))));
        let far = "500000y".parse::<Ahead>().unwrap().at(now, "--until").unwrap_err();
        assert_eq!(far.to_string(), "--until: no calendar reaches so far");
    }
}
