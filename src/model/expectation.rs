//! What a tenant's resource type should look like, as it is recorded.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::body::Body;
use super::origin::Origin;
use super::resource_type::ResourceType;

/// An expectation and where it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// tenantd's id of the tenant.
    pub tenant: Uuid,
    /// What should be there.
    pub body: Body,
    /// Who said so of the whole.
    pub origin: Origin,
    /// Who said so of single objects, where it was somebody else.
    pub objects: BTreeMap<String, Origin>,
}

impl Expectation {
    /// Who said so of one object.
    pub fn origin_of(&self, object: &str) -> &Origin {
        self.objects.get(object).unwrap_or(&self.origin)
    }
}

/// What somebody changes with credentials of their own. Until it settles, what was expected before counts too.
#[derive(Debug, Clone, PartialEq)]
pub struct Announcement {
    /// The job that brought it.
    pub id: Uuid,
    /// tenantd's id of the tenant.
    pub tenant: Uuid,
    /// Of which resource type.
    pub resource_type: ResourceType,
    /// What each object becomes, by its id or name: a limit, some fields, or nothing.
    pub changes: BTreeMap<String, Value>,
    /// Who said so.
    pub author: String,
    /// When.
    pub announced_at: DateTime<Utc>,
    /// From when on only the new counts.
    pub settles_at: DateTime<Utc>,
}
