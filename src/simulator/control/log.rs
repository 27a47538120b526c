//! What was asked of the cloud, for tests that count requests and demonstrations that show them.

use std::collections::VecDeque;

use serde::Serialize;

const KEPT: usize = 20_000;

/// One request.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// Its number, from 1: what `?since=` compares with.
    pub number: u64,
    /// The id that its answer carries.
    pub request_id: String,
    /// When it was answered.
    pub at: String,
    /// The service.
    pub service: &'static str,
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The project of its token, if it had one.
    pub project: Option<String>,
    /// The status; 0 where the connection was broken instead.
    pub status: u16,
}

/// The newest requests; older ones are forgotten.
#[derive(Debug, Default)]
pub struct Log {
    entries: VecDeque<Entry>,
    last: u64,
}

impl Log {
    /// Adds a request and numbers it.
    pub fn add(&mut self, mut entry: Entry) {
        self.last += 1;
        entry.number = self.last;
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    /// The requests after number `since`.
    pub fn since(&self, since: u64) -> Vec<&Entry> {
        self.entries.iter().filter(|entry| entry.number > since).collect()
    }

    /// The number of the newest request.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Forgets; the numbers go on.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}
