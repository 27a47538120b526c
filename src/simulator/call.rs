//! One request, taken apart once for every service.

use axum::http::{HeaderMap, Method};
use serde_json::Value;
use uuid::Uuid;

/// The service that an address belongs to: the first part of its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Keystone.
    Identity,
    /// Nova.
    Compute,
    /// Neutron.
    Network,
    /// Cinder.
    Volume,
    /// Glance.
    Image,
    /// The simulator's own switches.
    Control,
}

impl Service {
    /// All but the simulator's own switches.
    pub const OPENSTACK: [Self; 5] = [Self::Identity, Self::Compute, Self::Network, Self::Volume, Self::Image];

    /// The service of a path, with what is left of the path.
    pub fn of(path: &str) -> Option<(Self, &str)> {
        let trimmed = path.strip_prefix('/')?;
        let (first, rest) = trimmed.split_once('/').unwrap_or((trimmed, ""));
        let service = match first {
            "identity" => Self::Identity,
            "compute" => Self::Compute,
            "network" => Self::Network,
            "volume" => Self::Volume,
            "image" => Self::Image,
            "simulator" => Self::Control,
            _ => return None,
        };
        Some((service, rest))
    }

    /// The name in addresses, logs and fault rules.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Compute => "compute",
            Self::Network => "network",
            Self::Volume => "volume",
            Self::Image => "image",
            Self::Control => "simulator",
        }
    }
}

/// A request as services see it.
#[derive(Debug)]
pub struct Call {
    /// The id that its answer carries.
    pub id: String,
    pub service: Service,
    pub method: Method,
    /// The whole path, as asked.
    pub path: String,
    /// The path below the service, split, without empty parts.
    pub segments: Vec<String>,
    pub query: Vec<(String, String)>,
    /// The query as it was written: links repeat it.
    pub raw_query: String,
    pub headers: HeaderMap,
    pub body: Value,
    /// `http://host:port`, for the links in answers.
    pub base: String,
}

impl Call {
    /// The segments in the form that `match` likes.
    pub fn parts(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// The first value of a query parameter.
    pub fn query(&self, key: &str) -> Option<&str> {
        let mut pairs = self.query.iter();
        pairs.find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// All values of a query parameter.
    pub fn queries<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Whether a parameter is present and does not mean no.
    pub fn flag(&self, key: &str) -> bool {
        self.query(key)
            .is_some_and(|value| !matches!(value.to_ascii_lowercase().as_str(), "0" | "false" | "no" | "off"))
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The full address that was asked.
    pub fn url(&self) -> String {
        let mut url = format!("{}{}", self.base, self.path);
        if !self.raw_query.is_empty() {
            url.push('?');
            url.push_str(&self.raw_query);
        }
        url
    }

    /// The address with other paging parameters: earlier ones are dropped, `extra` is appended.
    pub fn page_url(&self, drop: &[&str], extra: &str) -> String {
        let mut kept: Vec<&str> = self
            .raw_query
            .split('&')
            .filter(|pair| !pair.is_empty() && !drop.contains(&pair.split('=').next().unwrap_or_default()))
            .collect();
        if !extra.is_empty() {
            kept.push(extra);
        }
        format!("{}{}?{}", self.base, self.path, kept.join("&"))
    }
}

/// Ids come with and without dashes; anything else is simply an id that nothing has.
pub fn id(text: &str) -> Uuid {
    Uuid::try_parse(text).unwrap_or(Uuid::nil())
}

/// Keystone's form of an id.
pub fn hex(id: Uuid) -> String {
    id.simple().to_string()
}
