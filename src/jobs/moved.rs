//! What was made again, or taken for what was expected, has another id: what is expected follows it there.

use std::collections::BTreeMap;

use crate::drift::reconcile::moved;
use crate::model::{ResourceType, Tenant};
use crate::store::expectations::Expectation;
use crate::store::{StoreError, Tx};

/// Expects of the new ids what was expected of the old ones, whoever expects it; whether that is anything new.
pub(super) async fn follow(
    tx: &mut Tx,
    tenant: &Tenant,
    resource_type: ResourceType,
    ids: &BTreeMap<String, String>,
) -> Result<bool, StoreError> {
    let Some(before) = tx.expectation(tenant.uuid, resource_type).await? else { return Ok(false) };
    let body = moved(before.body.clone(), ids);
    if body == before.body {
        return Ok(false);
    }
    let mut objects = before.objects;
    for (old, new) in ids {
        if let Some(origin) = objects.remove(old) {
            objects.insert(new.clone(), origin);
        }
    }
    tx.set_expectation(&Expectation { body, objects, ..before }).await?;
    Ok(true)
}
