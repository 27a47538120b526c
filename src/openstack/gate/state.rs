//! The state of one service's gate: a plain value, so that what follows from what can be told without waiting.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::circuit::{Change, Circuit, Way};
use super::limit::{Limit, Place};
use super::outcome::Outcome;
use super::rate::Rate;
use super::usual::{Call, Usual};
use super::{Limits, until};

/// What is known of a service.
#[derive(Debug)]
pub(super) struct State {
    limit: Limit,
    circuit: Circuit,
    rate: Rate,
    usual: Usual,
    /// Nobody leaves before: the service asked for it.
    held_until: Option<DateTime<Utc>>,
    longest_hold: Duration,
    /// Requests that left and have not come back.
    under_way: usize,
    /// Requests that wait to leave.
    pub waiting: usize,
    /// Places that are taken away as soon as who has them comes back.
    pub owed: usize,
}

/// Whether a request may leave.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// It has left.
    Now(Ticket),
    /// Not before so long.
    After(Duration),
    /// The service is left alone for so long.
    Barred(Duration),
}

/// What a request under way is remembered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    place: Place,
    trial: bool,
    left_at: DateTime<Utc>,
}

/// What changed with a request's end, for logs and metrics.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changed {
    /// Requests at once, when they became fewer, and why.
    pub cut: Option<&'static str>,
    pub circuit: Option<Change>,
}

impl State {
    pub fn new(concurrency: usize, limits: &Limits) -> Self {
        Self {
            limit: Limit::new(limits.bounds(concurrency)),
            circuit: Circuit::new(limits.fuse()),
            rate: Rate::new(limits.rate),
            usual: Usual::default(),
            held_until: None,
            longest_hold: limits.hold,
            under_way: 0,
            waiting: 0,
            owed: 0,
        }
    }

    /// Whether there is a ceiling on requests a second.
    pub const fn has_rate(&self) -> bool {
        self.rate.is_set()
    }

    /// Requests at once.
    pub const fn places(&self) -> usize {
        self.limit.now()
    }

    /// How often in a row the service failed, and how it did last.
    pub fn told(&self) -> (u32, &str) {
        self.circuit.told()
    }

    /// For how long the service is left alone.
    pub fn barred(&self, now: DateTime<Utc>) -> Option<Duration> {
        match self.circuit.way(now) {
            Way::Barred(after) => Some(after),
            Way::Free | Way::Trial => None,
        }
    }

    /// Lets a request leave that has a place.
    pub fn leave(&mut self, now: DateTime<Utc>) -> Leave {
        if let Some(after) = self.barred(now) {
            return Leave::Barred(after);
        }
        if let Some(wait) = self.pause(now) {
            return Leave::After(wait);
        }
        let trial = self.circuit.leave(now) == Way::Trial;
        self.under_way += 1;
        Leave::Now(Ticket { place: self.limit.place(self.under_way), trial, left_at: now })
    }

    /// How long whatever is sent must wait; when it need not, it counts as sent.
    pub fn pause(&mut self, now: DateTime<Utc>) -> Option<Duration> {
        let held = self.held_until.and_then(|end| until(end, now, self.longest_hold));
        held.or_else(|| self.rate.leave(now).err())
    }

    /// A request has come back.
    pub fn ended(&mut self, ticket: Ticket, call: Call, outcome: &Outcome, now: DateTime<Utc>) -> Changed {
        let demand = self.under_way + self.waiting;
        let mut changed = Changed::default();
        match outcome {
            Outcome::Done => {
                changed.circuit = self.circuit.answered();
                let took = (now - ticket.left_at).to_std().unwrap_or_default();
                // A slow service that is hardly asked is slow by itself.
                if self.usual.slow(call, took) && demand >= self.limit.now() {
                    changed.cut = self.limit.slowed(ticket.place).then_some("its answers take longer than usual");
                } else {
                    self.limit.answered(ticket.place, demand);
                }
            }
            Outcome::Alive => changed.circuit = self.circuit.answered(),
            Outcome::Refused(after) => {
                changed.circuit = self.circuit.answered();
                changed.cut = self.limit.refused(ticket.place).then_some("it refused a request");
                if let Some(after) = after.filter(|after| !after.is_zero()) {
                    let end = now + chrono::Duration::from_std(after.min(self.longest_hold)).unwrap_or_default();
                    self.held_until = self.held_until.max(Some(end));
                }
            }
            Outcome::Overloaded(why) => {
                // Of who answered just now it was too much; of who is away it tells no ceiling.
                let answered = self.circuit.is_answering();
                changed.circuit = self.circuit.failed(ticket.trial, now, why);
                let cut = if answered { self.limit.refused(ticket.place) } else { self.limit.broke(ticket.place) };
                changed.cut = cut.then_some("it answered 503");
            }
            Outcome::Failed(why) => {
                changed.circuit = self.circuit.failed(ticket.trial, now, why);
                changed.cut = self.limit.broke(ticket.place).then_some("it did not answer");
            }
            Outcome::Unsent => self.circuit_untried(ticket, now),
        }
        self.under_way = self.under_way.saturating_sub(1);
        changed
    }

    /// A request was given up.
    pub fn given_up(&mut self, ticket: Ticket, now: DateTime<Utc>) {
        self.circuit_untried(ticket, now);
        self.under_way = self.under_way.saturating_sub(1);
    }

    fn circuit_untried(&mut self, ticket: Ticket, now: DateTime<Utc>) {
        if ticket.trial {
            self.circuit.untried(now);
        }
    }
}
