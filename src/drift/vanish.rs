//! The guard against mass disappearance: an empty or thin answer must not wipe out what is known.

use std::collections::BTreeSet;

use super::Difference;
use super::rules::VanishGuard;
use crate::model::{Body, Change, ResourceType};

/// The object of the finding that stands for a mass disappearance.
pub const EVERYTHING: &str = "*";

/// The count of a suspicion that somebody accepted: the next look is believed, whatever it counts.
pub const ACCEPTED: u32 = u32::MAX / 2;

/// A difference that says so when much of `before` is missing in `after`, else none. What tenantd itself `removed` was
/// not to be there any more.
pub fn mass_disappearance(
    guard: VanishGuard,
    before: &Body,
    after: &Body,
    removed: &BTreeSet<String>,
) -> Option<Difference> {
    if before.resource_type() == ResourceType::Quotas {
        return None;
    }
    let (mut before, after) = (super::facts(before), super::facts(after));
    before.objects.retain(|id, _| !removed.contains(id));
    let gone = before.objects.keys().filter(|id| !after.objects.contains_key(*id)).count();
    #[expect(clippy::cast_precision_loss, reason = "counts of objects are far below 2^52")]
    let share = gone as f64 / before.objects.len().max(1) as f64;
    (gone >= guard.at_least.max(1) && share >= guard.share).then(|| Difference {
        object: EVERYTHING.to_owned(),
        object_name: format!("{gone} of {} objects", before.objects.len()),
        field: super::EXISTENCE.to_owned(),
        change: Change::Removed,
        expected: before.objects.len().into(),
        observed: after.objects.len().into(),
    })
}
