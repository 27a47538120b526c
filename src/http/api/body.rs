//! What a client sends: JSON of a bounded size, read field by field, with everything that is wrong told at once.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::StatusCode;
use serde_json::{Map, Value};

use super::refusal::Refusal;
use crate::model::Invalid;

/// Bytes that a body has at most: some thousand rules.
const MOST: usize = 1 << 20;

/// How long a body may take: whoever sends it holds a place that others wait for.
const PATIENCE: Duration = Duration::from_secs(5);

fn too_slow() -> Refusal {
    let why = format!("The body did not come within {} s.", PATIENCE.as_secs());
    Refusal::Because(StatusCode::REQUEST_TIMEOUT, why)
}

/// Reads a body as JSON; nothing stands for an empty object.
pub(super) async fn json(body: Body) -> Result<Value, Refusal> {
    let too_large = |_| {
        let why = format!("The body is longer than {MOST} bytes, or it broke off.");
        Refusal::Because(StatusCode::PAYLOAD_TOO_LARGE, why)
    };
    let bytes =
        tokio::time::timeout(PATIENCE, to_bytes(body, MOST)).await.map_err(|_| too_slow())?.map_err(too_large)?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(Map::new()));
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| Refusal::Because(StatusCode::BAD_REQUEST, format!("JSON parse error - {error}")))
}

/// The fields of a body, and what is wrong with those that were read.
#[derive(Debug)]
pub(super) struct Fields {
    sent: Map<String, Value>,
    wrong: Invalid,
}

impl From<Map<String, Value>> for Fields {
    fn from(sent: Map<String, Value>) -> Self {
        Self { sent, wrong: Invalid::default() }
    }
}

impl Fields {
    /// Reads a body that must be an object.
    pub async fn read(body: Body) -> Result<Self, Refusal> {
        match json(body).await? {
            Value::Object(object) => Ok(object.into()),
            other => {
                let found = if other.is_array() { "list" } else { "scalar" };
                let why = format!("Invalid data. Expected a dictionary, but got {found}.");
                Err(Invalid::in_field("non_field_errors", why).into())
            }
        }
    }

    /// The names of what was sent.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sent.keys().map(String::as_str)
    }

    /// A text, if it was sent.
    pub fn text(&mut self, name: &str) -> Option<String> {
        let why = match self.sent.get(name)? {
            Value::String(text) if text.contains('\0') => "Null characters are not allowed.",
            Value::String(text) => return Some(text.clone()),
            Value::Number(number) => return Some(number.to_string()),
            Value::Null => "This field may not be null.",
            _ => "Not a valid string.",
        };
        self.wrong.field(name).add(why);
        None
    }

    /// A text that must be sent.
    pub fn needed_text(&mut self, name: &str) -> Option<String> {
        if !self.sent.contains_key(name) {
            self.wrong.field(name).add("This field is required.");
        }
        self.text(name)
    }

    /// A text, if one was sent; null stands for none.
    pub fn text_or_null(&mut self, name: &str) -> Option<String> {
        if self.sent.get(name).is_some_and(Value::is_null) {
            return None;
        }
        self.text(name)
    }

    /// A list that must be sent.
    pub fn needed_list(&mut self, name: &str) -> Option<Vec<Value>> {
        let why = match self.sent.get(name) {
            Some(Value::Array(items)) => return Some(items.clone()),
            Some(Value::Null) => "This field may not be null.",
            Some(_) => "Expected a list of items.",
            None => "This field is required.",
        };
        self.wrong.field(name).add(why);
        None
    }

    /// A whole number of at least `least`, if it was sent.
    pub fn number(&mut self, name: &str, least: i64) -> Option<i64> {
        let number = match self.sent.get(name)? {
            Value::Null => {
                self.wrong.field(name).add("This field may not be null.");
                return None;
            }
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let why = match number {
            Some(number) if number >= least => return Some(number),
            Some(_) => format!("Ensure this value is greater than or equal to {least}."),
            None => "A valid integer is required.".to_owned(),
        };
        self.wrong.field(name).add(why);
        None
    }

    /// A truth, if it was sent.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        let flag = self.sent.get(name)?.as_bool();
        if flag.is_none() {
            self.wrong.field(name).add("Must be a valid boolean.");
        }
        flag
    }

    /// Whether something was sent that is not empty.
    pub fn is_more_than_nothing(&self, name: &str) -> bool {
        match self.sent.get(name) {
            None | Some(Value::Null) => false,
            Some(Value::Array(items)) => !items.is_empty(),
            Some(_) => true,
        }
    }

    /// Notes what only the reader of a field can know of it.
    pub fn refuse(&mut self, name: &str, why: &str) {
        self.wrong.field(name).add(why);
    }

    /// The value that was made of the fields, unless something is wrong with them.
    pub fn or<T>(self, value: T) -> Result<T, Invalid> {
        self.wrong.or(value)
    }
}
