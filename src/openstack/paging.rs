//! Listings, paged to their end or not at all.
//!
//! A short listing that looks whole would make objects vanish from the records. Neutron starts over without a word
//! when a page's marker was deleted meanwhile, offsets shift when something before them is deleted, a service may cut
//! its pages shorter than asked: each of these is noticed, the listing begins again, and after a few times it is an
//! error.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;

use super::Cloud;
use super::answer::{Asked, Broken, Listing, PageOf};
use super::collection::{Collection, Paging};
use super::error::Error;
use super::page::{Page, Read};
use super::request::Request;
use super::walk::{Facts, Walk};

/// How often a listing that moved under us begins again.
pub(super) const BEGINNINGS: usize = 4;
/// More pages than any cloud has; a server that links in circles ends here.
pub(super) const MOST_PAGES: usize = 20_000;

/// Why a listing has to begin again, in words.
pub(super) struct Moved(pub String);

pub(super) enum Trouble {
    Moved(Moved),
    Fatal(Error),
}

impl Trouble {
    pub(super) fn started_over() -> Self {
        Self::Moved(Moved("the listing started over while it was read".to_owned()))
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Fatal(error)
    }
}

impl Cloud {
    /// Reads all pages of `collection`; `first` is its question without limit or marker.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        collection: &Collection,
        first: &Request<'_>,
    ) -> Result<Listing<T>, Error> {
        let mut last = String::new();
        for beginning in 1..=BEGINNINGS {
            let result = match collection.paging {
                Paging::Offset => self.by_offset(collection, first).await,
                Paging::Marker | Paging::SortedMarker => self.by_marker(collection, first).await,
            };
            match result {
                Ok(listing) => return Ok(listing),
                Err(Trouble::Fatal(error)) => return Err(error),
                Err(Trouble::Moved(Moved(why))) => {
                    tracing::debug!(cloud.name = self.name(), collection.operation, beginning, why, "listing moved");
                    last = why;
                }
            }
        }
        Err(never_whole(collection, &last))
    }

    async fn by_marker<T: DeserializeOwned>(
        &self,
        collection: &Collection,
        first: &Request<'_>,
    ) -> Result<Listing<T>, Trouble> {
        let sorted = collection.paging == Paging::SortedMarker;
        let mut walk = Walk::new(self, collection, first, if sorted { &["id"] } else { &[] });
        let mut whole = Whole::default();
        while let Some(answer) = walk.next().await? {
            let page = walk.page(&answer)?;
            let facts = Facts::of(&page);
            let added = whole.add(page, (answer.left_at, answer.back_at), walk.asked(&answer));
            if added.repeated > 0 {
                return Err(Trouble::started_over());
            }
            walk.turn(&answer, facts, added.last_id)?;
        }
        Ok(whole.into_listing())
    }

    /// Every page repeats the last object of the one before: if it is not there, something shifted.
    async fn by_offset<T: DeserializeOwned>(
        &self,
        collection: &Collection,
        first: &Request<'_>,
    ) -> Result<Listing<T>, Trouble> {
        // One object of overlap and one to make progress.
        let limit = self.inner.options.page_size.unwrap_or(super::PAGE_SIZE).max(2);
        let mut whole = Whole::default();
        let mut overlap: Option<(usize, String)> = None;
        while whole.pages.len() < MOST_PAGES {
            let mut request = first.clone().query("limit", limit.to_string());
            if let Some((offset, _)) = &overlap {
                request = request.query("offset", offset.to_string());
            }
            let answer = self.send(&request).await?;
            let mut page = Page::read(&answer, &request, collection.key)?;
            if let Some((_, expected)) = &overlap
                && page.take_first_id().as_ref() != Some(expected)
            {
                return Err(Trouble::Moved(Moved("objects before the page were deleted while it was read".to_owned())));
            }
            let count = page.len();
            // The page that shows the end counts too: of an empty listing it is the only one that says when.
            let added = whole.add(page, (answer.left_at, answer.back_at), answer.asked(&request));
            if count == 0 {
                return Ok(whole.into_listing());
            }
            let before = overlap.take().map_or(0, |(offset, _)| offset + 1);
            if added.repeated > 0 {
                return Err(Trouble::Moved(Moved("an object came twice while the listing was read".to_owned())));
            }
            let Some(id) = added.last_id else {
                return Err(answer
                    .unexpected(&request, "an object without an id, so the next page has no proof")
                    .into());
            };
            overlap = Some((before + count - 1, id));
        }
        Err(too_long(collection).into())
    }
}

/// The error for a listing that moved at each beginning.
pub(super) fn never_whole(collection: &Collection, why: &str) -> Error {
    let what = format!("{why}, {BEGINNINGS} times in a row");
    Error::Incomplete { service: collection.service, operation: collection.operation, what }
}

pub(super) fn too_long(collection: &Collection) -> Error {
    let what = format!("more than {MOST_PAGES} pages");
    Error::Incomplete { service: collection.service, operation: collection.operation, what }
}

/// What has been read so far.
struct Whole<T> {
    asked_at: Option<DateTime<Utc>>,
    answered_at: DateTime<Utc>,
    items: Vec<T>,
    broken: Vec<Broken>,
    seen: HashSet<String>,
    pages: Vec<PageOf>,
}

struct Added {
    /// How many of the page's objects stood on an earlier page.
    repeated: usize,
    last_id: Option<String>,
}

impl<T> Default for Whole<T> {
    fn default() -> Self {
        Self {
            asked_at: None,
            answered_at: DateTime::default(),
            items: Vec::new(),
            broken: Vec::new(),
            seen: HashSet::new(),
            pages: Vec::new(),
        }
    }
}

impl<T: DeserializeOwned> Whole<T> {
    fn add(
        &mut self,
        page: Page<'_>,
        (left_at, back_at): (DateTime<Utc>, DateTime<Utc>),
        asked: Option<Asked>,
    ) -> Added {
        self.asked_at.get_or_insert(left_at);
        self.answered_at = back_at;
        let mut here: HashSet<String> = HashSet::new();
        let mut added = Added { repeated: 0, last_id: None };
        for object in page.objects {
            let id = object.id().map(str::to_owned);
            added.last_id.clone_from(&id);
            if let Some(id) = id {
                if self.seen.contains(&id) {
                    added.repeated += 1;
                    continue;
                }
                if !here.insert(id) {
                    continue;
                }
            }
            match object.read() {
                Read::Whole(item) => self.items.push(item),
                Read::Broken(broken) => self.broken.push(broken),
            }
        }
        self.seen.extend(here);
        self.pages.push(PageOf { asked, items: self.items.len(), broken: self.broken.len() });
        added
    }

    fn into_listing(self) -> Listing<T> {
        Listing {
            asked_at: self.asked_at.unwrap_or_default(),
            answered_at: self.answered_at,
            items: self.items,
            broken: self.broken,
            pages: self.pages,
        }
    }
}
