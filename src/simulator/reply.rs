//! What a service answers, before it becomes HTTP.
//!
//! Services return plain values, so that they can be run under a lock and know nothing of connections;
//! refusals travel as the error half of [`Answer`] to let `?` end a request early.

use axum::http::StatusCode;
use serde::Serialize;

/// An answer: both halves are responses, the error half is merely the early one.
pub type Answer = Result<Reply, Reply>;

const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=UTF-8";

/// One response.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub content_type: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    /// A JSON answer; a value that cannot be serialised is the simulator's fault and says so.
    pub fn json(status: StatusCode, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self::bytes(status, body),
            Err(error) => Self {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                content_type: "text/plain",
                headers: Vec::new(),
                body: format!("cannot serialise the answer: {error}").into_bytes(),
            },
        }
    }

    /// A 200 in JSON.
    pub fn ok(value: &impl Serialize) -> Self {
        Self::json(StatusCode::OK, value)
    }

    /// JSON that is already text: listings write themselves to spare a tree of values.
    pub fn bytes(status: StatusCode, body: Vec<u8>) -> Self {
        Self { status, content_type: JSON, headers: Vec::new(), body }
    }

    /// No body.
    pub fn empty(status: StatusCode) -> Self {
        Self::bytes(status, Vec::new())
    }

    /// The page that WSGI front ends answer where no service code was reached.
    pub fn html(status: StatusCode, message: &str) -> Self {
        let reason = status.canonical_reason().unwrap_or_default();
        let title = format!("{} {reason}", status.as_u16());
        let body = format!(
            "<html>\n <head>\n  <title>{title}</title>\n </head>\n <body>\n  <h1>{title}</h1>\n  {message}<br /><br />\n\n\n\n </body>\n</html>"
        );
        Self { status, content_type: HTML, headers: Vec::new(), body: body.into_bytes() }
    }

    /// Adds a header.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Some services label an empty body as HTML.
    pub fn labelled_html(mut self) -> Self {
        self.content_type = HTML;
        self
    }
}
