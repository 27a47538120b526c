//! The simulated cloud, asked as any client would ask it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "these are tests; the lint only sees the functions marked so"
)]

mod compute;
mod control;
mod identity;
mod network;
mod shapes;
mod volume;

use serde_json::{Value, json};
use tenantd::simulator::{Options, Simulator};

/// A small cloud and a client of it.
struct Cloud {
    simulator: Simulator,
    http: reqwest::Client,
}

/// An answer, with what tests look at.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Value,
}

impl Cloud {
    async fn start() -> Self {
        Self::with(Options { tenants: 3, ..Options::default() }).await
    }

    async fn with(options: Options) -> Self {
        Self {
            simulator: Simulator::start(options).await.expect("a free port"),
            http: reqwest::Client::builder().build().expect("a client"),
        }
    }

    /// A token for one of the seeded users.
    async fn token(&self, who: &str) -> String {
        let (user, password, scope) = match who {
            "member" => ("member", "member-secret", project("tenant-001")),
            "reader" => ("reader", "reader-secret", project("admin")),
            "system" => ("admin", "admin-secret", json!({"system": {"all": true}})),
            _ => ("admin", "admin-secret", project("admin")),
        };
        let answer = self.login(password_login(user, password, Some(scope))).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.headers["x-subject-token"].to_str().unwrap().to_owned()
    }

    async fn login(&self, body: Value) -> Answer {
        self.send("POST", "/identity/v3/auth/tokens", None, None, Some(body)).await
    }

    async fn get(&self, token: &str, path: &str) -> Answer {
        self.send("GET", path, Some(token), None, None).await
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        version: Option<&str>,
        body: Option<Value>,
    ) -> Answer {
        self.try_send(method, path, token, version, body).await.expect("an answer")
    }

    async fn try_send(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        version: Option<&str>,
        body: Option<Value>,
    ) -> reqwest::Result<Answer> {
        let url = format!("{}{path}", self.simulator.url());
        let mut request = self.http.request(method.parse().unwrap(), url);
        if let Some(token) = token {
            request = request.header("X-Auth-Token", token);
        }
        if let Some(version) = version {
            request = request.header("OpenStack-API-Version", version);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Answer { status, headers, body })
    }

    /// The id of a project, by name.
    async fn project(&self, token: &str, name: &str) -> String {
        let answer = self.get(token, &format!("/identity/v3/projects?name={name}")).await;
        answer.body["projects"][0]["id"].as_str().expect("a project").to_owned()
    }
}

fn project(name: &str) -> Value {
    json!({"project": {"name": name, "domain": {"name": "Default"}}})
}

fn password_login(user: &str, password: &str, scope: Option<Value>) -> Value {
    let mut login = json!({"auth": {"identity": {"methods": ["password"], "password": {
        "user": {"name": user, "domain": {"name": "Default"}, "password": password},
    }}}});
    if let Some(scope) = scope {
        login["auth"]["scope"] = scope;
    }
    login
}

/// The ids of a listing.
fn ids(answer: &Answer, plural: &str) -> Vec<String> {
    let rows = answer.body[plural].as_array().unwrap_or_else(|| panic!("{answer:?}"));
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_same_seed_makes_the_same_cloud() {
    let (one, other) = (Cloud::start().await, Cloud::start().await);
    let (first, second) = (one.token("admin").await, other.token("admin").await);
    for path in ["/network/v2.0/security-groups", "/network/v2.0/floatingips", "/network/v2.0/quotas"] {
        assert_eq!(one.get(&first, path).await.body, other.get(&second, path).await.body);
    }
}

#[tokio::test]
async fn a_stopped_cloud_does_not_answer() {
    let cloud = Cloud::start().await;
    let url = cloud.simulator.url();
    cloud.simulator.stop().await;
    assert!(cloud.http.get(url).send().await.is_err());
}

#[tokio::test]
async fn who_asks_before_it_serves_is_answered_then() {
    let bound = Simulator::bind(Options { tenants: 1, ..Options::default() }).await.expect("a free port");
    let file = bound.clouds_yaml();
    let url = file.lines().find_map(|line| line.trim().strip_prefix("auth_url: ")).unwrap();
    let mut early = std::pin::pin!(reqwest::get(url));
    assert!(futures::poll!(&mut early).is_pending());
    let simulator = bound.serve();
    assert_eq!(early.await.unwrap().status(), 200);
    assert_eq!((simulator.auth_url(), simulator.clouds_yaml()), (url.to_owned(), file.clone()));
}
