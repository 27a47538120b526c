//! A request before it has an address: which service, which call, which path below the service's base.

use reqwest::Method;
use serde_json::Value;

use super::service::Service;
use super::writer::Permit;

/// One call. The path is kept in segments, so that no id can climb out of its place in the address.
#[derive(Debug, Clone)]
pub(crate) struct Request<'a> {
    pub service: Service,
    /// The call's bounded name in metrics.
    pub operation: &'static str,
    pub method: Method,
    pub path: Vec<&'a str>,
    pub query: Vec<(String, String)>,
    /// The project that the call is about, for messages.
    pub project: Option<&'a str>,
    pub body: Option<Value>,
    /// The right to change something, without which no such request leaves.
    pub permit: Option<Permit>,
}

impl<'a> Request<'a> {
    /// A question.
    pub(crate) fn get(service: Service, operation: &'static str, path: &[&'a str]) -> Self {
        Self {
            service,
            operation,
            method: Method::GET,
            path: path.to_vec(),
            query: Vec::new(),
            project: None,
            body: None,
            permit: None,
        }
    }

    pub(crate) fn query(mut self, key: &str, value: impl Into<String>) -> Self {
        self.query.push((key.to_owned(), value.into()));
        self
    }

    pub(crate) fn about(mut self, project: Option<&'a str>) -> Self {
        self.project = project;
        self
    }

    /// Whether it changes nothing in the cloud: a question, or the token that questions need.
    pub(crate) fn is_read(&self) -> bool {
        self.method == Method::GET
            || self.method == Method::HEAD
            || (self.service == Service::Identity
                && self.method == Method::POST
                && matches!(self.path.as_slice(), ["auth", "tokens"]))
    }
}
