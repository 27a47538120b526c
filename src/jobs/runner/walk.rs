//! The states that a tenant walks through with a job: begun under its lease, ended in the transaction that ends the
//! job. Kinds that do not walk cost nothing here.

use chrono::{DateTime, Utc};

use crate::jobs::context::Context;
use crate::jobs::known::Known;
use crate::jobs::{JobError, Kind};
use crate::model::job::{Outcome, Request};
use crate::model::{Tenant, TenantState};
use crate::store::{StoreError, Tx, in_time};

/// Records the tenant that a job is to make, unless it is recorded already.
pub(super) async fn record_new(context: &Context, kind: &Kind, request: &Request) -> Result<Option<Tenant>, JobError> {
    let Some(new) = kind.new_tenant(request).map_err(invalid)? else { return Ok(None) };
    context.live().cloud(&new.cloud)?;
    if let Some(recorded) = in_time(context.store().tenant(new.uuid)).await? {
        return Ok(Some(recorded));
    }
    // What collides with the records leaves none.
    let known = in_time(Known::load(context.store(), None, Some(&new.cloud), Some(&new.name))).await?;
    let conflicts = kind.conflicts(&request.params, &known).map_err(invalid)?;
    conflicts.or(()).map_err(|conflicts| invalid(conflicts.to_string()))?;
    let now = context.clock().now();
    let recorded = in_time(async {
        let mut tx = context.store().begin().await?;
        tx.create_tenant(&new, request.id, now).await?;
        let tenant = tx.tenant(new.uuid).await?;
        tx.commit().await?;
        Ok(tenant)
    });
    Ok(recorded.await?)
}

/// Looks whether the job collides with what is recorded, and lets it begin; the tenant as it is then.
pub(super) async fn begin(
    context: &Context,
    kind: &Kind,
    request: &Request,
    tenant: Tenant,
) -> Result<Tenant, JobError> {
    let Some(walk) = kind.states.and_then(|states| states.walk) else { return Ok(tenant) };
    // What a job that begins again collides with may be its own doing.
    if in_time(context.store().steps(request.id)).await?.is_empty() {
        let name = kind.new_name(&request.params);
        let known = in_time(Known::load(context.store(), Some(&tenant), None, name.as_deref())).await?;
        let conflicts = kind.conflicts(&request.params, &known).map_err(invalid)?;
        if !conflicts.is_empty() {
            return Err(invalid(conflicts.to_string()));
        }
    }
    let now = context.clock().now();
    let begun = in_time(async {
        let mut tx = context.store().begin().await?;
        let begun = tx.begin_on_tenant(tenant.uuid, request.id, walk.running, now).await?;
        tx.commit().await?;
        Ok(begun)
    });
    begun.await?.ok_or(JobError::Leased)
}

fn invalid(why: impl Into<String>) -> JobError {
    JobError::give_up("invalid_params", why)
}

/// Ends what a job that is over did to its tenant's state, and takes its secrets out of its row.
pub(super) async fn end(
    tx: &mut Tx,
    request: &Request,
    outcome: Outcome,
    error: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let why = error.unwrap_or_default();
    if let Some(left) = request.without_secrets() {
        tx.forget_params(request.id, &left).await?;
    }
    if !crate::jobs::kind(&request.kind).is_some_and(Kind::walks) {
        return Ok(());
    }
    match outcome {
        Outcome::Succeeded | Outcome::Unchanged => tx.settle_tenant(request.id, TenantState::Ok, "", now).await,
        // Something that was asked for is not so: whoever asked is to see it.
        Outcome::Partial | Outcome::Failed | Outcome::Expired => {
            tx.settle_tenant(request.id, TenantState::Erred, why, now).await?;
            tx.settle_objects(request.id, why, now).await
        }
        Outcome::Cancelled => release(tx, request, why, now).await,
    }
}

/// Ends the hold of a job that nobody wants any more on its tenant.
pub(in crate::jobs) async fn release(
    tx: &mut Tx,
    request: &Request,
    why: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.release_tenant(request.id, why, now).await?;
    tx.settle_objects(request.id, why, now).await
}
