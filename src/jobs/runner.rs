//! Runs one request from whichever intake: duplicate, deadline, tenant, time-out, panic, record, counters.
//!
//! Everything that a job brings is committed together with the job's own row; only then does the caller learn how it
//! ended, so that what is acknowledged is kept. While the database is away the result is held and committed later.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::FutureExt;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info_span};
use uuid::Uuid;

use super::context::{Context, Live};
use super::effects::Tally;
use super::{Call, JobError, Kind, Report, resolve};
use crate::model::Tenant;
use crate::model::job::{JobState, Outcome, Request, Scope};
use crate::store::StoreError;
use crate::store::jobs::Hold;
use crate::telemetry::{metrics, traces};

mod commit;

/// How much longer than its time-out a job is held, before another instance may take it over.
pub const LEASE_MARGIN: Duration = Duration::from_mins(1);

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
    /// The same job is known already.
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

/// Runs requests; clones share its places.
#[derive(Debug, Clone)]
pub struct Runner {
    context: Context,
    /// One for each job that runs.
    places: Arc<Semaphore>,
    /// What deliveries may have of them: the rest is for jobs of the table, however long the broker's queue is.
    for_deliveries: Arc<Semaphore>,
    shares: Arc<Shares>,
    /// Cancelled when running jobs must end now.
    interrupt: CancellationToken,
    flights: Arc<Flights>,
}

/// How many jobs of each cloud run here. With several clouds none gets every place: one that hangs must not stop the
/// others.
#[derive(Debug)]
struct Shares {
    most: usize,
    running: Mutex<HashMap<String, usize>>,
}

/// One place of a cloud's share.
struct Share {
    shares: Arc<Shares>,
    cloud: String,
}

impl Shares {
    fn take(this: &Arc<Self>, cloud: &str, shared: bool) -> Option<Share> {
        let mut running = this.running.lock().unwrap_or_else(PoisonError::into_inner);
        let count = running.entry(cloud.to_owned()).or_default();
        if shared && *count >= this.most {
            return None;
        }
        *count += 1;
        Some(Share { shares: Arc::clone(this), cloud: cloud.to_owned() })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut running = self.shares.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = running.get_mut(&self.cloud) {
            *count = count.saturating_sub(1);
        }
    }
}

/// Three quarters of the places, at least one.
const fn most_of(places: usize) -> usize {
    let most = places - places / 4;
    if most == places && places > 1 { places - 1 } else { most }
}

/// The ids that are being worked on here, so that a repetition waits for the first.
#[derive(Debug, Default)]
struct Flights {
    ids: Mutex<HashSet<Uuid>>,
    landed: Notify,
}

impl Flights {
    async fn take_off(self: &Arc<Self>, id: Uuid) -> Flight {
        loop {
            let landed = self.landed.notified();
            tokio::pin!(landed);
            landed.as_mut().enable();
            if self.ids.lock().unwrap_or_else(PoisonError::into_inner).insert(id) {
                return Flight { flights: Arc::clone(self), id };
            }
            landed.await;
        }
    }
}

struct Flight {
    flights: Arc<Flights>,
    id: Uuid,
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.flights.ids.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
        self.flights.landed.notify_waiters();
    }
}

/// One attempt, from its start to its record.
struct Attempt {
    request: Request,
    tenant: Option<Tenant>,
    /// The only cloud there is, when the request names none.
    only_cloud: Option<String>,
    live: Arc<Live>,
    started_at: DateTime<Utc>,
    report: Report,
    /// What was recorded of it so far.
    tally: Tally,
}

impl Runner {
    /// A runner with so many places; `interrupt` ends what runs, uncounted.
    pub fn new(context: Context, places: usize, interrupt: CancellationToken) -> Self {
        let places = places.max(1);
        let most = most_of(places);
        Self {
            context,
            places: Arc::new(Semaphore::new(places)),
            for_deliveries: Arc::new(Semaphore::new(most)),
            shares: Arc::new(Shares { most, running: Mutex::default() }),
            interrupt,
            flights: Arc::default(),
        }
    }

    /// Waits until a delivery may run.
    pub async fn place_for_delivery(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.for_deliveries).acquire_owned().await.ok()
    }

    /// Puts a delivery that cannot run soon into the jobs table, unless it is known.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn park_delivery(&self, request: &Request) -> Result<(), StoreError> {
        let _flight = self.flights.take_off(request.id).await;
        match self.known(request).await? {
            Some(_) => Ok(()),
            None => self.park(request).await,
        }
    }

    /// How many more jobs could run now.
    pub fn free_places(&self) -> usize {
        self.places.available_permits()
    }

    /// Runs a request to its record.
    ///
    /// # Errors
    /// When the record could not be committed before the daemon had to stop: the request is to be brought again.
    pub async fn run(&self, request: Request, origin: Origin) -> Result<Ended, StoreError> {
        let span = info_span!("job.run", job.kind = %request.kind, job.id = %request.id, job.attempt = request.attempt + 1,
            cause = %request.source, cloud.name = tracing::field::Empty, project.id = tracing::field::Empty,
            job.outcome = tracing::field::Empty);
        traces::link(&span, request.trace.as_deref());
        self.run_in_span(request, origin).instrument(span).await
    }

    async fn run_in_span(&self, request: Request, origin: Origin) -> Result<Ended, StoreError> {
        let _flight = self.flights.take_off(request.id).await;
        if origin == Origin::Delivery
            && let Some(known) = self.known(&request).await?
        {
            return Ok(known);
        }
        if origin == Origin::Table && self.is_over(request.id).await? {
            return Ok(Ended::Duplicate);
        }
        let now = self.context.clock().now();
        if request.not_before > now {
            self.park(&request).await?;
            return Ok(Ended::Parked { error: None });
        }
        let Ok(_place) = self.places.acquire().await else { return Ok(Ended::Parked { error: None }) };
        let attempt = self.attempt(request).await;
        self.settle(attempt).await
    }

    /// Whether a job ended meanwhile: an earlier holder whose time was over was still at it.
    async fn is_over(&self, id: Uuid) -> Result<bool, StoreError> {
        let job = self.context.store().job(id).await?;
        Ok(job.is_some_and(|job| !matches!(job.state, JobState::Queued | JobState::Running)))
    }

    /// Whether a job of this id is known, and what that means for the one who brings it again.
    async fn known(&self, request: &Request) -> Result<Option<Ended>, StoreError> {
        let Some(job) = self.context.store().job(request.id).await? else { return Ok(None) };
        if job.digest == request.digest() {
            return Ok(Some(Ended::Duplicate));
        }
        let message = format!("job id {} was used before, for another {}", request.id, job.request.kind);
        Ok(Some(self.bury_reused(request, &message).await?))
    }

    /// Writes down that a request runs here, for it takes longer than what brought it may wait.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn outlive_delivery(&self, request: &Request) -> Result<(), StoreError> {
        let now = self.context.clock().now();
        let timeout = super::kind(&request.kind).map_or(LEASE_MARGIN, |kind| kind.timeout + LEASE_MARGIN);
        let until = now + chrono::Duration::from_std(timeout).unwrap_or_default();
        let mut tx = self.context.store().begin().await?;
        tx.start_job(request, None, Hold { owner: self.context.instance(), until }, now).await?;
        tx.commit().await
    }

    /// Puts a request into the jobs table.
    async fn park(&self, request: &Request) -> Result<(), StoreError> {
        let mut tx = self.context.store().begin().await?;
        tx.insert_job(request, None).await?;
        tx.commit().await?;
        self.context.ring();
        Ok(())
    }

    async fn attempt(&self, request: Request) -> Attempt {
        let live = self.context.live();
        let started_at = self.context.clock().now();
        let mut attempt = Attempt {
            request,
            tenant: None,
            only_cloud: None,
            live,
            started_at,
            report: Report::default(),
            tally: Tally::default(),
        };
        attempt.request.attempt += 1;
        if attempt.request.attempt > i64::from(attempt.live.retries.attempts) {
            let message = "it was being worked on each time the daemon ended; it is not tried again";
            attempt.report = Report::failed(JobError::give_up("crashed", message));
            return attempt;
        }
        let Some(kind) = super::kind(&attempt.request.kind) else {
            let known = super::kind_names().join(", ");
            let message = format!("`{}` is no job kind; there are {known}", attempt.request.kind);
            attempt.report = Report::failed(JobError::give_up("unknown_kind", message));
            return attempt;
        };
        if attempt.request.deadline.is_some_and(|deadline| deadline < started_at) {
            attempt.report = Report::failed(JobError::give_up("expired", "its deadline has passed"));
            return attempt;
        }
        attempt.report = match self.prepare(&mut attempt, kind).await {
            Ok(call) => {
                let shared = attempt.live.names().len() > 1;
                match Shares::take(&self.shares, attempt.cloud(), shared) {
                    Some(_share) => self.guarded(call, kind).await,
                    None => Report::failed(JobError::Crowded),
                }
            }
            Err(error) => Report::failed(error),
        };
        attempt
    }

    /// Checks the parameters and finds the tenant.
    async fn prepare(&self, attempt: &mut Attempt, kind: &Kind) -> Result<Call, JobError> {
        let request = &attempt.request;
        kind.check(&request.params).map_err(|why| JobError::give_up("invalid_params", why))?;
        if let Some(subject) = &request.subject {
            let found = resolve::tenant(&self.context, &attempt.live, subject, request.cloud.as_deref()).await?;
            tracing::Span::current().record("project.id", found.backend_id.as_str());
            attempt.tenant = Some(found);
        } else if !kind.fleet {
            return Err(JobError::give_up("invalid_params", format!("{} needs a tenant", kind.name)));
        }
        if attempt.request.scope() == Scope::All && attempt.live.clouds.len() == 1 {
            attempt.only_cloud = attempt.live.clouds.keys().next().cloned();
        }
        tracing::Span::current().record("cloud.name", attempt.cloud());
        let mut request = attempt.request.clone();
        request.cloud = request.cloud.or_else(|| attempt.only_cloud.clone());
        let (context, live) = (self.context.clone(), Arc::clone(&attempt.live));
        Ok(Call { context, live, request, tenant: attempt.tenant.clone() })
    }

    /// Runs the job; whatever it does, a report comes back.
    async fn guarded(&self, call: Call, kind: &Kind) -> Report {
        let cloud = cloud_of(&call.request, call.tenant.as_ref()).to_owned();
        let _running = metrics::job_running(&cloud, kind.name);
        let job = match (kind.start)(call) {
            Ok(job) => job,
            Err(why) => return Report::failed(JobError::give_up("invalid_params", why)),
        };
        tokio::select! {
            ended = AssertUnwindSafe(job).catch_unwind() => ended.unwrap_or_else(|panic| {
                let what = panic.downcast_ref::<&str>().map(|it| (*it).to_owned())
                    .or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
                Report::failed(JobError::retry("panic", format!("{} panicked: {what}", kind.name)))
            }),
            () = self.context.clock().sleep(kind.timeout) => {
                let limit = humantime::format_duration(kind.timeout);
                Report::failed(JobError::retry("job_timeout", format!("{} did not end within {limit}", kind.name)))
            }
            () = self.interrupt.cancelled() => Report::failed(JobError::Interrupted),
        }
    }

    /// Waits a little before the database is tried again; an error when there is no time left for it.
    async fn wait_for_database(&self, error: StoreError, tries: u32) -> Result<(), StoreError> {
        tracing::warn!(%error, tries, "a result waits for the database");
        tokio::select! {
            () = self.context.clock().sleep(Duration::from_secs(u64::from(tries.clamp(1, 10)))) => Ok(()),
            () = self.interrupt.cancelled() => Err(error),
        }
    }
}

impl Attempt {
    fn cloud(&self) -> &str {
        self.only_cloud.as_deref().unwrap_or_else(|| cloud_of(&self.request, self.tenant.as_ref()))
    }

    fn took(&self, now: DateTime<Utc>) -> Duration {
        (now - self.started_at).to_std().unwrap_or_default()
    }
}

/// The cloud for metrics: `all` when a request is for every one.
fn cloud_of<'a>(request: &'a Request, tenant: Option<&'a Tenant>) -> &'a str {
    tenant.map(|it| it.cloud.as_str()).or(request.cloud.as_deref()).unwrap_or("all")
}

/// The state of a job that ended as `outcome`, or waits again.
const fn state_of(outcome: Option<Outcome>) -> JobState {
    match outcome {
        Some(outcome) => outcome.state(),
        None => JobState::Queued,
    }
}

#[cfg(test)]
mod tests {
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

    async fn guarded(kind: &Kind, meanwhile: impl FnOnce(&VirtualClock, &CancellationToken)) -> (&'static str, String) {
        let clock = VirtualClock::at(DateTime::UNIX_EPOCH);
        let store = Store::open("sqlite::memory:", 1).await.unwrap();
        let context = Context::new(store, Arc::new(clock.clone()), "test".into(), Live::default(), None);
        let interrupt = CancellationToken::new();
        let runner = Runner::new(context.clone(), 1, interrupt.clone());
        let request = Request::new(Uuid::nil(), kind.name, "test", DateTime::UNIX_EPOCH);
        let call = Call { live: context.live(), context, request, tenant: None };
        let running = runner.guarded(call, kind);
        tokio::pin!(running);
        assert!(futures::poll!(running.as_mut()).is_pending());
        meanwhile(&clock, &interrupt);
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
        let said = guarded(&panics, |_, _| {}).await;
        assert_eq!(said, ("panic", "pull panicked: index out of range".to_owned()));
    }

    #[tokio::test]
    async fn an_attempt_ends_with_its_time_or_with_the_daemon() {
        let hangs = kind(|_| Ok(Box::pin(std::future::pending())));
        let said = guarded(&hangs, |clock, _| clock.advance(Duration::from_mins(1))).await;
        assert_eq!(said, ("job_timeout", "pull did not end within 1m".to_owned()));
        let said = guarded(&hangs, |_, interrupt| interrupt.cancel()).await;
        assert_eq!(said.0, "interrupted");
    }
}
