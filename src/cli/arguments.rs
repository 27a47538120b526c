//! Arguments that several commands share.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

pub use crate::drift::values::count;

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
