//! Why a request is not done, in the bodies that the API's clients expect.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::model::{Invalid, TenantState};
use crate::retry::Retryable;
use crate::store::StoreError;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Detail {
    /// What happened.
    pub detail: String,
}

/// Why a request is not done.
#[derive(Debug)]
pub(super) enum Refusal {
    /// With one message.
    Because(StatusCode, String),
    /// Nobody is known to ask.
    Unauthenticated(&'static str),
    /// Something is wrong with what was sent.
    Invalid(Invalid),
    /// The same, as it is told.
    Told(Value),
    /// Not now, but so many seconds later.
    Later(StatusCode, String, i64),
}

impl Refusal {
    /// There is no such thing, or nobody may know that there is.
    pub fn not_found() -> Self {
        Self::Because(StatusCode::NOT_FOUND, "Not found.".to_owned())
    }

    /// The path does not know the method.
    pub fn not_allowed(method: &Method) -> Self {
        Self::Because(StatusCode::METHOD_NOT_ALLOWED, format!("Method \"{method}\" not allowed."))
    }

    /// The caller may not do this.
    pub fn forbidden(why: impl Into<String>) -> Self {
        Self::Because(StatusCode::FORBIDDEN, why.into())
    }

    /// What is there does not permit it.
    pub fn conflict(why: impl Into<String>) -> Self {
        Self::Because(StatusCode::CONFLICT, why.into())
    }

    /// The tenant is in another state than these.
    pub fn state(allowed: &[TenantState]) -> Self {
        let allowed: Vec<&str> = allowed.iter().map(|state| state.as_str()).collect();
        Self::conflict(format!("Valid states for operation: {}.", allowed.join(", ")))
    }

    /// What is wrong with what was sent, where all of it was one parameter of the job.
    #[must_use]
    pub fn within(self, parameter: &str) -> Self {
        let Self::Invalid(invalid) = &self else { return self };
        let mut told = serde_json::to_value(invalid).unwrap_or_default();
        match told.as_object_mut() {
            Some(fields) if fields.len() == 1 => fields.remove(parameter).map_or(self, Self::Told),
            _ => self,
        }
    }

    /// It takes too long, or too much is going on.
    pub fn busy(why: impl Into<String>) -> Self {
        Self::Later(StatusCode::SERVICE_UNAVAILABLE, why.into(), 1)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        if let StoreError::Gone(_) = error {
            return Self::not_found();
        }
        if error.is_retryable() {
            return Self::Later(StatusCode::SERVICE_UNAVAILABLE, error.to_string(), 5);
        }
        tracing::error!(%error, "a request could not be answered");
        Self::Because(StatusCode::INTERNAL_SERVER_ERROR, "The records could not be read; the log says why.".to_owned())
    }
}

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

fn with<const N: usize>(status: StatusCode, detail: String, headers: [(HeaderName, HeaderValue); N]) -> Response {
    (status, headers, Json(Detail { detail })).into_response()
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Because(status, detail) => with(status, detail, []),
            Self::Unauthenticated(why) => {
                let scheme = (header::WWW_AUTHENTICATE, HeaderValue::from_static("Token"));
                with(StatusCode::UNAUTHORIZED, why.to_owned(), [scheme])
            }
            Self::Invalid(invalid) => (StatusCode::BAD_REQUEST, Json(invalid)).into_response(),
            Self::Told(body) => (StatusCode::BAD_REQUEST, Json(body)).into_response(),
            Self::Later(status, detail, seconds) => {
                with(status, detail, [(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))])
            }
        }
    }
}
