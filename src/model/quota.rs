//! Quotas under the names of the API documents, with their units, and unlimited as a variant.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A quota's limit. OpenStack writes "unlimited" as -1; here it is a variant, so that no arithmetic can touch it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// At most this much; zero means none.
    Of(u64),
    /// As much as there is.
    Unlimited,
}

impl Limit {
    /// From the number that an API writes: -1 (and nothing else) is unlimited.
    ///
    /// # Errors
    /// Any other negative number is none that an API promises.
    pub fn from_api(number: i64) -> Result<Self, String> {
        match number {
            -1 => Ok(Self::Unlimited),
            _ => u64::try_from(number).map(Self::Of).map_err(|_| format!("a limit of {number} has no meaning")),
        }
    }

    /// The number that the APIs use.
    pub fn to_api(self) -> i64 {
        match self {
            Self::Of(limit) => i64::try_from(limit).unwrap_or(i64::MAX),
            Self::Unlimited => -1,
        }
    }

    /// In units `factor` times smaller (GiB to MiB); unlimited stays unlimited.
    #[must_use]
    pub fn times(self, factor: u64) -> Self {
        match self {
            Self::Of(limit) => Self::Of(limit.saturating_mul(factor)),
            Self::Unlimited => Self::Unlimited,
        }
    }

    /// Whether it allows more than so much.
    pub fn is_more_than(self, most: u64) -> bool {
        match self {
            Self::Of(limit) => limit > most,
            Self::Unlimited => true,
        }
    }

    /// Whether `usage` is more than allowed.
    pub fn is_exceeded_by(self, usage: u64) -> bool {
        matches!(self, Self::Of(limit) if usage > limit)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(limit) => write!(formatter, "{limit}"),
            Self::Unlimited => formatter.write_str("unlimited"),
        }
    }
}

impl Serialize for Limit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Of(limit) => serializer.serialize_u64(*limit),
            Self::Unlimited => serializer.serialize_str("unlimited"),
        }
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(i64),
            Word(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(number) => Self::from_api(number).map_err(serde::de::Error::custom),
            Written::Word(word) if word == "unlimited" => Ok(Self::Unlimited),
            Written::Word(word) => Err(serde::de::Error::custom(format!(
                "`{word}` is no limit; write a number from 0, or -1 or \"unlimited\""
            ))),
        }
    }
}

/// What a quota counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Binary megabytes, as the API documents have sizes.
    Mebibytes,
    /// Binary gigabytes, as `gigabytes_<volume type>` has them.
    Gibibytes,
}

impl Unit {
    /// The unit of the quota called `name`.
    pub fn of(name: &str) -> Self {
        match name {
            "ram" | "storage" | "volumes_size" | "snapshots_size" => Self::Mebibytes,
            _ if name.starts_with("gigabytes_") => Self::Gibibytes,
            _ => Self::Count,
        }
    }

    /// Bytes in one, for sizes.
    pub const fn bytes(self) -> Option<u64> {
        match self {
            Self::Count => None,
            Self::Mebibytes => Some(1 << 20),
            Self::Gibibytes => Some(1 << 30),
        }
    }

    /// How it is written behind a number.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Count => "",
            Self::Mebibytes => " MiB",
            Self::Gibibytes => " GiB",
        }
    }
}

/// One quota as seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// The limit; a size that no service limits has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// What the service counts as used; unknown in an expectation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<u64>,
}

/// Every quota of a tenant, by name.
pub type Quotas = BTreeMap<String, Quota>;

/// The names of the API documents and the two of server groups; `gigabytes_<volume type>` come on top.
pub const NAMES: [&str; 16] = [
    "vcpu",
    "ram",
    "instances",
    "storage",
    "volumes",
    "volumes_size",
    "snapshots",
    "snapshots_size",
    "security_group_count",
    "security_group_rule_count",
    "floating_ip_count",
    "port_count",
    "network_count",
    "subnet_count",
    "server_group_count",
    "server_group_member_count",
];

/// Who keeps the quota called `name`, by the name that operators know it by: whose counter is to be mended.
pub fn keeper(name: &str) -> &'static str {
    match name {
        "storage" | "volumes" | "volumes_size" | "snapshots" | "snapshots_size" => "cinder",
        _ if name.starts_with("gigabytes_") => "cinder",
        "vcpu" | "ram" | "instances" | "server_group_count" | "server_group_member_count" => "nova",
        _ => "neutron",
    }
}

/// Whether a quota of this name exists.
pub fn is_name(name: &str) -> bool {
    NAMES.contains(&name) || name.strip_prefix("gigabytes_").is_some_and(|volume_type| !volume_type.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn unlimited_stays_unlimited_and_zero_stays_zero() {
        assert_eq!(Limit::from_api(-1).unwrap().times(1024), Limit::Unlimited);
        assert_eq!(Limit::from_api(0).unwrap().times(1024), Limit::Of(0));
        assert!(Limit::Of(0).is_exceeded_by(1));
        assert!(!Limit::Unlimited.is_exceeded_by(u64::MAX));
        assert_eq!(Limit::from_api(-2).unwrap_err(), "a limit of -2 has no meaning");
    }

    proptest! {
        #[test]
        fn a_limit_survives_being_written_and_read(number in -1_i64..i64::MAX) {
            let limit = Limit::from_api(number).unwrap();
            prop_assert_eq!(limit.to_api(), number);
            let json = serde_json::to_string(&limit).unwrap();
            prop_assert_eq!(serde_json::from_str::<Limit>(&json).unwrap(), limit);
        }
    }
}
