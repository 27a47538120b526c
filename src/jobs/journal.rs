//! Changes of a cloud that happen once, however often their job is begun again.
//!
//! A change is noted before its request leaves, together with the moment until which that request may take effect, and
//! noted again when it is done. A job that begins again knows what is done; for what was asked for and not answered it
//! waits that moment out, looks whether it happened, and only then asks again. A request leaves only while the right to
//! change the tenant lasts for longer than it may take.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use super::context::Context;
use super::{Call, JobError, Lease};
use crate::model::Tenant;
use crate::openstack::{self, Cloud, Warrant, Writer};
use crate::store::in_time;
use crate::store::steps::Step;

/// How much later than it was noted a request may leave: a token may have to be renewed, and a service takes only so
/// many at once.
const SLACK: Duration = Duration::from_secs(10);

/// Something that a job makes in the cloud.
pub trait Creation: Sync {
    /// What is known of it once it is there; enough for the steps after it.
    type Made: Serialize + DeserializeOwned + Send + Sync;
    /// Whether its marks (name, tag, description) are this order's alone, so that whatever bears them is taken for it.
    /// Otherwise only what is new since the first request is.
    const MARKED: bool;

    /// Which of the job's changes it is.
    fn step(&self) -> String;
    /// What bears its marks now, the oldest first.
    fn look(&self, cloud: &Cloud) -> impl Future<Output = Result<Vec<Self::Made>, openstack::Error>> + Send;
    /// The id of one.
    fn id(made: &Self::Made) -> &str;
    /// Asks for it.
    fn make(&self, writer: &Writer) -> impl Future<Output = Result<Self::Made, openstack::Error>> + Send;
    /// Asks for one to be removed: it was made twice.
    fn remove(&self, writer: &Writer, id: &str) -> impl Future<Output = Result<(), openstack::Error>> + Send;
}

/// The changes that one job makes.
#[derive(Debug)]
pub struct Journal {
    context: Context,
    kind: &'static str,
    job: Uuid,
    tenant: Uuid,
    cloud: Cloud,
    lease: Arc<Lease>,
    /// Until when requests of whatever came before may still take effect.
    pending: Option<DateTime<Utc>>,
    steps: Mutex<BTreeMap<String, Step>>,
}

/// The right to begin one change: while the configuration permits the kind, while the tenant is the job's, and until the
/// moment that was noted for it.
#[derive(Debug)]
struct Vouched {
    context: Context,
    cloud: String,
    kind: &'static str,
    lease: Arc<Lease>,
    /// The end of it.
    until: DateTime<Utc>,
}

impl Vouched {
    /// Whether a reload left the kind its right to change the cloud.
    fn is_permitted(&self) -> bool {
        self.context.live().clouds.get(&self.cloud).is_some_and(|cloud| cloud.api.may_write(self.kind))
    }
}

impl Warrant for Vouched {
    fn allows(&self, limit: Duration) -> bool {
        let in_time = self.context.clock().now() + limit <= self.until;
        in_time && self.lease.outlives(limit) && self.is_permitted()
    }
}

impl Journal {
    /// What the job did so far.
    pub async fn open(call: &Call, kind: &'static str, tenant: &Tenant) -> Result<Self, JobError> {
        let cloud = call.live.cloud(&tenant.cloud)?.api.clone();
        if !cloud.may_write(kind) {
            return Err(openstack::Error::WriteRefused { cloud: tenant.cloud.clone(), operation: kind }.into());
        }
        let Some(lease) = call.lease.clone() else {
            return Err(JobError::retry("no_lease", format!("{kind} runs without the right to change a tenant")));
        };
        // It may have waited for its place for longer than the right lasts.
        if !lease.renew().await? {
            return Err(JobError::Interrupted);
        }
        let (store, job) = (call.context.store(), call.request.id);
        let pending = in_time(store.steps_pending(tenant.uuid)).await?;
        let steps = in_time(store.steps(job)).await?;
        let steps = steps.into_iter().map(|step| (step.name.clone(), step)).collect();
        let (context, tenant, steps) = (call.context.clone(), tenant.uuid, Mutex::new(steps));
        Ok(Self { context, kind, job, tenant, cloud, lease, pending, steps })
    }

    /// The cloud, for questions.
    pub const fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// Whether a change was asked for before, whatever came of it.
    pub fn has_begun(&self, step: &str) -> bool {
        self.known(step).is_some()
    }

    /// Whether the job has asked for any change yet: what it collides with now may be its own doing.
    pub fn is_begun(&self) -> bool {
        !self.steps.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// A change that may be asked for again without harm: a value that is set, something that is removed.
    pub async fn change<T, F>(&self, step: &str, act: impl FnOnce(Writer) -> F + Send) -> Result<T, JobError>
    where
        T: Serialize + DeserializeOwned + Send,
        F: Future<Output = Result<T, openstack::Error>> + Send,
    {
        if let Some(done) = self.result(step)? {
            return Ok(done);
        }
        self.wait_out().await;
        let writer = self.intend(step, Vec::new()).await?;
        match act(writer).await {
            Ok(result) => self.done(step, result).await,
            Err(error) => self.failed(step, error).await,
        }
    }

    /// Something new in the cloud.
    pub async fn create<C: Creation>(&self, creation: &C) -> Result<C::Made, JobError> {
        let step = creation.step();
        if let Some(done) = self.result(&step)? {
            return Ok(done);
        }
        self.wait_out().await;
        let there = creation.look(&self.cloud).await?;
        let earlier = self.known(&step);
        let existing = match &earlier {
            Some(earlier) => earlier.existing.clone(),
            None if C::MARKED => Vec::new(),
            None => there.iter().map(|made| C::id(made).to_owned()).collect(),
        };
        if let Some(made) = self.only_the_oldest(creation, there, &existing).await? {
            return self.done(&step, made).await;
        }
        let writer = self.intend(&step, existing.clone()).await?;
        let mut made = match creation.make(&writer).await {
            Ok(made) => made,
            Err(error) => return self.failed(&step, error).await,
        };
        if earlier.is_some() && C::MARKED {
            // A request that took longer than anybody waited for it would have made another one.
            let there = creation.look(&self.cloud).await?;
            made = self.only_the_oldest(creation, there, &existing).await?.unwrap_or(made);
        }
        self.done(&step, made).await
    }

    /// Of what is new, the oldest; what was made twice goes, where its marks prove that it is this order's. What has
    /// only the same name may be somebody else's, and nobody but its maker removes it.
    async fn only_the_oldest<C: Creation>(
        &self,
        creation: &C,
        there: Vec<C::Made>,
        existing: &[String],
    ) -> Result<Option<C::Made>, JobError> {
        let mut new = there.into_iter().filter(|made| !existing.iter().any(|id| id == C::id(made)));
        let Some(oldest) = new.next() else { return Ok(None) };
        for younger in new.filter(|_| C::MARKED) {
            let id = C::id(&younger);
            tracing::warn!(job.id = %self.job, object = id, "{} was made twice; the younger one goes", creation.step());
            self.change(&format!("{}: remove {id}", creation.step()), async |writer: Writer| {
                creation.remove(&writer, id).await
            })
            .await?;
        }
        Ok(Some(oldest))
    }

    fn known(&self, step: &str) -> Option<Step> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).get(step).cloned()
    }

    /// What came of a change that is done.
    fn result<T: DeserializeOwned>(&self, step: &str) -> Result<Option<T>, JobError> {
        let Some(result) = self.known(step).and_then(|step| step.result) else { return Ok(None) };
        let unreadable = |error| JobError::give_up("journal", format!("what came of `{step}` is unreadable: {error}"));
        serde_json::from_value(result).map(Some).map_err(unreadable)
    }

    /// Waits until nothing that was asked for before, by this job or another one, can take effect any more.
    pub async fn wait_out(&self) {
        let now = self.context.clock().now();
        if let Some(until) = self.pending.filter(|until| *until > now) {
            tracing::info!(job.id = %self.job, %until, "waits out a request that may still take effect");
            self.context.clock().sleep((until - now).to_std().unwrap_or_default()).await;
        }
    }

    /// Notes a change that is about to be asked for; the right to do it.
    async fn intend(&self, name: &str, existing: Vec<String>) -> Result<Writer, JobError> {
        let intended_at = self.context.clock().now();
        let until = intended_at + SLACK + self.cloud.request_timeout();
        let vouched = self.vouched(until);
        if !vouched.is_permitted() {
            return Err(openstack::Error::WriteRefused { cloud: vouched.cloud, operation: self.kind }.into());
        }
        let step = Step { name: name.to_owned(), intended_at, until, existing, result: None };
        self.note(Note::Intended(&step)).await?;
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), step);
        Ok(self.cloud.writer(self.kind, Arc::new(vouched))?)
    }

    fn vouched(&self, until: DateTime<Utc>) -> Vouched {
        let (context, cloud) = (self.context.clone(), self.cloud.name().to_owned());
        Vouched { context, cloud, kind: self.kind, lease: Arc::clone(&self.lease), until }
    }

    async fn done<T: Serialize>(&self, step: &str, result: T) -> Result<T, JobError> {
        let unwritable = |error| JobError::give_up("journal", format!("what came of `{step}` is unwritable: {error}"));
        let written = serde_json::to_value(&result).map_err(unwritable)?;
        self.note(Note::Done(step, &written)).await?;
        if let Some(known) = self.steps.lock().unwrap_or_else(PoisonError::into_inner).get_mut(step) {
            known.result = Some(written);
        }
        Ok(result)
    }

    /// A request that certainly took no effect was never intended; any other one may still.
    async fn failed<T>(&self, step: &str, error: openstack::Error) -> Result<T, JobError> {
        if error.took_no_effect() || error.is_refusal() {
            self.note(Note::Withdrawn(step)).await?;
            self.steps.lock().unwrap_or_else(PoisonError::into_inner).remove(step);
        }
        Err(error.into())
    }

    /// Writes something down, while the tenant is the job's.
    async fn note(&self, note: Note<'_>) -> Result<(), JobError> {
        let now = self.context.clock().now();
        let noted = in_time(async {
            let mut tx = self.context.store().begin().await?;
            if !self.lease.is_held(&mut tx).await? {
                return Ok(false);
            }
            match note {
                Note::Intended(step) => tx.intend_step((self.job, self.tenant), step).await?,
                Note::Done(step, result) => tx.step_done(self.job, step, result, now).await?,
                Note::Withdrawn(step) => tx.withdraw_step(self.job, step).await?,
            }
            tx.commit().await.map(|_| true)
        });
        if noted.await? { Ok(()) } else { Err(JobError::Interrupted) }
    }
}

/// What is written down of a change.
enum Note<'a> {
    Intended(&'a Step),
    Done(&'a str, &'a Value),
    Withdrawn(&'a str),
}

#[cfg(test)]
mod tests {
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
            };
            let mut tx = context.store().begin().await.unwrap();
            let tenant = tx.save_tenant(Uuid::from_u128(2), &seen, DateTime::UNIX_EPOCH).await.unwrap();
            tx.insert_job(&request, Some(tenant.uuid)).await.unwrap();
            tx.commit().await.unwrap();
            let longest = Duration::from_secs(30);
            let lease = Lease::take(&context, tenant.uuid, request.id, longest).await.unwrap().unwrap();
            let (live, lease) = (context.live(), Some(Arc::new(lease)));
            let call = Call { context, live, request, tenant: Some(tenant.clone()), lease };
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
}
