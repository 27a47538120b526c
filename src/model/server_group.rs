//! Server groups.

use serde::{Deserialize, Serialize};

/// A server group as seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerGroup {
    /// Nova's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `affinity`, `anti-affinity`, `soft-affinity`, `soft-anti-affinity`, or empty.
    #[serde(default)]
    pub policy: String,
    /// Ids of the servers in it, sorted.
    #[serde(default)]
    pub members: Vec<String>,
}
