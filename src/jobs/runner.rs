//! Runs one request from whichever intake: duplicate, deadline, tenant, time-out, panic, record, counters.
//!
//! A delivery becomes a row of the jobs table first, so that it runs once; everything that a job brings is committed
//! together with the job's own end; only then does the caller learn how it ended, so that what is acknowledged is kept.
//! While the database is away the result is held and committed later.

use std::sync::Arc;

use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::{Instrument, info_span};

use super::context::{Context, Live};
use super::{JobError, Kind, Report, resolve};
use crate::model::Tenant;
use crate::model::job::{Job, Outcome, Request, Scope};
use crate::store::StoreError;
use crate::telemetry::traces;

mod admission;
mod attempt;
mod batch;
mod bury;
mod coalesce;
mod commit;
mod flights;
mod gate;
mod lease;
pub(super) mod parts;
mod run;
mod settle;
pub(super) mod shares;
pub(super) mod walk;

use admission::{Admitted, Arrival};
use attempt::{Attempt, Member, Target};
use batch::Batcher;
pub use bury::Unfit;
use coalesce::{Coalescer, Key, Role};
use commit::{Endings, Scribe};
pub use flights::TERM;
use flights::{Flight, Flights};
use gate::Gate;
pub use gate::Place;
pub use lease::Lease;
pub use parts::Records;
use shares::Shares;

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
    shares: Arc<Shares>,
    /// Cancelled when running jobs must end now.
    interrupt: CancellationToken,
    flights: Arc<Flights>,
    coalescer: Arc<Coalescer>,
    admission: Batcher<Arrival, Result<Admitted, StoreError>>,
    /// Results of one tenant; those of a whole cloud take their own way, for they take longer.
    record: Batcher<Attempt, Result<Endings, StoreError>>,
    record_large: Batcher<Attempt, Result<Endings, StoreError>>,
    /// For what jobs record before their end.
    scribe: Scribe,
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
        let inner = Inner {
            context,
            gate,
            shares: Arc::new(Shares::new(places)),
            interrupt,
            flights,
            coalescer,
            admission,
            record,
            record_large,
            scribe,
            _over: over,
        };
        Self { inner: Arc::new(inner) }
    }

    /// A place for a job of the table, if there is one now.
    pub fn place(&self) -> Option<Place> {
        self.inner.gate.place()
    }

    /// How many parts of larger jobs this instance may take now, and of which clouds it has enough already.
    pub fn room_for_parts(&self) -> (usize, Vec<String>) {
        self.inner.shares.room()
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
        let _share = job.request.part.as_ref().map(|_| self.inner.shares.take(job.request.cloud.as_deref()));
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
            prepared = self.prepare(&mut request, tenants, &live) => prepared,
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
            part: member.request.part.as_ref().map(|part| (part.of, part.number)),
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
    async fn prepare(
        &self,
        request: &mut Request,
        tenants: Vec<Tenant>,
        live: &Arc<Live>,
    ) -> Result<Prepared, JobError> {
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
            request.cloud.get_or_insert_with(|| found.cloud.clone());
            target.tenant = Some(found);
        } else if !kind.fleet {
            return Err(JobError::give_up("invalid_params", format!("{} needs a tenant", kind.name)));
        }
        if request.scope() == Scope::All && live.clouds.len() == 1 {
            target.only_cloud = live.clouds.keys().next().cloned();
        }
        Ok(Prepared { kind, target, lease: None })
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
