//! The first look at a resource type of which nobody said anything yet, where it shows nothing to say either: a snapshot,
//! and what is expected from now on. Whoever begins to look after a cloud has nothing but such looks.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::effects::Tally;
use super::judge::Before;
use super::record::{Look, Recording, Seen};
use super::settled::Fingerprints;
use crate::drift::layers::Layers;
use crate::drift::lifecycle::Plan;
use crate::model::ids::new_id;
use crate::model::origin::{ACCEPTED, Origin};
use crate::model::{Expectation, Observation};
use crate::store::Tx;
use crate::store::first::FirstLook;

/// Whose word what is seen first is.
pub(super) fn accepted(now: DateTime<Utc>) -> Origin {
    Origin { source: ACCEPTED.to_owned(), author: "first observation".to_owned(), set_at: now }
}

impl Recording<'_> {
    /// What a first look comes to; nothing where it is to be recorded like any other, for there is more to say.
    pub(super) fn first(
        &self,
        tx: &mut Tx,
        observation: &Observation,
        changing: bool,
        fingerprints: &Fingerprints,
        tally: &mut Tally,
    ) -> Option<FirstLook> {
        let body = observation.completed_by(None);
        let look = if observation.is_partial() { Look::Partial } else { Look::Whole };
        let is_expected = self.rules.accept_first && look == Look::Whole;
        let origin = accepted(self.now);
        let expected_since = is_expected.then_some(origin.set_at);
        let (tenant, objects) = (self.tenant.uuid, BTreeMap::new());
        let recorded = is_expected.then(|| Expectation { tenant, body: body.clone(), origin, objects });
        let declared = self.rules.declared.of(self.tenant);
        let mode = self.rules.mode(&declared, self.resource_type);
        let layers = Layers { recorded: recorded.as_ref(), announced: &[], declared };
        let snapshot = new_id(self.now);
        let asked_at = Some(observation.asked_at);
        let seen = Seen { look, changing, snapshot, asked_at, observation: Some(observation) };
        if self.weigh(&layers, mode, (&body, seen), &Before::default()) != Plan::default() {
            return None;
        }
        let digest = body.digest();
        let is_complete = observation.trouble.is_none();
        let settled = (look == Look::Whole && is_complete)
            .then(|| fingerprints.fingerprint(self.tenant, (snapshot, &digest), expected_since));
        self.tell_new(tx, (snapshot, None), &body, tally);
        let Observation { asked_at, answered_at, .. } = *observation;
        let (resource_type, body) = (self.resource_type, body.to_json().to_string());
        Some(FirstLook {
            tenant,
            resource_type,
            snapshot,
            digest,
            body,
            is_expected,
            asked_at,
            answered_at,
            is_complete,
            settled,
        })
    }
}
