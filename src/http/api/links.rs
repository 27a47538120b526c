//! Addresses of things, as clients can use them: absolute, with ids of 32 hex digits.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{Uri, header};
use uuid::Uuid;

use super::Api;
use super::refusal::Refusal;

/// Makes addresses.
#[derive(Debug, Clone)]
pub(super) struct Links {
    base: String,
    /// The request's own path and query.
    uri: Uri,
}

impl FromRequestParts<Arc<Api>> for Links {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Refusal> {
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.and_then(|host| host.parse::<Authority>().ok());
        let base = match (&api.view.public_url, host) {
            (Some(public), _) => public.clone(),
            (None, Some(host)) => format!("{}://{host}", if api.view.secure { "https" } else { "http" }),
            (None, None) => "http://localhost".to_owned(),
        };
        Ok(Self { base, uri: parts.uri.clone() })
    }
}

/// An id as the API writes it.
pub(super) fn hex(uuid: Uuid) -> String {
    uuid.simple().to_string()
}

impl Links {
    /// The address of a thing of a collection.
    pub fn to(&self, collection: &str, id: &str) -> String {
        format!("{}/api/{collection}/{id}/", self.base)
    }

    /// The request's own address with another page, or without one.
    pub fn page(&self, number: Option<i64>) -> String {
        let kept = url::form_urlencoded::parse(self.uri.query().unwrap_or_default().as_bytes());
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(kept.filter(|(key, _)| key != "page"));
        if let Some(number) = number {
            query.append_pair("page", &number.to_string());
        }
        let query = query.finish();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{}{mark}{query}", self.base, self.uri.path())
    }
}
