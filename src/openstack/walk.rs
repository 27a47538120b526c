//! The way through a listing whose pages follow a marker, one page after the other.

use url::Url;

use super::Cloud;
use super::answer::Asked;
use super::collection::Collection;
use super::error::Error;
use super::http::Incoming;
use super::page::Page;
use super::paging::{MOST_PAGES, Moved, Trouble, too_long};
use super::request::Request;

/// Where a listing stands that is being read.
pub(super) struct Walk<'a> {
    cloud: &'a Cloud,
    collection: &'a Collection,
    /// The question for the next page.
    request: Request<'a>,
    limit: usize,
    pages: usize,
    ended: bool,
}

/// What of a page decides where the next one is.
pub(super) struct Facts {
    next: Option<String>,
    count: usize,
    truncated: bool,
}

impl Facts {
    pub fn of(page: &Page<'_>) -> Self {
        Self { next: page.next.clone(), count: page.len(), truncated: page.truncated }
    }
}

impl<'a> Walk<'a> {
    /// A listing from its beginning, sorted by these fields; none: as the service has it.
    pub fn new(cloud: &'a Cloud, collection: &'a Collection, first: &Request<'a>, sort: &[&str]) -> Self {
        let limit = cloud.inner.options.page_size.unwrap_or(super::PAGE_SIZE);
        let mut request = first.clone().query("limit", limit.to_string());
        for key in sort {
            request = request.query("sort_key", *key);
        }
        for _ in sort {
            request = request.query("sort_dir", "asc");
        }
        Self { cloud, collection, request, limit, pages: 0, ended: false }
    }

    /// The next page, as it came; none after the last.
    pub async fn next(&mut self) -> Result<Option<Incoming>, Trouble> {
        if self.ended {
            return Ok(None);
        }
        if self.pages >= MOST_PAGES {
            return Err(too_long(self.collection).into());
        }
        match self.cloud.send(&self.request).await {
            // Nova, Cinder and Keystone say so when the marker was deleted while we paged.
            Err(Error::BadRequest(refusal) | Error::NotFound(refusal))
                if self.pages > 0 && refusal.message.to_lowercase().contains("marker") =>
            {
                Err(Trouble::Moved(Moved(refusal.message)))
            }
            Err(error) => Err(error.into()),
            Ok(answer) => {
                self.pages += 1;
                Ok(Some(answer))
            }
        }
    }

    /// How many pages came.
    pub const fn pages(&self) -> usize {
        self.pages
    }

    /// The objects of a page.
    pub fn page<'p>(&self, answer: &'p Incoming) -> Result<Page<'p>, Error> {
        Page::read(answer, &self.request, self.collection.key)
    }

    /// The request that brought a page.
    pub fn asked(&self, answer: &Incoming) -> Option<Asked> {
        answer.asked(&self.request)
    }

    /// Goes on behind a page whose last object is `last_id`.
    pub fn turn(&mut self, answer: &Incoming, page: Facts, last_id: Option<String>) -> Result<(), Error> {
        let Facts { next, count, truncated } = page;
        let query = match (next, last_id) {
            _ if count == 0 => None,
            (Some(link), _) => Some(self.query_of(&link, answer)?),
            // A full page without a link proves nothing, so it is asked whether there is more.
            (None, Some(marker)) if count == self.limit && self.limit > 1 => {
                let mut query = self.request.query.clone();
                query.retain(|(key, _)| key != "marker");
                query.push(("marker".to_owned(), marker));
                Some(query)
            }
            (None, _) if truncated => {
                return Err(answer.unexpected(&self.request, "a truncated listing without a link"));
            }
            (None, _) => None,
        };
        match query {
            None => self.ended = true,
            Some(query) if query == self.request.query => {
                return Err(answer.unexpected(&self.request, "a next link to the same page"));
            }
            Some(query) => self.request.query = query,
        }
        Ok(())
    }

    /// Only the query of a link is followed: its host may be one that only the service itself can reach.
    fn query_of(&self, link: &str, answer: &Incoming) -> Result<Vec<(String, String)>, Error> {
        let base = Url::parse("http://link.invalid/").and_then(|base| base.join(link));
        let url = base.map_err(|_| answer.unexpected(&self.request, "a next link that is no address"))?;
        Ok(url.query_pairs().into_owned().collect())
    }
}
