//! What is expected of a tenant, as far as anything is that could be restored. The one place that says so to whoever
//! plans a change, in a job or on the command line.

use super::context::Live;
use crate::drift::layers::Layers;
use crate::model::{Announcement, Body, ResourceType, Tenant};
use crate::store::{Store, StoreError};

/// What should be there, for a tenant of whom `observed` is there; nothing where nothing is expected, or where whatever
/// is there becomes what is expected.
pub async fn expected(
    store: &Store,
    live: &Live,
    tenant: &Tenant,
    resource_type: ResourceType,
    observed: &Body,
) -> Result<Option<Body>, StoreError> {
    let recorded = store.expectations(tenant.uuid).await?.into_iter();
    let recorded = recorded.into_iter().find(|it| it.body.resource_type() == resource_type);
    let pending = store.announcements(tenant.uuid).await?;
    let pending: Vec<Announcement> = pending.into_iter().filter(|it| it.resource_type == resource_type).collect();
    let declared = live.rules.declared.of(tenant);
    let mode = live.rules.mode(&declared, resource_type);
    let layers = Layers { recorded: recorded.as_ref(), announced: &pending, declared };
    Ok(layers.restorable(observed, mode))
}
