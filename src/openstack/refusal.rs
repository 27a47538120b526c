//! From an HTTP answer that is not a success to an [`Error`]: by status, then by what the service says.
//!
//! A 401 has Keystone's form from every service, Glance and unknown paths answer in HTML, a proxy in anything: the
//! message is taken out of whatever came, and no form is assumed.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::error::{Error, Refusal};
use super::http::Incoming;
use super::request::Request;

/// No server may put us to sleep for longer than this.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);
const LONGEST_MESSAGE: usize = 500;

/// The error that a non-success answer stands for.
pub(crate) fn classify(request: &Request<'_>, answer: &Incoming) -> Error {
    let body = String::from_utf8_lossy(&answer.body);
    let (kind, said) = message(&body);
    let refusal = Box::new(Refusal {
        service: request.service,
        operation: request.operation,
        project: request.project.map(str::to_owned),
        status: answer.status.as_u16(),
        message: said.unwrap_or_else(|| answer.status.canonical_reason().unwrap_or("no reason given").to_owned()),
        request_id: answer.request_id().map(str::to_owned),
    });
    let after = retry_after(answer.header("retry-after"), answer.back_at);
    let over_quota = kind.as_deref() == Some("OverQuota") || refusal.message.starts_with("Quota exceeded");
    match refusal.status {
        401 => Error::TokenRefused(refusal),
        403 | 409 if over_quota => Error::QuotaExceeded(refusal),
        // Cinder says "over quota" with 413 and a Retry-After of nothing: waiting does not help.
        413 if after.is_none_or(|after| after.is_zero()) => Error::QuotaExceeded(refusal),
        413 | 429 => Error::RateLimited { refusal, after },
        403 => Error::Forbidden(refusal),
        404 | 410 => Error::NotFound(refusal),
        409 => Error::Conflict(refusal),
        408 | 500 | 502..=504 => Error::Unavailable { refusal, after },
        300..=399 => Error::Protocol {
            service: request.service,
            operation: request.operation,
            what: format!(
                "a redirect ({}) to {}; put that address into the catalog or an endpoint override",
                refusal.status,
                answer.header("location").unwrap_or("nowhere")
            ),
            excerpt: String::new(),
        },
        _ => Error::BadRequest(refusal),
    }
}

/// Reads a `Retry-After` in seconds or as an HTTP date.
pub(crate) fn retry_after(header: Option<&str>, now: DateTime<Utc>) -> Option<Duration> {
    let header = header?.trim();
    let after = match header.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => (DateTime::parse_from_rfc2822(header).ok()?.to_utc() - now).to_std().unwrap_or_default(),
    };
    Some(after.min(LONGEST_RETRY_AFTER))
}

/// The kind and the message inside an error's body.
fn message(body: &str) -> (Option<String>, Option<String>) {
    let Ok(json) = serde_json::from_str::<Value>(body) else {
        return (None, Some(plain(body)).filter(|text| !text.is_empty()));
    };
    let inner = json.as_object().filter(|object| object.len() == 1).and_then(|object| object.values().next());
    let text = |value: &Value| value.as_str().map(plain);
    match inner.unwrap_or(&json) {
        Value::Object(fields) => {
            let kind = fields.get("type").and_then(Value::as_str).map(str::to_owned);
            (kind, ["message", "title", "detail"].iter().find_map(|key| fields.get(*key).and_then(text)))
        }
        other => (None, text(other)),
    }
}

/// A text of one line without markup, of bounded length.
fn plain(text: &str) -> String {
    let mut line = String::new();
    let mut inside_tag = false;
    let body = text.find("<body").map_or(text, |start| &text[start..]);
    for character in body.chars() {
        match character {
            '<' if body.len() != text.len() || text.trim_start().starts_with('<') => inside_tag = true,
            '>' if inside_tag => {
                inside_tag = false;
                line.push(' ');
            }
            _ if inside_tag => {}
            _ => line.push(character),
        }
    }
    let mut line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(LONGEST_MESSAGE) {
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_comes_in_two_forms_and_is_capped() {
        let now = DateTime::parse_from_rfc3339("2026-11-21T20:00:00Z").unwrap().to_utc();
        let table = [
            ("7", Some(7)),
            ("0", Some(0)),
            ("Sat, 21 Nov 2026 20:00:30 GMT", Some(30)),
            ("Sat, 21 Nov 2026 19:00:00 GMT", Some(0)),
            ("99999999", Some(3_600)),
            ("soon", None),
            ("-3", None),
        ];
        for (header, seconds) in table {
            assert_eq!(retry_after(Some(header), now), seconds.map(Duration::from_secs), "{header}");
        }
        assert_eq!(retry_after(None, now), None);
    }

    #[test]
    fn the_message_is_found_in_every_form() {
        let table = [
            (r#"{"error": {"code": 401, "title": "Unauthorized", "message": "no"}}"#, "no"),
            (r#"{"NeutronError": {"type": "X", "message": "no", "detail": ""}}"#, "no"),
            (r#"{"NeutronError": "no"}"#, "no"),
            (r#"{"badRequest": {"code": 400, "message": "no"}}"#, "no"),
            (r#"{"message": "no", "code": 400}"#, "no"),
            (r#""no""#, "no"),
            ("<html><head><title>x</title></head>\n<body><h1>404</h1>\nno</body></html>", "404 no"),
            ("upstream <b> gone", "upstream <b> gone"),
        ];
        for (body, expected) in table {
            assert_eq!(message(body).1.as_deref(), Some(expected), "{body}");
        }
        assert_eq!(message("").1, None);
    }
}
