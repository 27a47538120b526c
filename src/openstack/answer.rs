//! What a call brings back: the value with the time its question left, for an observation is as old as its question.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::service::Service;

/// A request whose answer was used, as the log of its service knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Who was asked.
    pub service: Service,
    /// The `X-Openstack-Request-Id` of the answer.
    pub id: Arc<str>,
    /// When it left, by the injected clock.
    pub at: DateTime<Utc>,
}

/// One value and when it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// When the earliest contributing request left, by the injected clock.
    pub asked_at: DateTime<Utc>,
    /// When the last contributing answer had arrived.
    pub answered_at: DateTime<Utc>,
    /// The request that it answers; none where the service gave it no id.
    pub asked: Option<Asked>,
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
    /// The pages that it took, in their order.
    pub pages: Vec<PageOf>,
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageOf {
    /// The request that brought it; none where the service gave it no id.
    pub asked: Option<Asked>,
    /// How many of the listing's items had been read at its end.
    pub items: usize,
    /// How many of the broken ones.
    pub broken: usize,
}

impl<T> Listing<T> {
    /// Leaves out what is not wanted; what stays keeps its page.
    pub(crate) fn retain(&mut self, item: impl Fn(&T) -> bool, broken: impl Fn(&Broken) -> bool) {
        let (items, broken) = (kept(&mut self.items, item), kept(&mut self.broken, broken));
        for page in &mut self.pages {
            (page.items, page.broken) = (items[page.items], broken[page.broken]);
        }
    }
}

/// How many are left of the first none, one, two, and so on.
fn kept<T>(all: &mut Vec<T>, wanted: impl Fn(&T) -> bool) -> Vec<usize> {
    let (mut kept, mut count) = (vec![0], 0);
    all.retain(|one| {
        let stays = wanted(one);
        count += usize::from(stays);
        kept.push(count);
        stays
    });
    kept
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_in_a_listing_keeps_its_page() {
        let at = DateTime::UNIX_EPOCH;
        let page = |(items, broken)| PageOf { asked: None, items, broken };
        let broken = |project: &str| Broken { id: None, project: Some(project.to_owned()), error: String::new() };
        let mut listing = Listing {
            asked_at: at,
            answered_at: at,
            items: vec!["theirs", "mine", "theirs", "theirs", "mine"],
            broken: vec![broken("theirs"), broken("mine")],
            pages: [(2, 0), (4, 1), (5, 2)].map(page).into(),
        };
        listing.retain(|item| *item == "mine", |broken| broken.project.as_deref() == Some("mine"));
        assert_eq!((&listing.items, listing.broken.len()), (&vec!["mine", "mine"], 1));
        assert_eq!(listing.pages, [(1, 0), (1, 0), (2, 1)].map(page));
    }
}
