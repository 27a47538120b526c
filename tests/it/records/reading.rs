//! What is read of many at once is what is read of each.

use tenantd::model::ResourceType;
use tenantd::store::resources::Age;

use crate::support::{Database, made, on_both_databases};

on_both_databases!(ages_are_those_of_each_tenant);

async fn ages_are_those_of_each_tenant(database: Database) {
    database.expect_leftovers();
    let store = database.store().await;
    assert_eq!(store.ages().await.unwrap(), []);
    made::fill(&database, 150).await;
    let tenants = store.tenants(None).await.unwrap();
    // One that was tried and never read.
    let mut tx = store.begin().await.unwrap();
    tx.hold_resource(tenants[7].uuid, ResourceType::Ports, tenants[7].created_at).await.unwrap();
    tx.resource_failed((tenants[7].uuid, ResourceType::Ports), "forbidden", "the role may not").await.unwrap();
    tx.commit().await.unwrap();
    let mut expected = Vec::new();
    for tenant in &tenants {
        let age = |it: tenantd::store::resources::Status| Age {
            tenant: tenant.uuid,
            resource_type: it.resource_type,
            last_success_at: it.last_success_at,
            error_reason: it.error_reason,
            snapshot: it.snapshot,
        };
        expected.extend(store.statuses(tenant.uuid).await.unwrap().into_iter().map(age));
    }
    expected.sort_by_key(|age| (age.tenant, age.resource_type.as_str()));
    assert!(expected.len() == 601 && expected.iter().any(|age| age.error_reason.is_some()));
    assert_eq!(store.ages().await.unwrap(), expected);
}
