//! How a job fails: the class follows from the error's type.

use std::error::Error as StdError;
use std::time::Duration;

use crate::model::job::REMOVED;
use crate::openstack;
use crate::retry::Retryable;
use crate::store::StoreError;

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// It may work later.
    #[error("{message}")]
    Retry {
        /// One word for metrics and dead letters.
        reason: &'static str,
        /// What happened, to which thing.
        message: String,
        /// The delay that the other side asked for.
        after: Option<Duration>,
        /// What it came from.
        #[source]
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
    /// Nobody can do it as it was asked for.
    #[error("{message}")]
    GiveUp {
        /// One word for metrics and dead letters.
        reason: &'static str,
        /// What happened, to which thing, and what to do.
        message: String,
        /// What it came from.
        #[source]
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
    /// The daemon stops; the attempt does not count.
    #[error("interrupted: the daemon stops")]
    Interrupted,
    /// Its cloud has its share of the places already; the attempt does not count.
    #[error("waits for its cloud's share of the workers")]
    Crowded,
    /// Another job changes the same tenant; the attempt does not count.
    #[error("waits for another job that changes the same tenant")]
    Leased,
    /// Its parts are being worked on; the attempt does not count.
    #[error("waits for its {0} parts")]
    Parted(usize),
    /// Someone ended it.
    #[error("cancelled")]
    Cancelled,
}

impl JobError {
    /// Nobody can do it.
    pub fn give_up(reason: &'static str, message: impl Into<String>) -> Self {
        Self::GiveUp { reason, message: message.into(), source: None }
    }

    /// It may work later.
    pub fn retry(reason: &'static str, message: impl Into<String>) -> Self {
        Self::Retry { reason, message: message.into(), after: None, source: None }
    }

    /// One word for metrics and dead letters.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Retry { reason, .. } | Self::GiveUp { reason, .. } => reason,
            Self::Interrupted => "interrupted",
            Self::Crowded => "crowded",
            Self::Leased => "leased",
            Self::Parted(_) => "parted",
            Self::Cancelled => "cancelled",
        }
    }

    /// The same failure in other words.
    #[must_use]
    pub fn told(self, words: String) -> Self {
        match self {
            Self::Retry { reason, after, source, .. } => Self::Retry { reason, message: words, after, source },
            Self::GiveUp { reason, source, .. } => Self::GiveUp { reason, message: words, source },
            other => other,
        }
    }

    /// The same failure without a secret that somebody may have repeated in it.
    #[must_use]
    pub fn without(self, secret: &str) -> Self {
        let message = self.to_string();
        if secret.is_empty() || !message.contains(secret) {
            return self;
        }
        match self {
            Self::Retry { reason, after, .. } => {
                Self::Retry { reason, message: message.replace(secret, REMOVED), after, source: None }
            }
            Self::GiveUp { reason, .. } => {
                Self::GiveUp { reason, message: message.replace(secret, REMOVED), source: None }
            }
            other => other,
        }
    }

    /// Whether the attempt was none: it neither counts nor failed.
    pub const fn is_no_attempt(&self) -> bool {
        matches!(self, Self::Interrupted | Self::Crowded | Self::Leased | Self::Parted(_) | Self::Cancelled)
    }

    fn classified<E>(error: E, reason: &'static str) -> Self
    where
        E: Retryable + StdError + Send + Sync + 'static,
    {
        let message = error.to_string();
        if error.is_retryable() {
            return Self::Retry { reason, message, after: error.retry_after(), source: Some(Box::new(error)) };
        }
        Self::GiveUp { reason, message, source: Some(Box::new(error)) }
    }
}

impl From<openstack::Error> for JobError {
    fn from(error: openstack::Error) -> Self {
        let reason = error.reason();
        Self::classified(error, reason)
    }
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> Self {
        Self::classified(error, "database")
    }
}
