//! What one pull saw of one resource type, in the form in which it is stored and compared.

use std::collections::HashSet;
use std::fmt::Write;

use serde::de::{DeserializeOwned, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::floating_ip::FloatingIp;
use super::instance::Instance;
use super::network::NetworkPart;
use super::port::Port;
use super::quota::Quotas;
use super::resource_type::ResourceType;
use super::security_group::SecurityGroup;
use super::server_group::ServerGroup;
use super::volume::{Volume, VolumeSnapshot};

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
    /// See [`NetworkPart`].
    Networks(Vec<NetworkPart>),
    /// See [`Port`].
    Ports(Vec<Port>),
    /// See [`Instance`].
    Instances(Vec<Instance>),
    /// See [`Volume`].
    Volumes(Vec<Volume>),
    /// See [`VolumeSnapshot`].
    VolumeSnapshots(Vec<VolumeSnapshot>),
}

/// What the objects of all resource types but quotas have in common.
trait Thing: Clone {
    fn id(&self) -> &str;
    /// What people call it by.
    fn label(&self) -> &str;
    /// What it reports about itself; none where the API knows no status.
    fn status(&self) -> Option<&str>;
    /// Sorts what is in it.
    fn tidy(&mut self) {}
}

macro_rules! thing {
    ($type:ty, $id:expr, $label:expr, $status:expr, $tidy:expr) => {
        impl Thing for $type {
            fn id(&self) -> &str {
                let id: fn(&Self) -> &str = $id;
                id(self)
            }
            fn label(&self) -> &str {
                let label: fn(&Self) -> &str = $label;
                label(self)
            }
            fn status(&self) -> Option<&str> {
                let status: fn(&Self) -> Option<&str> = $status;
                status(self)
            }
            fn tidy(&mut self) {
                let tidy: fn(&mut Self) = $tidy;
                tidy(self);
            }
        }
    };
}

thing!(SecurityGroup, |it| &it.id, |it| &it.name, |_| None, |it| it.rules.sort());
thing!(FloatingIp, |it| &it.id, |it| &it.address, |it| Some(&it.status), |_| {});
thing!(ServerGroup, |it| &it.id, |it| &it.name, |_| None, |it| it.members.sort());
thing!(NetworkPart, Self::id, Self::name, |it| Some(it.status()), Self::tidy);
thing!(Port, |it| &it.id, Self::label, |it| Some(&it.status), Self::tidy);
thing!(Instance, |it| &it.id, |it| &it.name, |it| Some(&it.status), Self::tidy);
thing!(Volume, |it| &it.id, |it| &it.name, |it| Some(&it.status), |it| it.attached_to.sort());
thing!(VolumeSnapshot, |it| &it.id, |it| &it.name, |it| Some(&it.status), |_| {});

/// Does the same to the list of whichever resource type it is, and something else to quotas.
macro_rules! each {
    ($body:expr, $quotas:pat => $of_quotas:expr, $list:ident => $of_list:expr) => {
        match $body {
            Body::Quotas($quotas) => $of_quotas,
            Body::SecurityGroups($list) => $of_list,
            Body::FloatingIps($list) => $of_list,
            Body::ServerGroups($list) => $of_list,
            Body::Networks($list) => $of_list,
            Body::Ports($list) => $of_list,
            Body::Instances($list) => $of_list,
            Body::Volumes($list) => $of_list,
            Body::VolumeSnapshots($list) => $of_list,
        }
    };
}

impl Body {
    /// Which resource type it is of.
    pub const fn resource_type(&self) -> ResourceType {
        match self {
            Self::Quotas(_) => ResourceType::Quotas,
            Self::SecurityGroups(_) => ResourceType::SecurityGroups,
            Self::FloatingIps(_) => ResourceType::FloatingIps,
            Self::ServerGroups(_) => ResourceType::ServerGroups,
            Self::Networks(_) => ResourceType::Networks,
            Self::Ports(_) => ResourceType::Ports,
            Self::Instances(_) => ResourceType::Instances,
            Self::Volumes(_) => ResourceType::Volumes,
            Self::VolumeSnapshots(_) => ResourceType::VolumeSnapshots,
        }
    }

    /// Sorted by id, and so is what is in the objects (rules by meaning).
    #[must_use]
    pub fn sorted(mut self) -> Self {
        each!(&mut self, _ => {}, list => sort(list));
        self
    }

    /// How many objects it has.
    pub fn len(&self) -> usize {
        each!(self, quotas => quotas.len(), list => list.len())
    }

    /// Whether it has no object.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many there are of what the resource type is named after: networks without the routers beside them.
    pub fn count(&self) -> usize {
        match self {
            Self::Networks(parts) => parts.iter().filter(|it| it.network().is_some()).count(),
            other => other.len(),
        }
    }

    /// The status of each of those, in the API's word; of what has none `OK`, and nothing of quotas.
    pub fn statuses(&self) -> Vec<&str> {
        fn one<T: Thing>(thing: &T) -> &str {
            match thing.status() {
                None => "OK",
                Some("") => "UNKNOWN",
                Some(status) => status,
            }
        }
        match self {
            Self::Networks(parts) => parts.iter().filter(|it| it.network().is_some()).map(one).collect(),
            other => each!(other, _ => Vec::new(), list => list.iter().map(one).collect()),
        }
    }

    /// The JSON that is stored: an object by name for quotas, else a list.
    pub fn to_json(&self) -> Value {
        each!(self, quotas => serde_json::to_value(quotas), list => serde_json::to_value(list)).unwrap_or_default()
    }

    /// Reads what [`Body::to_json`] wrote, or what a person wrote in the same form.
    ///
    /// # Errors
    /// Says at which path the JSON is not of that form.
    pub fn from_json(resource_type: ResourceType, json: &Value) -> Result<Self, String> {
        Self::read(resource_type, json)
    }

    /// Reads the same from its text, which takes a fifth of the time.
    ///
    /// # Errors
    /// Says at which path the JSON is not of that form.
    pub fn from_text(resource_type: ResourceType, json: &RawValue) -> Result<Self, String> {
        Self::read(resource_type, json)
    }

    fn read<'json, D>(resource_type: ResourceType, json: D) -> Result<Self, String>
    where
        D: Deserializer<'json, Error = serde_json::Error>,
    {
        fn read<'json, T: DeserializeOwned, D>(json: D) -> Result<T, String>
        where
            D: Deserializer<'json, Error = serde_json::Error>,
        {
            serde_path_to_error::deserialize(json).map_err(|error| format!("{}: {}", error.path(), error.inner()))
        }
        let body = match resource_type {
            ResourceType::Quotas => Self::Quotas(read(json)?),
            ResourceType::SecurityGroups => Self::SecurityGroups(canonical(read(json)?)),
            ResourceType::FloatingIps => Self::FloatingIps(read(json)?),
            ResourceType::ServerGroups => Self::ServerGroups(read(json)?),
            ResourceType::Networks => Self::Networks(read(json)?),
            ResourceType::Ports => Self::Ports(read(json)?),
            ResourceType::Instances => Self::Instances(read(json)?),
            ResourceType::Volumes => Self::Volumes(read(json)?),
            ResourceType::VolumeSnapshots => Self::VolumeSnapshots(read(json)?),
        };
        Ok(body.sorted())
    }

    /// SHA-256 of the stored JSON, as hex: equal digests, equal content.
    pub fn digest(&self) -> String {
        let json = self.to_json();
        hex_digest(serde_json::to_string(&json).unwrap_or_else(|_| json.to_string()))
    }

    /// The id of each object with the name that people call it by.
    pub fn labels(&self) -> Vec<(&str, &str)> {
        each!(
            self,
            quotas => quotas.keys().map(|name| (name.as_str(), name.as_str())).collect(),
            list => list.iter().map(|it| (Thing::id(it), Thing::label(it))).collect()
        )
    }

    /// All but the objects with these ids.
    #[must_use]
    pub fn without(mut self, unwanted: impl Fn(&str) -> bool) -> Self {
        each!(
            &mut self,
            quotas => quotas.retain(|name, _| !unwanted(name)),
            list => list.retain(|it| !unwanted(Thing::id(it)))
        );
        self
    }

    /// Takes over the objects of `earlier` whose ids stand in `ids` and that are missing here.
    #[must_use]
    pub fn with_objects_of(mut self, earlier: &Self, wanted: impl Fn(&str) -> bool) -> Self {
        match (&mut self, earlier) {
            (Self::Quotas(here), Self::Quotas(there)) => {
                for (name, quota) in there.iter().filter(|(name, _)| wanted(name)) {
                    here.entry(name.clone()).or_insert(*quota);
                }
            }
            (Self::SecurityGroups(here), Self::SecurityGroups(there)) => take(here, there, wanted),
            (Self::FloatingIps(here), Self::FloatingIps(there)) => take(here, there, wanted),
            (Self::ServerGroups(here), Self::ServerGroups(there)) => take(here, there, wanted),
            (Self::Networks(here), Self::Networks(there)) => take(here, there, wanted),
            (Self::Ports(here), Self::Ports(there)) => take(here, there, wanted),
            (Self::Instances(here), Self::Instances(there)) => take(here, there, wanted),
            (Self::Volumes(here), Self::Volumes(there)) => take(here, there, wanted),
            (Self::VolumeSnapshots(here), Self::VolumeSnapshots(there)) => take(here, there, wanted),
            _ => {}
        }
        self.sorted()
    }
}

fn sort<T: Thing>(list: &mut [T]) {
    list.sort_by(|left, right| left.id().cmp(right.id()));
    list.iter_mut().for_each(Thing::tidy);
}

fn take<T: Thing>(into: &mut Vec<T>, from: &[T], wanted: impl Fn(&str) -> bool) {
    let known: HashSet<&str> = into.iter().map(Thing::id).collect();
    let missing = from.iter().filter(|it| wanted(it.id()) && !known.contains(it.id()));
    let missing: Vec<T> = missing.cloned().collect();
    into.extend(missing);
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
