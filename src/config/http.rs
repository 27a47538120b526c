//! `[http]`: metrics, health, the status page, and the API.

use std::net::{Ipv4Addr, SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Problems;

/// The HTTP server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// The address to listen on; port 0 takes a free one.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// What links of the API begin with, where clients reach it through a proxy; default: what each client used.
    pub public_url: Option<String>,
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9464)), public_url: None }
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
    }
}
