//! The simulated cloud's time: the machine's, read in this one place.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::Serializer;

/// When everything in the seeded cloud was made: fixed, so that the same seed gives the same bytes.
pub fn seeded() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_454)
}

/// Now.
#[expect(
    clippy::disallowed_methods,
    reason = "a simulated cloud lives outside the daemon and has its own clock, as a real one does"
)]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}

/// `2026-11-21T20:04:43Z`: Neutron, Nova and Glance.
pub fn seconds(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// `2026-11-21T20:04:30.000000`: Cinder, and Nova's launch times.
pub fn micros(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.6f").to_string()
}

/// Keystone's tokens: microseconds and a zone.
pub fn zoned_micros(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// [`seconds`] for a derived `Serialize`.
pub fn serialize_seconds<S: Serializer>(at: &DateTime<Utc>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&seconds(*at))
}
