//! What a job wants recorded, and what recording it did.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::cancel::cancel;
use super::commanded::Commanded;
use super::context::{Context, Live};
use super::events::Events;
use super::moved;
use super::normalise::storable;
use super::record::Recording;
use super::{JobError, pull_kind};
use crate::drift::digest::Digest;
use crate::model::ids::{named_id, new_id};
use crate::model::job::{PRIORITY_PRODUCER, Request};
use crate::model::{Announcement, Body, Object, Observation, ResourceType, Severity, Tenant};
use crate::store::states::Traits;
use crate::store::tenants::Seen;
use crate::store::{StoreError, Tx};
use crate::telemetry::metrics;

/// Something to record.
#[derive(Debug)]
pub enum Effect {
    /// A complete look at one resource type.
    Observed {
        /// Of whom.
        tenant: Tenant,
        /// What was seen.
        observation: Observation,
    },
    /// A look that failed: what was known stays.
    Unreadable {
        /// Of whom.
        tenant: Tenant,
        /// Of which resource type.
        resource_type: ResourceType,
        /// Why.
        reason: &'static str,
        /// Why, in words.
        error: String,
    },
    /// A comparison with what is known already.
    Reconsider {
        /// Of whom.
        tenant: Tenant,
        /// Of which resource type.
        resource_type: ResourceType,
    },
    /// A project that is there.
    Project(Seen),
    /// A tenant whose project is confirmed to be gone.
    Vanished(Tenant),
    /// A tenant that somebody wants forgotten.
    Unlinked {
        /// Whom.
        tenant: Tenant,
        /// Who wants it.
        by: String,
    },
    /// What somebody commanded and the cloud confirmed: it is expected from now on, beside what was expected before.
    Commanded {
        /// Of whom.
        tenant: Tenant,
        /// The objects that were commanded, as they were read back.
        confirmed: Body,
        /// The ids of objects that are not to be there any more.
        removed: Vec<String>,
        /// Everything that was read back, for where nothing was expected yet.
        seen: Body,
        /// Who commanded it.
        author: String,
        /// Whether it is all that there is to be.
        whole: bool,
    },
    /// What somebody changes with credentials of their own.
    Announced(Announcement),
    /// Objects that have other ids now: what was expected of the old ones is expected of the new ones.
    Moved {
        /// Of whom.
        tenant: Tenant,
        /// Of which resource type.
        resource_type: ResourceType,
        /// The new ids by the old ones.
        ids: BTreeMap<String, String>,
    },
    /// What a portal says of a tenant, or what was made for it.
    Described {
        /// Whom.
        tenant: Tenant,
        /// What is different.
        traits: Traits,
    },
    /// A single object, as it is now.
    Object(Object),
    /// A single object that is not there any more.
    ObjectGone(Uuid),
    /// A tenant that somebody wanted removed, and whose project is confirmed to be gone.
    Deleted(Tenant),
    /// What came of drift, to be told.
    Digest(Digest),
    /// Old records went already, batch by batch.
    Pruned,
    /// Another job to do.
    Enqueue(Request),
}

impl Effect {
    /// The resource type of a tenant whose records it changes.
    pub(super) fn concerns(&self) -> Option<(Uuid, ResourceType)> {
        match self {
            Self::Observed { tenant, observation } => Some((tenant.uuid, observation.body.resource_type())),
            Self::Unreadable { tenant, resource_type, .. } => Some((tenant.uuid, *resource_type)),
            _ => None,
        }
    }

    /// A failed look.
    pub(super) fn unreadable(tenant: Tenant, resource_type: ResourceType, error: &JobError) -> Self {
        Self::Unreadable { tenant, resource_type, reason: error.reason(), error: storable(error.to_string()) }
    }
}

/// What recording did, told to metrics only after the commit.
#[derive(Debug, Default)]
pub struct Tally {
    /// Whether anything was different from before.
    pub changed: bool,
    /// Findings opened.
    pub opened: Vec<(String, ResourceType, Severity)>,
    /// Findings resolved.
    pub resolved: Vec<(String, ResourceType, Severity)>,
    /// Changes between snapshots.
    pub changes: Vec<(String, ResourceType, usize)>,
    look_again: Vec<(Tenant, Again, DateTime<Utc>)>,
}

/// What another look is to look at, and whether it is to count.
pub(super) type Again = (ResourceType, bool);

impl Tally {
    pub(super) fn look_again(&mut self, tenant: &Tenant, what: Again, at: DateTime<Utc>) {
        self.look_again.push((tenant.clone(), what, at));
    }

    /// Moves the counters; to be called after the commit.
    pub fn count(&self) {
        for (cloud, resource_type, severity) in &self.opened {
            metrics::drift_opened(cloud, *resource_type, *severity);
        }
        for (cloud, resource_type, severity) in &self.resolved {
            metrics::drift_resolved(cloud, *resource_type, *severity);
        }
        for (cloud, resource_type, count) in &self.changes {
            metrics::changes(cloud, *resource_type, *count);
        }
    }
}

/// Records effects in the caller's transaction; `job` is what brought them.
pub async fn apply<'a>(
    context: &Context,
    live: &Live,
    tx: &mut Tx,
    job: Option<Uuid>,
    effects: impl IntoIterator<Item = &'a Effect>,
    tally: &mut Tally,
) -> Result<(), StoreError> {
    let now = context.clock().now();
    let recording = |tenant, resource_type| Recording { context, rules: &live.rules, tenant, resource_type, now, job };
    for effect in effects {
        match effect {
            Effect::Observed { tenant, observation } => {
                let recording = recording(tenant, observation.body.resource_type());
                unless_gone(recording.observe(tx, observation, tally).await)?;
            }
            Effect::Unreadable { tenant, resource_type, reason, error } => {
                if unless_gone(tx.hold_resource(tenant.uuid, *resource_type, now).await)?.is_some() {
                    tx.resource_failed((tenant.uuid, *resource_type), reason, error).await?;
                }
            }
            Effect::Reconsider { tenant, resource_type } => {
                recording(tenant, *resource_type).reconsider(tx, tally).await?;
            }
            // Somebody took it out while the cloud was being asked.
            Effect::Project(seen) if tx.unlinked(&seen.cloud, &seen.backend_id).await?.is_some() => {}
            Effect::Project(seen) => {
                let new = new_id(now);
                let tenant = tx.save_tenant(new, seen, now).await?;
                tally.changed = true;
                let what = if tenant.uuid == new { "tenant.discovered" } else { "tenant.changed" };
                announce(context, tx, &tenant, what);
            }
            Effect::Vanished(tenant) => {
                if tx.mark_vanished(tenant.uuid, now).await? {
                    tally.changed = true;
                    announce(context, tx, tenant, "tenant.vanished");
                    for resource_type in ResourceType::ALL {
                        recording(tenant, resource_type).end_all(tx, "tenant gone", tally).await?;
                    }
                }
            }
            Effect::Unlinked { tenant, by } => {
                for resource_type in ResourceType::ALL {
                    recording(tenant, resource_type).end_all(tx, "tenant unlinked", tally).await?;
                }
                for waiting in tx.waiting_of_tenant(tenant.uuid).await? {
                    cancel(context, tx, waiting, "its tenant was unlinked").await?;
                }
                if tx.unlink_tenant(tenant, by, now).await? {
                    announce(context, tx, tenant, "tenant.unlinked");
                    tally.changed = true;
                }
            }
            Effect::Commanded { tenant, confirmed, removed, seen, author, whole } => {
                let commanded = Commanded { tenant, confirmed, removed, seen, author, whole: *whole };
                tally.changed |= commanded.expect(tx, now).await?;
            }
            Effect::Announced(it) => tally.changed |= tx.announce(it).await?,
            Effect::Moved { tenant, resource_type, ids } => {
                tally.changed |= moved::follow(tx, tenant, *resource_type, ids).await?;
            }
            Effect::Described { tenant, traits } => {
                tx.describe_tenant(tenant.uuid, traits, now).await?;
                tally.changed = true;
            }
            Effect::Object(object) => {
                tx.save_object(object).await?;
                tally.changed = true;
            }
            Effect::ObjectGone(uuid) => tally.changed |= tx.remove_object(*uuid).await?,
            Effect::Deleted(tenant) => {
                for resource_type in ResourceType::ALL {
                    recording(tenant, resource_type).end_all(tx, "tenant deleted", tally).await?;
                }
                for waiting in tx.waiting_of_tenant(tenant.uuid).await? {
                    cancel(context, tx, waiting, "its tenant was deleted").await?;
                }
                if tx.delete_tenant(tenant.uuid).await? {
                    announce(context, tx, tenant, "tenant.deleted");
                    tally.changed = true;
                }
            }
            Effect::Digest(digest) => {
                let subject = digest.cloud.as_deref().unwrap_or("all");
                Events::new(context, now).emit(tx, "drift.digest", subject, digest);
                tally.changed = true;
            }
            Effect::Pruned => tally.changed = true,
            Effect::Enqueue(request) => {
                tally.changed |= tx.insert_job(request, None).await?;
            }
        }
    }
    for (tenant, what, at) in tally.look_again.drain(..) {
        tx.insert_job(&second_look(&tenant, what, at, now), Some(tenant.uuid)).await?;
    }
    Ok(())
}

/// What was recorded, if the tenant is still there: it may have been unlinked while the cloud was being asked.
fn unless_gone<T>(recorded: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match recorded {
        Err(StoreError::Gone(uuid)) => {
            tracing::debug!(tenant = %uuid, "a look is left out: the tenant was unlinked meanwhile");
            Ok(None)
        }
        recorded => recorded.map(Some),
    }
}

/// Tells what happened to a tenant.
pub(super) fn announce(context: &Context, tx: &mut Tx, tenant: &Tenant, what: &str) {
    let data = json!({
        "cloud": tenant.cloud, "tenant": tenant.backend_id, "tenant_name": tenant.name, "uuid": tenant.uuid,
        "domain": tenant.domain, "enabled": tenant.enabled,
    });
    Events::new(context, context.clock().now()).emit(tx, what, &tenant.backend_id, &data);
}

/// The look that confirms or dispels a suspicion; asked for twice, it is one job.
fn second_look(tenant: &Tenant, (resource_type, counts): Again, at: DateTime<Utc>, now: DateTime<Utc>) -> Request {
    let (params, how) = if counts { (json!({ "count": true }), "/count") } else { (json!({}), "") };
    let id = named_id("look-again", &format!("{}/{resource_type}/{}{how}", tenant.uuid, at.timestamp_micros()));
    Request {
        cloud: Some(tenant.cloud.clone()),
        subject: Some(tenant.uuid.to_string()),
        not_before: at,
        priority: PRIORITY_PRODUCER,
        params,
        ..Request::new(id, pull_kind(resource_type), "look-again", now)
    }
}
