//! The smallest cloud: a Keystone that makes tokens, and a closure that answers everything else.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Response};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tenantd::clock::VirtualClock;
use tenantd::openstack::profile::{Auth, Domain, Interface, Named, Scope};
use tenantd::openstack::{Cloud, Options, Profile};
use tenantd::retry::Backoff;
use tokio::task::JoinSet;

pub const PASSWORD: &str = "correct horse";

/// A request as the fake saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub headers: HeaderMap,
    pub body: String,
}

impl Seen {
    pub fn token(&self) -> &str {
        self.headers.get("x-auth-token").map_or("", |it| it.to_str().unwrap())
    }

    pub fn number(&self, key: &str) -> Option<usize> {
        self.query.get(key).map(|value| value.parse().unwrap())
    }
}

/// What the fake says.
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

pub fn json_reply(body: &Value) -> Reply {
    Reply { status: 200, headers: Vec::new(), body: body.to_string() }
}

pub fn status(status: u16) -> Reply {
    Reply { status, headers: Vec::new(), body: String::new() }
}

impl Reply {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

type Answer = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

pub struct Fake {
    pub address: SocketAddr,
    pub clock: VirtualClock,
    log: Arc<Mutex<Vec<Seen>>>,
    _server: JoinSet<()>,
}

pub fn start_of_time() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-11-21T20:00:00Z").unwrap().to_utc()
}

impl Fake {
    /// A cloud whose services answer with `answer`; tokens have `role` in project `own`.
    pub async fn start(role: &str, answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let log: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let clock = VirtualClock::at(start_of_time());
        let (answer, role): (Answer, _) = (Arc::new(answer), role.to_owned());
        let (seen_log, now) = (Arc::clone(&log), clock.clone());
        let app = Router::new().fallback(move |request: Request| {
            let (answer, role, log, now) = (Arc::clone(&answer), role.clone(), Arc::clone(&seen_log), now.clone());
            async move {
                let seen = see(request).await;
                let tokens = {
                    let mut log = log.lock().unwrap();
                    log.push(seen.clone());
                    log.iter().filter(|seen| seen.path == "/v3/auth/tokens").count()
                };
                let reply = match seen.path.as_str() {
                    "/v3/auth/tokens" => login(&seen, tokens, &role, address, &now),
                    "/compute/v2.1/" => json_reply(&json!({"version": {"version": "2.60"}})),
                    _ => answer(&seen),
                };
                let mut response = Response::builder().status(reply.status);
                for (name, value) in &reply.headers {
                    response = response.header(name, value);
                }
                response.body(Body::from(reply.body)).unwrap()
            }
        });
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, clock, log, _server: server }
    }

    pub fn profile(&self, password: &str) -> Profile {
        let name = |name: &str| Named::Name { name: name.to_owned(), domain: Domain::Id("default".to_owned()) };
        Profile {
            auth_url: format!("http://{}", self.address),
            auth: Auth::Password { user: name("ann"), password: password.into() },
            scope: Scope::Project(name("own")),
            region: Some("R1".to_owned()),
            interface: Interface::Public,
            cacert: None,
            verify: true,
            endpoint_overrides: BTreeMap::new(),
            source_files: Vec::new(),
        }
    }

    pub fn options() -> Options {
        let backoff = Backoff { base: Duration::ZERO, max: Duration::ZERO };
        Options { name: "fake".to_owned(), backoff, ..Options::default() }
    }

    pub fn cloud(&self, options: Options) -> Cloud {
        Cloud::new(self.profile(PASSWORD), options, Arc::new(self.clock.clone())).unwrap()
    }

    pub fn requests(&self, path: &str) -> Vec<Seen> {
        self.log.lock().unwrap().iter().filter(|seen| seen.path == path).cloned().collect()
    }

    pub fn logins(&self) -> usize {
        self.requests("/v3/auth/tokens").len()
    }
}

async fn see(request: Request) -> Seen {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or("").as_bytes()).into_owned().collect();
    Seen {
        path: parts.uri.path().to_owned(),
        query,
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

fn login(seen: &Seen, nth: usize, role: &str, address: SocketAddr, clock: &VirtualClock) -> Reply {
    use tenantd::clock::Clock;
    if !seen.body.contains(PASSWORD) {
        let message = "The request you have made requires authentication.";
        let body = json!({"error": {"code": 401, "message": message, "title": "Unauthorized"}}).to_string();
        return Reply { status: 401, headers: Vec::new(), body };
    }
    let services = [("compute", "/compute/v2.1"), ("network", ""), ("volumev3", "/v3/own"), ("identity", "/v3")];
    let catalog: Vec<_> = services
        .iter()
        .map(|(kind, path)| {
            let url = format!("http://{address}{path}");
            json!({"type": kind, "name": kind, "endpoints": [
                {"interface": "public", "region_id": "R1", "url": url},
                {"interface": "public", "region_id": "R2", "url": "http://nowhere.invalid"}]})
        })
        .collect();
    // Keystone's clock is a day off, which must not matter.
    let now = clock.now() - chrono::Duration::days(1);
    let mut token = json!({
        "user": {"id": "u1", "name": "ann"}, "roles": [{"id": "r1", "name": role}], "catalog": catalog,
        "issued_at": now, "expires_at": now + chrono::Duration::hours(1),
    });
    match role {
        "system" => token["system"] = json!({"all": true}),
        _ => token["project"] = json!({"id": "own", "name": "own"}),
    }
    let body = json!({ "token": token }).to_string();
    Reply { status: 201, headers: vec![("x-subject-token".to_owned(), format!("token-{nth}"))], body }
}
