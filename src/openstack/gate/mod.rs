//! The gate of each service: how many requests it gets at once and a second, when it is given a rest, and when it is
//! left alone.
//!
//! A request first gets one of the places, in the order of asking; then it leaves when the service is not on hold
//! (`Retry-After`, for everyone), not over its rate, and not left alone after failures. What its end tells makes places
//! more or fewer. A cloud has a gate per service, so one service never waits for another, nor one cloud for another;
//! whoever asks for a single tenant waits behind no more than the tenants that a fleet's pull has in flight.
//!
//! Logins do not pass: a session makes one at a time, everything waits for it, and it is how one learns that Keystone is
//! back. Uploads do not either, for they would keep a place for as long as they take.

mod circuit;
mod limit;
mod outcome;
mod rate;
mod state;
mod usual;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::clock::Clock;
use crate::telemetry::metrics;

use super::Options;
use super::error::Error;
use super::request::Request;
use super::service::Service;
use circuit::{Change, Fuse};
use limit::Bounds;
use state::{Changed, Leave, State, Ticket};
use usual::Call;

pub(crate) use outcome::Outcome;

/// A service that has failed is left alone for so long at first, and never for less.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// How a service is treated beyond the most requests at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests at once, however much it refuses.
    pub least: usize,
    /// Requests at once in the beginning.
    pub start: usize,
    /// Requests a second; 0: as many as it answers.
    pub rate: u32,
    /// Failures in a row after which it is left alone; 0: never.
    pub failures: u32,
    /// For how long at most.
    pub pause: Duration,
    /// For how long at most its `Retry-After` holds everyone; who was refused is told how long it asked for.
    pub hold: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { least: 1, start: 4, rate: 0, failures: 5, pause: Duration::from_secs(30), hold: Duration::from_secs(30) }
    }
}

impl Limits {
    const fn bounds(&self, most: usize) -> Bounds {
        Bounds { least: self.least, most, start: self.start }
    }

    fn fuse(&self) -> Fuse {
        let longest = self.pause.max(FIRST_PAUSE);
        Fuse { failures: self.failures, first: FIRST_PAUSE, longest }
    }
}

/// The gates of one cloud.
#[derive(Debug)]
pub(crate) struct Gates([Gate; Service::ALL.len()]);

impl Gates {
    pub(crate) fn new(options: &Options, clock: &Arc<dyn Clock>) -> Self {
        Self(std::array::from_fn(|index| Gate::new(Service::ALL[index], options, Arc::clone(clock))))
    }

    pub(crate) const fn of(&self, service: Service) -> &Gate {
        &self.0[service.index()]
    }
}

/// The gate of one service.
#[derive(Debug)]
pub(crate) struct Gate {
    cloud: String,
    service: Service,
    clock: Arc<dyn Clock>,
    places: Semaphore,
    /// Where there is a rate, whoever waits for it does so in the order of asking.
    turn: Semaphore,
    /// Never held while anything is waited for.
    state: Mutex<State>,
}

impl Gate {
    fn new(service: Service, options: &Options, clock: Arc<dyn Clock>) -> Self {
        let state = State::new(options.concurrency, &options.limits);
        let places = Semaphore::new(state.places());
        metrics::openstack_places(&options.name, service.name(), state.places());
        metrics::openstack_circuit(&options.name, service.name(), false);
        let cloud = options.name.clone();
        Self { cloud, service, clock, places, turn: Semaphore::new(1), state: Mutex::new(state) }
    }

    /// Waits until a request may leave.
    ///
    /// # Errors
    /// [`Error::LeftAlone`] at once while the service is left alone.
    pub(crate) async fn pass(&self, request: &Request<'_>) -> Result<Pass<'_>, Error> {
        let asked_at = self.clock.now();
        let barred = self.state().barred(asked_at);
        if let Some(after) = barred {
            return Err(self.left_alone(request, after));
        }
        let _waiting = Waiting::in_front_of(self);
        // Nobody closes it.
        let place = self.places.acquire().await.ok();
        let mut pass = Pass { gate: self, place, ticket: None, call: (request.operation, request.project.is_some()) };
        let _turn = if self.has_rate() { self.turn.acquire().await.ok() } else { None };
        loop {
            let now = self.clock.now();
            let leave = self.state().leave(now);
            match leave {
                Leave::Now(ticket) => {
                    pass.ticket = Some(ticket);
                    let waited = (now - asked_at).to_std().unwrap_or_default();
                    metrics::openstack_waited(&self.cloud, self.service.name(), waited);
                    return Ok(pass);
                }
                Leave::After(wait) => self.clock.sleep(wait).await,
                Leave::Barred(after) => return Err(self.left_alone(request, after)),
            }
        }
    }

    /// Waits until one more request may be sent on the pass of another.
    pub(crate) async fn pace(&self) {
        loop {
            let pause = self.state().pause(self.clock.now());
            match pause {
                Some(wait) => self.clock.sleep(wait).await,
                None => return,
            }
        }
    }

    fn has_rate(&self) -> bool {
        self.state().has_rate()
    }

    fn left_alone(&self, request: &Request<'_>, after: Duration) -> Error {
        let state = self.state();
        let (failures, last) = state.told();
        Error::LeftAlone {
            cloud: self.cloud.clone(),
            service: self.service,
            operation: request.operation,
            failures,
            after,
            last: last.to_owned(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a request, and makes the places as many as there are to be.
    fn ended(&self, ticket: Ticket, call: Call, outcome: &Outcome) {
        let mut state = self.state();
        let before = state.places();
        let changed = state.ended(ticket, call, outcome, self.clock.now());
        let places = state.places();
        if places > before {
            let repaid = state.owed.min(places - before);
            state.owed -= repaid;
            self.places.add_permits(places - before - repaid);
        } else if places < before {
            let gone = self.places.forget_permits(before - places);
            state.owed += before - places - gone;
        }
        drop(state);
        if places != before {
            metrics::openstack_places(&self.cloud, self.service.name(), places);
        }
        self.tell(&changed, places);
    }

    fn tell(&self, changed: &Changed, places: usize) {
        let (cloud, service) = (self.cloud.as_str(), self.service.name());
        if let Some(why) = changed.cut {
            tracing::info!(cloud.name = cloud, service, places, why, "the service gets fewer requests at once");
        }
        match changed.circuit {
            Some(Change::Opened(pause)) => {
                let state = self.state();
                let (failures, last) = state.told();
                tracing::warn!(cloud.name = cloud, service, failures, last, ?pause, "the service is left alone");
                drop(state);
                metrics::openstack_circuit(cloud, service, true);
            }
            Some(Change::Closed) => {
                tracing::info!(cloud.name = cloud, service, "the service answers again");
                metrics::openstack_circuit(cloud, service, false);
            }
            None => {}
        }
    }
}

/// The right of one request to be under way. Dropped without an end, it was given up.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    gate: &'a Gate,
    place: Option<SemaphorePermit<'a>>,
    /// There once it has left.
    ticket: Option<Ticket>,
    call: Call,
}

impl Pass<'_> {
    /// It came to an end.
    pub(crate) fn end(mut self, outcome: &Outcome) {
        if let Some(ticket) = self.ticket.take() {
            self.gate.ended(ticket, self.call, outcome);
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        if let Some(ticket) = self.ticket.take() {
            state.given_up(ticket, self.gate.clock.now());
        }
        if state.owed > 0
            && let Some(place) = self.place.take()
        {
            state.owed -= 1;
            place.forget();
        }
    }
}

/// Counts who waits, for as long as it does.
struct Waiting<'a>(&'a Gate);

impl<'a> Waiting<'a> {
    fn in_front_of(gate: &'a Gate) -> Self {
        gate.state().waiting += 1;
        Self(gate)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.waiting = state.waiting.saturating_sub(1);
    }
}

/// How long it is until `end`; nothing when that has passed, or lies further ahead than anyone could have meant: then the
/// clock was set.
fn until(end: DateTime<Utc>, now: DateTime<Utc>, longest: Duration) -> Option<Duration> {
    (end - now).to_std().ok().filter(|left| !left.is_zero() && *left <= longest)
}
