//! What the end of a request tells about its service.

use std::time::Duration;

use crate::openstack::error::Error;

/// What a request's end tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was done.
    Done,
    /// The service is there, and said no or made a mistake of its own.
    Alive,
    /// It was too much, and is to wait so long.
    Refused(Option<Duration>),
    /// It was too much, or nobody is there: a gateway's 503 does not tell.
    Overloaded(String),
    /// Nobody is there, or nobody answers.
    Failed(String),
    /// Nothing: it was not sent.
    Unsent,
}

impl Outcome {
    /// What a result tells.
    pub(crate) fn of<T>(result: &Result<T, Error>) -> Self {
        let Err(error) = result else { return Self::Done };
        match error {
            Error::RateLimited { after, .. } => Self::Refused(*after),
            // Who says when to come back is busy; a gateway without a service behind it does not know.
            Error::Unavailable { refusal, after: Some(after) } if refusal.status == 503 => Self::Refused(Some(*after)),
            Error::Unavailable { refusal, .. } if refusal.status == 500 => Self::Alive,
            Error::Unavailable { refusal, .. } if refusal.status == 503 => Self::Overloaded(error.to_string()),
            Error::Unavailable { .. } | Error::Timeout { .. } | Error::Connect { .. } => {
                Self::Failed(error.to_string())
            }
            _ if error.refusal().is_some() => Self::Alive,
            _ => Self::Unsent,
        }
    }
}
