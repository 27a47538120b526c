//! Faults on demand: which requests go wrong, and how.

use axum::http::Method;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::super::call::Service;

/// A fault rule; everything that it does not name matches.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fault {
    /// `identity`, `compute`, `network`, `volume` or `image`.
    #[serde(default)]
    pub service: Option<String>,
    /// `GET`, …
    #[serde(default)]
    pub method: Option<String>,
    /// What the path starts with, the service included: `/network/v2.0/security-groups`.
    #[serde(default)]
    pub path_prefix: Option<String>,
    /// What the path and query contain.
    #[serde(default)]
    pub contains: Option<String>,
    /// What happens.
    #[serde(flatten)]
    pub kind: Kind,
    /// How often; for ever without.
    #[serde(default)]
    pub count: Option<u64>,
    /// Only each n-th matching request; each without.
    #[serde(default)]
    pub every: Option<u64>,
    /// How many matching requests there were.
    #[serde(default)]
    pub seen: u64,
    /// How many of them went wrong.
    #[serde(default)]
    pub fired: u64,
}

/// What a fault does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// Answers with this status, and `Retry-After` if a number is given.
    Status {
        /// 500, 503, 429, …
        status: u16,
        /// Seconds.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// Resets the connection instead of answering.
    Reset,
    /// Breaks the connection in the middle of the answer's body.
    Truncate,
    /// Never answers.
    Hang,
    /// Answers what was true when it was asked, but not before the rules are replaced.
    Hold,
    /// Makes or removes an object of the project `elsewhere` before the request is served.
    Stir,
    /// Forgets all tokens before the request is served.
    RevokeTokens,
    /// Answers late.
    Latency {
        /// Milliseconds.
        milliseconds: u64,
    },
}

/// The rules in force.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Vec<Fault>,
    replaced: CancellationToken,
}

impl Faults {
    /// Replaces the rules.
    pub fn set(&mut self, rules: Vec<Fault>) {
        self.rules = rules;
        std::mem::take(&mut self.replaced).cancel();
    }

    /// Ends when the rules are replaced.
    pub fn replaced(&self) -> CancellationToken {
        self.replaced.clone()
    }

    /// The rules with their counters.
    pub fn rules(&self) -> &[Fault] {
        &self.rules
    }

    /// The faults of a request: the first one that ends it, and any that merely disturb it.
    pub fn strike(&mut self, service: Service, method: &Method, path: &str, query: &str) -> Vec<Kind> {
        let mut struck = Vec::new();
        for rule in &mut self.rules {
            if rule.matches(service, method, path, query) && rule.due() {
                struck.push(rule.kind);
            }
        }
        struck
    }
}

impl Fault {
    fn matches(&self, service: Service, method: &Method, path: &str, query: &str) -> bool {
        let whole = || format!("{path}?{query}");
        self.service.as_deref().is_none_or(|name| name == service.name())
            && self.method.as_deref().is_none_or(|name| name.eq_ignore_ascii_case(method.as_str()))
            && self.path_prefix.as_deref().is_none_or(|prefix| path.starts_with(prefix))
            && self.contains.as_deref().is_none_or(|part| whole().contains(part))
    }

    fn due(&mut self) -> bool {
        self.seen += 1;
        let spent = self.count.is_some_and(|count| self.fired >= count);
        let turn = self.every.is_none_or(|every| every < 2 || self.seen.is_multiple_of(every));
        if spent || !turn {
            return false;
        }
        self.fired += 1;
        true
    }
}
