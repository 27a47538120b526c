//! What can go wrong with a cloud, named by what the caller can do about it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::retry::Retryable;

use super::clouds_yaml::ProfileError;
use super::service::Service;

/// Why a call brought no answer. Cheap to clone, for one failed login is the answer to everyone who waited for it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Keystone knows no such user, or the password is wrong, or the project is not the user's: it does not say which.
    #[error("{auth_url} refused the login of {who}: {message}; {}", hint(who))]
    Unauthorised {
        /// Where the login was tried.
        auth_url: String,
        /// Who tried.
        who: String,
        /// Keystone's words.
        message: String,
        /// What to look at, for Keystone does not tell a wrong secret from an expired credential.
        check: &'static str,
    },
    /// The credential itself has ended; only a new one helps.
    #[error("{who} can no longer log in at {auth_url}: {message}; make a new credential and put it into clouds.yaml")]
    CredentialExpired {
        /// Where the login was tried.
        auth_url: String,
        /// Which credential.
        who: String,
        /// Keystone's words.
        message: String,
    },
    /// A service does not accept a token that Keystone has just made.
    #[error("a fresh token is not accepted: {0}")]
    TokenRefused(Box<Refusal>),
    /// The role may not do this.
    #[error("not allowed: {0}")]
    Forbidden(Box<Refusal>),
    /// The token's scope cannot give a true answer from this service.
    #[error(
        "{service} gives a true answer only to a token for a project (neutron lists nothing to others) and this one \
         is for {scope}; set a project in clouds.yaml"
    )]
    WrongScope {
        /// The service.
        service: Service,
        /// What the token is for.
        scope: &'static str,
    },
    /// The role sees only its own project, and the service would hide that by answering with less.
    #[error(
        "{service} was not asked for {operation}: it would list nothing but project {own} to the roles {roles}; use a \
         login with one of the roles {needed}, or name the role that sees everything in `all_projects_roles`"
    )]
    OutOfSight {
        /// The service.
        service: Service,
        /// The call.
        operation: &'static str,
        /// The token's project.
        own: String,
        /// The roles that the login has.
        roles: String,
        /// The roles that see everything.
        needed: String,
    },
    /// There is no such thing.
    #[error("not found: {0}")]
    NotFound(Box<Refusal>),
    /// The service does not accept the request as it stands.
    #[error("bad request: {0}")]
    BadRequest(Box<Refusal>),
    /// The request collides with what is there.
    #[error("conflict: {0}")]
    Conflict(Box<Refusal>),
    /// A quota is exhausted; Neutron says 409, Nova 403, Cinder 413.
    #[error("quota exceeded: {0}")]
    QuotaExceeded(Box<Refusal>),
    /// Too many requests.
    #[error("rate limited: {refusal}")]
    RateLimited {
        /// What the service said.
        refusal: Box<Refusal>,
        /// When it wants to be asked again.
        after: Option<Duration>,
    },
    /// The service is there but cannot answer now.
    #[error("unavailable: {refusal}")]
    Unavailable {
        /// What the service said.
        refusal: Box<Refusal>,
        /// When it wants to be asked again.
        after: Option<Duration>,
    },
    /// The service failed several times in a row and is given a rest, so nothing was sent.
    #[error(
        "{service} of {cloud} failed {failures} times in a row and is left alone, so {operation} was not sent; it is \
         asked again in {after:?}; last: {last}"
    )]
    LeftAlone {
        /// The cloud.
        cloud: String,
        /// The service.
        service: Service,
        /// The call.
        operation: &'static str,
        /// How often.
        failures: u32,
        /// When it is asked again. Whoever tries again by a schedule of its own keeps to that: a rest that is told with
        /// each error would use up the attempts of an outage.
        after: Duration,
        /// How it failed last.
        last: String,
    },
    /// No answer in time.
    #[error("{service} at {host} did not answer {operation} within {limit:?}")]
    Timeout {
        /// The service.
        service: Service,
        /// The call.
        operation: &'static str,
        /// Host and port.
        host: String,
        /// The time-out.
        limit: Duration,
    },
    /// No connection, or it broke before the answer was whole.
    #[error("no connection to {service} at {host}: {cause}")]
    Connect {
        /// The service.
        service: Service,
        /// Host and port.
        host: String,
        /// The cause in words.
        cause: String,
        /// Whether the request cannot have arrived, so that even a write may be repeated.
        unsent: bool,
        /// The error of the HTTP client.
        #[source]
        source: Arc<reqwest::Error>,
    },
    /// The answer is not what the API promises.
    #[error("{service} answered {operation} with something that its api does not promise: {what}{}", Excerpt(.excerpt))]
    Protocol {
        /// The service.
        service: Service,
        /// The call.
        operation: &'static str,
        /// What is wrong, with the request's id.
        what: String,
        /// The beginning of the answer.
        excerpt: String,
    },
    /// A listing could not be paged to its end, so it proves nothing.
    #[error("{service} did not let {operation} come to an end: {what}")]
    Incomplete {
        /// The service.
        service: Service,
        /// The call.
        operation: &'static str,
        /// What stood in the way.
        what: String,
    },
    /// Writing is not allowed for this cloud, so nothing was sent.
    #[error("{operation} on {cloud} was not sent: this cloud is read-only; name the job kind in its `write` list")]
    WriteRefused {
        /// The cloud.
        cloud: String,
        /// The call.
        operation: &'static str,
    },
    /// A change was not sent, for the right to it may end before the answer is there.
    #[error("{operation} on {cloud} was not sent: the right to change the tenant may end before the answer")]
    TooLate {
        /// The cloud.
        cloud: String,
        /// The call.
        operation: &'static str,
    },
    /// The catalog has no address for this service.
    #[error(
        "no {interface} endpoint of {service} in {}; the catalog has: {available}",
        region.as_deref().map_or_else(|| "any region".to_owned(), |name| format!("region {name}"))
    )]
    NoEndpoint {
        /// The service.
        service: Service,
        /// The region that was looked for.
        region: Option<String>,
        /// The interface that was looked for.
        interface: &'static str,
        /// What there is instead.
        available: String,
    },
    /// The login's description is unusable.
    #[error(transparent)]
    Profile(#[from] Arc<ProfileError>),
    /// The HTTP client cannot be made from the profile.
    #[error("the http client of {cloud} cannot be made: {what}")]
    Client {
        /// The cloud.
        cloud: String,
        /// Why.
        what: String,
    },
}

/// What to look at. Keystone says the same to a wrong secret as to a credential that has ended.
fn hint(who: &str) -> &'static str {
    if who.starts_with("application credential") {
        return "check whether it has expired or was deleted, and its secret in clouds.yaml";
    }
    "check the user, the secret and the project in clouds.yaml"
}

/// A service's no, in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The service.
    pub service: Service,
    /// The call, as metrics name it.
    pub operation: &'static str,
    /// The project that was asked about.
    pub project: Option<String>,
    /// The HTTP status.
    pub status: u16,
    /// What the service said.
    pub message: String,
    /// The id under which the service's log knows the request.
    pub request_id: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} answered {} to {}", self.service, self.status, self.operation)?;
        if let Some(project) = &self.project {
            write!(f, " of project {project}")?;
        }
        write!(f, ": {}", self.message)?;
        match &self.request_id {
            Some(id) => write!(f, " ({id})"),
            None => Ok(()),
        }
    }
}

struct Excerpt<'a>(&'a str);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {:?}", self.0) }
    }
}

impl From<ProfileError> for Error {
    fn from(error: ProfileError) -> Self {
        Self::Profile(Arc::new(error))
    }
}

impl Error {
    /// A bounded word for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unauthorised { .. } | Self::TokenRefused(_) => "unauthorised",
            Self::CredentialExpired { .. } => "credential_expired",
            Self::Forbidden(_) => "forbidden",
            Self::WrongScope { .. } => "wrong_scope",
            Self::OutOfSight { .. } => "out_of_sight",
            Self::NotFound(_) => "not_found",
            Self::BadRequest(_) => "bad_request",
            Self::Conflict(_) => "conflict",
            Self::QuotaExceeded(_) => "quota_exceeded",
            Self::RateLimited { .. } => "rate_limited",
            Self::Unavailable { .. } | Self::LeftAlone { .. } => "unavailable",
            Self::Timeout { .. } => "timeout",
            Self::Connect { .. } => "connect",
            Self::Protocol { .. } => "protocol",
            Self::Incomplete { .. } => "incomplete",
            Self::WriteRefused { .. } => "write_refused",
            Self::TooLate { .. } => "too_late",
            Self::NoEndpoint { .. } => "no_endpoint",
            Self::Profile(_) | Self::Client { .. } => "profile",
        }
    }

    /// The service's own words, when it said some.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::TokenRefused(refusal)
            | Self::Forbidden(refusal)
            | Self::NotFound(refusal)
            | Self::BadRequest(refusal)
            | Self::Conflict(refusal)
            | Self::QuotaExceeded(refusal)
            | Self::RateLimited { refusal, .. }
            | Self::Unavailable { refusal, .. } => Some(refusal),
            _ => None,
        }
    }

    pub(crate) fn refusal_mut(&mut self) -> Option<&mut Refusal> {
        match self {
            Self::TokenRefused(refusal)
            | Self::Forbidden(refusal)
            | Self::NotFound(refusal)
            | Self::BadRequest(refusal)
            | Self::Conflict(refusal)
            | Self::QuotaExceeded(refusal)
            | Self::RateLimited { refusal, .. }
            | Self::Unavailable { refusal, .. } => Some(refusal),
            _ => None,
        }
    }

    /// Whether the request certainly took no effect, so that even a write may be sent again.
    pub fn took_no_effect(&self) -> bool {
        matches!(
            self,
            Self::Connect { unsent: true, .. }
                | Self::RateLimited { .. }
                | Self::LeftAlone { .. }
                | Self::TooLate { .. }
                | Self::WriteRefused { .. }
        )
    }

    /// Whether the service said no: it knows the request, and did nothing.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::TokenRefused(_)
                | Self::Forbidden(_)
                | Self::NotFound(_)
                | Self::BadRequest(_)
                | Self::Conflict(_)
                | Self::QuotaExceeded(_)
        )
    }
}

impl Retryable for Error {
    fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. }
                | Self::Unavailable { .. }
                | Self::LeftAlone { .. }
                | Self::Timeout { .. }
                | Self::Connect { .. }
                | Self::Incomplete { .. }
                | Self::TooLate { .. }
                // Revoked once more just after it was made, or its keys have not reached every node yet.
                | Self::TokenRefused(_)
        )
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { after, .. } | Self::Unavailable { after, .. } => *after,
            _ => None,
        }
    }
}
