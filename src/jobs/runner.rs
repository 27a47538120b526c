//! Runs one request from whichever intake: duplicate, deadline, tenant, time-out, panic, record, counters.
//!
//! A delivery becomes a row of the jobs table first, so that it runs once; everything that a job brings is committed
//! together with the job's own end; only then does the caller learn how it ended, so that what is acknowledged is kept.
//! While the database is away the result is held and committed later.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::join_all;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug_span, info_span};

use super::context::{Context, Live};
use super::effects::Tally;
use super::{Call, JobError, Kind, Report, resolve};
use crate::model::Tenant;
use crate::model::job::{Job, Outcome, Request, Scope};
use crate::store::StoreError;
use crate::telemetry::{metrics, traces};

mod admission;
mod attempt;
mod batch;
mod bury;
mod coalesce;
mod commit;
mod flights;
mod gate;
mod lease;
mod settle;

use admission::{Admitted, Arrival};
use attempt::{Attempt, Member, Target};
use batch::Batcher;
pub use bury::Unfit;
use coalesce::{Coalescer, Key, Lead, Rider, Role};
use commit::{Endings, Scribe};
pub use flights::TERM;
use flights::{Flight, Flights};
use gate::Gate;
pub use gate::Place;
pub use lease::Lease;

/// Deliveries admitted in one transaction at most.
const ADMITTED_AT_ONCE: usize = 128;
/// Attempts recorded in one transaction at most.
const RECORDED_AT_ONCE: usize = 128;

/// How a request ended for whoever brought it.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// It is done.
    Done {
        /// How.
        outcome: Outcome,
        /// What was left out.
        left_out: Option<String>,
    },
    /// It lies in the jobs table and goes on from there.
    Parked {
        /// Why, when an attempt failed.
        error: Option<String>,
    },
    /// It is dead, and recorded as such.
    Dead {
        /// One word.
        reason: String,
        /// In words.
        error: String,
    },
    /// The same job is known already, or is someone else's.
    Duplicate,
}

/// Where a request comes from, as far as it matters for running it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// From outside: it may be a repetition.
    Delivery,
    /// From the jobs table: it was claimed.
    Table,
}

/// A delivery that is kept.
#[derive(Debug)]
pub enum Kept {
    /// It is a row of the jobs table that this instance holds, and is to be run.
    Held(Box<Work>),
    /// Nothing is left to do.
    Over(Ended),
}

/// A request that this instance holds.
#[derive(Debug)]
pub struct Work {
    request: Box<Request>,
    /// Whom it may be for.
    tenants: Vec<Tenant>,
    flight: Flight,
    origin: Origin,
    place: Option<Place>,
}

/// Runs requests; clones share its places.
#[derive(Debug, Clone)]
pub struct Runner {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    context: Context,
    gate: Arc<Gate>,
    /// Cancelled when running jobs must end now.
    interrupt: CancellationToken,
    flights: Arc<Flights>,
    coalescer: Arc<Coalescer>,
    admission: Batcher<Arrival, Result<Admitted, StoreError>>,
    /// Results of one tenant; those of a whole cloud take their own way, for they take longer.
    record: Batcher<Attempt, Result<Endings, StoreError>>,
    record_large: Batcher<Attempt, Result<Endings, StoreError>>,
    _over: DropGuard,
}

/// What a run needs besides its request.
struct Prepared {
    kind: &'static Kind,
    target: Target,
    lease: Option<Arc<Lease>>,
}

impl Runner {
    /// A runner with so many places; `interrupt` ends what runs, uncounted. It needs a tokio runtime.
    pub fn new(context: Context, places: usize, interrupt: CancellationToken) -> Self {
        let (tasks, over) = (TaskTracker::new(), CancellationToken::new());
        let flights = Arc::<Flights>::default();
        tasks.spawn(flights::keep(Arc::downgrade(&flights), context.clone(), over.clone()));
        // SQLite has one writer; with PostgreSQL one transaction is prepared while another is committed.
        let writers = if context.store().is_shared() { 2 } else { 1 };
        let admits = context.clone();
        let admission = Batcher::spawn(&tasks, writers, ADMITTED_AT_ONCE, move |arrivals| {
            Box::pin(admission::admit(admits.clone(), arrivals))
        });
        let scribe = Scribe { context: context.clone(), interrupt: interrupt.clone() };
        let records = |writers, most| {
            let scribe = scribe.clone();
            Batcher::spawn(&tasks, writers, most, move |attempts| {
                let scribe = scribe.clone();
                Box::pin(async move { scribe.record(attempts).await })
            })
        };
        let (record, record_large) = (records(writers, RECORDED_AT_ONCE), records(1, 1));
        let gate = Arc::new(Gate::new(places, Arc::clone(context.clock())));
        let (coalescer, over) = (Arc::default(), over.drop_guard());
        let inner =
            Inner { context, gate, interrupt, flights, coalescer, admission, record, record_large, _over: over };
        Self { inner: Arc::new(inner) }
    }

    /// A place for a job of the table, if there is one now.
    pub fn place(&self) -> Option<Place> {
        self.inner.gate.place()
    }

    /// The clouds that have their share of the places already.
    pub fn full_clouds(&self) -> Vec<String> {
        self.inner.gate.full_clouds()
    }

    /// Runs a request to its record.
    ///
    /// # Errors
    /// When the record could not be committed before the daemon had to stop: the request is to be brought again.
    pub async fn run(&self, request: Request, origin: Origin) -> Result<Ended, StoreError> {
        let kept = match origin {
            Origin::Delivery => self.keep(request).await?,
            Origin::Table => self.hold(Arrival::Claimed(request), None).await?,
        };
        match kept {
            Kept::Held(work) => self.finish(work).await,
            Kept::Over(ended) => Ok(ended),
        }
    }

    /// Makes a delivery a row of the jobs table, unless it is known: from then on it cannot be lost.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn keep(&self, request: Request) -> Result<Kept, StoreError> {
        self.hold(Arrival::Delivered(request), None).await
    }

    /// Runs a job that was claimed from the table, in a place that was taken for it.
    ///
    /// # Errors
    /// When the record could not be committed before the daemon had to stop.
    pub async fn run_claimed(&self, job: Job, place: Place) -> Result<Ended, StoreError> {
        match self.hold(Arrival::Claimed(job.request), Some(place)).await? {
            Kept::Held(work) => {
                // Someone asked for its end while nobody worked on it.
                if job.cancel_asked_at.is_some() {
                    work.flight.end.cancel();
                }
                self.finish(work).await
            }
            Kept::Over(ended) => Ok(ended),
        }
    }

    async fn hold(&self, arrival: Arrival, place: Option<Place>) -> Result<Kept, StoreError> {
        let (id, origin) = match &arrival {
            Arrival::Delivered(request) | Arrival::Repeated(request) => (request.id, Origin::Delivery),
            Arrival::Claimed(request) => (request.id, Origin::Table),
        };
        // What is worked on here is a row already: a repetition learns that from the table and need not wait for the end.
        let arrival = match arrival {
            Arrival::Delivered(request) if self.inner.flights.has(id) => Arrival::Repeated(request),
            other => other,
        };
        if matches!(arrival, Arrival::Repeated(_)) {
            match self.admit(arrival).await? {
                Admitted::Over(ended) => return Ok(Kept::Over(ended)),
                Admitted::Waits => return Ok(Kept::Over(Ended::Parked { error: None })),
                // It was on its way to the table only, and did not get there: this one goes the same way.
                Admitted::Held(request, _) => return self.hold_next(*request).await,
            }
        }
        let flight = self.inner.flights.take_off(id).await;
        Ok(match self.admit(arrival).await? {
            Admitted::Held(request, tenants) => Kept::Held(Box::new(Work { request, tenants, flight, origin, place })),
            Admitted::Waits => Kept::Over(Ended::Parked { error: None }),
            Admitted::Over(ended) => Kept::Over(ended),
        })
    }

    /// Waits for the work on the same id that goes on here, and takes its turn.
    async fn hold_next(&self, request: Request) -> Result<Kept, StoreError> {
        let flight = self.inner.flights.take_off(request.id).await;
        Ok(match self.admit(Arrival::Delivered(request)).await? {
            Admitted::Held(request, tenants) => {
                Kept::Held(Box::new(Work { request, tenants, flight, origin: Origin::Delivery, place: None }))
            }
            Admitted::Waits => Kept::Over(Ended::Parked { error: None }),
            Admitted::Over(ended) => Kept::Over(ended),
        })
    }

    async fn admit(&self, arrival: Arrival) -> Result<Admitted, StoreError> {
        let admitted = self.inner.admission.submit(arrival).await;
        admitted.unwrap_or_else(|| Err(StoreError::NotRecorded("admitting it panicked".to_owned())))
    }

    /// Runs what is held, to its record.
    ///
    /// # Errors
    /// When the record could not be committed before the daemon had to stop.
    pub async fn finish(&self, work: Box<Work>) -> Result<Ended, StoreError> {
        let request = &work.request;
        let span = info_span!("job.run", job.kind = %request.kind, job.id = %request.id, job.attempt = request.attempt + 1,
            cause = %request.source, cloud.name = tracing::field::Empty, project.id = tracing::field::Empty);
        traces::link(&span, request.trace.as_deref());
        // It is large, and is moved to its task as a whole.
        Box::pin(self.finish_in_span(work)).instrument(span).await
    }

    async fn finish_in_span(&self, work: Box<Work>) -> Result<Ended, StoreError> {
        let live = self.inner.context.live();
        let Work { mut request, tenants, flight, origin, place } = *work;
        request.attempt += 1;
        let prepared = tokio::select! {
            prepared = self.prepare(&request, tenants, &live) => prepared,
            () = self.inner.interrupt.cancelled() => Err(JobError::Interrupted),
        };
        let member = Member { request: *request, flight, over: None };
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                let target = Target::default();
                return self.settle_alone(member, target, &live, Report::failed(error)).await;
            }
        };
        tracing::Span::current().record("cloud.name", prepared.target.cloud(&member.request));
        let cloud = prepared.target.cloud(&member.request).to_owned();
        if prepared.kind.writes {
            return self.run_alone_on_tenant(member, prepared, &live, (origin, place)).await;
        }
        if cloud == "all" {
            return self.run_group(None, member, prepared, &live, (origin, place)).await;
        }
        let key = Key {
            cloud,
            tenant: prepared.target.tenant.as_ref().map(|tenant| tenant.uuid),
            kind: prepared.kind.name,
            params: member.request.params.to_string(),
        };
        match self.inner.coalescer.join(key, member) {
            Role::Full(member) => {
                let report = Report::failed(JobError::Crowded);
                self.settle_alone(*member, prepared.target, &live, report).await
            }
            Role::Ride(answer) => {
                drop(place);
                answer.await.map_err(|_| StoreError::NotRecorded("the run that served it ended early".to_owned()))
            }
            Role::Lead(lead, member) => {
                // Who has to wait for the run before leaves its place to others.
                let place = place.filter(|_| lead.is_free());
                lead.turn().await;
                self.run_group(Some(lead), *member, prepared, &live, (origin, place)).await
            }
        }
    }

    /// Checks what can be checked before anything is asked, and finds the tenant.
    async fn prepare(&self, request: &Request, tenants: Vec<Tenant>, live: &Arc<Live>) -> Result<Prepared, JobError> {
        if request.attempt > i64::from(live.retries.attempts) {
            let message = "it was being worked on each time the daemon ended; it is not tried again";
            return Err(JobError::give_up("crashed", message));
        }
        let Some(kind) = super::kind(&request.kind) else {
            let known = super::kind_names().join(", ");
            let message = format!("`{}` is no job kind; there are {known}", request.kind);
            return Err(JobError::give_up("unknown_kind", message));
        };
        if request.deadline.is_some_and(|deadline| deadline < self.inner.context.clock().now()) {
            return Err(expired());
        }
        kind.check(&request.params).map_err(|why| JobError::give_up("invalid_params", why))?;
        let mut target = Target::default();
        if let Some(subject) = &request.subject {
            let cloud = request.cloud.as_deref();
            let found = resolve::tenant(&self.inner.context, live, (subject, tenants), cloud).await?;
            tracing::Span::current().record("project.id", found.backend_id.as_str());
            target.tenant = Some(found);
        } else if !kind.fleet {
            return Err(JobError::give_up("invalid_params", format!("{} needs a tenant", kind.name)));
        }
        if request.scope() == Scope::All && live.clouds.len() == 1 {
            target.only_cloud = live.clouds.keys().next().cloned();
        }
        Ok(Prepared { kind, target, lease: None })
    }

    /// Runs a job that changes a tenant, once no other does; until then it waits in the table.
    async fn run_alone_on_tenant(
        &self,
        member: Member,
        mut prepared: Prepared,
        live: &Arc<Live>,
        (origin, place): (Origin, Option<Place>),
    ) -> Result<Ended, StoreError> {
        let Some(tenant) = prepared.target.tenant.as_ref().map(|tenant| tenant.uuid) else {
            return self.run_group(None, member, prepared, live, (origin, place)).await;
        };
        let Some(lease) = Lease::take(&self.inner.context, tenant, member.request.id).await? else {
            return self.settle_alone(member, prepared.target, live, Report::failed(JobError::Leased)).await;
        };
        let lease = Arc::new(lease);
        prepared.lease = Some(Arc::clone(&lease));
        let ended = self.run_group(None, member, prepared, live, (origin, place)).await;
        lease.give_back().await;
        ended
    }

    /// Runs a job for everyone who asked for it, once there is a place; how it ended for the first.
    async fn run_group(
        &self,
        mut lead: Option<Lead>,
        leader: Member,
        prepared: Prepared,
        live: &Arc<Live>,
        (origin, place): (Origin, Option<Place>),
    ) -> Result<Ended, StoreError> {
        let Prepared { kind, target, lease } = prepared;
        let shared = live.names().len() > 1;
        let tenant = target.tenant.as_ref().map(|tenant| tenant.uuid);
        let cloud = target.cloud(&leader.request).to_owned();
        let pass = self.inner.gate.enter((&cloud, shared), tenant, origin, place).await;
        let riders = lead.as_mut().map(Lead::depart).unwrap_or_default();
        let (mut members, mut answers) = (vec![leader], Vec::with_capacity(riders.len()));
        for Rider { member, answer } in riders {
            members.push(member);
            answers.push(answer);
        }
        let started_at = self.inner.context.clock().now();
        let report = match &pass {
            Ok(_) => self.guarded(&members, &target, live, (kind, lease.as_ref())).await,
            Err(_) => Report::failed(JobError::Crowded),
        };
        // The requests are over: the place is free while the result is written down.
        drop(pass);
        for member in &mut members {
            member.settle(started_at);
        }
        let tally = Tally::default();
        let attempt = Attempt { members, target, live: Arc::clone(live), started_at, report, tally, lease };
        let mut endings = self.settle(attempt).await?.into_iter();
        let first = endings.next();
        for (answer, ended) in answers.into_iter().zip(endings) {
            let _ = answer.send(ended);
        }
        first.ok_or_else(|| StoreError::NotRecorded("it was not answered".to_owned()))
    }

    async fn settle_alone(
        &self,
        member: Member,
        target: Target,
        live: &Arc<Live>,
        report: Report,
    ) -> Result<Ended, StoreError> {
        let started_at = self.inner.context.clock().now();
        let (members, live, tally) = (vec![member], Arc::clone(live), Tally::default());
        let endings = self.settle(Attempt { members, target, live, started_at, report, tally, lease: None }).await?;
        endings.into_iter().next().ok_or_else(|| StoreError::NotRecorded("it was not answered".to_owned()))
    }

    async fn settle(&self, attempt: Attempt) -> Result<Endings, StoreError> {
        let is_large = attempt.report.effects.len() > crate::model::ResourceType::ALL.len();
        let scribe = if is_large { &self.inner.record_large } else { &self.inner.record };
        let span = debug_span!("store.commit", effects = attempt.report.effects.len());
        let settled = scribe.submit(attempt).instrument(span).await;
        settled.unwrap_or_else(|| Err(StoreError::NotRecorded("recording it panicked".to_owned())))
    }

    /// Runs the job; whatever it does, a report comes back.
    async fn guarded(
        &self,
        members: &[Member],
        target: &Target,
        live: &Arc<Live>,
        (kind, lease): (&Kind, Option<&Arc<Lease>>),
    ) -> Report {
        let now = self.inner.context.clock().now();
        let Some(first) = members.iter().find(|member| !member.flight.end.is_cancelled()) else {
            return Report::failed(JobError::Cancelled);
        };
        if members.iter().all(|member| member.request.deadline.is_some_and(|deadline| deadline < now)) {
            return Report::failed(expired());
        }
        let mut request = first.request.clone();
        request.cloud = request.cloud.or_else(|| target.only_cloud.clone());
        let _running = metrics::job_running(target.cloud(&request), kind.name);
        let (context, live, tenant) = (self.inner.context.clone(), Arc::clone(live), target.tenant.clone());
        let job = match (kind.start)(Call { context, live, request, tenant, lease: lease.cloned() }) {
            Ok(job) => job,
            Err(why) => return Report::failed(JobError::give_up("invalid_params", why)),
        };
        let lost = async {
            match lease {
                Some(lease) => lease.keep().await,
                None => std::future::pending().await,
            }
        };
        let nobody_waits = join_all(members.iter().map(|member| member.flight.end.cancelled()));
        tokio::select! {
            ended = AssertUnwindSafe(job).catch_unwind() => ended.unwrap_or_else(|panic| {
                let what = panic.downcast_ref::<&str>().map(|it| (*it).to_owned())
                    .or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
                Report::failed(JobError::retry("panic", format!("{} panicked: {what}", kind.name)))
            }),
            () = self.inner.context.clock().sleep(kind.timeout) => {
                let limit = humantime::format_duration(kind.timeout);
                Report::failed(JobError::retry("job_timeout", format!("{} did not end within {limit}", kind.name)))
            }
            () = self.inner.interrupt.cancelled() => Report::failed(JobError::Interrupted),
            () = lost => Report::failed(JobError::Interrupted),
            _ = nobody_waits => Report::failed(JobError::Cancelled),
        }
    }

    /// Records a message that is no request at all.
    ///
    /// # Errors
    /// When the database is away: then the message must not be acknowledged.
    pub async fn bury_message(&self, message: Unfit) -> Result<(), StoreError> {
        bury::bury_message(&self.inner.context, message).await
    }
}

fn expired() -> JobError {
    JobError::give_up("expired", "its deadline has passed")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::clock::VirtualClock;
    use crate::store::Store;

    /// A kind whose body is given.
    fn kind(start: fn(Call) -> Result<crate::jobs::Running, String>) -> Kind {
        let schema = || schemars::Schema::default();
        let timeout = Duration::from_mins(1);
        Kind {
            name: "pull",
            about: "",
            fleet: true,
            writes: false,
            local: false,
            timeout,
            schema,
            check: |_| Ok(()),
            start,
        }
    }

    async fn guarded(
        kind: &Kind,
        meanwhile: impl FnOnce(&VirtualClock, &CancellationToken, &Member),
    ) -> (&'static str, String) {
        let clock = VirtualClock::at(DateTime::UNIX_EPOCH);
        let store = Store::open("sqlite::memory:", 1).await.unwrap();
        let context = Context::new(store, Arc::new(clock.clone()), "test".into(), Live::default(), None);
        let interrupt = CancellationToken::new();
        let runner = Runner::new(context.clone(), 1, interrupt.clone());
        let request = Request::new(Uuid::nil(), kind.name, "test", DateTime::UNIX_EPOCH);
        let flight = runner.inner.flights.take_off(request.id).await;
        let members = [Member { request, flight, over: None }];
        let (target, live) = (Target::default(), context.live());
        let running = runner.guarded(&members, &target, &live, (kind, None));
        tokio::pin!(running);
        assert!(futures::poll!(running.as_mut()).is_pending());
        meanwhile(&clock, &interrupt, &members[0]);
        let error = running.await.failure.unwrap();
        (error.reason(), error.to_string())
    }

    #[tokio::test]
    async fn a_panic_is_an_attempt_that_failed() {
        let panics = kind(|_| {
            Ok(Box::pin(async {
                tokio::task::yield_now().await;
                panic!("index out of range")
            }))
        });
        let said = guarded(&panics, |_, _, _| {}).await;
        assert_eq!(said, ("panic", "pull panicked: index out of range".to_owned()));
    }

    #[tokio::test]
    async fn an_attempt_ends_with_its_time_or_with_the_daemon() {
        let hangs = kind(|_| Ok(Box::pin(std::future::pending())));
        let said = guarded(&hangs, |clock, _, _| clock.advance(Duration::from_mins(1))).await;
        assert_eq!(said, ("job_timeout", "pull did not end within 1m".to_owned()));
        let said = guarded(&hangs, |_, interrupt, _| interrupt.cancel()).await;
        assert_eq!(said.0, "interrupted");
        let said = guarded(&hangs, |_, _, member| member.flight.end.cancel()).await;
        assert_eq!(said.0, "cancelled");
    }
}
