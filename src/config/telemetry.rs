//! `[telemetry]`: logs, traces, and how many series a scrape may have.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Problems;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// What the daemon tells about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// What is logged, as `tracing` filters are written: `info,tenantd=debug`.
    pub log: String,
    /// How log lines look.
    pub log_format: LogFormat,
    /// An OTLP/HTTP endpoint such as `http://127.0.0.1:4318`; without it there are no traces.
    pub otlp_endpoint: Option<String>,
    /// Series that a scrape has at most. What a shipped alert could need, all of a tenant with drift, and the sums of each
    /// cloud are never cut; of the others, the tenants that use most of a quota come first.
    pub max_series: usize,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { log: "info".to_owned(), log_format: LogFormat::Auto, otlp_endpoint: None, max_series: 200_000 }
    }
}

impl Telemetry {
    pub(super) fn validate(&self, problems: &mut Problems) {
        if let Err(error) = self.log.parse::<tracing_subscriber::EnvFilter>() {
            problems.add("telemetry.log", format!("`{}` is no log filter: {error}", self.log));
        }
        if let Some(endpoint) = &self.otlp_endpoint
            && !endpoint.starts_with("http://")
            && !endpoint.starts_with("https://")
        {
            problems.add("telemetry.otlp_endpoint", "must be an http:// or https:// URL of an OTLP/HTTP receiver");
        }
    }
}
