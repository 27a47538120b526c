//! The one way to a service: token, address, the service's gate, second attempts, one renewal after a 401.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::retry::{Backoff, Retryable};

use super::Cloud;
use super::error::Error;
use super::gate::Outcome;
use super::http::Incoming;
use super::login::TOKEN;
use super::microversion;
use super::refusal::classify;
use super::request::Request;
use super::service::Service;
use super::session::{Grant, LONGEST_WAIT};
use super::upload::Upload;

/// How long a request waits for a service that is left alone: a short failure is waited out, a long one is told.
const PATIENCE: Duration = Duration::from_secs(5);
const API_VERSION: HeaderName = HeaderName::from_static("openstack-api-version");
const OLD_API_VERSION: HeaderName = HeaderName::from_static("x-openstack-nova-api-version");

impl Cloud {
    /// Sends a request until it succeeds, its error is final, or its attempts are used up.
    pub(crate) async fn send(&self, request: &Request<'_>) -> Result<Incoming, Error> {
        if request.permit.is_none() && !request.is_read() {
            return Err(Error::WriteRefused { cloud: self.name().to_owned(), operation: request.operation });
        }
        let (mut attempt, mut renewed, mut waited) = (1, false, Duration::ZERO);
        loop {
            // A login has its own attempts, so its error is final here.
            let grant = self.inner.session.grant().await?;
            let error = match self.attempt(&grant, request).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if matches!(error, Error::TokenRefused(_)) && !renewed {
                renewed = true;
                self.inner.session.renew_past(grant.generation).await?;
                continue;
            }
            // Nothing was sent, so it is no attempt.
            if let Error::LeftAlone { after, .. } = error {
                waited += after;
                if self.inner.options.attempts < 2 || waited > PATIENCE {
                    return Err(error);
                }
                self.inner.clock.sleep(after).await;
                continue;
            }
            let repeatable = request.method == Method::GET || request.method == Method::HEAD || error.took_no_effect();
            // Whoever does not accept a token that is new is not asked again at once.
            let passes = error.is_retryable() && !matches!(error, Error::TokenRefused(_));
            if attempt >= self.inner.options.attempts || !passes || !repeatable {
                return Err(error);
            }
            let Some(wait) = delay(&self.inner.options.backoff, attempt, &error) else { return Err(error) };
            self.inner.clock.sleep(wait).await;
            attempt += 1;
        }
    }

    /// Sends a body piece by piece, once: what has left cannot be sent again.
    pub(crate) async fn send_upload(&self, request: &Request<'_>, upload: Upload) -> Result<Incoming, Error> {
        let grant = self.inner.session.grant().await?;
        let base = base_of(&grant, request)?;
        let headers = self.headers_of(&grant, request, &base).await?;
        let wire = &grant.connection.wire;
        // It holds none of the places of other requests: they would wait for as long as it takes.
        self.inner.gates.of(request.service).pace().await;
        let answer = wire.upload(request, address(&base, request), headers, upload).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(classify(request, &answer)) }
    }

    async fn attempt(&self, grant: &Grant, request: &Request<'_>) -> Result<Incoming, Error> {
        let base = base_of(grant, request)?;
        let pass = self.inner.gates.of(request.service).pass(request).await?;
        let result = self.exchange(grant, request, &base).await;
        pass.end(&Outcome::of(&result));
        result
    }

    async fn exchange(&self, grant: &Grant, request: &Request<'_>, base: &Url) -> Result<Incoming, Error> {
        let headers = self.headers_of(grant, request, base).await?;
        let answer = grant.connection.wire.exchange(request, address(base, request), headers).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(classify(request, &answer)) }
    }

    /// The headers that a service wants.
    async fn headers_of(&self, grant: &Grant, request: &Request<'_>, base: &Url) -> Result<HeaderMap, Error> {
        let mut headers = HeaderMap::from_iter([(TOKEN, grant.token.clone())]);
        if request.service == Service::Compute
            && let Some(version) = microversion::negotiated(grant, base, self.inner.gates.of(request.service)).await?
        {
            if let Ok(value) = HeaderValue::try_from(format!("compute {version}")) {
                headers.insert(API_VERSION, value);
            }
            if let Ok(value) = HeaderValue::try_from(version) {
                headers.insert(OLD_API_VERSION, value);
            }
        }
        Ok(headers)
    }
}

/// Where a service is.
fn base_of(grant: &Grant, request: &Request<'_>) -> Result<Url, Error> {
    let identity = &grant.identity;
    let project = identity.project_id();
    if request.service != Service::Identity && project.is_none() {
        return Err(Error::WrongScope { service: request.service, scope: identity.scope.noun() });
    }
    identity.catalog.base(request.service, &grant.connection.profile, project)
}

/// The full address of a request below a service's base.
pub(crate) fn address(base: &Url, request: &Request<'_>) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(&request.path);
    }
    if !request.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&request.query);
    }
    url
}

/// How long to wait before the next attempt: the server's wish, else ours. `None`: longer than a request may wait.
pub(crate) fn delay(backoff: &Backoff, attempt: u32, error: &Error) -> Option<Duration> {
    match error.retry_after().filter(|after| !after.is_zero()) {
        Some(after) => Some(after).filter(|after| *after <= LONGEST_WAIT),
        None => Some(backoff.delay(attempt, &mut rand::rng())),
    }
}
