//! Volumes and their snapshots.

use serde::{Deserialize, Serialize};

/// A volume as seen. Its backend and how far a migration has come are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Cinder's id.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Free text; null is the empty text.
    #[serde(default)]
    pub description: String,
    /// Cinder's status: `available`, `in-use`, `error` and others.
    #[serde(default)]
    pub status: String,
    /// In GiB.
    pub size_gib: u64,
    /// The name of its type.
    #[serde(default)]
    pub volume_type: Option<String>,
    /// Whether an instance can start from it.
    #[serde(default)]
    pub bootable: bool,
    /// Whether it is encrypted.
    #[serde(default)]
    pub encrypted: bool,
    /// Whether several instances may use it.
    #[serde(default)]
    pub multiattach: bool,
    /// Where it is.
    #[serde(default)]
    pub availability_zone: String,
    /// The snapshot that it was made from.
    #[serde(default)]
    pub snapshot_id: Option<String>,
    /// Ids of the instances that use it, sorted.
    #[serde(default)]
    pub attached_to: Vec<String>,
}

/// A snapshot of a volume as seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeSnapshot {
    /// Cinder's id.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Free text; null is the empty text.
    #[serde(default)]
    pub description: String,
    /// Cinder's status: `available`, `error` and others.
    #[serde(default)]
    pub status: String,
    /// The volume that it is of.
    #[serde(default)]
    pub volume_id: String,
    /// In GiB.
    pub size_gib: u64,
}
