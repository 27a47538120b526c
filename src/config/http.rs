//! `[http]`: metrics, health, the status page, and the API.

use std::borrow::Cow;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Problems;

/// Where the server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// On an address of the network.
    Address(SocketAddr),
    /// On a socket in the file system, written as `unix:/path`.
    Socket(PathBuf),
}

impl Listen {
    /// Whether only this machine can reach it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Address(address) => address.ip().is_loopback(),
            Self::Socket(_) => true,
        }
    }

    /// What tells it apart on its host.
    pub fn place(&self) -> String {
        match self {
            Self::Address(address) => address.port().to_string(),
            Self::Socket(path) => path.display().to_string(),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(formatter),
            Self::Socket(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:").filter(|path| path.starts_with('/')) {
            return Ok(Self::Socket(path.into()));
        }
        let wrong = |_| format!("`{text}` is no place to listen; write 127.0.0.1:9464 or unix:/run/tenantd/api.sock");
        text.parse().map(Self::Address).map_err(wrong)
    }
}

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Listen {
    fn schema_name() -> Cow<'static, str> {
        "Listen".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "an address such as 127.0.0.1:9464, or unix:/path" })
    }
}

/// The HTTP server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Where to listen: an address, of which port 0 takes a free one, or `unix:/path`.
    pub listen: Listen,
    /// What links of the API begin with, where clients reach it through a proxy; default: what each client used.
    pub public_url: Option<String>,
    /// The certificate chain, in PEM; with it, and `tls_key`, the server speaks TLS.
    pub tls_certificate: Option<PathBuf>,
    /// The certificate's private key, in PEM.
    pub tls_key: Option<PathBuf>,
}

impl Default for Http {
    fn default() -> Self {
        let listen = Listen::Address(SocketAddr::from((Ipv4Addr::LOCALHOST, 9464)));
        Self { listen, public_url: None, tls_certificate: None, tls_key: None }
    }
}

impl Http {
    pub(super) fn validate(&self, problems: &mut Problems) {
        let is_base = |text: &str| {
            let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
            rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['?', '#', ' ']) && !rest.ends_with('/'))
        };
        if self.public_url.as_deref().is_some_and(|url| !is_base(url)) {
            problems.add("http.public_url", "must be like https://tenantd.example.org, without a slash at its end");
        }
        if self.tls_certificate.is_some() != self.tls_key.is_some() {
            problems.add("http.tls_key", "a certificate and its key belong together: set tls_certificate and tls_key");
        }
        if self.tls_certificate.is_some() && matches!(self.listen, Listen::Socket(_)) {
            problems.add("http.tls_certificate", "a socket in the file system has no TLS");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_to_listen_is_an_address_or_a_path() {
        let read = |text: &str| text.parse::<Listen>();
        assert_eq!(read("[::1]:80").unwrap().to_string(), "[::1]:80");
        assert!(read("127.0.0.1:1").unwrap().is_local() && !read("0.0.0.0:1").unwrap().is_local());
        let socket = read("unix:/run/api.sock").unwrap();
        assert!(socket.is_local() && socket.to_string() == "unix:/run/api.sock");
        assert!(read("unix:api.sock").is_err() && read("localhost").is_err());
    }
}
