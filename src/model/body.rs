//! What one pull saw of one resource type, in the form in which it is stored and compared.

use std::fmt::Write;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::floating_ip::FloatingIp;
use super::quota::Quotas;
use super::resource_type::ResourceType;
use super::security_group::SecurityGroup;
use super::server_group::ServerGroup;

/// The objects of one resource type, always sorted, so that equal content is equal text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// See [`Quotas`].
    Quotas(Quotas),
    /// See [`SecurityGroup`].
    SecurityGroups(Vec<SecurityGroup>),
    /// See [`FloatingIp`].
    FloatingIps(Vec<FloatingIp>),
    /// See [`ServerGroup`].
    ServerGroups(Vec<ServerGroup>),
}

impl Body {
    /// Which resource type it is of.
    pub const fn resource_type(&self) -> ResourceType {
        match self {
            Self::Quotas(_) => ResourceType::Quotas,
            Self::SecurityGroups(_) => ResourceType::SecurityGroups,
            Self::FloatingIps(_) => ResourceType::FloatingIps,
            Self::ServerGroups(_) => ResourceType::ServerGroups,
        }
    }

    /// Sorted by id (rules by meaning).
    #[must_use]
    pub fn sorted(mut self) -> Self {
        match &mut self {
            Self::Quotas(_) => {}
            Self::SecurityGroups(groups) => {
                groups.sort_by(|left, right| left.id.cmp(&right.id));
                for group in groups {
                    group.rules.sort();
                }
            }
            Self::FloatingIps(addresses) => addresses.sort_by(|left, right| left.id.cmp(&right.id)),
            Self::ServerGroups(groups) => {
                groups.sort_by(|left, right| left.id.cmp(&right.id));
                for group in groups {
                    group.members.sort();
                }
            }
        }
        self
    }

    /// How many objects it has.
    pub fn len(&self) -> usize {
        match self {
            Self::Quotas(quotas) => quotas.len(),
            Self::SecurityGroups(groups) => groups.len(),
            Self::FloatingIps(addresses) => addresses.len(),
            Self::ServerGroups(groups) => groups.len(),
        }
    }

    /// Whether it has no object.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The JSON that is stored: an object by name for quotas, else a list.
    pub fn to_json(&self) -> Value {
        let json = match self {
            Self::Quotas(quotas) => serde_json::to_value(quotas),
            Self::SecurityGroups(groups) => serde_json::to_value(groups),
            Self::FloatingIps(addresses) => serde_json::to_value(addresses),
            Self::ServerGroups(groups) => serde_json::to_value(groups),
        };
        json.unwrap_or_default()
    }

    /// Reads what [`Body::to_json`] wrote, or what a person wrote in the same form.
    ///
    /// # Errors
    /// Says at which path the JSON is not of that form.
    pub fn from_json(resource_type: ResourceType, json: &Value) -> Result<Self, String> {
        fn read<T: serde::de::DeserializeOwned>(json: &Value) -> Result<T, String> {
            serde_path_to_error::deserialize(json).map_err(|error| format!("{}: {}", error.path(), error.inner()))
        }
        let body = match resource_type {
            ResourceType::Quotas => Self::Quotas(read(json)?),
            ResourceType::SecurityGroups => Self::SecurityGroups(canonical(read(json)?)),
            ResourceType::FloatingIps => Self::FloatingIps(read(json)?),
            ResourceType::ServerGroups => Self::ServerGroups(read(json)?),
        };
        Ok(body.sorted())
    }

    /// SHA-256 of the stored JSON, as hex: equal digests, equal content.
    pub fn digest(&self) -> String {
        hex_digest(self.to_json().to_string())
    }

    /// The id of each object with the name that people call it by.
    pub fn labels(&self) -> Vec<(&str, &str)> {
        match self {
            Self::Quotas(quotas) => quotas.keys().map(|name| (name.as_str(), name.as_str())).collect(),
            Self::SecurityGroups(groups) => groups.iter().map(|it| (it.id.as_str(), it.name.as_str())).collect(),
            Self::FloatingIps(addresses) => addresses.iter().map(|it| (it.id.as_str(), it.address.as_str())).collect(),
            Self::ServerGroups(groups) => groups.iter().map(|it| (it.id.as_str(), it.name.as_str())).collect(),
        }
    }

    /// All but the objects with these ids.
    #[must_use]
    pub fn without(mut self, unwanted: impl Fn(&str) -> bool) -> Self {
        match &mut self {
            Self::Quotas(quotas) => quotas.retain(|name, _| !unwanted(name)),
            Self::SecurityGroups(groups) => groups.retain(|it| !unwanted(&it.id)),
            Self::FloatingIps(addresses) => addresses.retain(|it| !unwanted(&it.id)),
            Self::ServerGroups(groups) => groups.retain(|it| !unwanted(&it.id)),
        }
        self
    }

    /// Takes over the objects of `earlier` whose ids stand in `ids` and that are missing here.
    #[must_use]
    pub fn with_objects_of(mut self, earlier: &Self, wanted: impl Fn(&str) -> bool) -> Self {
        fn take<T: Clone>(into: &mut Vec<T>, from: &[T], id: impl Fn(&T) -> &str, wanted: impl Fn(&str) -> bool) {
            let missing =
                from.iter().filter(|object| wanted(id(object)) && !into.iter().any(|known| id(known) == id(object)));
            let missing: Vec<T> = missing.cloned().collect();
            into.extend(missing);
        }
        match (&mut self, earlier) {
            (Self::Quotas(here), Self::Quotas(there)) => {
                for (name, quota) in there.iter().filter(|(name, _)| wanted(name)) {
                    here.entry(name.clone()).or_insert(*quota);
                }
            }
            (Self::SecurityGroups(here), Self::SecurityGroups(there)) => take(here, there, |group| &group.id, wanted),
            (Self::FloatingIps(here), Self::FloatingIps(there)) => take(here, there, |address| &address.id, wanted),
            (Self::ServerGroups(here), Self::ServerGroups(there)) => take(here, there, |group| &group.id, wanted),
            _ => {}
        }
        self.sorted()
    }
}

fn canonical(mut groups: Vec<SecurityGroup>) -> Vec<SecurityGroup> {
    for rule in groups.iter_mut().flat_map(|group| &mut group.rules) {
        rule.meaning = rule.meaning.clone().canonical();
    }
    groups
}

/// SHA-256, as hex.
pub fn hex_digest(bytes: impl AsRef<[u8]>) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
