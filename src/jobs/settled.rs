//! The common look: everything as it was, as expected, and nothing to say about it. Such looks are noted many at once,
//! without reading or comparing what is stored.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Effect;
use super::context::Context;
use crate::drift::rules::Rules;
use crate::drift::{unused, usage};
use crate::model::body::hex_digest;
use crate::model::{Observation, ResourceType, Tenant};
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

/// Takes hold of everything that was looked at, and notes the looks that found nothing new; for each effect, whether it
/// is done with.
pub(super) async fn pass_over(
    context: &Context,
    rules: &Rules,
    tx: &mut Tx,
    effects: &[&Effect],
) -> Result<Vec<bool>, StoreError> {
    let mut keys: Vec<(Uuid, ResourceType)> = effects.iter().filter_map(|effect| effect.concerns()).collect();
    keys.sort_unstable_by_key(|(tenant, resource_type)| (*tenant, resource_type.as_str()));
    keys.dedup();
    if keys.is_empty() {
        return Ok(vec![false; effects.len()]);
    }
    let known = tx.known_resources(&keys).await?;
    let mut known: BTreeMap<(Uuid, ResourceType), Known> =
        known.into_iter().map(|known| ((known.tenant, known.resource_type), known)).collect();
    // Rows that are new are made in the same order, so that two transactions never wait for each other.
    for (tenant, resource_type) in keys.iter().filter(|key| !known.contains_key(key)) {
        match tx.hold_resource(*tenant, *resource_type, context.clock().now()).await {
            Ok(_) | Err(StoreError::Gone(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let (mut passed, mut seen) = (Vec::with_capacity(effects.len()), Vec::new());
    let fingerprints = Fingerprints::of(rules);
    for effect in effects {
        let again = match effect {
            // Of two looks at the same in one group, the second is compared the long way.
            Effect::Observed { tenant, observation } => known
                .remove(&(tenant.uuid, observation.body.resource_type()))
                .and_then(|known| seen_again(&known, (tenant, observation), rules, &fingerprints)),
            _ => None,
        };
        passed.push(again.is_some());
        seen.extend(again);
    }
    if !seen.is_empty() {
        tx.seen_again(&seen, context.clock().now()).await?;
    }
    Ok(passed)
}

/// A look that brought nothing new and came later than the last.
fn seen_again(
    known: &Known,
    (tenant, observation): (&Tenant, &Observation),
    rules: &Rules,
    fingerprints: &Fingerprints,
) -> Option<SeenAgain> {
    let (snapshot, settled) = (known.snapshot?, known.settled.as_deref()?);
    // Where there is nothing to say, no counter and no group is suspected either: only what is found now is news.
    let is_news = usage::is_found_in(observation) || unused::is_found_in(observation, rules.policies_for(tenant));
    let is_whole = !observation.is_partial() && observation.trouble.is_none() && !is_news;
    let is_later = observation.is_later_than(known.observed_at, known.answered_at);
    let digest = observation.body.digest();
    if !is_whole || !is_later || fingerprints.fingerprint(tenant, (snapshot, &digest), known.expected_since) != settled
    {
        return None;
    }
    let Observation { asked_at, answered_at, .. } = *observation;
    let (tenant, resource_type) = (known.tenant, known.resource_type);
    Some(SeenAgain { tenant, resource_type, snapshot, asked_at, answered_at })
}
