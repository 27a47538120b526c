//! What Neutron keeps.
//!
//! Rules are the mass of it (hundreds of thousands in a large cloud), so they are typed to the bone;
//! the rest keeps only what differs between objects and adds the constants when shown.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::super::clock;
use super::super::skew::Skews;
use super::super::table::{Resource, Table};

/// Direction of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Into the instance.
    Ingress,
    /// Out of it.
    Egress,
}

/// Address family of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Ethertype {
    /// Version 4.
    IPv4,
    /// Version 6.
    IPv6,
}

/// A security group rule; its fields stand in Neutron's order.
#[derive(Debug, Clone, Serialize)]
pub struct Rule {
    pub id: Uuid,
    #[serde(with = "uuid::serde::simple")]
    pub project_id: Uuid,
    pub security_group_id: Uuid,
    pub ethertype: Ethertype,
    pub direction: Direction,
    pub protocol: Option<String>,
    pub port_range_min: Option<i64>,
    pub port_range_max: Option<i64>,
    pub remote_ip_prefix: Option<String>,
    pub remote_address_group_id: Option<Uuid>,
    pub normalized_cidr: Option<String>,
    pub remote_group_id: Option<Uuid>,
    pub description: Option<String>,
    #[serde(serialize_with = "clock::serialize_seconds")]
    pub created_at: DateTime<Utc>,
    #[serde(serialize_with = "clock::serialize_seconds")]
    pub updated_at: DateTime<Utc>,
    pub revision_number: u64,
    #[serde(with = "uuid::serde::simple")]
    pub tenant_id: Uuid,
    #[serde(skip)]
    pub standard_attr_id: u64,
}

/// A security group; its rules are in their own table.
#[derive(Debug, Clone)]
pub struct Group {
    pub id: Uuid,
    pub project: Uuid,
    pub name: String,
    pub description: String,
    pub stateful: bool,
    pub rules: Vec<Uuid>,
    pub at: Stamp,
}

/// When an object was made and changed.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    pub created: DateTime<Utc>,
    pub updated: DateTime<Utc>,
    pub revision: u64,
}

impl Stamp {
    /// Just made.
    pub fn new(at: DateTime<Utc>) -> Self {
        Self { created: at, updated: at, revision: 0 }
    }

    /// Just changed.
    pub fn touch(&mut self, at: DateTime<Utc>) {
        self.updated = at;
        self.revision += 1;
    }
}

/// A network.
#[derive(Debug, Clone)]
pub struct Network {
    pub id: Uuid,
    pub project: Uuid,
    pub name: String,
    pub description: String,
    pub external: bool,
    pub shared: bool,
    pub subnets: Vec<Uuid>,
    pub segment: u64,
    pub at: Stamp,
}

/// A subnet.
#[derive(Debug, Clone)]
pub struct Subnet {
    pub id: Uuid,
    pub project: Uuid,
    pub name: String,
    pub network: Uuid,
    pub cidr: String,
    pub gateway: Option<String>,
    pub pool: (String, String),
    pub version: u8,
    pub external: bool,
    pub at: Stamp,
}

/// A port.
#[derive(Debug, Clone)]
pub struct Port {
    pub id: Uuid,
    pub project: Option<Uuid>,
    pub name: String,
    pub network: Uuid,
    pub subnet: Uuid,
    pub address: String,
    pub mac: String,
    pub device: String,
    pub owner: String,
    pub groups: Vec<Uuid>,
    pub at: Stamp,
}

/// A router.
#[derive(Debug, Clone)]
pub struct Router {
    pub id: Uuid,
    pub project: Uuid,
    pub name: String,
    pub gateway: Option<(Uuid, Uuid, String)>,
    pub at: Stamp,
}

/// A floating IP.
#[derive(Debug, Clone)]
pub struct FloatingIp {
    pub id: Uuid,
    pub project: Uuid,
    pub address: String,
    pub network: Uuid,
    pub router: Option<Uuid>,
    pub port: Option<Uuid>,
    pub fixed: Option<String>,
    pub description: String,
    pub at: Stamp,
}

/// Neutron's state.
#[derive(Debug, Default)]
pub struct Networking {
    pub groups: Table<Group>,
    pub rules: Table<Rule>,
    pub networks: Table<Network>,
    pub subnets: Table<Subnet>,
    pub ports: Table<Port>,
    pub routers: Table<Router>,
    pub floating: Table<FloatingIp>,
    /// The default group of each project.
    pub defaults: HashMap<Uuid, Uuid>,
    /// Limits that differ from the defaults.
    pub limits: BTreeMap<Uuid, BTreeMap<&'static str, i64>>,
    /// Counters that are off.
    pub skews: Skews,
    /// Floating addresses in use.
    pub addresses: BTreeSet<String>,
    /// The external network and its subnet.
    pub external: (Uuid, Uuid),
    /// Neutron numbers everything that has a description.
    pub attributes: u64,
}

macro_rules! resource {
    ($kind:ty, $project:expr, $name:expr) => {
        impl Resource for $kind {
            fn id(&self) -> Uuid {
                self.id
            }
            fn project(&self) -> Option<Uuid> {
                let project: fn(&Self) -> Option<Uuid> = $project;
                project(self)
            }
            fn name(&self) -> &str {
                let name: fn(&Self) -> &str = $name;
                name(self)
            }
        }
    };
}

resource!(Rule, |row| Some(row.project_id), |_| "");
resource!(Group, |row| Some(row.project), |row| &row.name);
resource!(Network, |row| Some(row.project), |row| &row.name);
resource!(Subnet, |row| Some(row.project), |row| &row.name);
resource!(Port, |row| row.project, |row| &row.name);
resource!(Router, |row| Some(row.project), |row| &row.name);
resource!(FloatingIp, |row| Some(row.project), |_| "");
