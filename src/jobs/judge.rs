//! Compares what was seen with what is expected, and says what that means for the findings that exist.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::effects::Tally;
use super::findings::Grounds;
use super::first::accepted;
use super::record::{Judged, Look, Recording, Seen};
use super::security_groups::DEFAULT;
use crate::drift::announced::{announced, called};
use crate::drift::flapping::{History, damp};
use crate::drift::layers::Layers;
use crate::drift::least_change::is_as_born;
use crate::drift::lifecycle::{Plan, Standing, Suspicion, plan};
use crate::drift::rules::Mode;
use crate::drift::vanish::EVERYTHING;
use crate::drift::{self, Difference, EXISTENCE, defaults, unused, usage};
use crate::model::origin::{ACCEPTED, COMMANDED, Origin};
use crate::model::{Announcement, Body, Change, Expectation};
use crate::store::{StoreError, Tx};

/// What stands for one resource type before it is compared.
#[derive(Default)]
pub(super) struct Before {
    standing: Vec<Standing>,
    suspicions: Vec<Suspicion>,
}

impl Recording<'_> {
    /// Compares with the expectation and moves the findings on.
    pub(super) async fn judge(
        &self,
        tx: &mut Tx,
        body: &Body,
        seen: Seen<'_>,
        tally: &mut Tally,
    ) -> Result<Judged, StoreError> {
        let look = seen.look;
        let mut recorded = self.recorded(tx, body, look).await?;
        let pending = self.settle(tx, &mut recorded, body, look).await?;
        let declared = self.rules.declared.of(self.tenant);
        let mode = self.rules.mode(&declared, self.resource_type);
        let layers = Layers { recorded: recorded.as_ref(), announced: &pending, declared };
        let before = Before {
            standing: tx.standing(self.tenant.uuid, self.resource_type).await?,
            suspicions: tx.suspicions(self.tenant.uuid, self.resource_type).await?,
        };
        let mut plan = self.weigh(&layers, mode, (body, seen), &before);
        if look != Look::Again {
            plan = self.damped(tx, plan, &before.standing).await?;
        }
        let mut expected_since = recorded.as_ref().map(|it| it.origin.set_at);
        if mode == Mode::Follow
            && look != Look::Again
            && let Some(next) = self.followed(&layers, body, &plan)
        {
            expected_since = Some(next.origin.set_at);
            tx.set_expectation(&next).await?;
        }
        if look == Look::Again {
            plan = self.without_evidence(plan, &before.standing);
        }
        let is_quiet = before.standing.is_empty() && before.suspicions.is_empty() && pending.is_empty();
        let in_order = plan == Plan::default() && is_quiet;
        if seen.changing {
            begin_nothing(&mut plan);
        }
        let sources = sources(&layers, body, &plan, &before.standing);
        let source = recorded.as_ref().map_or("none", |it| it.origin.source.as_str());
        let ended = (look == Look::Again).then_some("what is expected was changed");
        let (observed_at, snapshot) = (seen.asked_at, Some(seen.snapshot));
        let requests = seen.observation.map_or(&[][..], |it| it.requests.as_slice());
        let grounds = Grounds { source, sources: Some(&sources), ended, observed_at, snapshot, requests };
        self.carry_out(tx, plan, &before.standing, grounds, tally).await?;
        Ok(Judged { in_order, expected_since })
    }

    /// What is recorded as expected; the first complete look is, and what comes into being by itself.
    async fn recorded(&self, tx: &mut Tx, body: &Body, look: Look) -> Result<Option<Expectation>, StoreError> {
        let recorded = match tx.expectation(self.tenant.uuid, self.resource_type).await? {
            None if self.rules.accept_first && look == Look::Whole => {
                let origin = accepted(self.now);
                Expectation { tenant: self.tenant.uuid, body: body.clone(), origin, objects: BTreeMap::new() }
            }
            None => return Ok(None),
            Some(recorded) => match at_first_sight(&recorded, body) {
                Some(body) => Expectation { body, ..recorded },
                None => return Ok(Some(recorded)),
            },
        };
        tx.set_expectation(&recorded).await?;
        Ok(Some(recorded))
    }

    /// Makes what was announced the expectation, once it has settled; what has not.
    async fn settle(
        &self,
        tx: &mut Tx,
        recorded: &mut Option<Expectation>,
        body: &Body,
        look: Look,
    ) -> Result<Vec<Announcement>, StoreError> {
        let all = tx.announcements(self.tenant.uuid, self.resource_type).await?;
        // What was seen before it settled says nothing about what came of it.
        let is_over = |it: &Announcement| it.settles_at <= self.now && look != Look::Again;
        let (over, pending): (Vec<_>, Vec<_>) = all.into_iter().partition(is_over);
        for it in &over {
            if let Some(known) = recorded {
                *known = self.commanded(known, it, body);
                tx.set_expectation(known).await?;
            }
            tx.settle(it.id).await?;
        }
        Ok(pending)
    }

    fn commanded(&self, known: &Expectation, it: &Announcement, observed: &Body) -> Expectation {
        let body = announced(&known.body, it, observed);
        let origin = Origin { author: it.author.clone(), ..self.origin(COMMANDED, "") };
        let ids = it.changes.keys().flat_map(|named| called(&body, named));
        let mut objects = known.objects.clone();
        objects.extend(ids.map(|id| (id, origin.clone())));
        Expectation { body, objects, ..known.clone() }
    }

    /// What the differences and conditions of a look mean.
    pub(super) fn weigh(
        &self,
        layers: &Layers<'_>,
        mode: Mode,
        (body, seen): (&Body, Seen<'_>),
        before: &Before,
    ) -> Plan {
        let counted = seen.observation.and_then(|it| it.counted.as_ref());
        let defaults = seen.observation.and_then(|it| it.defaults.as_deref());
        let in_use = seen.observation.and_then(|it| it.in_use.as_ref());
        let policies = || self.rules.policies_for(self.tenant);
        let mut conditions = drift::conditions(body, in_use, policies());
        conditions.extend(usage::differences(body, counted));
        let mut differences = layers.differences(body);
        defaults::tell(&mut differences, defaults, &before.standing);
        let told = usage::told_of(&before.standing, &before.suspicions, (body, counted));
        let (known, suspected) = unused::told_of(told, (body, in_use), policies());
        // Of what only follows the cloud, what is gone is watched: it is believed after a second look.
        let gone = |it: &Difference| it.change == Change::Removed && it.field == EXISTENCE;
        let (guarded, followed): (Vec<_>, Vec<_>) =
            differences.into_iter().partition(|it| layers.guards(it, body, mode));
        let watched: Vec<_> = followed.into_iter().filter(gone).collect();
        let watched_ids: Vec<String> = watched.iter().map(|it| it.object.clone()).collect();
        let all = guarded.into_iter().chain(watched).chain(conditions).collect();
        let mut plan = plan(all, &known, &suspected, self.rules, self.now);
        plan.open.retain(|(difference, _)| !(gone(difference) && watched_ids.contains(&difference.object)));
        plan
    }

    /// The plan without what comes and goes; asks what was told lately only where something would be told.
    async fn damped(&self, tx: &mut Tx, plan: Plan, standing: &[Standing]) -> Result<Plan, StoreError> {
        let guard = self.rules.flapping;
        let history = match guard.since(self.now) {
            Some(since) if !(plan.change.is_empty() && plan.resolve.is_empty()) => {
                tx.flips(self.key(), since, guard.flips - 1).await?
            }
            _ => History::new(),
        };
        Ok(damp(plan, standing, &history, guard, self.now))
    }

    /// What is recorded as expected after a look in `follow` mode, where that is something else; what may be gone stays
    /// until it is believed.
    fn followed(&self, layers: &Layers<'_>, body: &Body, plan: &Plan) -> Option<Expectation> {
        let recorded = layers.recorded?;
        let next = layers.followed(body)?.with_objects_of(&recorded.body, |id| {
            plan.suspect.iter().any(|it| it.difference.object == id && it.difference.field == EXISTENCE)
        });
        let origin =
            if recorded.origin.is_told() { recorded.origin.clone() } else { self.origin(ACCEPTED, "followed") };
        (next != recorded.body).then(|| Expectation { body: next, origin, ..recorded.clone() })
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

    fn origin(&self, source: &str, author: &str) -> Origin {
        Origin { source: source.to_owned(), author: author.to_owned(), set_at: self.now }
    }
}

/// What a job is about to command differs from what was commanded before: no finding begins with that, and what was
/// suspected of it is not forgotten.
fn begin_nothing(plan: &mut Plan) {
    let Plan { open, forget, .. } = plan;
    forget.retain(|(object, field)| {
        !open.iter().any(|(difference, _)| difference.key() == (object.as_str(), field.as_str()))
    });
    plan.open.clear();
    plan.change.clear();
    plan.flap.clear();
    plan.suspect.clear();
    plan.look_again_at = None;
}

/// Who said what is expected of each object and field of a plan.
fn sources(layers: &Layers<'_>, body: &Body, plan: &Plan, standing: &[Standing]) -> BTreeMap<(String, String), String> {
    let opened = plan.open.iter().map(|(difference, _)| difference);
    let changed = plan.change.iter().map(|it| &it.difference).chain(plan.flap.iter().map(|it| &it.difference));
    let of = |it: &Difference| {
        let origin = layers.origin(it, body)?;
        Some(((it.object.clone(), it.field.clone()), origin.source.clone()))
    };
    opened.chain(changed).chain(standing.iter().map(|it| &it.difference)).filter_map(of).collect()
}

/// What comes into being by itself is expected once it is seen: a quota of a new volume type, as the others were, and
/// the group that Neutron makes when a project is first asked about.
fn at_first_sight(recorded: &Expectation, body: &Body) -> Option<Body> {
    let new: Vec<&str> = match (&recorded.body, body) {
        (Body::Quotas(known), Body::Quotas(seen)) if !recorded.origin.is_told() => {
            seen.keys().filter(|name| !known.contains_key(*name)).map(String::as_str).collect()
        }
        (Body::SecurityGroups(known), Body::SecurityGroups(seen)) if known.iter().all(|it| it.name != DEFAULT) => {
            seen.iter().filter(|it| it.name == DEFAULT && is_as_born(it)).map(|it| it.id.as_str()).collect()
        }
        _ => return None,
    };
    (!new.is_empty()).then(|| recorded.body.clone().with_objects_of(body, |id| new.contains(&id)))
}
