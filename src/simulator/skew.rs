//! Counters that went wrong: what the services say is used, beside what there is.

use std::collections::BTreeMap;

use uuid::Uuid;

/// How far one counter is off.
#[derive(Debug, Clone, Copy, Default)]
pub struct Skew {
    /// So much more is said to be used than is.
    pub used: i64,
    /// So much is promised to requests that have not ended.
    pub reserved: i64,
}

/// The counters of one service that are off, by project and resource.
#[derive(Debug, Default)]
pub struct Skews {
    counters: BTreeMap<Uuid, BTreeMap<String, Skew>>,
}

impl Skews {
    /// Puts a counter off, or right with a skew of nothing.
    pub fn set(&mut self, project: Uuid, resource: &str, skew: Skew) {
        self.counters.entry(project).or_default().insert(resource.to_owned(), skew);
    }

    /// How far a counter is off.
    pub fn of(&self, project: Uuid, resource: &str) -> Skew {
        self.counters.get(&project).and_then(|of| of.get(resource)).copied().unwrap_or_default()
    }
}
