//! The right to change a cloud: who has it may send what the wire lets nobody else send.
//!
//! It is given for one kind of job, where the configuration names that kind for the cloud, and lasts only as long as
//! somebody vouches that the change may still begin.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Cloud;
use super::error::Error;
use super::http::Incoming;
use super::request::Request;
use super::upload::{Receipt, Upload};

/// Vouches that a change may begin.
pub trait Warrant: fmt::Debug + Send + Sync {
    /// Whether a request that may take so long can leave now.
    fn allows(&self, limit: Duration) -> bool;
}

/// What a request shows to the wire; only [`Cloud::writer`] makes one.
#[derive(Debug, Clone)]
pub(crate) struct Permit {
    warrant: Arc<dyn Warrant>,
}

impl Permit {
    pub(crate) fn allows(&self, limit: Duration) -> bool {
        self.warrant.allows(limit)
    }

    /// A permit without a cloud, for tests of the wire.
    #[cfg(test)]
    pub(crate) fn of(warrant: Arc<dyn Warrant>) -> Self {
        Self { warrant }
    }
}

/// Sends changes to one cloud. The calls are in the files named after the services.
#[derive(Debug, Clone)]
pub struct Writer {
    cloud: Cloud,
    permit: Permit,
}

impl Cloud {
    /// Whether jobs of this kind may change the cloud.
    pub fn may_write(&self, kind: &str) -> bool {
        self.inner.options.write.contains(kind)
    }

    /// How long one request may take.
    pub fn request_timeout(&self) -> Duration {
        self.inner.options.request_timeout
    }

    /// The right to change the cloud, for a kind of job that the configuration names.
    ///
    /// # Errors
    /// [`Error::WriteRefused`] for every other kind.
    pub fn writer(&self, kind: &'static str, warrant: Arc<dyn Warrant>) -> Result<Writer, Error> {
        if !self.may_write(kind) {
            return Err(Error::WriteRefused { cloud: self.name().to_owned(), operation: kind });
        }
        Ok(Writer { cloud: self.clone(), permit: Permit { warrant } })
    }
}

impl Writer {
    /// Whether a request that may take so long could leave now.
    #[cfg(test)]
    pub fn is_allowed(&self, limit: Duration) -> bool {
        self.permit.allows(limit)
    }

    /// The cloud, for questions.
    pub const fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// The same right, used with another token of the same cloud: see [`Cloud::within`].
    ///
    /// # Errors
    /// [`Error::WriteRefused`] for another cloud.
    pub(crate) fn with_token_of(&self, cloud: &Cloud) -> Result<Self, Error> {
        if cloud.name() != self.cloud.name() {
            return Err(Error::WriteRefused { cloud: cloud.name().to_owned(), operation: "token" });
        }
        Ok(Self { cloud: cloud.clone(), permit: self.permit.clone() })
    }

    /// Sends a request that changes something. It is repeated only where it certainly took no effect.
    pub(crate) async fn send(&self, mut request: Request<'_>) -> Result<Incoming, Error> {
        request.permit = Some(self.permit.clone());
        self.cloud.send(&request).await
    }

    /// Sends a body piece by piece; what was sent. Where no more pieces came, that is the error and not the service's.
    pub(crate) async fn send_upload(&self, mut request: Request<'_>, upload: Upload) -> Result<Receipt, Error> {
        request.permit = Some(self.permit.clone());
        let progress = upload.progress();
        let sent = self.cloud.send_upload(&request, upload).await;
        if let Some(trouble) = progress.trouble() {
            let what = format!("the data ended after {} bytes: {trouble}", progress.bytes());
            return Err(Error::Incomplete { service: request.service, operation: request.operation, what });
        }
        sent.map(|_| progress.receipt())
    }

    /// The same for what is to be gone: what is gone already is as good.
    pub(crate) async fn send_removal(&self, request: Request<'_>) -> Result<(), Error> {
        match self.send(request).await {
            Ok(_) | Err(Error::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
