//! Whom to look at next, so that nothing that is known of a tenant becomes older than a schedule's `max_age`.
//!
//! A tenant is due when most of that time has gone by since it was last read; one that changed lately, that shows a
//! difference which is no finding yet, or that could not be read is due in half of it. Of those that are due, the one
//! whose time is up first comes first. Where it asks for less, or hardly for more, everyone is looked at instead.

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use crate::jobs::cost::Cost;
use crate::model::observation::is_ahead;
use crate::store::freshness::Freshness;

/// How long after a change a tenant is looked at more often, as a multiple of the age.
const LATELY: i32 = 3;
/// How many jobs for single tenants a schedule has waiting for one cloud at most.
const MOST_WAITING: usize = 1000;

/// What a schedule promises.
#[derive(Debug, Clone, Copy)]
pub struct Objective {
    /// How old what is known may become.
    pub max_age: Duration,
    /// What looking costs.
    pub cost: Cost,
    /// Whether one listing shows everyone's, so that all may be looked at for less than some.
    pub lists_everyone: bool,
}

/// What is to be looked at now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Nobody.
    Nobody,
    /// Everyone; this tenant is the one whose time is up first.
    Everyone(Uuid),
    /// These, in this order.
    Some(Vec<Uuid>),
}

impl Objective {
    /// The shortest time between two looks at a tenant.
    pub fn pause(&self) -> Duration {
        self.max_age * 2 / 5
    }

    /// From when on a tenant is to be looked at; nothing: since ever.
    pub fn due_at(&self, it: &Freshness, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if !it.tried {
            return None;
        }
        let lately = it.changed_at.is_some_and(|at| now - at < self.max_age * LATELY);
        let wait = if lately || it.suspected { self.pause() } else { self.pause() * 2 };
        let times = [it.succeeded_at.map(|at| (at, wait)), it.failed_at.map(|at| (at, self.pause()))];
        // How long ago that was, nobody knows.
        if times.iter().flatten().any(|(at, _)| is_ahead(*at, now)) {
            return None;
        }
        times.into_iter().flatten().map(|(at, wait)| at + wait).min()
    }

    /// Whether what is known of a tenant is older than promised; what was never read is not old.
    pub fn is_overdue(&self, it: &Freshness, now: DateTime<Utc>) -> bool {
        it.oldest.is_some_and(|at| now - at > self.max_age)
    }

    /// Whom to look at; jobs for the tenants `active` are on their way.
    pub fn plan(&self, tenants: &[Freshness], active: &BTreeSet<Uuid>, now: DateTime<Utc>) -> Plan {
        let soon = now + self.max_age / 5;
        let (mut due, mut due_soon) = (Vec::new(), 0);
        for it in tenants.iter().filter(|it| !active.contains(&it.tenant)) {
            let due_at = self.due_at(it, now);
            due_soon += usize::from(due_at <= Some(soon));
            if due_at <= Some(now) {
                due.push(it);
            }
        }
        due.sort_unstable_by_key(|it| (it.oldest, it.tenant));
        let Some(first) = due.first() else { return Plan::Nobody };
        // One job for everyone is less work than many, so it may ask for a quarter more.
        let (all, some) = (self.cost.of_all(tenants.len()), self.cost.of_some(due_soon));
        if self.lists_everyone && due_soon > 1 && all * 4 <= some * 5 {
            return Plan::Everyone(first.tenant);
        }
        let room = MOST_WAITING.saturating_sub(active.len());
        let some: Vec<Uuid> = due.iter().take(room).map(|it| it.tenant).collect();
        if some.is_empty() { Plan::Nobody } else { Plan::Some(some) }
    }
}

#[cfg(test)]
mod tests;
