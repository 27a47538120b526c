//! A tenant: one OpenStack project that tenantd looks after.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

/// The state that a portal's user sees, as in the API documents. Background reads never change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TenantState {
    /// Asked for.
    CreationScheduled,
    /// Being made.
    Creating,
    /// A change is asked for.
    UpdateScheduled,
    /// Being changed.
    Updating,
    /// Its end is asked for.
    DeletionScheduled,
    /// Being removed.
    Deleting,
    /// Nothing is going on.
    Ok,
    /// The last operation failed.
    Erred,
}

impl TenantState {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::CreationScheduled,
        Self::Creating,
        Self::UpdateScheduled,
        Self::Updating,
        Self::DeletionScheduled,
        Self::Deleting,
        Self::Ok,
        Self::Erred,
    ];

    /// The name in the API and the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CreationScheduled => "CREATION_SCHEDULED",
            Self::Creating => "CREATING",
            Self::UpdateScheduled => "UPDATE_SCHEDULED",
            Self::Updating => "UPDATING",
            Self::DeletionScheduled => "DELETION_SCHEDULED",
            Self::Deleting => "DELETING",
            Self::Ok => "OK",
            Self::Erred => "ERRED",
        }
    }
}

impl fmt::Display for TenantState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for TenantState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| format!("`{text}` is no tenant state"))
    }
}

/// A tenant as recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tenant {
    /// tenantd's own id of it.
    pub uuid: Uuid,
    /// The cloud, as the configuration names it.
    pub cloud: String,
    /// The project's id in the cloud.
    pub backend_id: String,
    /// The project's name.
    pub name: String,
    /// The id of the project's domain.
    pub domain: String,
    /// The project's description.
    pub description: String,
    /// Whether the project is enabled in the cloud.
    pub enabled: bool,
    /// What the portal's user sees.
    pub state: TenantState,
    /// Why `state` is `ERRED`, else empty.
    pub error_message: String,
    /// When it was first recorded.
    pub created_at: DateTime<Utc>,
    /// When a discovery first missed the project; empty again when it is back.
    pub vanished_at: Option<DateTime<Utc>>,
    /// How often its state has changed.
    pub version: i64,
    /// The job that its state belongs to, while one changes it.
    pub state_job: Option<Uuid>,
    /// When what is recorded here last changed.
    pub modified_at: Option<DateTime<Utc>>,
    /// The zone that a portal wants its instances in.
    pub availability_zone: String,
    /// The name of the volume type that a portal wants for its volumes.
    pub default_volume_type: String,
    /// The id of the network that was made for it.
    pub internal_network: String,
    /// The id of the network that its router leads to.
    pub external_network: String,
    /// The name of the user that was made for it.
    pub user_name: String,
    /// The project's tags, sorted.
    pub tags: Vec<String>,
    /// The name of the project's domain; empty where the cloud does not tell.
    pub domain_name: String,
}

/// What stands for the project's id while there is no project.
const UNMADE: &str = "new:";

impl Tenant {
    /// `cloud/name`, as commands take and print it.
    pub fn label(&self) -> String {
        format!("{}/{}", self.cloud, self.name)
    }

    /// What is kept in place of the project's id until there is a project.
    pub fn placeholder(uuid: Uuid) -> String {
        format!("{UNMADE}{uuid}")
    }

    /// The tag of the project that is made for it, by which it is known again.
    pub fn marker(&self) -> String {
        format!("tenantd-{}", self.uuid.simple())
    }

    /// The project's id, once there is a project.
    pub fn project(&self) -> Option<&str> {
        Self::is_made(&self.backend_id).then_some(self.backend_id.as_str())
    }

    /// Whether this is a project's id, and nothing that stands for one.
    pub fn is_made(backend_id: &str) -> bool {
        !backend_id.starts_with(UNMADE)
    }
}
