//! A single object of a tenant that was made through tenantd, with a state of its own.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::tenant::TenantState;

/// An object as recorded: a network, a floating IP, a security group, a server group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Object {
    /// tenantd's own id of it.
    pub uuid: Uuid,
    /// tenantd's id of its tenant.
    pub tenant: Uuid,
    /// What it is, in the plural: `networks`, `floating_ips`.
    pub resource_type: String,
    /// Its id in the cloud, once it is there.
    pub backend_id: Option<String>,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// What the portal's user sees.
    pub state: TenantState,
    /// Why `state` is `ERRED`, else empty.
    pub error_message: String,
    /// What else belongs to it.
    pub body: Value,
    /// The job that makes or changes it.
    pub job: Option<Uuid>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When what is recorded here last changed.
    pub modified_at: DateTime<Utc>,
}

impl Object {
    /// One that is asked for by `job` and is not there yet.
    pub fn asked_for(uuid: Uuid, tenant: Uuid, resource_type: &str, job: Uuid, now: DateTime<Utc>) -> Self {
        Self {
            uuid,
            tenant,
            resource_type: resource_type.to_owned(),
            backend_id: None,
            name: String::new(),
            description: String::new(),
            state: TenantState::CreationScheduled,
            error_message: String::new(),
            body: Value::Null,
            job: Some(job),
            created_at: now,
            modified_at: now,
        }
    }
}
