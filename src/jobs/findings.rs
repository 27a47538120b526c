//! Moves findings on, as a plan says: each step is written into the finding's life and told as an event, in the
//! transaction that makes it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::context::Context;
use super::effects::Tally;
use super::events::Events;
use super::record::Recording;
use crate::drift::Difference;
use crate::drift::flapping::Flap;
use crate::drift::lifecycle::{Changed, Plan, Standing};
use crate::drift::vanish::EVERYTHING;
use crate::model::finding::values;
use crate::model::ids::new_id;
use crate::model::life::{Event, Step};
use crate::model::quota::{is_name, keeper};
use crate::model::{Change, Finding, FindingState, RequestId, ResourceType, Severity, Tenant};
use crate::store::{StoreError, Tx};

/// What steps in the lives of findings rest on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Grounds<'a> {
    /// Where the expectation came from.
    pub source: &'a str,
    /// Who said so of single objects and fields.
    pub sources: Option<&'a BTreeMap<(String, String), String>>,
    /// Why findings end whose difference is gone, where it is not for what was seen.
    pub ended: Option<&'a str>,
    /// When the earliest request of the observation left.
    pub observed_at: Option<DateTime<Utc>>,
    /// The snapshot that holds it.
    pub snapshot: Option<Uuid>,
    /// The requests of that observation.
    pub requests: &'a [RequestId],
}

impl<'a> Grounds<'a> {
    /// What a finding about this difference rests on: neither a policy nor what was counted needs an expectation.
    fn of(self, difference: &Difference) -> Self {
        let source = match difference.change {
            Change::Policy => "policy",
            Change::Usage => "counted",
            _ => self.said_by(difference),
        };
        Self { source, ..self }
    }

    fn said_by(self, difference: &Difference) -> &'a str {
        let key = (difference.object.clone(), difference.field.clone());
        self.sources.and_then(|sources| sources.get(&key)).map_or(self.source, String::as_str)
    }
}

/// Writes a step into a finding's life, and tells of it.
pub(super) async fn take_step(
    context: &Context,
    tx: &mut Tx,
    tenant: &Tenant,
    finding: &Finding,
    event: Event,
) -> Result<(), StoreError> {
    tx.add_life(finding.id, &event).await?;
    Events::new(context, event.at).drift(tx, tenant, finding, &event);
    Ok(())
}

impl Recording<'_> {
    /// Does what a plan says.
    pub(super) async fn carry_out(
        &self,
        tx: &mut Tx,
        plan: Plan,
        standing: &[Standing],
        grounds: Grounds<'_>,
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        for (object, field) in &plan.forget {
            tx.forget_suspicion(self.key(), (object, field)).await?;
        }
        for suspicion in &plan.suspect {
            tx.suspect(self.key(), suspicion).await?;
        }
        if let Some(at) = plan.look_again_at {
            tally.look_again(self.tenant, (self.resource_type, plan.counts_again()), at);
        }
        for id in plan.keep {
            tx.keep_finding(id, self.now).await?;
        }
        let by_id: BTreeMap<Uuid, &Standing> = standing.iter().map(|finding| (finding.id, finding)).collect();
        for changed in plan.change {
            let Some(was) = by_id.get(&changed.id) else { continue };
            self.change(tx, was, changed, grounds, tally).await?;
        }
        for flap in plan.flap {
            let Some(was) = by_id.get(&flap.id) else { continue };
            self.flap(tx, was, flap, grounds, tally).await?;
        }
        for (difference, severity) in plan.open {
            self.open(tx, difference, severity, grounds, tally).await?;
        }
        for id in plan.resolve {
            let Some(was) = by_id.get(&id) else { continue };
            self.resolve(tx, was, grounds, tally).await?;
        }
        Ok(())
    }

    /// Opens a finding.
    pub(super) async fn open(
        &self,
        tx: &mut Tx,
        difference: Difference,
        severity: Severity,
        grounds: Grounds<'_>,
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        let grounds = grounds.of(&difference);
        let finding = self.finding(new_id(self.now), difference, severity, grounds);
        tx.open_finding(&finding).await?;
        let event = Event { after: Some(finding.values()), ..self.event(Step::Opened, &finding.object, grounds) };
        take_step(self.context, tx, self.tenant, &finding, event).await?;
        tally.opened.push((self.tenant.cloud.clone(), self.resource_type, severity));
        tally.changed = true;
        Ok(())
    }

    /// Writes down that a finding has other values.
    pub(super) async fn change(
        &self,
        tx: &mut Tx,
        was: &Standing,
        changed: Changed,
        grounds: Grounds<'_>,
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        let Changed { id, difference, severity, reopened } = changed;
        let grounds = grounds.of(&difference);
        tx.change_finding(id, &difference, severity, grounds.source, self.now).await?;
        let finding = Finding { flapping: was.flapping.clone(), ..self.finding(id, difference, severity, grounds) };
        self.tell_change(tx, was, finding, (None, reopened), grounds).await?;
        tally.changed = true;
        Ok(())
    }

    /// Writes down how often a finding has come and gone; tells only that it begins to, and that it has held still.
    async fn flap(
        &self,
        tx: &mut Tx,
        was: &Standing,
        flap: Flap,
        grounds: Grounds<'_>,
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        let Flap { id, difference, severity, flapping, told, reopened } = flap;
        let grounds = grounds.of(&difference);
        tx.change_finding(id, &difference, severity, grounds.source, self.now).await?;
        tx.flap_finding(id, flapping.as_ref()).await?;
        tally.changed = true;
        if told.is_none() && reopened.is_none() {
            return Ok(());
        }
        let finding = Finding { flapping, ..self.finding(id, difference, severity, grounds) };
        self.tell_change(tx, was, finding, (told, reopened), grounds).await
    }

    /// Tells that a finding is another now, why, and why it is open again.
    async fn tell_change(
        &self,
        tx: &mut Tx,
        was: &Standing,
        finding: Finding,
        (reason, reopened): (Option<String>, Option<&'static str>),
        grounds: Grounds<'_>,
    ) -> Result<(), StoreError> {
        let finding = Finding { opened_at: was.opened_at, ..finding };
        let before = values(&was.difference.expected, &was.difference.observed, was.severity);
        let (before, after) = (Some(before), Some(finding.values()));
        let event = Event { reason, before, after, ..self.event(Step::Changed, &finding.object, grounds) };
        take_step(self.context, tx, self.tenant, &finding, event).await?;
        if let Some(why) = reopened
            && tx.reopen_finding(finding.id).await?
        {
            let event = Event { reason: Some(why.to_owned()), ..self.event(Step::Reopened, &finding.object, grounds) };
            take_step(self.context, tx, self.tenant, &finding, event).await?;
        }
        Ok(())
    }

    async fn resolve(
        &self,
        tx: &mut Tx,
        was: &Standing,
        grounds: Grounds<'_>,
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        if !tx.end_finding(was.id, FindingState::Resolved, self.now).await? {
            return Ok(());
        }
        let grounds = grounds.of(&was.difference);
        let finding = self.finding(was.id, was.difference.clone(), was.severity, grounds);
        let finding = Finding { opened_at: was.opened_at, ..finding };
        // A policy that went took its findings with it, whatever is expected.
        let ended = grounds.ended.filter(|_| was.difference.change != Change::Policy);
        let why = ended.unwrap_or_else(|| gone(&was.difference)).to_owned();
        let event = Event { reason: Some(why), ..self.event(Step::Resolved, &finding.object, grounds) };
        take_step(self.context, tx, self.tenant, &finding, event).await?;
        tally.resolved.push((self.tenant.cloud.clone(), self.resource_type, was.severity));
        tally.changed = true;
        Ok(())
    }

    fn event(&self, step: Step, object: &str, grounds: Grounds<'_>) -> Event {
        let Grounds { observed_at, snapshot, requests, .. } = grounds;
        // Of a quota only its own service said something.
        let keeper = (self.resource_type == ResourceType::Quotas && is_name(object)).then(|| keeper(object));
        let told = requests.iter().filter(|it| keeper.is_none_or(|keeper| it.service == keeper));
        let request_ids = told.cloned().collect();
        Event { observed_at, snapshot, job: self.job, request_ids, ..Event::new(step, self.now) }
    }

    fn finding(&self, id: Uuid, difference: Difference, severity: Severity, grounds: Grounds<'_>) -> Finding {
        Finding {
            id,
            tenant: self.tenant.uuid,
            resource_type: self.resource_type,
            object: difference.object,
            object_name: difference.object_name,
            field: difference.field,
            change: difference.change,
            expected: difference.expected,
            observed: difference.observed,
            severity,
            state: FindingState::Open,
            source: grounds.source.to_owned(),
            opened_at: self.now,
            last_seen_at: self.now,
            resolved_at: None,
            acknowledgement: None,
            flapping: None,
        }
    }
}

/// Why a difference that was there before is none any more.
fn gone(difference: &Difference) -> &'static str {
    match difference.change {
        _ if difference.object == EVERYTHING => "what had vanished is there again, or is believed to be gone",
        Change::OverLimit => "no more is used than is allowed",
        Change::Usage => "the service counts what is there",
        Change::Policy => "the tenant keeps to the policy, or nobody asks for it any more",
        _ => "what is there is what is expected",
    }
}
