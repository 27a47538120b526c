//! Applies one observation to the records: snapshot, findings, expectation, events, all in the caller's transaction.
//! What it means for each finding is carried out by the file `findings.rs` beside it.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::context::Context;
use super::effects::Tally;
use super::events::Events;
use super::findings::Grounds;
use super::settled::Fingerprints;
use crate::drift::lifecycle::{Changed, Plan, Standing, Suspicion, plan};
use crate::drift::rules::{Mode, Rules};
use crate::drift::vanish::{ACCEPTED, EVERYTHING, mass_disappearance};
use crate::drift::{self, Difference, EXISTENCE};
use crate::model::ids::new_id;
use crate::model::{Body, Change, Observation, ResourceType, Severity, Tenant};
use crate::store::expectations::Expectation;
use crate::store::snapshots::Snapshot;
use crate::store::{StoreError, Tx};

/// What a comparison rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Everything was seen.
    Whole,
    /// Something could not be read.
    Partial,
    /// Nothing was seen anew.
    Again,
}

/// What is compared, and how it came to be known.
#[derive(Debug, Clone, Copy)]
struct Seen {
    look: Look,
    /// Whether a job is changing the tenant.
    changing: bool,
    /// The snapshot that holds it.
    snapshot: Uuid,
    /// When its earliest request left, where it was seen anew.
    asked_at: Option<DateTime<Utc>>,
}

/// What a comparison came to.
struct Judged {
    /// Whether there is nothing to say, and was nothing before.
    in_order: bool,
    /// When the expectation was set, if there is one.
    expected_since: Option<DateTime<Utc>>,
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
        if !observation.is_later_than(held.observed_at, held.answered_at) {
            // One that overlaps the newest may know more than it does: another look tells, one for all that overlap.
            if let Some(answered_at) = held.answered_at
                && held.observed_at.is_none_or(|asked_at| asked_at < observation.asked_at)
            {
                tally.look_again(self.tenant, self.resource_type, answered_at);
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
            && !self.believes(tx, before, &body, observation.asked_at, tally).await?
        {
            let now = Some(self.now);
            let times = (observation.asked_at, observation.answered_at);
            return tx.resource_succeeded(self.key(), Some(before.id), times, now, None).await;
        }
        let snapshot = self.keep(tx, before.as_ref(), &body, tally).await?;
        let look = if observation.is_partial() { Look::Partial } else { Look::Whole };
        let seen = Seen { look, changing: held.changing, snapshot, asked_at: Some(observation.asked_at) };
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
                let seen = Seen { look: Look::Again, changing: false, snapshot: id, asked_at: None };
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
        let grounds = Grounds { source: why, ended: Some(why), observed_at: None, snapshot: None };
        self.carry_out(tx, Plan { resolve, ..Plan::default() }, &standing, grounds, tally).await
    }

    /// Whether much of what was there before may count as gone. The first looks that say so open a critical finding
    /// and change nothing else; enough agreeing ones are believed.
    async fn believes(
        &self,
        tx: &mut Tx,
        before: &Snapshot,
        body: &Body,
        asked_at: DateTime<Utc>,
        tally: &mut Tally,
    ) -> Result<bool, StoreError> {
        let Some(difference) = mass_disappearance(self.rules.vanish, &before.body, body) else { return Ok(true) };
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
        tally.look_again(self.tenant, self.resource_type, suspicion.counted_at + spacing);
        let standing = tx.standing(self.tenant.uuid, self.resource_type).await?;
        let key = suspicion.difference.key();
        let grounds = Grounds { source: "guard", ended: None, observed_at: Some(asked_at), snapshot: None };
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
        Ok(id)
    }

    /// Compares with the expectation and moves the findings on.
    async fn judge(&self, tx: &mut Tx, body: &Body, seen: Seen, tally: &mut Tally) -> Result<Judged, StoreError> {
        let Seen { look, changing, .. } = seen;
        let expectation = tx.expectation(self.tenant.uuid, self.resource_type).await?;
        let mut expected_since = expectation.as_ref().map(|expectation| expectation.set_at);
        let conditions = drift::conditions(body, self.rules.policies_for(self.tenant));
        let (source, differences) = match &expectation {
            None if self.rules.accept_first && look == Look::Whole => {
                self.accept(tx, body.clone(), "first observation").await?;
                expected_since = Some(self.now);
                ("accepted".to_owned(), Vec::new())
            }
            None => ("none".to_owned(), Vec::new()),
            Some(expectation) => (expectation.source.clone(), drift::compare(&expectation.body, body)),
        };
        let standing = tx.standing(self.tenant.uuid, self.resource_type).await?;
        let suspicions = tx.suspicions(self.tenant.uuid, self.resource_type).await?;
        // What somebody commanded or declared is guarded; only what was taken over from the cloud follows it.
        let told = expectation.as_ref().is_some_and(|expectation| expectation.source != "accepted");
        let mode = if told { Mode::Guard } else { self.rules.mode(self.resource_type) };
        let mut plan = match mode {
            Mode::Guard => {
                let mut born = BTreeSet::new();
                if let Some(expectation) = &expectation {
                    self.accept_new_quotas(tx, expectation, body).await?;
                    born = self.accept_born(tx, expectation, body).await?;
                }
                let differing = differences.into_iter().filter(|it| !born.contains(&it.object));
                let all = differing.chain(conditions).collect();
                plan(all, &standing, &suspicions, self.rules, self.now)
            }
            Mode::Follow => {
                let plan = self.follow(differences, conditions, &standing, &suspicions);
                if let Some(expectation) = expectation.as_ref().filter(|_| look != Look::Again) {
                    let next = body.clone().with_objects_of(&expectation.body, |id| {
                        plan.suspect.iter().any(|it| it.difference.object == id && it.difference.field == EXISTENCE)
                    });
                    if next != expectation.body {
                        self.accept(tx, next, "followed").await?;
                        expected_since = Some(self.now);
                    }
                }
                plan
            }
        };
        if look == Look::Again {
            plan = self.without_evidence(plan, &standing);
        }
        let in_order = plan == Plan::default() && standing.is_empty() && suspicions.is_empty();
        if changing {
            // What a job is about to command differs from what was commanded before: no finding begins with that, and
            // what was suspected of it is not forgotten.
            plan.forget.retain(|(object, field)| {
                !plan.open.iter().any(|(difference, _)| difference.key() == (object.as_str(), field.as_str()))
            });
            plan.open.clear();
            plan.change.clear();
            plan.suspect.clear();
            plan.look_again_at = None;
        }
        let ended = (look == Look::Again).then_some("what is expected was changed");
        let grounds = Grounds { source: &source, ended, observed_at: seen.asked_at, snapshot: Some(seen.snapshot) };
        self.carry_out(tx, plan, &standing, grounds, tally).await?;
        Ok(Judged { in_order, expected_since })
    }

    /// What is left of a plan when nothing was seen anew: no suspicion grows or goes, no object counts as gone, nothing
    /// was seen again, and a mass disappearance is not over.
    fn without_evidence(&self, mut plan: Plan, standing: &[Standing]) -> Plan {
        plan.open
            .retain(|(difference, _)| self.rules.needed(difference) <= 1 && self.rules.patience(difference).is_zero());
        let everything = standing.iter().filter(|finding| finding.difference.object == EVERYTHING);
        let everything: Vec<Uuid> = everything.map(|finding| finding.id).collect();
        plan.resolve.retain(|id| !everything.contains(id));
        Plan { keep: Vec::new(), suspect: Vec::new(), forget: Vec::new(), look_again_at: None, ..plan }
    }

    /// In `follow` mode only conditions are findings; that an object is gone is believed after a second look.
    fn follow(
        &self,
        differences: Vec<Difference>,
        conditions: Vec<Difference>,
        standing: &[Standing],
        suspicions: &[Suspicion],
    ) -> Plan {
        let gone = |difference: &Difference| difference.change == Change::Removed && difference.field == EXISTENCE;
        let watched = differences.into_iter().filter(gone).chain(conditions).collect();
        let mut plan = plan(watched, standing, suspicions, self.rules, self.now);
        plan.open.retain(|(difference, _)| !gone(difference));
        plan
    }

    async fn accept(&self, tx: &mut Tx, body: Body, author: &str) -> Result<(), StoreError> {
        let expectation = Expectation {
            tenant: self.tenant.uuid,
            body,
            source: "accepted".to_owned(),
            author: author.to_owned(),
            set_at: self.now,
        };
        tx.set_expectation(&expectation).await
    }

    /// What the cloud makes by itself is expected as soon as it is there.
    async fn accept_born(
        &self,
        tx: &mut Tx,
        expectation: &Expectation,
        body: &Body,
    ) -> Result<BTreeSet<String>, StoreError> {
        let born = drift::born(&expectation.body, body);
        if !born.is_empty() {
            let body = expectation.body.clone().with_objects_of(body, |id| born.contains(id));
            tx.set_expectation(&Expectation { body, ..expectation.clone() }).await?;
        }
        Ok(born)
    }

    /// A quota that appears (a new volume type) is accepted at first sight, as the others were.
    async fn accept_new_quotas(&self, tx: &mut Tx, expectation: &Expectation, body: &Body) -> Result<(), StoreError> {
        let (Body::Quotas(known), Body::Quotas(seen)) = (&expectation.body, body) else { return Ok(()) };
        if expectation.source != "accepted" || seen.keys().all(|name| known.contains_key(name)) {
            return Ok(());
        }
        let body = expectation.body.clone().with_objects_of(body, |_| true);
        tx.set_expectation(&Expectation { body, ..expectation.clone() }).await
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
