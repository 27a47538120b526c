//! What is pulled, compared and stored by itself.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One kind of thing that a tenant has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResourceType {
    /// Limits and usage of Nova, Neutron and Cinder.
    Quotas,
    /// Security groups with their rules.
    SecurityGroups,
    /// Floating IPs.
    FloatingIps,
    /// Server groups.
    ServerGroups,
    /// Networks with their subnets, and routers.
    Networks,
    /// Ports.
    Ports,
    /// Instances.
    Instances,
    /// Volumes.
    Volumes,
    /// Snapshots of volumes.
    VolumeSnapshots,
}

impl ResourceType {
    /// All of them, in the order in which people read them.
    pub const ALL: [Self; 9] = [
        Self::Quotas,
        Self::SecurityGroups,
        Self::FloatingIps,
        Self::ServerGroups,
        Self::Networks,
        Self::Ports,
        Self::Instances,
        Self::Volumes,
        Self::VolumeSnapshots,
    ];

    /// Those that tenantd can change too, and that are told of every tenant. The others are recorded and compared, and
    /// told of where somebody looks at them.
    pub const MENDABLE: [Self; 4] = [Self::Quotas, Self::SecurityGroups, Self::FloatingIps, Self::ServerGroups];

    /// The name in messages, metrics and the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quotas => "quotas",
            Self::SecurityGroups => "security_groups",
            Self::FloatingIps => "floating_ips",
            Self::ServerGroups => "server_groups",
            Self::Networks => "networks",
            Self::Ports => "ports",
            Self::Instances => "instances",
            Self::Volumes => "volumes",
            Self::VolumeSnapshots => "volume_snapshots",
        }
    }

    /// What a person calls one object of it.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Quotas => "quota",
            Self::SecurityGroups => "security group",
            Self::FloatingIps => "floating IP",
            Self::ServerGroups => "server group",
            Self::Networks => "network",
            Self::Ports => "port",
            Self::Instances => "instance",
            Self::Volumes => "volume",
            Self::VolumeSnapshots => "volume snapshot",
        }
    }

    /// Whether tenantd can change it.
    pub fn is_mendable(self) -> bool {
        Self::MENDABLE.contains(&self)
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for ResourceType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|candidate| candidate.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            format!("`{text}` is no resource type; there are {known}")
        })
    }
}
