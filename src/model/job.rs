//! A job: one unit of work, however it was asked for.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::body::hex_digest;
use super::resource_type::ResourceType;
use super::words::words;

words! {
    /// Where a job stands.
    JobState {
        /// It waits.
        Queued = "queued",
        /// It runs.
        Running = "running",
        /// It ended well.
        Succeeded = "succeeded",
        /// It ended badly.
        Failed = "failed",
        /// Someone ended it.
        Cancelled = "cancelled",
    }
}

words! {
    /// How a job ended, for metrics and events.
    Outcome {
        /// Done, and something was different from before.
        Succeeded = "succeeded",
        /// Done, and everything was as before.
        Unchanged = "unchanged",
        /// Some of it was done.
        Partial = "partial",
        /// Nothing was done.
        Failed = "failed",
        /// Its deadline passed first.
        Expired = "expired",
        /// Someone ended it.
        Cancelled = "cancelled",
    }
}

impl Outcome {
    /// The state that a job with this outcome is in.
    pub const fn state(self) -> JobState {
        match self {
            Self::Succeeded | Self::Unchanged | Self::Partial => JobState::Succeeded,
            Self::Failed | Self::Expired => JobState::Failed,
            Self::Cancelled => JobState::Cancelled,
        }
    }
}

/// Whom a job concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One tenant.
    Tenant,
    /// Every tenant of one cloud.
    Cloud,
    /// Every tenant of every cloud.
    All,
}

/// What someone wants done: the same for a message, a tick, a command and an HTTP request.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The job's id.
    pub id: Uuid,
    /// What to do.
    pub kind: String,
    /// In which cloud.
    pub cloud: Option<String>,
    /// For which tenant, as the asker names it.
    pub subject: Option<String>,
    /// The kind's own parameters.
    pub params: Value,
    /// Who asked: `amqp`, `schedule:<name>`, `cli`, `http`, `look-again`.
    pub source: String,
    /// Higher goes first: what a person asked for before what a schedule asked for.
    pub priority: i64,
    /// Attempts made so far.
    pub attempt: i64,
    /// Not to be started before.
    pub not_before: DateTime<Utc>,
    /// Not to be started after.
    pub deadline: Option<DateTime<Utc>>,
    /// When it was asked for.
    pub enqueued_at: DateTime<Utc>,
    /// The asker's W3C `traceparent`.
    pub trace: Option<String>,
    /// The dead job that it repeats.
    pub retry_of: Option<Uuid>,
    /// Who asked, as the broker validated it.
    pub producer: Option<String>,
    /// Where its result goes besides the events.
    pub reply: Option<Reply>,
    /// Its share, when it is a part of a larger job.
    pub part: Option<Part>,
}

/// The share of a job that is a part of a larger one: one resource type of a range of a cloud's tenants.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Part {
    /// The larger job.
    pub of: Uuid,
    /// Which of its parts this is, counted from 1.
    pub number: usize,
    /// How many parts it has.
    pub count: usize,
    /// What to read.
    pub resource_type: ResourceType,
    /// Of the tenants whose ids in tenantd come after this one.
    pub after: Uuid,
    /// And not after this one.
    pub upto: Uuid,
}

words! {
    /// How a job was written, and so how its result is.
    ReplyFormat {
        /// tenantd's own JSON.
        Native = "native",
        /// A structured `CloudEvent`.
        CloudEvents = "cloudevents",
        /// A result of Celery's protocol 2.
        Celery = "celery",
    }
}

/// Where the result of a job goes: a queue, through the default exchange.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Reply {
    /// The queue.
    pub to: String,
    /// What the asker tells its results apart by.
    pub correlation_id: Option<String>,
    /// In which format.
    pub format: ReplyFormat,
    /// The asker's own id of the job.
    pub asked_as: String,
}

/// The priority of what a person waits for.
pub const PRIORITY_PERSON: i64 = 10;
/// The priority of what a producer asked for.
pub const PRIORITY_PRODUCER: i64 = 5;
/// The priority of what a schedule asked for.
pub const PRIORITY_SCHEDULE: i64 = 0;

impl Request {
    /// A request for `kind` by `source`, for everything, now.
    pub fn new(id: Uuid, kind: impl Into<String>, source: impl Into<String>, now: DateTime<Utc>) -> Self {
        Self {
            id,
            kind: kind.into(),
            cloud: None,
            subject: None,
            params: json!({}),
            source: source.into(),
            priority: PRIORITY_PRODUCER,
            attempt: 0,
            not_before: now,
            deadline: None,
            enqueued_at: now,
            trace: None,
            retry_of: None,
            producer: None,
            reply: None,
            part: None,
        }
    }

    /// The first of the jobs that ask for the same: a dead one that is asked for again is the same order.
    pub fn order(&self) -> Uuid {
        self.retry_of.unwrap_or(self.id)
    }

    /// Whom it concerns.
    pub const fn scope(&self) -> Scope {
        match (&self.subject, &self.cloud) {
            (Some(_), _) => Scope::Tenant,
            (None, Some(_)) => Scope::Cloud,
            (None, None) => Scope::All,
        }
    }

    /// Whose turn it takes among the jobs that wait: one lane for each tenant of each cloud, and for the parts of each job.
    pub fn lane(&self) -> String {
        let lane =
            format!("{}/{}", self.cloud.as_deref().unwrap_or_default(), self.subject.as_deref().unwrap_or_default());
        self.part.as_ref().map_or_else(|| lane.clone(), |part| format!("{lane}/{}", part.of))
    }

    /// What may be kept of parameters that hold a secret, once nobody needs it any more; none where they hold none.
    pub fn without_secrets(&self) -> Option<Value> {
        if !holds_secret(&self.params) {
            return None;
        }
        let mut left = self.params.clone();
        scrub(&mut left);
        Some(left)
    }

    /// The parameters as anybody may see them.
    pub fn shown_params(&self) -> Value {
        self.without_secrets().unwrap_or_else(|| self.params.clone())
    }

    /// SHA-256 of what is asked for: the same id with another digest is another job under a used id.
    pub fn digest(&self) -> String {
        // A digest of a secret would let it be guessed.
        let left = self.without_secrets();
        let asked = json!([self.kind, self.cloud, self.subject, left.as_ref().unwrap_or(&self.params)]);
        hex_digest(asked.to_string())
    }

    /// The native message that asks for the same, without secrets.
    pub fn to_native(&self) -> Value {
        let mut message = json!({ "id": self.id, "kind": self.kind, "params": self.shown_params() });
        match (&self.subject, &self.cloud) {
            (Some(subject), _) => message["tenant"] = json!(subject),
            (None, None) => message["scope"] = json!("all"),
            (None, Some(_)) => {}
        }
        if let Some(cloud) = &self.cloud {
            message["cloud"] = json!(cloud);
        }
        if let Some(deadline) = self.deadline {
            message["deadline"] = json!(deadline);
        }
        message
    }
}

/// Parameters that are secrets, whatever the kind of the job.
const SECRETS: [&str; 1] = ["user_password"];

/// What stands in place of a secret.
pub const REMOVED: &str = "(removed)";

fn holds_secret(value: &Value) -> bool {
    match value {
        Value::Object(entries) => {
            entries.iter().any(|(key, entry)| SECRETS.contains(&key.as_str()) || holds_secret(entry))
        }
        Value::Array(items) => items.iter().any(holds_secret),
        _ => false,
    }
}

/// Takes the secrets out of a message, however deep they are in it; whether there were any.
pub fn scrub(value: &mut Value) -> bool {
    match value {
        Value::Object(entries) => {
            let mut found = false;
            for (key, entry) in entries {
                if SECRETS.contains(&key.as_str()) {
                    *entry = json!(REMOVED);
                    found = true;
                } else {
                    found |= scrub(entry);
                }
            }
            found
        }
        Value::Array(items) => items.iter_mut().map(scrub).fold(false, |found, here| found | here),
        _ => false,
    }
}

/// Whether a text that cannot be taken apart may hold a secret.
pub fn tells_secret(text: &str) -> bool {
    SECRETS.iter().any(|name| text.contains(name))
}

/// A job as recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// What was asked for.
    pub request: Request,
    /// What was asked for, as a digest.
    pub digest: String,
    /// tenantd's id of the tenant, once it is known.
    pub tenant: Option<Uuid>,
    /// Where it stands.
    pub state: JobState,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// When the last attempt began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Why the last attempt failed, in one word.
    pub reason: Option<String>,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// When somebody asked for its end while it ran.
    pub cancel_asked_at: Option<DateTime<Utc>>,
}
