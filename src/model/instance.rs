//! Instances.

use serde::{Deserialize, Serialize};

/// An instance as seen. Its host, what is being done with it and how it fares from moment to moment are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Nova's id.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Free text; null is the empty text.
    #[serde(default)]
    pub description: String,
    /// Nova's status: `ACTIVE`, `SHUTOFF`, `ERROR` and others.
    #[serde(default)]
    pub status: String,
    /// How large it is.
    #[serde(default)]
    pub flavor: Flavor,
    /// The image that it was made from; none where it was made from a volume.
    #[serde(default)]
    pub image_id: Option<String>,
    /// The name of the key that was put into it.
    #[serde(default)]
    pub key_name: Option<String>,
    /// Where it is.
    #[serde(default)]
    pub availability_zone: String,
    /// Whether its owner cannot change it.
    #[serde(default)]
    pub locked: bool,
    /// Its own addresses with the network's name: `blue-net 10.0.0.5`, sorted; floating ones are not among them.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// Names of its security groups, each once, sorted.
    #[serde(default)]
    pub security_groups: Vec<String>,
    /// Ids of the volumes that it uses, sorted.
    #[serde(default)]
    pub volumes: Vec<String>,
}

/// How large an instance is. Before microversion 2.47 Nova says only the flavor's id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flavor {
    /// Its name, or else its id.
    #[serde(default)]
    pub name: String,
    /// Cores.
    #[serde(default)]
    pub vcpus: Option<i64>,
    /// Memory in MiB.
    #[serde(default)]
    pub ram_mib: Option<i64>,
    /// Disk in GiB.
    #[serde(default)]
    pub disk_gib: Option<i64>,
}

impl Instance {
    pub(super) fn tidy(&mut self) {
        for list in [&mut self.addresses, &mut self.security_groups, &mut self.volumes] {
            list.sort();
            list.dedup();
        }
    }
}
