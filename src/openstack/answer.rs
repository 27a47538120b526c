//! What a call brings back: the value with the time its question left, for an observation is as old as its question.

use chrono::{DateTime, Utc};

/// One value and when it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// When the earliest contributing request left, by the injected clock.
    pub asked_at: DateTime<Utc>,
    /// When the last contributing answer had arrived.
    pub answered_at: DateTime<Utc>,
    /// What the service said.
    pub value: T,
}

/// A listing that was paged to its end; one that could not be is an error, never a short listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<T> {
    /// When the first page's request left, by the injected clock.
    pub asked_at: DateTime<Utc>,
    /// When the last page had arrived.
    pub answered_at: DateTime<Utc>,
    /// The objects, each once, in the service's order.
    pub items: Vec<T>,
    /// Objects that the service listed in a form that we cannot read; they exist, so they are not absent.
    pub broken: Vec<Broken>,
    /// How many pages it took.
    pub pages: usize,
}

/// An object that is there but cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Its id (or its key, in a quota), when at least that much can be read.
    pub id: Option<String>,
    /// The project that it belongs to, when that can be read.
    pub project: Option<String>,
    /// What is wrong with it, with the path of the field.
    pub error: String,
}

/// Whose objects a listing asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which<'a> {
    /// Those of one project, by its id.
    Project(&'a str),
    /// Those of every project; needs a role that sees them.
    All,
}

impl<'a> Which<'a> {
    pub(crate) fn project(self) -> Option<&'a str> {
        match self {
            Self::Project(id) => Some(id),
            Self::All => None,
        }
    }
}
