//! The requests that an observation rests on, for whoever reads the services' logs: a few of each service.

use crate::model::RequestId;
use crate::openstack::{Asked, PageOf, Service};

/// The most that an observation names of one service. A listing of everything has more pages than that.
const MOST: usize = 8;

/// Adds requests, as long as there is room for those of their service.
pub(super) fn note<'a>(requests: &mut Vec<RequestId>, asked: impl IntoIterator<Item = &'a Asked>) {
    let named = |it: &Asked| RequestId { service: called(it.service).into(), id: it.id.clone(), at: it.at };
    join(requests, asked.into_iter().map(named));
}

/// Adds those of another look, as long as there is room.
pub(super) fn join(requests: &mut Vec<RequestId>, more: impl IntoIterator<Item = RequestId>) {
    for request in more {
        if requests.iter().filter(|it| it.service == request.service).count() < MOST {
            requests.push(request);
        }
    }
}

/// The requests that brought a listing.
pub(super) fn of(pages: &[PageOf]) -> impl Iterator<Item = &Asked> {
    pages.iter().filter_map(|page| page.asked.as_ref())
}

/// The pages of a listing on which one tenant has something: their places, each once.
#[derive(Debug, Default)]
pub(super) struct Places(Vec<usize>);

impl Places {
    /// One more object stands on that page.
    pub fn add(&mut self, page: usize) {
        if self.0.len() < MOST && !self.0.contains(&page) {
            self.0.push(page);
        }
    }

    /// The requests that brought them. Who has nothing there knows it only since the last page.
    pub fn requests(&self, pages: &[PageOf]) -> Vec<RequestId> {
        let last = pages.len().checked_sub(1).filter(|_| self.0.is_empty());
        let mut requests = Vec::new();
        note(&mut requests, self.0.iter().copied().chain(last).filter_map(|page| pages.get(page)?.asked.as_ref()));
        requests
    }
}

/// The service's name among operators, which its log has too.
const fn called(service: Service) -> &'static str {
    match service {
        Service::Identity => "keystone",
        Service::Compute => "nova",
        Service::Network => "neutron",
        Service::Volume => "cinder",
        Service::Image => "glance",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn page(number: usize) -> PageOf {
        let id = format!("req-{number}").into();
        let asked = Some(Asked { service: Service::Network, id, at: DateTime::UNIX_EPOCH });
        PageOf { asked, items: 0, broken: 0 }
    }

    fn ids(places: &[usize], pages: usize) -> String {
        let mut mine = Places::default();
        for place in places {
            mine.add(*place);
        }
        let pages: Vec<PageOf> = (0..pages).map(page).collect();
        mine.requests(&pages).iter().map(|it| format!("{} {}", it.service, it.id)).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn a_tenant_has_the_pages_on_which_it_has_something_or_the_last() {
        assert_eq!(ids(&[1, 1, 3], 5), "neutron req-1, neutron req-3");
        assert_eq!(ids(&[], 5), "neutron req-4");
        assert_eq!(ids(&[], 0), "");
        assert_eq!(ids(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 20).matches("req-").count(), MOST);
    }

    #[test]
    fn each_service_has_room_for_its_own() {
        let of = |service| Asked { service, id: "req-1".into(), at: DateTime::UNIX_EPOCH };
        let mut requests = Vec::new();
        note(&mut requests, &[const { Service::Network }; 9].map(of));
        note(&mut requests, &[of(Service::Compute)]);
        assert_eq!((requests.len(), requests[8].service.as_ref()), (MOST + 1, "nova"));
    }
}
