//! The objects of one tenant, as they come out of a listing.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::asked::{self, Places};
use super::listed::Listed;
use crate::model::{Observation, RequestId, Tenant};
use crate::openstack::{Broken, End, Listing, PageOf, Section};

/// What one tenant has, as far as it was read.
struct Heap<T: Listed> {
    objects: Vec<T::Object>,
    unreadable: BTreeSet<String>,
    absence_unknown: bool,
}

impl<T: Listed> Heap<T> {
    fn new() -> Self {
        Self { objects: Vec::new(), unreadable: BTreeSet::new(), absence_unknown: false }
    }

    fn add(&mut self, item: T) {
        let id = item.id().to_owned();
        match item.normalised() {
            Ok(object) => self.objects.push(object),
            Err(why) => {
                tracing::warn!(object = id, why, "an object of the cloud cannot be read");
                self.unreadable.insert(id);
            }
        }
    }

    fn add_broken(&mut self, id: Option<String>) {
        match id {
            Some(id) => drop(self.unreadable.insert(id)),
            None => self.absence_unknown = true,
        }
    }

    fn observation(
        self,
        (asked_at, answered_at): (DateTime<Utc>, DateTime<Utc>),
        requests: Vec<RequestId>,
    ) -> Observation {
        Observation {
            answered_at,
            unreadable: self.unreadable,
            absence_unknown: self.absence_unknown,
            requests,
            ..Observation::clean(asked_at, T::body(self.objects))
        }
    }
}

/// A heap with the pages of its listing on which its objects stood.
struct Placed<T: Listed> {
    heap: Heap<T>,
    places: Places,
}

impl<T: Listed> Placed<T> {
    fn new() -> Self {
        Self { heap: Heap::new(), places: Places::default() }
    }

    fn observation(self, times: (DateTime<Utc>, DateTime<Utc>), pages: &[PageOf]) -> Observation {
        let requests = self.places.requests(pages);
        self.heap.observation(times, requests)
    }
}

/// The objects of one project out of a listing that was asked for it.
pub(super) fn alone<T: Listed>(listing: Listing<T>, project: &str) -> Observation {
    let mut mine = Placed::new();
    let pages = &listing.pages;
    for (at, item) in listing.items.into_iter().enumerate() {
        if item.project().is_none_or(|owner| owner == project) {
            mine.places.add(page_of_item(pages, at));
            mine.heap.add(item);
        }
    }
    for (at, broken) in listing.broken.into_iter().enumerate() {
        if broken.project.as_deref().is_none_or(|owner| owner == project) {
            mine.places.add(page_of_broken(pages, at));
            mine.heap.add_broken(broken.id);
        }
    }
    mine.observation((listing.asked_at, listing.answered_at), pages)
}

/// Gives each tenant its own out of a listing of everything; a tenant without any has none.
pub(super) fn shared_out<'t, T: Listed>(listing: Listing<T>, tenants: &'t [Tenant]) -> Vec<(&'t Tenant, Observation)> {
    let mut shares: BTreeMap<&str, Placed<T>> =
        tenants.iter().map(|tenant| (tenant.backend_id.as_str(), Placed::new())).collect();
    let pages = &listing.pages;
    for (at, item) in listing.items.into_iter().enumerate() {
        if let Some(share) = item.project().and_then(|owner| shares.get_mut(owner)) {
            share.places.add(page_of_item(pages, at));
            share.heap.add(item);
        }
    }
    for (at, Broken { id, project, .. }) in listing.broken.into_iter().enumerate() {
        let page = page_of_broken(pages, at);
        let add = |share: &mut Placed<T>| {
            share.places.add(page);
            share.heap.add_broken(id.clone());
        };
        match project.as_deref() {
            Some(owner) => shares.get_mut(owner).into_iter().for_each(add),
            // Whose it is cannot be read: it may be anyone's.
            None => shares.values_mut().for_each(add),
        }
    }
    let times = (listing.asked_at, listing.answered_at);
    let share = |tenant: &'t Tenant| {
        let share = shares.remove(tenant.backend_id.as_str()).unwrap_or_else(Placed::new);
        (tenant, share.observation(times, pages))
    };
    tenants.iter().map(share).collect()
}

/// What a section says of its project.
pub(super) fn of_section<T: Listed>(section: Section<T>) -> Observation {
    let mut heap = Heap::<T>::new();
    heap.absence_unknown = section.is_unsure;
    section.items.into_iter().for_each(|item| heap.add(item));
    section.broken.into_iter().for_each(|broken| heap.add_broken(broken.id));
    let mut requests = Vec::new();
    asked::note(&mut requests, &section.requests);
    heap.observation((section.asked_at, section.answered_at), requests)
}

/// What the end of a listing says of a project that did not come.
pub(super) fn of_nothing<T: Listed>(end: &End) -> Observation {
    let mut heap = Heap::<T>::new();
    heap.absence_unknown = end.is_unsure;
    let mut requests = Vec::new();
    asked::note(&mut requests, &end.request);
    heap.observation((end.asked_at, end.answered_at), requests)
}

/// The place of the page on which an item stood.
fn page_of_item(pages: &[PageOf], at: usize) -> usize {
    pages.partition_point(|page| page.items <= at)
}

fn page_of_broken(pages: &[PageOf], at: usize) -> usize {
    pages.partition_point(|page| page.broken <= at)
}
