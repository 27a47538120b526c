//! The common looks: everything as it was, as expected, and nothing to say about it; or seen for the first time. Such looks
//! are recorded many at once, without reading or comparing what is stored.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Effect;
use super::context::Context;
use super::effects::Tally;
use super::first::accepted;
use super::record::Recording;
use crate::drift::rules::Rules;
use crate::drift::{unused, usage};
use crate::model::body::hex_digest;
use crate::model::{Observation, ResourceType, Tenant};
use crate::store::first::Begun;
use crate::store::resources::{Known, SeenAgain};
use crate::store::{StoreError, Tx};

/// What stands for "in order": which snapshot with which content was compared with which expectation by which rules.
/// None of them can change without changing it.
#[derive(Debug)]
pub(super) struct Fingerprints {
    /// The rules are the same for many looks.
    rules: String,
}

impl Fingerprints {
    pub fn of(rules: &Rules) -> Self {
        Self { rules: hex_digest(format!("{rules:?}")) }
    }

    pub fn fingerprint(
        &self,
        tenant: &Tenant,
        (snapshot, digest): (Uuid, &str),
        expected_since: Option<DateTime<Utc>>,
    ) -> String {
        let since = expected_since.map(|since| since.timestamp_micros());
        // Policies go by a tenant's name and domain.
        let whom = (&tenant.domain, &tenant.name);
        hex_digest(format!("{snapshot} {digest} {since:?} {whom:?} {}", self.rules))
    }
}

/// What became of an effect that was among many.
#[derive(Debug)]
pub(super) enum Passed {
    /// It is to be recorded by itself.
    Not,
    /// A look found nothing new, and that is noted.
    SeenAgain,
    /// A first look is recorded; what that was.
    First(Tally),
}

impl Passed {
    /// Whether the effect is recorded; what that was is added to the tally of whoever brought it.
    pub fn into_done(self, tally: &mut Tally) -> bool {
        match self {
            Self::Not => false,
            Self::SeenAgain => true,
            Self::First(first) => {
                tally.changed = true;
                tally.changes.extend(first.changes);
                true
            }
        }
    }
}

type Key = (Uuid, ResourceType);

/// What is known of whatever a group of effects is about; all of it is held until the end of the transaction.
struct Held {
    known: BTreeMap<Key, Known>,
    /// What was never tried before.
    begun: BTreeMap<Key, Begun>,
    /// How many effects each is concerned by.
    effects: BTreeMap<Key, usize>,
    /// Whether there are none but looks: what else is to be recorded may bear upon a first look.
    only_looks: bool,
}

impl Held {
    /// Nothing where another transaction was first with some of it: that is not held, and could only be taken out of order.
    /// Whoever goes on then waits for one who waits for it; the next transaction finds it known.
    async fn take(tx: &mut Tx, effects: &[&Effect], now: DateTime<Utc>) -> Result<Option<Self>, StoreError> {
        let mut counts: BTreeMap<Key, usize> = BTreeMap::new();
        for key in effects.iter().filter_map(|effect| effect.concerns()) {
            *counts.entry(key).or_default() += 1;
        }
        let mut keys: Vec<Key> = counts.keys().copied().collect();
        keys.sort_unstable_by_key(|(tenant, resource_type)| (*tenant, resource_type.as_str()));
        let known = if keys.is_empty() { Vec::new() } else { tx.known_resources(&keys).await? };
        let known: BTreeMap<Key, Known> = known.into_iter().map(|it| ((it.tenant, it.resource_type), it)).collect();
        // Rows that are new are made in the same order, so that two transactions never wait for each other.
        keys.retain(|key| !known.contains_key(key));
        let begun = if keys.is_empty() { Vec::new() } else { tx.begin_resources(&keys, now).await? };
        let begun: BTreeMap<Key, Begun> = begun.into_iter().map(|it| ((it.tenant, it.resource_type), it)).collect();
        keys.retain(|key| !begun.contains_key(key));
        if !keys.is_empty() && tx.are_resources(&keys).await? {
            return Ok(None);
        }
        let only_looks = counts.values().sum::<usize>() == effects.len();
        Ok(Some(Self { known, begun, effects: counts, only_looks }))
    }

    /// What is new, and of which nothing but this look is to be recorded.
    fn untold(&self, key: Key) -> Option<&Begun> {
        self.begun.get(&key).filter(|it| self.only_looks && !it.foretold && self.effects.get(&key) == Some(&1))
    }
}

/// Begins a transaction, takes hold of everything that was looked at, and records the common looks, many at once: those
/// that found nothing new, and the first ones; what became of each effect.
pub(super) async fn pass_over(
    context: &Context,
    rules: &Rules,
    effects: &[&Effect],
) -> Result<(Tx, Vec<Passed>), StoreError> {
    let now = context.clock().now();
    let (mut tx, held) = loop {
        let mut tx = context.store().begin().await?;
        if let Some(held) = Held::take(&mut tx, effects, now).await? {
            break (tx, held);
        }
    };
    let passed = record_common(context, rules, &mut tx, (effects, held)).await?;
    Ok((tx, passed))
}

async fn record_common(
    context: &Context,
    rules: &Rules,
    tx: &mut Tx,
    (effects, mut held): (&[&Effect], Held),
) -> Result<Vec<Passed>, StoreError> {
    let now = context.clock().now();
    if held.effects.is_empty() {
        return Ok(effects.iter().map(|_| Passed::Not).collect());
    }
    let fingerprints = Fingerprints::of(rules);
    let (mut seen, mut first) = (Vec::new(), Vec::new());
    let mut pass = |effect: &&Effect| {
        let Effect::Observed { tenant, observation } = effect else { return Passed::Not };
        let key = (tenant.uuid, observation.body.resource_type());
        // Of two looks at the same in one group, the second is compared the long way.
        let known = held.known.remove(&key);
        if let Some(again) = known.and_then(|it| seen_again(&it, (tenant, observation), (rules, &fingerprints), now)) {
            seen.push(again);
            return Passed::SeenAgain;
        }
        let Some(new) = held.untold(key) else { return Passed::Not };
        let recording = Recording { context, rules, tenant, resource_type: key.1, now, job: None };
        let mut tally = Tally::default();
        match recording.first(tx, observation, new.changing, &fingerprints, &mut tally) {
            Some(look) => {
                first.push(look);
                Passed::First(tally)
            }
            None => Passed::Not,
        }
    };
    let passed = effects.iter().map(&mut pass).collect();
    if !seen.is_empty() {
        tx.seen_again(&seen, now).await?;
    }
    if !first.is_empty() {
        tx.first_looks(&first, &accepted(now), now).await?;
    }
    Ok(passed)
}

/// A look that brought nothing new and came later than the last.
fn seen_again(
    known: &Known,
    (tenant, observation): (&Tenant, &Observation),
    (rules, fingerprints): (&Rules, &Fingerprints),
    now: DateTime<Utc>,
) -> Option<SeenAgain> {
    let (snapshot, settled) = (known.snapshot?, known.settled.as_deref()?);
    // Where there is nothing to say, no counter and no group is suspected either: only what is found now is news.
    let is_news = usage::is_found_in(observation) || unused::is_found_in(observation, rules.policies_for(tenant));
    let is_whole = !observation.is_partial() && observation.trouble.is_none() && !is_news;
    let is_later = observation.is_later_than(known.observed_at, known.answered_at, now);
    let digest = observation.body.digest();
    if !is_whole || !is_later || fingerprints.fingerprint(tenant, (snapshot, &digest), known.expected_since) != settled
    {
        return None;
    }
    let Observation { asked_at, answered_at, .. } = *observation;
    let (tenant, resource_type) = (known.tenant, known.resource_type);
    Some(SeenAgain { tenant, resource_type, snapshot, asked_at, answered_at })
}
