//! What must hold of a job however it was written: its kind, its producer, its parameters, whom it is for, its times.

use chrono::{DateTime, Datelike, NaiveDateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Draft, Mistake, Properties, Terms};
use crate::config::Producer;
use crate::jobs::{self, Kind};
use crate::model::ids::{job_id, new_id};
use crate::model::job::{PRIORITY_PRODUCER, Request};
use crate::model::pattern::matches;

/// The longest `traceparent` that is linked.
const TRACE_LIMIT: usize = 64;

/// The request that a draft makes, if everything holds.
pub(super) fn request(
    kind: &Kind,
    draft: &Draft,
    properties: &Properties,
    terms: Terms<'_>,
    now: DateTime<Utc>,
) -> Result<Request, Mistake> {
    permitted(kind, properties.user_id.as_deref(), terms.producers)?;
    let params = Value::Object(draft.params.clone());
    kind.check(&params).map_err(|why| {
        let path = why.strip_prefix("params").map(|rest| format!("{}{rest}", draft.paths.params));
        Mistake::new("invalid_params", path.unwrap_or(why))
    })?;
    addressed(kind, draft)?;
    Ok(Request {
        cloud: draft.cloud.clone(),
        subject: draft.tenant.clone(),
        params,
        priority: PRIORITY_PRODUCER,
        attempt: attempts_so_far(draft.attempt, terms.attempts),
        not_before: draft.not_before.unwrap_or(now),
        deadline: draft.deadline,
        trace: draft.trace.clone().filter(|it| it.len() <= TRACE_LIMIT && it.is_ascii() && !it.contains('\0')),
        producer: properties.user_id.clone(),
        ..Request::new(id(kind, draft, properties, now)?, kind.name, "amqp", now)
    })
}

pub(super) fn unknown_kind(draft: &Draft) -> Mistake {
    let known = jobs::kind_names().join(", ");
    let (path, kind) = (draft.paths.kind, &draft.kind);
    Mistake::new("unknown_kind", format!("{path}: `{kind}` is no job kind; there are {known}"))
}

/// A write needs a producer that may ask for it, once the configuration names producers. Only the user that the
/// broker validated counts, for whatever else a message says of its producer anybody can write.
fn permitted(kind: &Kind, user: Option<&str>, producers: &[Producer]) -> Result<(), Mistake> {
    if !kind.writes || producers.is_empty() {
        return Ok(());
    }
    let Some(user) = user else {
        let what = "the message has no user_id; the producer must set it, for only that is validated by the broker";
        return Err(Mistake::new("not_permitted", format!("user_id: {} writes, and {what}", kind.name)));
    };
    let may = |producer: &Producer| producer.user == user && producer.kinds.iter().any(|it| matches(it, kind.name));
    if producers.iter().any(may) {
        return Ok(());
    }
    let what = format!("no [[broker.producers]] lets `{user}` ask for {}", kind.name);
    Err(Mistake::new("not_permitted", format!("user_id: {what}")))
}

/// Whom it is for: one tenant, the tenants of a cloud, or all of them, and only one of these.
fn addressed(kind: &Kind, draft: &Draft) -> Result<(), Mistake> {
    let paths = draft.paths;
    for (path, text) in [(paths.tenant, &draft.tenant), (paths.cloud, &draft.cloud)] {
        match text.as_deref() {
            Some("") => return Err(Mistake::invalid(format!("{path}: is empty"))),
            Some(text) if text.contains('\0') => {
                return Err(Mistake::invalid(format!("{path}: a NUL character, which PostgreSQL cannot keep")));
            }
            _ => {}
        }
    }
    if draft.tenant.is_some() && draft.all {
        return Err(Mistake::invalid(format!("{}: a job is for one tenant or for all, not both", paths.scope)));
    }
    if draft.tenant.is_none() && !kind.fleet {
        return Err(Mistake::invalid(format!("{}: missing; {} is for one tenant", paths.tenant, kind.name)));
    }
    if draft.tenant.is_none() && draft.cloud.is_none() && !draft.all {
        let all = paths.for_all;
        return Err(Mistake::invalid(format!("{}: missing; a job for every tenant says {all}", paths.tenant)));
    }
    Ok(())
}

/// The job's id: the producer's own, or the one that stands for it. What writes must have one, for without it the same
/// order delivered twice would be done twice.
fn id(kind: &Kind, draft: &Draft, properties: &Properties, now: DateTime<Utc>) -> Result<Uuid, Mistake> {
    let producer = properties.user_id.as_deref().or(properties.app_id.as_deref()).unwrap_or("amqp");
    match draft.id.as_deref().filter(|id| !id.is_empty()) {
        Some(id) => Ok(job_id(draft.id_of.as_deref().unwrap_or(producer), id)),
        None if kind.writes => {
            let what = format!("missing; {} writes, and its id is what keeps it from being done twice", kind.name);
            Err(Mistake::new("missing_id", format!("{}: {what}", draft.paths.id)))
        }
        None => Ok(new_id(now)),
    }
}

/// Attempts made elsewhere count, but at least one is made here.
fn attempts_so_far(made: i64, most: u32) -> i64 {
    made.clamp(0, (i64::from(most) - 1).max(0))
}

/// A moment in a text: RFC 3339, or the same without an offset, which is UTC.
pub(super) fn moment(path: &str, text: &str) -> Result<DateTime<Utc>, Mistake> {
    let read = DateTime::parse_from_rfc3339(text).map(|it| it.to_utc());
    let read = read.or_else(|_| text.parse::<NaiveDateTime>().map(|it| it.and_utc()));
    let read = read.map_err(|_| Mistake::invalid(format!("{path}: `{text}` is no time; write RFC 3339")))?;
    in_range(path, read)
}

/// The moment itself, unless a database could not keep it.
pub(super) fn in_range(path: &str, moment: DateTime<Utc>) -> Result<DateTime<Utc>, Mistake> {
    if (1970..=9999).contains(&moment.year()) {
        return Ok(moment);
    }
    Err(Mistake::invalid(format!("{path}: not between the years 1970 and 9999")))
}

/// The value as an object, or what it is instead.
pub(super) fn object(path: &str, value: Value) -> Result<Map<String, Value>, Mistake> {
    match value {
        Value::Object(entries) => Ok(entries),
        other => Err(Mistake::invalid(format!("{path}: expected an object, not {}", what(&other)))),
    }
}

/// The value as a text, nothing when it is null, or what it is instead.
pub(super) fn text(path: &str, value: Value) -> Result<Option<String>, Mistake> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        other => Err(Mistake::invalid(format!("{path}: expected a text, not {}", what(&other)))),
    }
}

const fn what(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The path of a text with a NUL character, which PostgreSQL cannot keep.
pub(super) fn unstorable(value: &Value) -> Option<String> {
    fn look(value: &Value, path: &str) -> Option<String> {
        match value {
            Value::String(text) => text.contains('\0').then(|| path.to_owned()),
            Value::Array(items) => {
                items.iter().enumerate().find_map(|(index, item)| look(item, &format!("{path}[{index}]")))
            }
            Value::Object(entries) => entries.iter().find_map(|(key, item)| {
                let dot = if path.is_empty() { "" } else { "." };
                let place = format!("{path}{dot}{}", key.replace('\0', "\u{fffd}"));
                if key.contains('\0') { Some(place) } else { look(item, &place) }
            }),
            _ => None,
        }
    }
    look(value, "").map(|path| if path.is_empty() { "the message".to_owned() } else { path })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A kind that writes, as none of this version does.
    fn writes() -> Kind {
        let mut kind = *jobs::kind("pull_quotas").unwrap();
        (kind.name, kind.writes, kind.fleet) = ("set_quotas", true, false);
        kind
    }

    fn producers() -> Vec<Producer> {
        let producer = |user: &str, kinds: &[&str]| Producer {
            user: user.to_owned(),
            kinds: kinds.iter().map(|it| (*it).to_owned()).collect(),
        };
        vec![producer("waldur", &["pull_*", "set_quotas"]), producer("viewer", &["pull_*"])]
    }

    fn asked(draft: &Draft, user: Option<&str>, producers: &[Producer]) -> Result<Request, &'static str> {
        let properties = Properties { user_id: user.map(str::to_owned), ..Properties::default() };
        let terms = Terms { tasks: &std::collections::BTreeMap::new(), producers, attempts: 12 };
        request(&writes(), draft, &properties, terms, DateTime::UNIX_EPOCH).map_err(|mistake| mistake.reason)
    }

    fn draft(id: Option<&str>) -> Draft {
        Draft { id: id.map(str::to_owned), tenant: Some("t".to_owned()), ..Draft::default() }
    }

    #[test]
    fn a_write_needs_a_permitted_producer_once_producers_are_named() {
        let draft = draft(Some("order-7"));
        assert!(asked(&draft, None, &[]).is_ok());
        let request = asked(&draft, Some("waldur"), &producers()).unwrap();
        assert_eq!(request.producer.as_deref(), Some("waldur"));
        assert_eq!(asked(&draft, Some("viewer"), &producers()), Err("not_permitted"));
        assert_eq!(asked(&draft, Some("nobody"), &producers()), Err("not_permitted"));
        assert_eq!(asked(&draft, None, &producers()), Err("not_permitted"));
        let reads = jobs::kind("pull_quotas").unwrap();
        assert!(permitted(reads, None, &producers()).is_ok(), "reads are free");
    }

    #[test]
    fn a_write_needs_an_id() {
        assert_eq!(asked(&draft(None), None, &[]), Err("missing_id"));
        assert_eq!(asked(&draft(Some("")), None, &[]), Err("missing_id"));
        assert_eq!(asked(&draft(None), Some("viewer"), &producers()), Err("not_permitted"), "that comes first");
    }

    #[test]
    fn what_is_for_one_tenant_needs_one() {
        let draft = Draft { tenant: None, all: true, ..draft(Some("order-7")) };
        assert_eq!(asked(&draft, None, &[]), Err("invalid_message"));
    }

    #[test]
    fn attempts_made_elsewhere_leave_one_to_make_here() {
        let counted = [-3, 0, 4, 11, 12, i64::MAX].map(|made| attempts_so_far(made, 12));
        assert_eq!(counted, [0, 0, 4, 11, 11, 11]);
        assert_eq!(attempts_so_far(5, 0), 0);
    }

    #[test]
    fn a_character_that_no_database_keeps_is_found_at_its_place() {
        let found = |value: Value| unstorable(&value);
        assert_eq!(found(json!({"a": [1, {"b": "x\0"}]})).as_deref(), Some("a[1].b"));
        assert_eq!(found(json!({"a": {"b\0": 1}})).as_deref(), Some("a.b\u{fffd}"));
        assert_eq!(found(json!("\0")).as_deref(), Some("the message"));
        assert_eq!(found(json!({"a": "b"})), None);
    }

    #[test]
    fn a_time_without_an_offset_is_utc() {
        let read = |text: &str| moment("eta", text).map_err(|mistake| mistake.error);
        let noon: DateTime<Utc> = "2026-01-01T12:00:00Z".parse().unwrap();
        for text in
            ["2026-01-01T12:00:00Z", "2026-01-01T14:00:00+02:00", "2026-01-01T12:00:00", "2026-01-01T12:00:00.0"]
        {
            assert_eq!(read(text), Ok(noon), "{text}");
        }
        assert_eq!(read("soon"), Err("eta: `soon` is no time; write RFC 3339".to_owned()));
        assert_eq!(read("0001-01-01T00:00:00Z"), Err("eta: not between the years 1970 and 9999".to_owned()));
    }
}
