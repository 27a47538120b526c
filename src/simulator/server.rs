//! From HTTP to the services and back: the request is logged, disturbed by faults, and answered.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, Response, StatusCode};
use futures::StreamExt;
use futures::stream;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::call::{Call, Service, hex};
use super::clock;
use super::control::faults::Kind;
use super::control::halt::{Stroke, When};
use super::control::limits::Entry as Entered;
use super::control::log::Entry;
use super::control::{self, Control};
use super::identity::model::Scope;
use super::image;
use super::reply::Reply;
use super::wire::Wire;
use super::world::World;

const LARGEST_REQUEST: usize = 4 << 20;

/// What all connections share.
#[derive(Debug)]
pub struct Shared {
    pub world: RwLock<World>,
    pub control: Mutex<Control>,
    pub latency: Duration,
    pub stop: CancellationToken,
    /// Used where a request names no host.
    pub address: String,
}

impl Shared {
    /// The state of a cloud that is about to serve.
    pub fn new(world: World, control: Control, latency: Duration, address: String, stop: CancellationToken) -> Self {
        Self { world: RwLock::new(world), control: Mutex::new(control), latency, stop, address }
    }

    /// The switches; a panic elsewhere does not make them unusable.
    pub fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a request against the state.
    pub fn serve(&self, call: &Call) -> Reply {
        let answer = if matches!(call.method, Method::GET | Method::HEAD) {
            self.world.read().unwrap_or_else(PoisonError::into_inner).read(call)
        } else {
            self.world.write().unwrap_or_else(PoisonError::into_inner).write(call)
        };
        answer.unwrap_or_else(|refusal| refusal)
    }

    /// The project of its token, if it has one.
    pub fn project(&self, call: &Call) -> Option<String> {
        let world = self.world.read().unwrap_or_else(PoisonError::into_inner);
        let token = world.identity.tokens.get(call.header("x-auth-token")?)?;
        match token.scope {
            Scope::Project(project) => Some(hex(project)),
            _ => None,
        }
    }
}

impl Shared {
    /// Notes a request; no status where the connection is broken instead of an answer.
    pub fn log(&self, call: &Call, project: Option<String>, status: u16) {
        self.control().log.add(Entry {
            number: 0,
            request_id: call.id.clone(),
            at: clock::zoned_micros(clock::now()),
            service: call.service.name(),
            method: call.method.to_string(),
            path: call.page_url(&[], "").replacen(&call.base, "", 1).trim_end_matches('?').to_owned(),
            project,
            status,
        });
    }
}

/// A request inside a service, for the limits.
struct Inside<'a> {
    shared: &'a Shared,
    service: Service,
    workers: Option<Arc<Semaphore>>,
}

impl<'a> Inside<'a> {
    fn enter(shared: &'a Shared, service: Service) -> Result<Self, Reply> {
        match shared.control().limits.enter(service) {
            Entered::Welcome(workers) => Ok(Self { shared, service, workers }),
            Entered::Refused(reply) => Err(reply),
        }
    }

    /// Is worked on for `latency`, once there is a worker, and then answered.
    async fn work(&self, call: &Call, latency: Duration) -> Reply {
        // Nobody closes the line.
        let _worker = match &self.workers {
            Some(workers) => workers.acquire().await.ok(),
            None => None,
        };
        let began = Instant::now();
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let reply = self.shared.serve(call);
        if self.workers.is_some() {
            self.shared.control().limits.worked(self.service, began.elapsed());
        }
        reply
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.shared.control().limits.leave(self.service);
    }
}

/// Answers one request.
pub async fn handle(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    request: Request,
) -> Response<Body> {
    let call = match take_apart(&shared, request).await {
        Ok(call) => call,
        Err(reply) => return respond(reply, &request_id()),
    };
    if call.service == Service::Control {
        return respond(control::answer(&shared, &call), &call.id);
    }
    let project = shared.project(&call);
    let inside = match Inside::enter(&shared, call.service) {
        Ok(inside) => inside,
        Err(reply) => {
            shared.log(&call, project, reply.status.as_u16());
            return respond(reply, &call.id);
        }
    };
    let stroke = shared.control().halt.strike(&call);
    if let Stroke::Hold { when, lifted } = stroke {
        hold(&inside, call, project, when).await;
        tokio::select! {
            () = lifted.cancelled() => {}
            () = shared.stop.cancelled() => {}
        }
        return broken(&wire);
    }
    let outcome = disturbed(&inside, &call).await;
    shared.log(&call, project, outcome.status());
    match outcome {
        Outcome::Reply(reply) => respond(reply, &call.id),
        Outcome::Truncated(reply) => truncated(reply, &call.id),
        Outcome::Broken => broken(&wire),
    }
}

fn broken(wire: &Wire) -> Response<Body> {
    wire.cut();
    respond(Reply::empty(StatusCode::OK), "")
}

/// Does with a request what the switch says; nobody hears of it.
async fn hold(inside: &Inside<'_>, call: Call, project: Option<String>, when: When) {
    let shared = inside.shared;
    match when {
        When::Before => shared.log(&call, project, 0),
        When::After => {
            let outcome = disturbed(inside, &call).await;
            shared.log(&call, project, outcome.status());
        }
        When::Late => shared.control().halt.keep(call),
    }
}

enum Outcome {
    Reply(Reply),
    Truncated(Reply),
    Broken,
}

impl Outcome {
    fn status(&self) -> u16 {
        match self {
            Self::Reply(reply) | Self::Truncated(reply) => reply.status.as_u16(),
            Self::Broken => 0,
        }
    }
}

/// Serves the request, unless a fault does something else.
async fn disturbed(inside: &Inside<'_>, call: &Call) -> Outcome {
    let shared = inside.shared;
    let (faults, replaced) = {
        let mut control = shared.control();
        let faults = control.faults.strike(call.service, &call.method, &call.path, &call.raw_query);
        (faults, control.faults.replaced())
    };
    let mut latency = shared.latency;
    let (mut truncate, mut hold) = (false, false);
    for fault in faults {
        match fault {
            Kind::Status { status, retry_after } => return Outcome::Reply(failure(status, retry_after)),
            Kind::Reset => return Outcome::Broken,
            Kind::Hang => {
                shared.stop.cancelled().await;
                return Outcome::Broken;
            }
            Kind::Hold => hold = true,
            Kind::Stir => {
                let mut control = shared.control();
                control.stir(&mut shared.world.write().unwrap_or_else(PoisonError::into_inner), call);
            }
            Kind::Truncate => truncate = true,
            Kind::Latency { milliseconds } => latency += Duration::from_millis(milliseconds),
            Kind::RevokeTokens => {
                let mut world = shared.world.write().unwrap_or_else(PoisonError::into_inner);
                world.identity.tokens.clear();
            }
        }
    }
    let reply = tokio::select! {
        reply = inside.work(call, latency) => reply,
        () = shared.stop.cancelled() => return Outcome::Broken,
    };
    if hold {
        tokio::select! {
            () = replaced.cancelled() => {}
            () = shared.stop.cancelled() => return Outcome::Broken,
        }
    }
    if truncate { Outcome::Truncated(reply) } else { Outcome::Reply(reply) }
}

/// What a proxy in front of the services answers.
fn failure(status: u16, retry_after: Option<u64>) -> Reply {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let reply = Reply::html(status, "The server is currently unavailable. Please try again at a later time.");
    match retry_after {
        Some(seconds) => reply.header("Retry-After", seconds.to_string()),
        None => reply,
    }
}

async fn take_apart(shared: &Shared, request: Request) -> Result<Call, Reply> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let Some((service, rest)) = Service::of(&path) else {
        return Err(Reply::html(StatusCode::NOT_FOUND, "The resource could not be found."));
    };
    let segments = rest.split('/').filter(|part| !part.is_empty()).map(decoded).collect();
    let raw_query = head.uri.query().unwrap_or_default().to_owned();
    let query = url::form_urlencoded::parse(raw_query.as_bytes()).into_owned().collect();
    let host = head.headers.get("host").and_then(|value| value.to_str().ok());
    let base = host.map_or_else(|| shared.address.clone(), |host| format!("http://{host}"));
    let body = if service == Service::Image && head.method == Method::PUT && path.ends_with("/file") {
        let cut_short = |_| Reply::html(StatusCode::BAD_REQUEST, "The data ended early.");
        image::measure(body.into_data_stream()).await.map_err(cut_short)?
    } else {
        let bytes = axum::body::to_bytes(body, LARGEST_REQUEST)
            .await
            .map_err(|_| Reply::html(StatusCode::PAYLOAD_TOO_LARGE, "The request is too large."))?;
        serde_json::from_slice(&bytes).unwrap_or(Value::Null)
    };
    let (id, method, headers) = (request_id(), head.method, head.headers);
    Ok(Call { id, service, method, path, segments, query, raw_query, headers, body, base })
}

fn decoded(segment: &str) -> String {
    let as_pair = format!("x={}", segment.replace('+', "%2B"));
    let pair = url::form_urlencoded::parse(as_pair.as_bytes()).next();
    pair.map_or_else(|| segment.to_owned(), |(_, value)| value.into_owned())
}

/// What a service calls a request in its log and in its answer.
fn request_id() -> String {
    format!("req-{}", Uuid::new_v4())
}

fn respond(reply: Reply, id: &str) -> Response<Body> {
    let body = Body::from(reply.body);
    with_head(reply.status, reply.content_type, (reply.headers, id), body)
}

/// The head promises the whole body; the connection breaks after half of it.
fn truncated(reply: Reply, id: &str) -> Response<Body> {
    let whole = reply.body.len();
    let half = Bytes::from(reply.body).slice(..whole / 2);
    let broken = async {
        // Lets the first half leave before the connection breaks.
        tokio::task::yield_now().await;
        Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe))
    };
    let parts = stream::once(async { Ok(half) }).chain(stream::once(broken));
    let body = Body::from_stream(parts);
    let mut response = with_head(reply.status, reply.content_type, (reply.headers, id), body);
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(whole));
    response
}

fn with_head(
    status: StatusCode,
    content_type: &'static str,
    (headers, id): (Vec<(&'static str, String)>, &str),
    body: Body,
) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let target = response.headers_mut();
    target.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    let request = [("X-OpenStack-Request-Id", id.to_owned())];
    for (name, value) in headers.into_iter().chain(request) {
        if let (Ok(name), Ok(value)) = (name.parse::<axum::http::HeaderName>(), HeaderValue::from_str(&value)) {
            target.insert(name, value);
        }
    }
    response
}
