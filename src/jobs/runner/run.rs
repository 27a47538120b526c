//! One run: the right to change the tenant where it is needed, a place, the job itself, and its record.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;
use tracing::{Instrument, debug_span};

use super::attempt::{Attempt, Member, Target};
use super::coalesce::{Lead, Rider};
use super::commit::Endings;
use super::{Ended, Lease, Origin, Place, Prepared, Records, Runner, expired, walk};
use crate::jobs::context::Live;
use crate::jobs::effects::Tally;
use crate::jobs::{Call, JobError, Kind, Report};
use crate::store::StoreError;
use crate::telemetry::metrics;

impl Runner {
    /// Runs a job that changes a tenant, once no other does; until then it waits in the table.
    pub(super) async fn run_alone_on_tenant(
        &self,
        member: Member,
        mut prepared: Prepared,
        live: &Arc<Live>,
        (origin, place): (Origin, Option<Place>),
    ) -> Result<Ended, StoreError> {
        let (context, kind) = (&self.inner.context, prepared.kind);
        if prepared.target.tenant.is_none() {
            match walk::record_new(context, kind, &member.request).await {
                Ok(tenant) => prepared.target.tenant = tenant,
                Err(error) => return self.settle_alone(member, prepared.target, live, Report::failed(error)).await,
            }
        }
        let Some(tenant) = prepared.target.tenant.clone() else {
            return self.run_group(None, member, prepared, live, (origin, place)).await;
        };
        let longest = live.cloud(&tenant.cloud).map_or(Duration::ZERO, |cloud| cloud.api.request_timeout());
        let Some(lease) = Lease::take(context, tenant.uuid, member.request.id, longest).await? else {
            return self.settle_alone(member, prepared.target, live, Report::failed(JobError::Leased)).await;
        };
        let lease = Arc::new(lease);
        let ended = match walk::begin(context, kind, &member.request, tenant).await {
            Ok(tenant) => {
                prepared.target.tenant = Some(tenant);
                prepared.lease = Some(Arc::clone(&lease));
                self.run_group(None, member, prepared, live, (origin, place)).await
            }
            Err(error) => self.settle_alone(member, prepared.target, live, Report::failed(error)).await,
        };
        lease.give_back().await;
        ended
    }

    /// Runs a job for everyone who asked for it, once there is a place; how it ended for the first.
    pub(super) async fn run_group(
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
        let job = members.first().map(|member| member.request.id);
        let records = Records::new(self.inner.scribe.clone(), Arc::clone(live), job);
        let mut report = match &pass {
            Ok(_) => self.guarded(&members, &target, (live, &records), (kind, lease.as_ref())).await,
            Err(_) => Report::failed(JobError::Crowded),
        };
        let written = records.take();
        report.leave_out(written.left_out());
        // The requests are over: the place is free while the result is written down.
        drop(pass);
        for member in &mut members {
            member.settle(started_at);
        }
        let mut tally = Tally::default();
        tally.changed = written.changed;
        let attempt = Attempt { members, target, live: Arc::clone(live), started_at, report, tally, lease };
        let mut endings = self.settle(attempt).await?.into_iter();
        let first = endings.next();
        for (answer, ended) in answers.into_iter().zip(endings) {
            let _ = answer.send(ended);
        }
        first.ok_or_else(|| StoreError::NotRecorded("it was not answered".to_owned()))
    }

    pub(super) async fn settle_alone(
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
        (live, records): (&Arc<Live>, &Records),
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
        let (lease, records) = (lease.cloned(), records.clone());
        let parts_at_once = request.part.as_ref().map_or(1, |part| self.inner.shares.at_once(part.count));
        let call = Call { context, live, request, tenant, lease: lease.clone(), records, parts_at_once };
        let job = match (kind.start)(call) {
            Ok(job) => job,
            Err(why) => return Report::failed(JobError::give_up("invalid_params", why)),
        };
        let lost = async {
            match &lease {
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
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::DateTime;
    use tokio_util::sync::CancellationToken;
    use uuid::Uuid;

    use super::*;
    use crate::clock::VirtualClock;
    use crate::jobs::context::Context;
    use crate::model::job::Request;
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
            states: None,
            role: crate::model::token::Role::Operator,
            schema,
            check: |_| Ok(()),
            problems: |_| crate::model::Invalid::default(),
            conflicts: |_, _| Ok(crate::model::Invalid::default()),
            new_name: |_| None,
            new_tenant: |_| Ok(None),
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
        let records = Records::new(runner.inner.scribe.clone(), Arc::clone(&live), None);
        let running = runner.guarded(&members, &target, (&live, &records), (kind, None));
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
