//! Reads a message: in which format it is written is told by its media type, then by its headers, never by guessing
//! from its body. Every format comes to the same draft, which is checked once. A message that cannot be a job is
//! refused with a reason that fits and the path of the mistake, and never panics.

mod celery;
mod check;
mod cloudevents;
mod native;
pub mod schema;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::config::{Broker, Producer};
use crate::jobs;
use crate::model::job::{Reply, ReplyFormat, Request};

/// What the broker says of a message beside its body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    /// The media type.
    pub content_type: Option<String>,
    /// How the text is encoded.
    pub content_encoding: Option<String>,
    /// The producer's id of the message.
    pub message_id: Option<String>,
    /// What the producer tells its answers apart by.
    pub correlation_id: Option<String>,
    /// The queue in which the producer awaits the answer.
    pub reply_to: Option<String>,
    /// The user that the broker validated.
    pub user_id: Option<String>,
    /// The application that the producer claims to be.
    pub app_id: Option<String>,
    /// The headers that are texts, numbers and truth values.
    pub headers: Map<String, Value>,
}

/// What the configuration says of messages.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// The kinds that Celery's task names stand for, besides `tenantd.<kind>`.
    pub tasks: &'a BTreeMap<String, String>,
    /// Who may ask for writes; everybody, while there is none.
    pub producers: &'a [Producer],
    /// Attempts that a job has at most.
    pub attempts: u32,
}

impl<'a> Terms<'a> {
    /// Those of a broker.
    pub fn of(broker: &'a Broker, attempts: u32) -> Self {
        Self { tasks: &broker.celery.tasks, producers: &broker.producers, attempts }
    }
}

/// Why a message is no job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// One word, for the dead letter's header.
    pub reason: &'static str,
    /// What is wrong, with its path.
    pub error: String,
    /// The kind, as far as it could be read.
    pub kind: Option<String>,
    /// The tenant, as far as it could be read.
    pub tenant: Option<String>,
    /// Where the producer awaits the answer.
    pub reply: Option<Box<Reply>>,
}

/// Reads a message.
///
/// # Errors
/// Why it is no job.
pub fn decode(properties: &Properties, body: &[u8], terms: Terms<'_>, now: DateTime<Utc>) -> Result<Request, Refusal> {
    let mut draft = Draft::default();
    let asked = read(properties, body, terms, now, &mut draft).and_then(|()| {
        let kind = jobs::kind(&draft.kind).ok_or_else(|| check::unknown_kind(&draft))?;
        check::request(kind, &draft, properties, terms, now)
    });
    let reply = reply(properties, &draft);
    match asked {
        Ok(request) => Ok(Request { reply, ..request }),
        Err(mistake) => Err(Refusal {
            reason: mistake.reason,
            error: mistake.error,
            kind: Some(draft.kind).filter(|kind| !kind.is_empty()),
            tenant: draft.tenant,
            reply: reply.map(Box::new),
        }),
    }
}

/// What a message says, whichever its format; a reader fills it as far as it comes.
#[derive(Debug)]
struct Draft {
    format: ReplyFormat,
    /// What the format calls the parts.
    paths: &'static Paths,
    /// The producer's id of the job.
    id: Option<String>,
    /// In whose words `id` is, where the message says it itself.
    id_of: Option<String>,
    kind: String,
    tenant: Option<String>,
    cloud: Option<String>,
    /// It is for every tenant.
    all: bool,
    params: Map<String, Value>,
    deadline: Option<DateTime<Utc>>,
    not_before: Option<DateTime<Utc>>,
    /// Attempts that the producer made of it.
    attempt: i64,
    trace: Option<String>,
    /// The producer wants no answer, wherever it could go.
    silent: bool,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            format: ReplyFormat::Native,
            paths: &native::PATHS,
            id: None,
            id_of: None,
            kind: String::new(),
            tenant: None,
            cloud: None,
            all: false,
            params: Map::new(),
            deadline: None,
            not_before: None,
            attempt: 0,
            trace: None,
            silent: false,
        }
    }
}

/// What a format calls the parts of a job.
#[derive(Debug)]
struct Paths {
    kind: &'static str,
    id: &'static str,
    tenant: &'static str,
    cloud: &'static str,
    scope: &'static str,
    params: &'static str,
    /// How a job for every tenant is written.
    for_all: &'static str,
}

/// Why a message is no job, before it is known whom to tell.
#[derive(Debug)]
struct Mistake {
    reason: &'static str,
    error: String,
}

impl Mistake {
    fn new(reason: &'static str, error: impl Into<String>) -> Self {
        Self { reason, error: error.into() }
    }

    fn invalid(error: impl Into<String>) -> Self {
        Self::new("invalid_message", error)
    }

    fn unsupported(error: impl Into<String>) -> Self {
        Self::new("unsupported_format", error)
    }
}

/// Tells the formats apart, and reads the message as what it is.
fn read(
    properties: &Properties,
    body: &[u8],
    terms: Terms<'_>,
    now: DateTime<Utc>,
    draft: &mut Draft,
) -> Result<(), Mistake> {
    draft.id = properties.message_id.clone().filter(|id| !id.is_empty());
    draft.trace = properties.header("traceparent").map(str::to_owned);
    let media_type = media_type(properties.content_type.as_deref());
    if media_type.starts_with("application/cloudevents") {
        return cloudevents::structured(properties, &media_type, body, draft);
    }
    if cloudevents::is_binary(properties) {
        return cloudevents::binary(properties, &media_type, body, draft);
    }
    if properties.headers.contains_key("task") {
        return celery::read(properties, &media_type, body, terms.tasks, now, draft);
    }
    if media_type == JSON {
        return native::read(properties, body, draft);
    }
    let known = "application/json, application/cloudevents+json, or Celery's headers with application/json";
    Err(Mistake::unsupported(format!("messages of type `{media_type}` are not understood; send {known}")))
}

const JSON: &str = "application/json";

/// The media type without its parameters; none means JSON.
fn media_type(written: Option<&str>) -> String {
    let written = written.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if written.is_empty() { JSON.to_owned() } else { written }
}

impl Properties {
    /// A header that is a text.
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(Value::as_str)
    }

    /// A body that is JSON, if it is; what the database could not keep is none.
    fn json(&self, body: &[u8]) -> Result<Value, Mistake> {
        let encoding = self.content_encoding.as_deref().unwrap_or_default().to_ascii_lowercase();
        if !matches!(encoding.as_str(), "" | "utf-8" | "utf8" | "us-ascii" | "ascii" | "binary" | "identity") {
            return Err(Mistake::unsupported(format!(
                "content_encoding: `{encoding}` is not understood; send plain UTF-8"
            )));
        }
        json(body)
    }
}

fn json(body: &[u8]) -> Result<Value, Mistake> {
    if body.is_empty() {
        return Err(Mistake::new("unreadable", "the message is empty"));
    }
    let value =
        serde_json::from_slice(body).map_err(|error| Mistake::new("unreadable", format!("no JSON: {error}")))?;
    match check::unstorable(&value) {
        Some(path) => Err(Mistake::invalid(format!("{path}: a NUL character, which PostgreSQL cannot keep"))),
        None => Ok(value),
    }
}

/// Where the producer awaits the answer, if it does.
fn reply(properties: &Properties, draft: &Draft) -> Option<Reply> {
    let keepable = |text: &&String| !text.is_empty() && !text.contains('\0');
    Some(Reply {
        to: properties.reply_to.clone().filter(|to| !draft.silent && keepable(&to))?,
        correlation_id: properties.correlation_id.clone().filter(|id| keepable(&id)),
        format: draft.format,
        asked_as: draft.id.as_deref().unwrap_or_default().replace('\0', "\u{fffd}"),
    })
}

#[cfg(test)]
mod tests;
