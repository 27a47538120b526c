//! One reconciliation on its way: looks, plans, takes the steps, looks again, and says what came of it.

mod hand;
mod told;

use std::collections::{BTreeMap, BTreeSet};

use super::expected::expected;
use super::observe::{self, Extent};
use super::{Call, Effect, JobError, Journal, Report};
use crate::drift::least_change::Change;
use crate::drift::reconcile::{Act, Phase, Plan, Step, Unexpected, in_turn, moved, plan};
use crate::drift::vanish::mass_disappearance;
use crate::model::{Body, Object, Observation, ResourceType, Tenant};
use crate::store::in_time;
use hand::Hand;
use told::Told;

/// A reconciliation that may begin.
pub(super) struct Reconciling<'a> {
    hand: Hand<'a>,
    unexpected: Unexpected,
    /// The records of objects that were made through tenantd.
    objects: Vec<Object>,
    work: Vec<Work>,
    told: Told,
    effects: Vec<Effect>,
}

/// One resource type that is to be as it is expected.
struct Work {
    expected: Body,
    /// What is known of it from before, for what cannot be read.
    before: Option<Body>,
    seen: Observation,
    /// What was made anew or taken, by the ids under which it was expected.
    ids: BTreeMap<String, String>,
    /// What was expected, is not there, and could not be made.
    unmade: BTreeSet<String>,
    /// What went.
    gone: Vec<String>,
}

impl Work {
    const fn resource_type(&self) -> ResourceType {
        self.expected.resource_type()
    }

    fn plan(&self, unexpected: Unexpected) -> Plan {
        plan(&self.expected, &self.seen.completed_by(self.before.as_ref()), unexpected)
    }
}

impl<'a> Reconciling<'a> {
    /// Looks at what is there and at what is expected; nothing is asked for yet.
    pub async fn begin(
        call: &'a Call,
        kind: &'static str,
        unexpected: Unexpected,
        types: &[ResourceType],
    ) -> Result<Self, JobError> {
        let (tenant, project) = call.project()?;
        let journal = Journal::open(call, kind, tenant).await?;
        // What was asked for and may still take effect would not be seen.
        journal.wait_out().await;
        let objects = in_time(call.context.store().objects(tenant.uuid, None)).await?;
        let hand = Hand { call, tenant, project, journal };
        let (work, told, effects) = (Vec::new(), Told::default(), Vec::new());
        let mut this = Self { hand, unexpected, objects, work, told, effects };
        let mut is_expected = false;
        for resource_type in types {
            match this.look_first(*resource_type).await {
                Ok(Some(work)) => this.work.push(work),
                Ok(None) => continue,
                Err(error) => {
                    this.unreadable(*resource_type, &error);
                    this.told.fails(resource_type.as_str(), error)?;
                }
            }
            is_expected = true;
        }
        if !is_expected {
            let why = "nothing is expected of it that could be restored: whatever is there is followed";
            return Err(JobError::give_up("nothing_expected", why));
        }
        Ok(this)
    }

    async fn look_first(&self, resource_type: ResourceType) -> Result<Option<Work>, JobError> {
        let (call, tenant) = (self.hand.call, self.hand.tenant);
        let store = call.context.store();
        let seen = look(call, tenant, resource_type).await?;
        let Some(expected) = in_time(expected(store, &call.live, tenant, resource_type, &seen.body)).await? else {
            tracing::debug!(%resource_type, "nothing is expected that could be restored");
            return Ok(None);
        };
        let before = in_time(async {
            let statuses = store.statuses(tenant.uuid).await?;
            let status = statuses.into_iter().find(|it| it.resource_type == resource_type);
            match status.and_then(|it| it.snapshot) {
                Some(id) => store.snapshot(id).await,
                None => Ok(None),
            }
        });
        let before = before.await?.map(|snapshot| snapshot.body);
        if let Some(before) = before.as_ref().filter(|_| !self.hand.journal.is_begun()) {
            let now = seen.completed_by(Some(before));
            if let Some(gone) = mass_disappearance(call.live.rules.vanish, before, &now, &BTreeSet::new()) {
                let why = format!("{} are gone at once, which is not believed yet", gone.object_name);
                return Err(JobError::give_up("vanished", why));
            }
        }
        let (ids, unmade) = (BTreeMap::new(), BTreeSet::new());
        Ok(Some(Work { expected, before, seen, ids, unmade, gone: Vec::new() }))
    }

    /// Takes the steps, and looks at what came of them.
    pub async fn finish(mut self) -> Result<Report, JobError> {
        let plans = self.plans();
        for (resource_type, plan) in &plans {
            plan.unmendable.iter().for_each(|left| self.told.unmendable(*resource_type, left));
        }
        for (resource_type, step) in in_turn(&plans).into_iter().filter(|(_, step)| step.act.phase() <= Phase::Make) {
            self.make(resource_type, step).await?;
        }
        self.follow().await?;
        let plans = self.plans();
        for (resource_type, step) in in_turn(&plans).into_iter().filter(|(_, step)| step.act.phase() > Phase::Make) {
            self.change(resource_type, step).await?;
        }
        self.confirm().await?;
        Ok(self.report())
    }

    fn plans(&self) -> Vec<(ResourceType, Plan)> {
        self.work.iter().map(|work| (work.resource_type(), work.plan(self.unexpected))).collect()
    }

    fn work(&mut self, resource_type: ResourceType) -> Option<&mut Work> {
        self.work.iter_mut().find(|work| work.resource_type() == resource_type)
    }

    /// Room is made, then what is missing.
    async fn make(&mut self, resource_type: ResourceType, step: &Step) -> Result<(), JobError> {
        let made = self.hand.take(step).await;
        let Some(work) = self.work.iter_mut().find(|work| work.resource_type() == resource_type) else { return Ok(()) };
        match made {
            Ok(id) => {
                if let Act::Take { expected } = &step.act {
                    work.ids.insert(expected.clone(), step.object.clone());
                } else if let Some(id) = id {
                    work.ids.insert(step.object.clone(), id);
                }
                self.told.done(step);
                Ok(())
            }
            Err(error) => {
                if step.act.phase() == Phase::Make {
                    work.unmade.insert(step.object.clone());
                }
                self.told.failed(resource_type, step, error)
            }
        }
    }

    /// What was made has ids now, and rules that came with it.
    async fn follow(&mut self) -> Result<(), JobError> {
        for work in self.work.iter_mut().filter(|work| !work.ids.is_empty()) {
            work.expected = moved(work.expected.clone(), &work.ids);
        }
        let made = self.work.iter().filter(|work| !work.ids.is_empty()).map(Work::resource_type);
        for resource_type in made.collect::<Vec<_>>() {
            self.look_again(resource_type).await?;
        }
        Ok(())
    }

    /// Looks once more; where that cannot be done nothing more is done to the resource type.
    async fn look_again(&mut self, resource_type: ResourceType) -> Result<(), JobError> {
        match look(self.hand.call, self.hand.tenant, resource_type).await {
            Ok(seen) => {
                if let Some(work) = self.work(resource_type) {
                    work.seen = seen;
                }
                Ok(())
            }
            Err(error) => {
                self.unreadable(resource_type, &error);
                let places = self.work.iter().position(|work| work.resource_type() == resource_type);
                if let Some(work) = places.map(|place| self.work.remove(place)) {
                    self.tell_moved(&work);
                }
                self.told.fails(&format!("{resource_type} cannot be read back"), error)
            }
        }
    }

    async fn change(&mut self, resource_type: ResourceType, step: &Step) -> Result<(), JobError> {
        if self.work(resource_type).is_some_and(|work| work.unmade.contains(&step.object)) {
            return Ok(());
        }
        if let Some(why) = self.obstacle(resource_type, step) {
            self.told.withheld(resource_type, step, why);
            return Ok(());
        }
        if let Err(error) = self.hand.take(step).await {
            return self.told.failed(resource_type, step, error);
        }
        self.told.done(step);
        if matches!(step.act, Act::RemoveSecurityGroup | Act::ReleaseFloatingIp | Act::RemoveServerGroup)
            && let Some(work) = self.work(resource_type)
        {
            work.gone.push(step.object.clone());
        }
        Ok(())
    }

    /// Why a step is not even tried: a group loses nothing that did not get all that it is to have.
    fn obstacle(&mut self, resource_type: ResourceType, step: &Step) -> Option<&'static str> {
        match &step.act {
            Act::ChangeSecurityGroup(Change::AddRule { meaning, .. }) => {
                let peer = meaning.remote_group.as_ref()?;
                let is_unmade = self.work(resource_type).is_some_and(|work| work.unmade.contains(peer));
                is_unmade.then_some("that group is not there")
            }
            Act::ChangeSecurityGroup(Change::RemoveRule { .. }) => self
                .told
                .is_short(resource_type, &step.object)
                .then_some("left, for the group could not be given what it is to have"),
            Act::RemoveSecurityGroup => self
                .told
                .is_any_short(resource_type)
                .then_some("left, for others could not be made what they are to be"),
            _ => None,
        }
    }

    /// Whether the cloud has now what is expected.
    async fn confirm(&mut self) -> Result<(), JobError> {
        let types: Vec<ResourceType> = self.work.iter().map(Work::resource_type).collect();
        for resource_type in types {
            self.look_again(resource_type).await?;
            let unexpected = self.unexpected;
            let Some(work) = self.work(resource_type) else { continue };
            let (plan, unmade) = (work.plan(unexpected), work.unmade.clone());
            for step in plan.steps.iter().filter(|step| !unmade.contains(&step.object)) {
                if !self.told.is_short(resource_type, &step.object) {
                    let error = JobError::give_up("not_confirmed", "it was taken, and is not so");
                    self.told.failed(resource_type, step, error)?;
                }
            }
        }
        Ok(())
    }

    /// What was seen is recorded in any case, and what is expected follows what has another id now.
    fn report(mut self) -> Report {
        let tenant = self.hand.tenant;
        for work in std::mem::take(&mut self.work) {
            self.tell_moved(&work);
            let resource_type = work.resource_type();
            let trouble = work.seen.trouble.clone();
            let observation = Observation { removed: work.gone.into_iter().collect(), ..work.seen };
            self.effects.push(Effect::Observed { tenant: tenant.clone(), observation });
            if let Some((reason, error)) = trouble {
                self.effects.push(Effect::Unreadable { tenant: tenant.clone(), resource_type, reason, error });
            }
        }
        let (job, did) = (self.hand.call.request.id, self.told.did());
        tracing::info!(job.id = %job, project.id = self.hand.project, did = self.told.words(), "a tenant was reconciled");
        let (failure, left_out) = self.told.judge();
        Report { effects: self.effects, failure, left_out, did }
    }

    /// What has another id now is known by it from here on.
    fn tell_moved(&mut self, work: &Work) {
        if !work.ids.is_empty() {
            let (tenant, resource_type) = (self.hand.tenant.clone(), work.resource_type());
            self.effects.push(Effect::Moved { tenant, resource_type, ids: work.ids.clone() });
        }
        self.effects.extend(self.records(work));
    }

    fn unreadable(&mut self, resource_type: ResourceType, error: &JobError) {
        self.effects.push(Effect::unreadable(self.hand.tenant.clone(), resource_type, error));
    }

    /// The records of objects that were made through tenantd, and have another id now or are gone.
    fn records(&self, work: &Work) -> Vec<Effect> {
        let now = self.hand.call.context.clock().now();
        let record = |object: &Object| {
            let id = object.backend_id.as_ref()?;
            if work.gone.contains(id) {
                return Some(Effect::ObjectGone(object.uuid));
            }
            let new = work.ids.get(id)?.clone();
            let mut body = object.body.clone();
            if body.get("id").is_some() {
                body["id"] = new.clone().into();
            }
            Some(Effect::Object(Object { backend_id: Some(new), body, modified_at: now, ..object.clone() }))
        };
        let of_type = self.objects.iter().filter(|it| it.resource_type == work.resource_type().as_str());
        of_type.filter_map(record).collect()
    }
}

async fn look(call: &Call, tenant: &Tenant, resource_type: ResourceType) -> Result<Observation, JobError> {
    observe::tenant(call.live.cloud(&tenant.cloud)?, tenant, resource_type, Extent::default()).await
}
