//! `[database]`: where the records are.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Problems, Secret};

/// Where the records are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `sqlite:///path/to/file` or `postgres://user@host/name`.
    pub url: Secret,
    /// A file that holds the URL, in place of `url`.
    pub url_file: Option<PathBuf>,
    /// Connections kept at most.
    pub connections: u32,
    /// Whether `run` brings the schema to this version by itself.
    pub migrate: bool,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: Secret::new("sqlite:///var/lib/tenantd/tenantd.db"),
            url_file: None,
            connections: 10,
            migrate: true,
        }
    }
}

impl Database {
    pub(super) fn validate(&self, problems: &mut Problems) {
        let url = self.url.expose();
        let known = ["sqlite:", "postgres://", "postgresql://"];
        if !known.iter().any(|scheme| url.starts_with(scheme)) {
            problems.add("database.url", "is no database URL; use sqlite:///path/to/file or postgres://user@host/name");
        }
        if self.connections < 2 {
            problems.add("database.connections", "must be at least 2: one writes while one reads");
        }
    }
}
