//! What Nova keeps.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::super::skew::Skews;
use super::super::table::{Resource, Table};

/// A server.
#[derive(Debug, Clone)]
pub struct Server {
    pub id: Uuid,
    pub project: Uuid,
    pub user: Uuid,
    pub name: String,
    pub flavor: usize,
    pub groups: Vec<String>,
    /// Its status, as the API writes it.
    pub status: String,
    /// What is being done with it.
    pub task: Option<String>,
    /// Network name, address, hardware address.
    pub address: Option<(String, String, String)>,
    pub number: u64,
    pub at: DateTime<Utc>,
}

/// A server group.
#[derive(Debug, Clone)]
pub struct ServerGroup {
    pub id: Uuid,
    pub project: Uuid,
    pub user: Uuid,
    pub name: String,
    pub policy: String,
    pub max_server_per_host: Option<i64>,
    pub members: Vec<Uuid>,
}

/// A flavour: name, then cores, memory in MiB and disk in GiB.
#[derive(Debug, Clone)]
pub struct Flavor {
    pub id: Uuid,
    pub name: &'static str,
    pub cores: i64,
    pub memory: i64,
    pub disk: i64,
}

/// Nova's state.
#[derive(Debug, Default)]
pub struct Compute {
    pub servers: Table<Server>,
    pub groups: Table<ServerGroup>,
    pub flavors: Vec<Flavor>,
    pub limits: BTreeMap<Uuid, BTreeMap<&'static str, i64>>,
    /// Counters that are off.
    pub skews: Skews,
    /// The image that servers were made from.
    pub image: Uuid,
    /// How many servers there ever were.
    pub number: u64,
}

impl Resource for Server {
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

impl Resource for ServerGroup {
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
