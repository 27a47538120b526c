//! Applies one observation to the records: snapshot, findings, expectation, events, all in the caller's transaction.
//! What it means is judged in `judge.rs`, and carried out for each finding in `findings.rs`.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::context::Context;
use super::effects::Tally;
use super::events::Events;
use super::findings::Grounds;
use super::settled::Fingerprints;
use crate::drift::lifecycle::{Changed, Plan, Suspicion};
use crate::drift::rules::Rules;
use crate::drift::vanish::{ACCEPTED, mass_disappearance};
use crate::drift::{self, Difference};
use crate::model::ids::new_id;
use crate::model::{Body, Observation, ResourceType, Severity, Tenant};
use crate::store::snapshots::Snapshot;
use crate::store::{StoreError, Tx};

/// What a comparison rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Everything was seen.
    Whole,
    /// Something could not be read.
    Partial,
    /// Nothing was seen anew.
    Again,
}

/// What is compared, and how it came to be known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    pub look: Look,
    /// Whether a job is changing the tenant.
    pub changing: bool,
    /// The snapshot that holds it.
    pub snapshot: Uuid,
    /// When its earliest request left, where it was seen anew.
    pub asked_at: Option<DateTime<Utc>>,
    /// What the look knows beside the body.
    pub observation: Option<&'a Observation>,
}

/// What a comparison came to.
pub(super) struct Judged {
    /// Whether there is nothing to say, and was nothing before.
    pub in_order: bool,
    /// When the expectation was set, if there is one.
    pub expected_since: Option<DateTime<Utc>>,
}

/// What is done for one tenant and resource type at one moment.
pub(super) struct Recording<'a> {
    pub context: &'a Context,
    pub rules: &'a Rules,
    pub tenant: &'a Tenant,
    pub resource_type: ResourceType,
    pub now: DateTime<Utc>,
    /// The job that does it.
    pub job: Option<Uuid>,
}

impl Recording<'_> {
    pub(super) const fn key(&self) -> (Uuid, ResourceType) {
        (self.tenant.uuid, self.resource_type)
    }

    /// Applies an observation, unless one that began later was applied before.
    pub async fn observe(&self, tx: &mut Tx, observation: &Observation, tally: &mut Tally) -> Result<(), StoreError> {
        let held = tx.hold_resource(self.tenant.uuid, self.resource_type, self.now).await?;
        if !observation.is_later_than(held.observed_at, held.answered_at, self.now) {
            // One that overlaps the newest may know more than it does: another look tells, one for all that overlap.
            if let Some(answered_at) = held.answered_at
                && held.observed_at.is_none_or(|asked_at| asked_at < observation.asked_at)
            {
                let counts = observation.counted.is_some();
                tally.look_again(self.tenant, (self.resource_type, counts), answered_at);
            }
            tracing::debug!(project.id = self.tenant.backend_id, resource_type = %self.resource_type, "a later look was recorded before");
            return Ok(());
        }
        let before = match held.snapshot {
            Some(id) => tx.snapshot(id).await?,
            None => None,
        };
        let body = observation.completed_by(before.as_ref().map(|snapshot| &snapshot.body));
        if let Some(before) = &before
            && !self.believes(tx, before, &body, observation, tally).await?
        {
            let now = Some(self.now);
            let times = (observation.asked_at, observation.answered_at);
            return tx.resource_succeeded(self.key(), Some(before.id), times, now, None).await;
        }
        let snapshot = self.keep(tx, before.as_ref(), &body, tally).await?;
        let look = if observation.is_partial() { Look::Partial } else { Look::Whole };
        let (changing, asked_at) = (held.changing, Some(observation.asked_at));
        let seen = Seen { look, changing, snapshot, asked_at, observation: Some(observation) };
        let judged = self.judge(tx, &body, seen, tally).await?;
        // A service that did not answer leaves the age of the whole as it was.
        let complete_at = observation.trouble.is_none().then_some(self.now);
        let in_order = judged.in_order && look == Look::Whole && complete_at.is_some();
        let settled = in_order.then(|| {
            Fingerprints::of(self.rules).fingerprint(self.tenant, (snapshot, &body.digest()), judged.expected_since)
        });
        let times = (observation.asked_at, observation.answered_at);
        tx.resource_succeeded(self.key(), Some(snapshot), times, complete_at, settled.as_deref()).await
    }

    /// Compares what is known once more, without asking the cloud.
    pub async fn reconsider(&self, tx: &mut Tx, tally: &mut Tally) -> Result<(), StoreError> {
        let held = tx.hold_known_resource(self.tenant.uuid, self.resource_type).await?;
        let Some(id) = held.and_then(|held| held.snapshot) else { return Ok(()) };
        match tx.snapshot(id).await? {
            Some(snapshot) => {
                let look = Look::Again;
                let seen = Seen { look, changing: false, snapshot: id, asked_at: None, observation: None };
                if !self.judge(tx, &snapshot.body, seen, tally).await?.in_order {
                    tx.unsettle(self.tenant.uuid, self.resource_type).await?;
                }
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Ends every finding: the tenant is gone, and with it whatever differed.
    pub async fn end_all(&self, tx: &mut Tx, why: &str, tally: &mut Tally) -> Result<(), StoreError> {
        let standing = tx.standing(self.tenant.uuid, self.resource_type).await?;
        let resolve = standing.iter().map(|finding| finding.id).collect();
        let grounds = Grounds { source: why, ended: Some(why), ..Grounds::default() };
        self.carry_out(tx, Plan { resolve, ..Plan::default() }, &standing, grounds, tally).await
    }

    /// Whether much of what was there before may count as gone. The first looks that say so open a critical finding
    /// and change nothing else; enough agreeing ones are believed.
    async fn believes(
        &self,
        tx: &mut Tx,
        before: &Snapshot,
        body: &Body,
        observation: &Observation,
        tally: &mut Tally,
    ) -> Result<bool, StoreError> {
        let gone = mass_disappearance(self.rules.vanish, &before.body, body, &observation.removed);
        let Some(difference) = gone else { return Ok(true) };
        let suspicions = tx.suspicions(self.tenant.uuid, self.resource_type).await?;
        let earlier = suspicions.into_iter().find(|suspicion| suspicion.difference.key() == difference.key());
        let spacing = chrono::Duration::from_std(self.rules.confirm.spacing).unwrap_or_default();
        let suspicion = match earlier {
            // More is gone than the looks before said: they do not speak for it.
            Some(earlier) if left(&difference) < left(&earlier.difference) && earlier.count < ACCEPTED => {
                Suspicion { difference, count: 1, since: self.now, counted_at: self.now }
            }
            Some(earlier) if self.now - earlier.counted_at >= spacing => {
                Suspicion { count: earlier.count + 1, counted_at: self.now, difference, since: earlier.since }
            }
            Some(earlier) => Suspicion { difference, ..earlier },
            None => Suspicion { difference, count: 1, since: self.now, counted_at: self.now },
        };
        if suspicion.count >= self.rules.vanish.confirm {
            return Ok(true);
        }
        tx.suspect(self.key(), &suspicion).await?;
        tally.look_again(self.tenant, (self.resource_type, false), suspicion.counted_at + spacing);
        let standing = tx.standing(self.tenant.uuid, self.resource_type).await?;
        let key = suspicion.difference.key();
        let (observed_at, requests) = (Some(observation.asked_at), observation.requests.as_slice());
        let grounds = Grounds { source: "guard", observed_at, requests, ..Grounds::default() };
        if let Some(finding) = standing.iter().find(|finding| finding.difference.key() == key) {
            if left(&suspicion.difference) < left(&finding.difference) {
                let changed = Changed::of(finding, suspicion.difference, Severity::Critical);
                self.change(tx, finding, changed, grounds, tally).await?;
            } else {
                tx.keep_finding(finding.id, self.now).await?;
            }
            return Ok(false);
        }
        self.open(tx, suspicion.difference, Severity::Critical, grounds, tally).await?;
        Ok(false)
    }

    /// Stores the content, if it is new; the id of the snapshot that holds it.
    async fn keep(
        &self,
        tx: &mut Tx,
        before: Option<&Snapshot>,
        body: &Body,
        tally: &mut Tally,
    ) -> Result<Uuid, StoreError> {
        if let Some(before) = before
            && before.digest == body.digest()
        {
            tx.snapshot_seen(before.id, self.now).await?;
            return Ok(before.id);
        }
        let id = new_id(self.now);
        tx.insert_snapshot(id, self.tenant.uuid, body, self.now).await?;
        self.tell_new(tx, (id, before), body, tally);
        Ok(id)
    }

    /// Counts and publishes that there is something new.
    pub(super) fn tell_new(
        &self,
        tx: &mut Tx,
        (id, before): (Uuid, Option<&Snapshot>),
        body: &Body,
        tally: &mut Tally,
    ) {
        tally.changed = true;
        let changes = before.map(|before| drift::compare(&before.body, body)).unwrap_or_default();
        tally.changes.push((self.tenant.cloud.clone(), self.resource_type, changes.len()));
        let changes: Vec<_> = changes.iter().map(describe).collect();
        let data = json!({
            "snapshot": id, "before": before.map(|before| before.id), "cloud": self.tenant.cloud,
            "tenant": self.tenant.backend_id, "tenant_name": self.tenant.name,
            "resource_type": self.resource_type, "changes": changes,
        });
        let routing_key = format!("snapshot.{}.changed", self.resource_type);
        Events::new(self.context, self.now).emit(tx, &routing_key, &self.tenant.backend_id, &data);
    }
}

/// How many objects a mass disappearance left.
fn left(difference: &Difference) -> u64 {
    difference.observed.as_u64().unwrap_or_default()
}

/// A difference for an event.
fn describe(difference: &Difference) -> serde_json::Value {
    json!({
        "object": difference.object, "object_name": difference.object_name, "field": difference.field,
        "change": difference.change, "before": difference.expected, "after": difference.observed,
    })
}
