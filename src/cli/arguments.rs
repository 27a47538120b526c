//! Arguments that several commands share.

use std::os::unix::fs::MetadataExt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};

/// A moment as people write it: RFC 3339, or how long ago (`2h`, `3d`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Then.
    At(DateTime<Utc>),
    /// So long ago.
    Ago(Duration),
}

impl Moment {
    /// The moment itself.
    pub fn at(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::At(moment) => moment,
            // Longer ago than any calendar reaches is the beginning.
            Self::Ago(long) => {
                let long = chrono::Duration::from_std(long).ok().filter(|long| *long < chrono::Duration::days(36_500));
                long.map_or(DateTime::UNIX_EPOCH, |long| now - long)
            }
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(moment) = text.parse::<DateTime<Utc>>() {
            return Ok(Self::At(moment));
        }
        let long = text.trim_end_matches("ago").trim();
        let wrong = || format!("`{text}` is no moment; write 2026-01-31T12:00:00Z, or how long ago: 30m, 2h, 3d");
        humantime::parse_duration(long).map(Self::Ago).map_err(|_| wrong())
    }
}

/// A moment ahead as people write it: RFC 3339, or how long from now (`7d`, `12h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ahead {
    /// Then.
    At(DateTime<Utc>),
    /// So long from now.
    In(Duration),
}

impl Ahead {
    /// The moment itself; none, when no calendar reaches so far.
    pub fn at(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::At(moment) => Some(moment),
            Self::In(long) => now.checked_add_signed(chrono::Duration::from_std(long).ok()?),
        }
    }
}

impl FromStr for Ahead {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(moment) = text.parse::<DateTime<Utc>>() {
            return Ok(Self::At(moment));
        }
        let long = text.trim().strip_prefix("in ").unwrap_or(text).trim();
        let wrong = || format!("`{text}` is no moment; write 2026-01-31T12:00:00Z, or how long from now: 12h, 7d");
        humantime::parse_duration(long).map(Self::In).map_err(|_| wrong())
    }
}

/// Reads a duration such as `30s`.
pub fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("`{text}` is no duration ({error}); write it like 30s or 5m"))
}

/// Who gives this command, for the record: the person behind sudo, if there is one.
pub fn author() -> String {
    let named = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let number =
        || std::fs::metadata("/proc/self").map_or_else(|_| "unknown".to_owned(), |me| format!("uid {}", me.uid()));
    named("SUDO_USER").or_else(|| named("USER")).or_else(|| named("LOGNAME")).unwrap_or_else(number)
}

/// `1 finding`, `2 findings`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_an_age() {
        let now = "2026-01-02T00:00:00Z".parse::<DateTime<Utc>>().unwrap();
        let at = |text: &str| text.parse::<Moment>().map(|moment| moment.at(now).to_rfc3339());
        assert_eq!(at("2h").unwrap(), "2026-01-01T22:00:00+00:00");
        assert_eq!(at("1d ago").unwrap(), "2026-01-01T00:00:00+00:00");
        assert_eq!(at("2026-01-01T10:00:00+02:00").unwrap(), "2026-01-01T08:00:00+00:00");
        assert!(at("yesterday").unwrap_err().contains("how long ago"));
    }

    #[test]
    fn a_moment_ahead_is_a_time_or_how_long_from_now() {
        let now = "2026-01-02T00:00:00Z".parse::<DateTime<Utc>>().unwrap();
        let at = |text: &str| text.parse::<Ahead>().map(|ahead| ahead.at(now).unwrap().to_rfc3339());
        assert_eq!(at("7d").unwrap(), "2026-01-09T00:00:00+00:00");
        assert_eq!(at("in 2h").unwrap(), "2026-01-02T02:00:00+00:00");
        assert_eq!(at("2026-01-10T10:00:00+02:00").unwrap(), "2026-01-10T08:00:00+00:00");
        assert!(at("tomorrow").unwrap_err().contains("from now"));
        assert_eq!("500000y".parse::<Ahead>().unwrap().at(now), None);
    }
}
