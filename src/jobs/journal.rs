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
mod tests;
