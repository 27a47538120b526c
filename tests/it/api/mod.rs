//! The API over HTTP, around one test's records and clouds.
#![expect(clippy::unwrap_used, reason = "these are tests; the lint only sees the functions marked so")]

mod actions;
mod changes;
mod import;
mod lifetime;
mod living;
mod objects;
mod others;
mod places;
mod scrape;
mod tenants;
mod tokens;

use std::sync::Arc;

use chrono::Duration;
use reqwest::Method;
use serde_json::Value;
use tenantd::config::{Http, Schedule};
use tenantd::http::{self, View};
use tenantd::intake::amqp::BrokerState;
use tenantd::lifecycle::Lifecycle;
use tenantd::model::ids::new_id;
use tenantd::model::token::{Grant, Role, Token};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::support::{Database, Setup, TestApp};

/// The daemon's parts with the HTTP server in front.
struct Rig {
    app: TestApp,
    base: String,
    http: reqwest::Client,
    _stop: DropGuard,
}

/// What came back.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Value,
    text: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The values of one key of each item.
    fn column(&self, key: &str) -> Vec<&str> {
        self.body.as_array().unwrap().iter().map(|it| it[key].as_str().unwrap_or_default()).collect()
    }
}

/// What the routes read of the daemon's parts. The receivers outlive their senders.
fn view(app: &TestApp, loopback: bool) -> View {
    let built_in = tenantd::config::Config::default().timetable().remove(0);
    let nightly = Schedule { name: "nightly".to_owned(), ..built_in };
    let limits = Schedule {
        name: "limits".to_owned(),
        job: "set_quotas".to_owned(),
        tenants: "tenant-001".to_owned(),
        ..nightly.clone()
    };
    View {
        context: app.context.clone(),
        recorder: tenantd::telemetry::metrics::recorder().unwrap().handle(),
        broker: watch::channel(BrokerState::Off).1,
        leads: watch::channel(true).1,
        schedules: watch::channel(vec![nightly, limits]).1,
        max_series: 1000,
        loopback,
        secure: false,
        public_url: None,
        heartbeat: watch::channel(app.context.clock().now()).1,
    }
}

impl Rig {
    async fn start(database: &Database) -> Self {
        Self::with(TestApp::start(database).await, true).await
    }

    async fn of_tenants(database: &Database, tenants: usize) -> Self {
        Self::with(TestApp::with(database, Setup { tenants, ..Setup::default() }).await, true).await
    }

    /// With so many series at most.
    async fn capped(app: TestApp, max_series: usize) -> Self {
        let view = View { max_series, ..view(&app, true) };
        Self::around(app, view).await
    }

    /// `loopback`: whether the server believes that only this machine can reach it.
    async fn with(app: TestApp, loopback: bool) -> Self {
        let view = view(&app, loopback);
        Self::around(app, view).await
    }

    async fn around(app: TestApp, view: View) -> Self {
        let settings = Http { listen: "127.0.0.1:0".parse().unwrap(), ..Http::default() };
        let listener = http::bind(&settings).await.unwrap();
        let base = listener.place().unwrap();
        let stop = CancellationToken::new();
        Lifecycle::default().spawn_service(http::serve(listener, Arc::new(view), stop.clone()));
        let http = reqwest::Client::builder().build().unwrap();
        Self { app, base, http, _stop: stop.drop_guard() }
    }

    /// Makes a token; `lifetime` in seconds.
    async fn token(&self, name: &str, role: Role, lifetime: Option<i64>) -> String {
        let now = self.app.context.clock().now();
        let (token, lifetime) = (Token::new(new_id(now)), lifetime.map(Duration::seconds));
        let grant = Grant {
            id: token.id,
            name: name.to_owned(),
            role,
            verifier: token.verifier(),
            lifetime,
            expires_at: lifetime.map(|it| now + it),
            author: "test".to_owned(),
            created_at: now,
            last_used_at: None,
            revoked_at: None,
        };
        let mut tx = self.app.context.store().begin().await.unwrap();
        assert!(tx.add_token(&grant).await.unwrap());
        tx.commit().await.unwrap();
        token.reveal()
    }

    async fn ask(&self, method: Method, path: &str, authorization: Option<&str>, body: Option<&Value>) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(authorization) = authorization {
            request = request.header("Authorization", authorization);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        Answer { status, headers, body: serde_json::from_str(&text).unwrap_or_default(), text }
    }

    async fn get(&self, path: &str, token: &str) -> Answer {
        self.ask(Method::GET, path, Some(&format!("Token {token}")), None).await
    }

    async fn post(&self, path: &str, token: &str, body: Option<&Value>) -> Answer {
        self.ask(Method::POST, path, Some(&format!("Token {token}")), body).await
    }
}
