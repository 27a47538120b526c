//! The journal against a store in memory and a cloud that is only pretended.

use super::*;
use crate::clock::{Clock, VirtualClock};
use crate::jobs::context::{CloudEntry, Discovery, Live};
use crate::model::job::Request;
use crate::openstack::profile::Profile;
use crate::openstack::{Error, Options, Refusal, Service};
use crate::store::Store;
use crate::store::tenants::Seen;

const KIND: &str = "create_network";

/// What there is of a sort, and what becomes of the next request for it.
#[derive(Default)]
struct Shelf {
    there: Mutex<Vec<String>>,
    asked: Mutex<usize>,
    /// The names that the next requests make, and whether they are answered.
    next: Mutex<Vec<(&'static str, Answer)>>,
    removed: Mutex<Vec<String>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Answer {
    Given,
    Lost,
    Refused,
}

struct Marked<'a, const MARKED: bool>(&'a Shelf);

fn refusal() -> Refusal {
    let (service, operation, message) = (Service::Network, "network_create", "no".to_owned());
    Refusal { service, operation, project: None, status: 400, message, request_id: None }
}

impl<const MARKED: bool> Creation for Marked<'_, MARKED> {
    type Made = String;
    const MARKED: bool = MARKED;

    fn step(&self) -> String {
        "network".to_owned()
    }

    async fn look(&self, _: &Cloud) -> Result<Vec<String>, Error> {
        Ok(self.0.there.lock().unwrap().clone())
    }

    fn id(made: &String) -> &str {
        made
    }

    async fn make(&self, _: &Writer) -> Result<String, Error> {
        *self.0.asked.lock().unwrap() += 1;
        let (name, answer) = self.0.next.lock().unwrap().remove(0);
        if answer == Answer::Refused {
            return Err(Error::BadRequest(Box::new(refusal())));
        }
        self.0.there.lock().unwrap().push(name.to_owned());
        match answer {
            Answer::Given => Ok(name.to_owned()),
            _ => Err(Error::Unavailable { refusal: Box::new(refusal()), after: None }),
        }
    }

    async fn remove(&self, _: &Writer, id: &str) -> Result<(), Error> {
        self.0.removed.lock().unwrap().push(id.to_owned());
        self.0.there.lock().unwrap().retain(|there| there != id);
        Ok(())
    }
}

/// A tenant, a job that changes it, and its lease.
struct Rig {
    clock: VirtualClock,
    call: Call,
    tenant: Tenant,
    shelf: Shelf,
}

impl Rig {
    async fn new(write: &[&str]) -> Self {
        let clock = VirtualClock::at(DateTime::UNIX_EPOCH);
        let store = Store::open("sqlite::memory:", 1).await.unwrap();
        store.migrate().await.unwrap();
        let write = write.iter().map(|kind| (*kind).to_owned()).collect();
        let options = Options { name: "lab".into(), write, ..Options::default() };
        let api = Cloud::new(Profile::nowhere(), options, Arc::new(clock.clone())).unwrap();
        let entry = CloudEntry { api, discovery: Discovery::default(), concurrency: 1 };
        let live = Live { clouds: [("lab".to_owned(), entry)].into(), ..Live::default() };
        let context = Context::new(store, Arc::new(clock.clone()), "test".into(), live, None);
        let request = Request::new(Uuid::from_u128(1), KIND, "test", DateTime::UNIX_EPOCH);
        let seen = Seen {
            cloud: "lab".into(),
            backend_id: "p".into(),
            name: "n".into(),
            domain: "d".into(),
            description: String::new(),
            enabled: true,
            tags: Vec::new(),
            domain_name: String::new(),
        };
        let mut tx = context.store().begin().await.unwrap();
        let tenant = tx.save_tenant(Uuid::from_u128(2), &seen, DateTime::UNIX_EPOCH).await.unwrap();
        tx.insert_job(&request, Some(tenant.uuid)).await.unwrap();
        tx.commit().await.unwrap();
        let longest = Duration::from_secs(30);
        let lease = Lease::take(&context, tenant.uuid, request.id, longest).await.unwrap().unwrap();
        let (live, lease) = (context.live(), Some(Arc::new(lease)));
        let records = crate::jobs::Records::of(context.clone());
        let call = Call { context, live, request, tenant: Some(tenant.clone()), lease, records, parts_at_once: 1 };
        Self { clock, call, tenant, shelf: Shelf::default() }
    }

    /// The job begins, or begins again.
    async fn journal(&self) -> Journal {
        Journal::open(&self.call, KIND, &self.tenant).await.unwrap()
    }

    fn next(&self, name: &'static str, answer: Answer) {
        self.shelf.next.lock().unwrap().push((name, answer));
    }

    fn asked(&self) -> usize {
        *self.shelf.asked.lock().unwrap()
    }

    /// Begins again, and moves the clock to where a lost request cannot take effect any more.
    async fn again<const MARKED: bool>(&self) -> Result<String, JobError> {
        let journal = self.journal().await;
        let creation = Marked::<MARKED>(&self.shelf);
        let mut made = Box::pin(journal.create(&creation));
        while self.clock.sleepers() == 0 {
            if let std::task::Poll::Ready(made) = futures::poll!(made.as_mut()) {
                return made;
            }
            tokio::task::yield_now().await;
        }
        let asked = self.asked();
        self.clock.advance(Duration::from_millis(39_999));
        assert!(futures::poll!(made.as_mut()).is_pending());
        assert_eq!(self.asked(), asked, "the first request may still take effect");
        self.clock.advance(Duration::from_millis(1));
        // Nobody renews the lease of a test.
        let lease = self.call.lease.as_ref().unwrap();
        lease.renew().await.unwrap();
        made.await
    }
}

#[tokio::test]
async fn what_is_done_is_not_done_again() {
    let rig = Rig::new(&[KIND]).await;
    rig.next("n1", Answer::Given);
    for _ in 0..2 {
        assert_eq!(rig.journal().await.create(&Marked::<false>(&rig.shelf)).await.unwrap(), "n1");
    }
    assert_eq!(rig.asked(), 1);
}

#[tokio::test]
async fn what_was_asked_for_and_not_answered_is_waited_out_and_found() {
    let rig = Rig::new(&[KIND]).await;
    rig.shelf.there.lock().unwrap().push("n0".to_owned());
    rig.next("n1", Answer::Lost);
    let lost = rig.journal().await.create(&Marked::<false>(&rig.shelf)).await.unwrap_err();
    assert_eq!(lost.reason(), "unavailable");
    assert_eq!(Box::pin(rig.again::<false>()).await.unwrap(), "n1", "n0 was there before");
    assert_eq!(rig.asked(), 1);
}

#[tokio::test]
async fn what_was_lost_before_it_took_effect_is_asked_for_again() {
    let rig = Rig::new(&[KIND]).await;
    rig.next("n1", Answer::Lost);
    rig.journal().await.create(&Marked::<false>(&rig.shelf)).await.unwrap_err();
    rig.shelf.there.lock().unwrap().clear();
    rig.next("n2", Answer::Given);
    assert_eq!(Box::pin(rig.again::<false>()).await.unwrap(), "n2");
    assert_eq!(rig.asked(), 2);
}

#[tokio::test]
async fn of_what_was_made_twice_the_younger_goes() {
    let rig = Rig::new(&[KIND]).await;
    rig.next("n1", Answer::Lost);
    rig.journal().await.create(&Marked::<true>(&rig.shelf)).await.unwrap_err();
    // It takes effect while the second one is asked for, against all expectation.
    rig.shelf.there.lock().unwrap().clear();
    rig.next("n2", Answer::Lost);
    Box::pin(rig.again::<true>()).await.unwrap_err();
    *rig.shelf.there.lock().unwrap() = vec!["n1".to_owned(), "n2".to_owned()];
    assert_eq!(Box::pin(rig.again::<true>()).await.unwrap(), "n1");
    assert_eq!(*rig.shelf.removed.lock().unwrap(), ["n2"]);
}

#[tokio::test]
async fn what_only_has_the_same_name_may_be_somebody_elses_and_stays() {
    let rig = Rig::new(&[KIND]).await;
    rig.next("n1", Answer::Lost);
    rig.journal().await.create(&Marked::<false>(&rig.shelf)).await.unwrap_err();
    rig.shelf.there.lock().unwrap().push("theirs".to_owned());
    assert_eq!(Box::pin(rig.again::<false>()).await.unwrap(), "n1");
    assert!(rig.shelf.removed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_reload_that_forbids_the_kind_stops_a_job_at_its_next_change() {
    let rig = Rig::new(&[KIND]).await;
    let journal = rig.journal().await;
    rig.next("n1", Answer::Given);
    let writer = journal.intend("network", Vec::new()).await.unwrap();
    assert!(writer.is_allowed(Duration::from_secs(1)));
    rig.call.context.replace_live(Live::default());
    assert!(!writer.is_allowed(Duration::from_secs(1)));
    let refused = journal.create(&Marked::<false>(&rig.shelf)).await.unwrap_err();
    assert_eq!((refused.reason(), rig.asked()), ("write_refused", 0));
}

#[tokio::test]
async fn a_refused_request_is_not_waited_for() {
    let rig = Rig::new(&[KIND]).await;
    rig.next("", Answer::Refused);
    let refused = rig.journal().await.create(&Marked::<false>(&rig.shelf)).await.unwrap_err();
    assert!(matches!(refused, JobError::GiveUp { reason: "bad_request", .. }));
    rig.next("n1", Answer::Given);
    assert_eq!(Box::pin(rig.again::<false>()).await.unwrap(), "n1");
    assert_eq!(rig.clock.now(), DateTime::UNIX_EPOCH, "nothing was waited for");
}

#[tokio::test]
async fn what_bears_the_orders_own_marks_is_taken_for_it() {
    let rig = Rig::new(&[KIND]).await;
    rig.shelf.there.lock().unwrap().push("n0".to_owned());
    assert_eq!(rig.journal().await.create(&Marked::<true>(&rig.shelf)).await.unwrap(), "n0");
    assert_eq!(rig.asked(), 0);
}

#[tokio::test]
async fn a_lost_lease_or_a_kind_that_may_not_write_changes_nothing() {
    let rig = Rig::new(&[]).await;
    let refused = Journal::open(&rig.call, KIND, &rig.tenant).await.unwrap_err();
    assert_eq!(refused.reason(), "write_refused");
    let rig = Rig::new(&[KIND]).await;
    let journal = rig.journal().await;
    rig.clock.advance(Duration::from_secs(41));
    let lost = journal.create(&Marked::<false>(&rig.shelf)).await.unwrap_err();
    assert_eq!((lost.reason(), rig.asked()), ("interrupted", 0));
}

#[tokio::test]
async fn a_change_begins_only_while_its_lease_outlasts_it() {
    let rig = Rig::new(&[KIND]).await;
    let warrant = rig.journal().await.vouched(rig.clock.now() + chrono::Duration::seconds(60));
    let limit = Duration::from_secs(30);
    assert!(warrant.allows(limit));
    rig.clock.advance(Duration::from_secs(10));
    assert!(warrant.allows(limit), "it lasts for forty seconds");
    rig.clock.advance(Duration::from_micros(1));
    assert!(!warrant.allows(limit));
}
