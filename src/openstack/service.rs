//! The services that tenantd asks, and the names that catalogs and metrics know them by.

use std::fmt;

/// A service of the cloud. The name that it shows is a metric label, so the set stays closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// Keystone: tokens, projects, domains.
    Identity,
    /// Nova: instances, server groups, compute quotas.
    Compute,
    /// Neutron: networks, security groups, floating IPs, network quotas.
    Network,
    /// Cinder: volumes, snapshots, storage quotas.
    Volume,
    /// Glance: images.
    Image,
}

impl Service {
    /// Every service, in the order in which a person reads them.
    pub const ALL: [Self; 5] = [Self::Identity, Self::Compute, Self::Network, Self::Volume, Self::Image];

    /// The label of this service in metrics, logs and errors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Compute => "compute",
            Self::Network => "network",
            Self::Volume => "volume",
            Self::Image => "image",
        }
    }

    /// The catalog's types for this service, the preferred one first. Old majors of Cinder are left out on purpose:
    /// their endpoints still stand in some catalogs and answer 404.
    pub(crate) const fn types(self) -> &'static [&'static str] {
        match self {
            Self::Identity => &["identity"],
            Self::Compute => &["compute"],
            Self::Network => &["network"],
            Self::Volume => &["block-storage", "volumev3", "volume", "block-store"],
            Self::Image => &["image"],
        }
    }

    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Identity => 0,
            Self::Compute => 1,
            Self::Network => 2,
            Self::Volume => 3,
            Self::Image => 4,
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
