//! A listing of a whole cloud, project by project: sorted by project, what one project has is known as soon as the next
//! one begins, so that nothing but one page and one project is held.
//!
//! What a section says is true whatever becomes of the rest of the listing; that a project has nothing is known only at
//! its end. A listing that started over begins again, and gives out no project twice.

use std::collections::{HashMap, HashSet, VecDeque};

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;

use super::Cloud;
use super::answer::{Asked, Broken, Which};
use super::collection::{Collection, Paging};
use super::error::Error;
use super::http::Incoming;
use super::page::Read;
use super::paging::{BEGINNINGS, Moved, Trouble, never_whole};
use super::request::Request;
use super::walk::{Facts, Walk};

/// An object that says whose it is.
pub trait OfProject {
    /// The project's id, where the service tells it.
    fn project(&self) -> Option<&str>;
}

/// All that one project has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section<T> {
    /// The project's id.
    pub project: String,
    /// When the request left that brought its first object.
    pub asked_at: DateTime<Utc>,
    /// When its end was known.
    pub answered_at: DateTime<Utc>,
    /// The objects, each once, in the order of their ids.
    pub items: Vec<T>,
    /// Those that cannot be read.
    pub broken: Vec<Broken>,
    /// Whether an object came before of which nobody can say whose it is.
    pub is_unsure: bool,
    /// The requests that brought it.
    pub requests: Vec<Asked>,
}

/// What is known at the end of a listing of the projects that have nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// When the first page's request left.
    pub asked_at: DateTime<Utc>,
    /// When the last page had arrived.
    pub answered_at: DateTime<Utc>,
    /// Whether there was an object of which nobody can say whose it is.
    pub is_unsure: bool,
    /// The request that brought the last page.
    pub request: Option<Asked>,
}

/// A listing that is being read.
pub struct Sections<'a, T> {
    cloud: &'a Cloud,
    collection: &'a Collection,
    first: Request<'a>,
    walk: Walk<'a>,
    beginnings: usize,
    /// The projects that are over since the listing last began.
    passed: HashSet<String>,
    given: HashSet<String>,
    open: Option<Open<T>>,
    ready: VecDeque<Section<T>>,
    end: Option<End>,
    is_unsure: bool,
}

/// The project whose objects are being read.
struct Open<T> {
    section: Section<T>,
    /// On which page each object stood.
    ids: HashMap<String, usize>,
}

impl Cloud {
    /// Begins to read what every project has, with only some `fields` of each object.
    pub(crate) async fn sections<'a, T: DeserializeOwned + OfProject>(
        &'a self,
        collection: &'a Collection,
        fields: &[&str],
    ) -> Result<Sections<'a, T>, Error> {
        let grant = self.inner.session.grant().await?;
        self.must_see(&grant, collection, Which::All)?;
        debug_assert_eq!(collection.paging, Paging::SortedMarker, "the service must sort");
        let first = collection.request(Which::All, grant.identity.project_id());
        let first = fields.iter().fold(first, |request, field| request.query("fields", *field));
        Ok(Sections::new(self, collection, first))
    }
}

impl<'a, T: DeserializeOwned + OfProject> Sections<'a, T> {
    fn new(cloud: &'a Cloud, collection: &'a Collection, first: Request<'a>) -> Self {
        let walk = Walk::new(cloud, collection, &first, &["project_id", "id"]);
        let (passed, given) = (HashSet::new(), HashSet::new());
        let (open, ready, end, is_unsure) = (None, VecDeque::new(), None, false);
        Self { cloud, collection, first, walk, beginnings: 1, passed, given, open, ready, end, is_unsure }
    }

    /// The next project that has something, once all that it has is known; none at the end of the listing.
    ///
    /// # Errors
    /// When the listing cannot be read on. The sections before are true nevertheless.
    pub async fn next(&mut self) -> Result<Option<Section<T>>, Error> {
        loop {
            if let Some(section) = self.ready.pop_front() {
                return Ok(Some(section));
            }
            match self.read_page().await {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(Trouble::Fatal(error)) => return Err(error),
                Err(Trouble::Moved(Moved(why))) => self.begin_again(&why)?,
            }
        }
    }

    /// What the whole listing proves, after its last section.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref().filter(|_| self.ready.is_empty())
    }

    fn begin_again(&mut self, why: &str) -> Result<(), Error> {
        let Collection { operation, .. } = self.collection;
        tracing::debug!(cloud.name = self.cloud.name(), operation, beginning = self.beginnings, why, "listing moved");
        if self.beginnings >= BEGINNINGS {
            return Err(never_whole(self.collection, why));
        }
        self.beginnings += 1;
        self.walk = Walk::new(self.cloud, self.collection, &self.first, &["project_id", "id"]);
        self.passed.clear();
        (self.open, self.end) = (None, None);
        Ok(())
    }

    /// Reads a page; false after the last.
    async fn read_page(&mut self) -> Result<bool, Trouble> {
        let Some(answer) = self.walk.next().await? else {
            self.close(self.end.as_ref().map(|end| end.answered_at).unwrap_or_default());
            return Ok(!self.ready.is_empty());
        };
        let asked = self.walk.asked(&answer);
        let begun_at = self.end.as_ref().map_or(answer.left_at, |end| end.asked_at);
        let is_unsure = self.is_unsure;
        self.end = Some(End { asked_at: begun_at, answered_at: answer.back_at, is_unsure, request: asked.clone() });
        let (facts, last_id) = self.take(&answer, asked.as_ref())?;
        if let Some(end) = &mut self.end {
            end.is_unsure = self.is_unsure;
        }
        self.walk.turn(&answer, facts, last_id)?;
        Ok(true)
    }

    /// Puts the objects of a page where they belong, once it is sure that the page is where it should be.
    fn take(&mut self, answer: &Incoming, asked: Option<&Asked>) -> Result<(Facts, Option<String>), Trouble> {
        let page = self.walk.page(answer)?;
        let (facts, number) = (Facts::of(&page), self.walk.pages());
        let objects: Vec<(Option<String>, Read<T>)> =
            page.objects.iter().map(|object| (object.id().map(str::to_owned), object.read())).collect();
        self.follows(objects.iter().filter_map(|(_, read)| owner(read)))?;
        let last_id = objects.last().and_then(|(id, _)| id.clone());
        for (id, read) in objects {
            let Some(project) = owner(&read) else {
                // It may be the open project's, or that of any that comes later.
                self.is_unsure = true;
                if let Some(open) = &mut self.open {
                    open.section.is_unsure = true;
                }
                continue;
            };
            if self.open.as_ref().is_none_or(|open| open.section.project != project) {
                let project = project.to_owned();
                self.close(answer.back_at);
                self.open = Some(Open::new(project, answer, self.is_unsure));
            }
            if let Some(open) = &mut self.open {
                open.add(read, id, (number, answer, asked))?;
            }
        }
        Ok((facts, last_id))
    }

    /// Whether the projects of a page come after all that came before, each in one piece: otherwise the listing started
    /// over, or was not sorted at all, and the open project is not over.
    fn follows<'p>(&self, projects: impl Iterator<Item = &'p str>) -> Result<(), Trouble> {
        let mut last = self.open.as_ref().map(|open| open.section.project.as_str());
        let mut here = HashSet::new();
        for project in projects {
            if last == Some(project) {
                continue;
            }
            let is_behind = last.is_some_and(|last| is_behind(project, last));
            if is_behind || self.passed.contains(project) || !here.insert(project) {
                return Err(Trouble::started_over());
            }
            last = Some(project);
        }
        Ok(())
    }

    /// The open project is over: whoever comes next is behind it.
    fn close(&mut self, answered_at: DateTime<Utc>) {
        let Some(Open { mut section, .. }) = self.open.take() else { return };
        section.answered_at = section.answered_at.max(answered_at);
        self.passed.insert(section.project.clone());
        if self.given.insert(section.project.clone()) {
            self.ready.push_back(section);
        }
    }
}

/// Whose an object is.
fn owner<T: OfProject>(read: &Read<T>) -> Option<&str> {
    match read {
        Read::Whole(item) => item.project(),
        Read::Broken(broken) => broken.project.as_deref(),
    }
}

/// Whether a project sorts before the one that came before it, as far as that is the same in every database.
fn is_behind(project: &str, last: &str) -> bool {
    let is_plain = |id: &str| id.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
    project.len() == last.len() && is_plain(project) && is_plain(last) && project < last
}

impl<T> Open<T> {
    fn new(project: String, answer: &Incoming, is_unsure: bool) -> Self {
        let (asked_at, answered_at) = (answer.left_at, answer.back_at);
        let (items, broken, requests) = (Vec::new(), Vec::new(), Vec::new());
        let section = Section { project, asked_at, answered_at, items, broken, is_unsure, requests };
        Self { section, ids: HashMap::new() }
    }

    fn add(
        &mut self,
        read: Read<T>,
        id: Option<String>,
        (page, answer, asked): (usize, &Incoming, Option<&Asked>),
    ) -> Result<(), Trouble> {
        if let Some(id) = id {
            match self.ids.insert(id, page) {
                None => {}
                Some(earlier) if earlier == page => return Ok(()),
                Some(_) => return Err(Trouble::started_over()),
            }
        }
        let section = &mut self.section;
        section.answered_at = section.answered_at.max(answer.back_at);
        if let Some(asked) = asked.filter(|asked| section.requests.last() != Some(asked)) {
            section.requests.push(asked.clone());
        }
        match read {
            Read::Whole(item) => section.items.push(item),
            Read::Broken(broken) => section.broken.push(broken),
        }
        Ok(())
    }
}
