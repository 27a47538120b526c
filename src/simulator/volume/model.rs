//! What Cinder keeps.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::super::skew::Skews;
use super::super::table::{Resource, Table};

/// A volume.
#[derive(Debug, Clone)]
pub struct Volume {
    pub id: Uuid,
    pub project: Uuid,
    pub user: Uuid,
    pub name: String,
    pub size: i64,
    /// Its status, as the API writes it.
    pub status: String,
    pub at: DateTime<Utc>,
}

/// A snapshot.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub id: Uuid,
    pub project: Uuid,
    pub user: Uuid,
    pub name: String,
    pub volume: Uuid,
    pub size: i64,
    /// Its status, as the API writes it.
    pub status: String,
    pub at: DateTime<Utc>,
}

/// Cinder's state.
#[derive(Debug, Default)]
pub struct BlockStorage {
    pub volumes: Table<Volume>,
    pub snapshots: Table<Snapshot>,
    pub limits: BTreeMap<Uuid, BTreeMap<&'static str, i64>>,
    /// Counters that are off.
    pub skews: Skews,
    /// The one volume type.
    pub kind: Uuid,
    /// The one backend's service.
    pub service: Uuid,
}

impl Resource for Volume {
    fn id(&self) -> Uuid {
        self.id
    }
    fn project(&self) -> Option<Uuid> {
        Some(self.project)
    }
    fn name(&self) -> &str {
        &self.name
    }
}

impl Resource for Snapshot {
    fn id(&self) -> Uuid {
        self.id
    }
    fn project(&self) -> Option<Uuid> {
        Some(self.project)
    }
    fn name(&self) -> &str {
        &self.name
    }
}
