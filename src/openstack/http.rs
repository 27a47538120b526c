//! One exchange with a service: connection pool, time-out, metrics, span, and the refusal to write.
//!
//! Nothing else in the crate sends a request to a cloud. It knows no token, no catalog and no second attempt; those
//! are [`super::send`]'s.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, ClientBuilder, StatusCode, redirect};
use serde::Deserialize;
use tracing::{Instrument, Span, debug, field};
use url::Url;

use crate::clock::Clock;
use crate::telemetry::metrics;

use super::answer::Asked;
use super::error::Error;
use super::profile::Profile;
use super::request::Request;
use super::upload::{Progress, Upload};

/// An answer longer than this is not one of ours: a thousand security groups with their rules are about 15 MiB.
const LARGEST_ANSWER: usize = 64 << 20;
const EXCERPT: usize = 200;
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// No upload takes longer, however steadily it goes on.
const LONGEST_UPLOAD: Duration = Duration::from_hours(24);

/// The body of a request.
enum Outgoing {
    Nothing,
    Json(String),
    Pieces(Upload),
}

/// A pool of connections with the certificates of one profile.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    cloud: Arc<str>,
    client: Client,
    limit: Duration,
    clock: Arc<dyn Clock>,
}

/// A whole answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub left_at: DateTime<Utc>,
    pub back_at: DateTime<Utc>,
}

impl Wire {
    pub(crate) fn new(
        cloud: Arc<str>,
        profile: &Profile,
        limit: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let unusable = |what: String| Error::Client { cloud: cloud.to_string(), what };
        let base = || {
            Client::builder()
                .user_agent(concat!("tenantd/", env!("CARGO_PKG_VERSION")))
                .timeout(limit)
                .connect_timeout(limit.min(CONNECT_LIMIT))
                // A token must not follow a redirect to another host.
                .redirect(redirect::Policy::none())
                .tcp_nodelay(true)
        };
        let built = match &profile.cacert {
            Some(path) if profile.verify => {
                let pem = std::fs::read(path)
                    .map_err(|error| unusable(format!("cacert {} cannot be read: {error}", path.display())))?;
                let bundle = Certificate::from_pem_bundle(&pem)
                    .map_err(|error| unusable(format!("cacert {} is no PEM bundle: {error}", path.display())))?;
                base().tls_certs_only(bundle).build()
            }
            _ if !profile.verify => base().tls_danger_accept_invalid_certs(true).build(),
            // A machine without any certificates can still talk to a cloud without TLS.
            _ if profile.auth_url.starts_with("http://") => {
                base().build().or_else(|_| ClientBuilder::tls_certs_only(base(), []).build())
            }
            _ => base().build(),
        };
        let client = built.map_err(|error| unusable(root_cause(&error)))?;
        Ok(Self { cloud, client, limit, clock })
    }

    /// Sends one request once and reads its whole answer; every HTTP status is an answer.
    pub(crate) async fn exchange(
        &self,
        request: &Request<'_>,
        url: Url,
        headers: HeaderMap,
    ) -> Result<Incoming, Error> {
        let body = request.body.as_ref().map_or(Outgoing::Nothing, |body| Outgoing::Json(body.to_string()));
        self.exchange_with(request, url, headers, body).await
    }

    /// The same with a body that is sent piece by piece. It may take as long as pieces leave.
    pub(crate) async fn upload(
        &self,
        request: &Request<'_>,
        url: Url,
        headers: HeaderMap,
        upload: Upload,
    ) -> Result<Incoming, Error> {
        let (progress, host) = (upload.progress(), host(&url));
        let sent = self.exchange_with(request, url, headers, Outgoing::Pieces(upload));
        tokio::select! {
            sent = sent => sent,
            () = self.stalled(&progress) => {
                let (service, operation, limit) = (request.service, request.operation, self.limit);
                Err(Error::Timeout { service, operation, host, limit })
            }
        }
    }

    /// Completes when nothing has left for as long as a request may take.
    async fn stalled(&self, progress: &Progress) {
        let mut before = None;
        while before != Some(progress.bytes()) {
            before = Some(progress.bytes());
            self.clock.sleep(self.limit).await;
        }
    }

    async fn exchange_with(
        &self,
        request: &Request<'_>,
        url: Url,
        headers: HeaderMap,
        body: Outgoing,
    ) -> Result<Incoming, Error> {
        if !request.is_read() {
            self.must_be_permitted(request)?;
        }
        let span = tracing::debug_span!(
            "openstack.request",
            cloud.name = &*self.cloud,
            service = request.service.name(),
            operation = request.operation,
            http.request.method = %request.method,
            http.response.status_code = field::Empty,
            openstack.request_id = field::Empty,
        );
        let started = Instant::now();
        let result = self.transfer(request, url, headers, body).instrument(span.clone()).await;
        let took = started.elapsed();
        let status = match &result {
            Ok(answer) => answer.status.as_str().to_owned(),
            Err(error) => error.reason().to_owned(),
        };
        metrics::openstack_request(&self.cloud, request.service.name(), request.operation, &status, took);
        span.in_scope(|| debug!(status, took_ms = took.as_millis(), "request ended"));
        result
    }

    /// Whatever changes something needs a permit, and one that lasts until its answer is there.
    fn must_be_permitted(&self, request: &Request<'_>) -> Result<(), Error> {
        let (cloud, operation) = (self.cloud.to_string(), request.operation);
        match &request.permit {
            None => Err(Error::WriteRefused { cloud, operation }),
            Some(permit) if !permit.allows(self.limit) => Err(Error::TooLate { cloud, operation }),
            Some(_) => Ok(()),
        }
    }

    async fn transfer(
        &self,
        request: &Request<'_>,
        url: Url,
        headers: HeaderMap,
        body: Outgoing,
    ) -> Result<Incoming, Error> {
        let host = host(&url);
        let mut outgoing = self
            .client
            .request(request.method.clone(), url)
            .headers(headers)
            .header(ACCEPT, HeaderValue::from_static("application/json"));
        outgoing = match body {
            Outgoing::Nothing => outgoing,
            Outgoing::Json(json) => {
                outgoing.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(json)
            }
            Outgoing::Pieces(upload) => {
                let media = HeaderValue::from_static("application/octet-stream");
                outgoing.header(CONTENT_TYPE, media).timeout(LONGEST_UPLOAD).body(reqwest::Body::wrap(upload))
            }
        };
        let failed = |error: reqwest::Error, unsent: bool| self.failure(request, &host, error, unsent);
        let left_at = self.clock.now();
        let mut response = outgoing.send().await.map_err(|error| {
            let unsent = error.is_connect();
            failed(error, unsent)
        })?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(error, false))? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(Error::Protocol {
                    service: request.service,
                    operation: request.operation,
                    what: format!("more than {} MiB in one answer; use a smaller page size", LARGEST_ANSWER >> 20),
                    excerpt: String::new(),
                });
            }
            body.extend_from_slice(&chunk);
        }
        let answer = Incoming { status, headers, body: body.freeze(), left_at, back_at: self.clock.now() };
        let span = Span::current();
        span.record("http.response.status_code", status.as_u16());
        if let Some(id) = answer.request_id() {
            span.record("openstack.request_id", id);
        }
        Ok(answer)
    }

    fn failure(&self, request: &Request<'_>, host: &str, error: reqwest::Error, unsent: bool) -> Error {
        let (service, operation) = (request.service, request.operation);
        if error.is_timeout() {
            let limit = if unsent { self.limit.min(CONNECT_LIMIT) } else { self.limit };
            return Error::Timeout { service, operation, host: host.to_owned(), limit };
        }
        let error = error.without_url();
        let cause = root_cause(&error);
        Error::Connect { service, host: host.to_owned(), cause, unsent, source: Arc::new(error) }
    }
}

impl Incoming {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The id under which the service's log knows the request.
    pub(crate) fn request_id(&self) -> Option<&str> {
        ["x-openstack-request-id", "x-compute-request-id"].iter().find_map(|name| self.header(name))
    }

    /// The request that it answers, as the service's log knows it.
    pub(crate) fn asked(&self, request: &Request<'_>) -> Option<Asked> {
        let id = self.request_id()?;
        Some(Asked { service: request.service, id: id.into(), at: self.left_at })
    }

    /// Reads the body as JSON of the expected form.
    pub(crate) fn json<'de, T: Deserialize<'de>>(&'de self, request: &Request<'_>) -> Result<T, Error> {
        parsed(&self.body).map_err(|error| self.unexpected(request, &error.to_string()))
    }

    /// The error for an answer of another form than promised.
    pub(crate) fn unexpected(&self, request: &Request<'_>, what: &str) -> Error {
        let text = String::from_utf8_lossy(&self.body);
        let id = self.request_id().map(|id| format!(" ({id})")).unwrap_or_default();
        Error::Protocol {
            service: request.service,
            operation: request.operation,
            what: format!("{what}{id}"),
            excerpt: text.chars().take(EXCERPT).collect(),
        }
    }
}

/// Reads JSON; the error says where. Keeping track of that costs as much as reading, so what is in order is read without.
///
/// # Errors
/// When it is not of the expected form.
pub(super) fn parsed<'de, T: Deserialize<'de>>(
    json: &'de [u8],
) -> Result<T, serde_path_to_error::Error<serde_json::Error>> {
    serde_json::from_slice(json)
        .or_else(|_| serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(json)))
}

fn host(url: &Url) -> String {
    let port = url.port_or_known_default().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}", url.host_str().unwrap_or("nowhere"))
}

/// The innermost cause: "connection refused", where the outer ones only say that sending failed.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::openstack::service::Service;
    use crate::openstack::writer::{Permit, Warrant};
    use reqwest::Method;

    /// Vouches for changes that take at most so long.
    #[derive(Debug)]
    struct Lasts(Duration);

    impl Warrant for Lasts {
        fn allows(&self, limit: Duration) -> bool {
            limit <= self.0
        }
    }

    const LIMIT: Duration = Duration::from_secs(1);

    /// What becomes of a request to an address where nobody listens.
    async fn send(method: Method, path: &[&'static str], permit: Option<Duration>) -> &'static str {
        let wire = Wire::new("c".into(), &Profile::nowhere(), LIMIT, Arc::new(SystemClock)).unwrap();
        let url = Url::parse("http://127.0.0.1:1").unwrap();
        let mut request = Request::get(Service::Identity, "x", path);
        request.method = method;
        request.permit = permit.map(|lasts| Permit::of(Arc::new(Lasts(lasts))));
        wire.exchange(&request, url, HeaderMap::new()).await.unwrap_err().reason()
    }

    #[tokio::test]
    async fn a_read_only_wire_lets_nothing_else_out() {
        for method in [Method::PUT, Method::POST, Method::DELETE, Method::PATCH] {
            assert_eq!(send(method.clone(), &["projects"], None).await, "write_refused", "{method}");
        }
        assert_eq!(send(Method::DELETE, &["auth", "tokens"], None).await, "write_refused");
        assert_eq!(send(Method::GET, &["projects"], None).await, "connect");
        assert_eq!(send(Method::POST, &["auth", "tokens"], None).await, "connect");
    }

    #[tokio::test]
    async fn a_change_leaves_with_a_permit_that_outlasts_its_answer() {
        for method in [Method::PUT, Method::POST, Method::DELETE, Method::PATCH] {
            assert_eq!(send(method.clone(), &["projects"], Some(LIMIT)).await, "connect", "{method}");
            let short = Some(Duration::from_millis(999));
            assert_eq!(send(method.clone(), &["projects"], short).await, "too_late", "{method}");
        }
        // Questions need none.
        assert_eq!(send(Method::GET, &["projects"], Some(Duration::ZERO)).await, "connect");
    }
}
