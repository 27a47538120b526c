//! What several looks brought: recorded in parts while the looks go on, so that no more than a part of it is held, and
//! summed up at the end.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::context::Context;
use super::coverage::SHORT_LISTING;
use super::runner::parts::GROUP;
use super::{Call, Effect, JobError, Report};
use crate::model::{Observation, ResourceType, Tenant};

/// What looks at some resource types brought so far.
pub(super) struct Gathered<'a> {
    call: &'a Call,
    types: &'a [ResourceType],
    heap: Mutex<Heap>,
}

#[derive(Default)]
struct Heap {
    effects: Vec<Effect>,
    looks: usize,
    complete: usize,
    incomplete: usize,
    troubles: Tale,
    uncounted: Tale,
    failures: Tale,
    /// Listings that may be short: the job did its work, and tells what it does not believe.
    doubts: Tale,
    /// The kindest failure: a retry can help.
    failure: Option<JobError>,
    /// The types whose listing did not come to its end.
    unlisted: BTreeSet<ResourceType>,
}

/// How many of a sort, and the first in words.
#[derive(Default)]
struct Tale {
    count: usize,
    first: String,
}

impl Tale {
    fn add(&mut self, what: impl FnOnce() -> String) {
        if self.count == 0 {
            self.first = what();
        }
        self.count += 1;
    }

    fn told(&self, words: impl FnOnce(usize) -> String) -> Option<String> {
        (self.count > 0).then(|| format!("{}; the first: {}", words(self.count), self.first))
    }
}

impl<'a> Gathered<'a> {
    /// For looks at these resource types of so many tenants.
    pub fn new(call: &'a Call, types: &'a [ResourceType], tenants: usize) -> Self {
        call.context.looks().want(types.len() * tenants);
        Self { call, types, heap: Mutex::default() }
    }

    /// What the looks are for.
    pub const fn call(&self) -> &'a Call {
        self.call
    }

    /// The daemon's parts.
    pub const fn context(&self) -> &'a Context {
        &self.call.context
    }

    /// Takes one look, and records what has come together when that is enough.
    ///
    /// # Errors
    /// When there is no time left to record it.
    pub async fn add(
        &self,
        tenant: &Tenant,
        resource_type: ResourceType,
        seen: Result<Observation, JobError>,
    ) -> Result<(), JobError> {
        self.context().looks().end(1);
        let part = {
            let mut heap = self.lock();
            heap.add(tenant, resource_type, seen);
            heap.part()
        };
        match part {
            Some(part) => self.call.records.write(part).await,
            None => Ok(()),
        }
    }

    /// Notes that a listing failed before it said anything of these tenants.
    ///
    /// # Errors
    /// When there is no time left to record it.
    pub async fn fail(
        &self,
        tenants: &[&Tenant],
        resource_type: ResourceType,
        error: JobError,
    ) -> Result<(), JobError> {
        self.context().looks().end(tenants.len());
        for tenant in tenants {
            let part = {
                let mut heap = self.lock();
                heap.effects.push(Effect::unreadable(Tenant::clone(tenant), resource_type, &error));
                heap.part()
            };
            if let Some(part) = part {
                self.call.records.write(part).await?;
            }
        }
        let mut heap = self.lock();
        // What no repetition helps is left out, as far as anything was seen.
        if matches!(error, JobError::Retry { .. }) {
            heap.unlisted.insert(resource_type);
        }
        match error.reason() {
            SHORT_LISTING => heap.doubts.add(|| error.to_string()),
            _ => heap.fail(error),
        }
        Ok(())
    }

    /// A failure when nothing could be read, or nothing to its end; the kindest one, for then a retry can help.
    pub fn into_report(self) -> Report {
        let all_unlisted = |heap: &Heap| self.types.iter().all(|it| heap.unlisted.contains(it));
        let mut heap = self.heap.into_inner().unwrap_or_else(PoisonError::into_inner);
        let effects = std::mem::take(&mut heap.effects);
        if (heap.complete == 0 || all_unlisted(&heap))
            && let Some(failure) = heap.failure
        {
            return Report { effects, failure: Some(failure), ..Report::default() };
        }
        let unreadable = heap.incomplete - heap.troubles.count;
        let left_out = [
            heap.failures.told(|count| format!("{count} of {} looks failed", heap.looks)),
            heap.doubts.told(|count| format!("{count} listings are not believed")),
            heap.troubles.told(|count| format!("{count} looks missed a service")),
            (unreadable > 0).then(|| format!("{unreadable} listings had objects that cannot be read")),
            heap.uncounted.told(|count| format!("{count} looks could not count")),
        ];
        let left_out: Vec<String> = left_out.into_iter().flatten().collect();
        let left_out = (!left_out.is_empty()).then(|| left_out.join("; "));
        Report { effects, left_out, ..Report::default() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Heap> {
        self.heap.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heap {
    fn add(&mut self, tenant: &Tenant, resource_type: ResourceType, seen: Result<Observation, JobError>) {
        self.looks += 1;
        let tenant = tenant.clone();
        match seen {
            Ok(observation) => {
                self.complete += 1;
                self.incomplete += usize::from(observation.is_partial());
                if let Some(why) = &observation.uncounted {
                    self.uncounted.add(|| why.clone());
                }
                let trouble = observation.trouble.clone();
                self.effects.push(Effect::Observed { tenant: tenant.clone(), observation });
                if let Some((reason, error)) = trouble {
                    self.troubles.add(|| error.clone());
                    self.effects.push(Effect::Unreadable { tenant, resource_type, reason, error });
                }
            }
            Err(error) => {
                self.effects.push(Effect::unreadable(tenant, resource_type, &error));
                self.fail(error);
            }
        }
    }

    fn fail(&mut self, error: JobError) {
        self.failures.add(|| error.to_string());
        let is_kind = |error: &JobError| matches!(error, JobError::Retry { .. });
        if self.failure.as_ref().is_none_or(|known| !is_kind(known) && is_kind(&error)) {
            self.failure = Some(error);
        }
    }

    /// What is to be recorded now.
    fn part(&mut self) -> Option<Vec<Effect>> {
        (self.effects.len() >= GROUP).then(|| std::mem::take(&mut self.effects))
    }
}
