//! `[broker]`: RabbitMQ, through which work comes in and news goes out.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Problems, Secret};

/// How to reach RabbitMQ and what is called what there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Broker {
    /// `amqp://user:password@host:port/vhost` or `amqps://…`.
    pub url: Secret,
    /// A file that holds the URL, in place of `url`.
    pub url_file: Option<PathBuf>,
    /// Of every exchange and queue.
    pub prefix: String,
    /// Messages held unacknowledged at most.
    pub prefetch: u16,
    /// Whether exchanges and queues are declared on start; `false` for sites that declare them themselves.
    pub declare: bool,
    /// Who may ask for writes; only those, once there is one.
    pub producers: Vec<Producer>,
    /// How tasks of Celery are read.
    pub celery: Celery,
}

impl Default for Broker {
    fn default() -> Self {
        Self {
            url: Secret::new("amqp://guest:guest@localhost:5672/%2f"),
            url_file: None,
            prefix: "tenantd".to_owned(),
            prefetch: 256,
            declare: true,
            producers: Vec::new(),
            celery: Celery::default(),
        }
    }
}

/// Somebody who puts jobs into the queue.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Producer {
    /// The broker's user, as the broker validates it in `user_id`.
    pub user: String,
    /// Job kinds that it may ask for; `*` stands for any text.
    pub kinds: Vec<String>,
}

/// How tasks of Celery are read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Celery {
    /// The job kinds that names of tasks stand for, besides `tenantd.<kind>`.
    pub tasks: BTreeMap<String, String>,
}

impl Broker {
    /// The URL as it is now: a file is read again at each connection, for passwords are rotated.
    pub fn current_url(&self) -> Secret {
        let written = self.url_file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
        written.map_or_else(|| self.url.clone(), |text| Secret::new(text.trim()))
    }

    pub(super) fn validate(&self, known_kinds: &[&str], problems: &mut Problems) {
        let url = self.url.expose();
        if !url.starts_with("amqp://") && !url.starts_with("amqps://") {
            problems.add("broker.url", "is no broker URL; use amqp://user:password@host:5672/%2f or amqps://…");
        }
        let plain = |text: &str| {
            (1..=200).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        if !plain(&self.prefix) {
            problems.add("broker.prefix", "must be letters, digits, dots, dashes and underscores, at most 200");
        }
        if self.prefetch == 0 {
            problems.add("broker.prefetch", "must be at least 1");
        }
        for (index, producer) in self.producers.iter().enumerate() {
            if producer.user.trim().is_empty() {
                problems.add(format!("broker.producers[{index}].user"), "must be the name of a user of the broker");
            }
        }
        for (task, kind) in &self.celery.tasks {
            if !known_kinds.contains(&kind.as_str()) {
                let known = known_kinds.join(", ");
                let path = format!("broker.celery.tasks.\"{task}\"");
                problems.add(path, format!("`{kind}` is no job kind; there are {known}"));
            }
        }
    }
}
