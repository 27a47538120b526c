//! What is expected of a tenant, as far as anything is that could be restored. The one place that says so to whoever
//! plans a change, in a job or on the command line.

use super::context::Live;
use crate::drift::rules::Mode;
use crate::model::{Body, ResourceType, Tenant};
use crate::store::{Store, StoreError};

/// What should be there, for a tenant of whom `observed` is there; nothing where nothing is expected, or where whatever
/// is there becomes what is expected.
pub async fn expected(
    store: &Store,
    live: &Live,
    tenant: &Tenant,
    resource_type: ResourceType,
    _observed: &Body,
) -> Result<Option<Body>, StoreError> {
    let mut expectations = store.expectations(tenant.uuid).await?.into_iter();
    let expectation = expectations.find(|it| it.body.resource_type() == resource_type);
    let follows = live.rules.mode(resource_type) == Mode::Follow;
    Ok(expectation.filter(|it| !(follows && it.source == "accepted")).map(|it| it.body))
}
