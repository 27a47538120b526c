//! A simulated cloud that a test can break and change behind the portal's back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tenantd::clock::Clock;
use tenantd::jobs::context::{CloudEntry, Discovery};
use tenantd::openstack::clouds_yaml::{self, Sources};
use tenantd::openstack::{Cloud, Limits, Options};
use tenantd::retry::Backoff;
use tenantd::simulator::{self, Simulator};

/// How the daemon logs in.
#[derive(Debug, Clone, Copy)]
pub enum Login {
    /// With an entry of the simulator's clouds.yaml.
    Entry(&'static str),
    /// As the administrator, with another password.
    WrongPassword,
    /// With an application credential that has ended.
    ExpiredCredential,
}

/// A running simulated cloud, and an administrator's client of it.
#[derive(Debug)]
pub struct SimulatedCloud {
    simulator: Simulator,
    http: reqwest::Client,
    folder: TempDir,
    write: BTreeSet<String>,
    /// How many objects the daemon asks for at once.
    pub page_size: Option<usize>,
    /// How long the daemon waits for an answer.
    pub patience: Duration,
    /// How often the daemon sends a request at most, without waiting in between.
    pub attempts: u32,
    /// How many tenants the daemon asks about at once.
    pub concurrency: usize,
    /// The roles that the daemon believes to see every project.
    pub seeing_roles: Vec<String>,
}

impl SimulatedCloud {
    /// A cloud that jobs of the kinds `write` may change.
    pub async fn start(tenants: usize, seed: u64, write: &[&str]) -> Self {
        let options = simulator::Options { tenants, seed, rules_per_group: 1, ..simulator::Options::default() };
        Self {
            simulator: Simulator::start(options).await.expect("a free port"),
            http: reqwest::Client::builder().build().expect("a client"),
            folder: tempfile::tempdir().expect("a temporary folder"),
            write: write.iter().map(|kind| (*kind).to_owned()).collect(),
            page_size: None,
            patience: Duration::from_secs(10),
            seeing_roles: vec!["admin".to_owned()],
            attempts: 1,
            concurrency: 4,
        }
    }

    /// What the daemon keeps of a cloud of this name. A request is tried once, if the test
    /// does not want more: the clock does not move by itself.
    pub async fn entry(&self, name: &str, login: Login, discovery: Discovery, clock: Arc<dyn Clock>) -> CloudEntry {
        let (entry, yaml) = match login {
            Login::Entry(entry) => (entry, self.simulator.clouds_yaml()),
            Login::WrongPassword => ("sim", self.simulator.clouds_yaml().replace("admin-secret", "wrong-secret")),
            Login::ExpiredCredential => ("credential", self.expired_credential().await),
        };
        let file = self.folder.path().join(format!("{name}.yaml"));
        std::fs::write(&file, yaml).unwrap();
        let sources = Sources { files: vec![file], ..Sources::default() };
        let profile = clouds_yaml::load(entry, None, &sources).unwrap();
        // Nor does a rest that a service asks for come to an end by itself.
        let hold = if self.attempts == 1 { Duration::ZERO } else { Limits::default().hold };
        let options = Options {
            name: name.to_owned(),
            limits: Limits { hold, ..Limits::default() },
            write: self.write.clone(),
            attempts: self.attempts,
            backoff: Backoff { base: Duration::ZERO, max: Duration::ZERO },
            request_timeout: self.patience,
            page_size: self.page_size,
            seeing_roles: self.seeing_roles.clone(),
            ..Options::default()
        };
        let api = Cloud::new(profile, options, clock).unwrap();
        CloudEntry { api, discovery, concurrency: self.concurrency }
    }

    async fn expired_credential(&self) -> String {
        let (token, user) = self.log_in().await;
        let path = format!("/identity/v3/users/{user}/application_credentials");
        let asked = json!({"application_credential": {"name": "tenantd"}});
        let made = self.send(Method::POST, &path, Some(&token), Some(asked)).await;
        let credential = &made["application_credential"];
        self.send(Method::POST, "/simulator/expire-credentials", None, None).await;
        let clouds = json!({"clouds": {"credential": {
            "auth_type": "v3applicationcredential",
            "auth": {
                "auth_url": self.simulator.auth_url(),
                "application_credential_id": credential["id"],
                "application_credential_secret": credential["secret"],
            },
            "region_name": "RegionOne",
        }}});
        clouds.to_string()
    }

    /// The rules by which requests fail from now on.
    pub async fn faults(&self, rules: Value) {
        self.send(Method::PUT, "/simulator/faults", None, Some(rules)).await;
    }

    /// How often each of them has struck.
    pub async fn struck(&self) -> Vec<u64> {
        let faults = self.send(Method::GET, "/simulator/faults", None, None).await;
        faults["faults"].as_array().unwrap().iter().map(|fault| fault["fired"].as_u64().unwrap()).collect()
    }

    /// Stops the cloud at the n-th change that is asked for from now on.
    pub async fn halt(&self, at: u64, when: &str) {
        self.send(Method::PUT, "/simulator/halt", None, Some(json!({"at": at, "when": when}))).await;
    }

    /// Counts the changes that are asked for from now on.
    pub async fn count_changes(&self) {
        self.send(Method::PUT, "/simulator/halt", None, Some(json!({}))).await;
    }

    /// Where it stopped, and how many changes were asked for.
    pub async fn halted(&self) -> (Option<String>, u64) {
        let halt = self.send(Method::GET, "/simulator/halt", None, None).await;
        (halt["held"].as_str().map(str::to_owned), halt["seen"].as_u64().unwrap())
    }

    /// Lets it go on.
    pub async fn lift(&self) {
        self.send(Method::DELETE, "/simulator/halt", None, None).await;
    }

    /// The changes that took effect, without questions and logins.
    pub async fn changes(&self) -> Vec<String> {
        let log = self.send(Method::GET, "/simulator/requests", None, None).await;
        let entries = log["requests"].as_array().unwrap().iter();
        let is_change = |entry: &&Value| {
            !matches!(entry["method"].as_str(), Some("GET" | "HEAD"))
                && entry["path"] != "/identity/v3/auth/tokens"
                && entry["status"].as_u64().is_some_and(|status| (200..300).contains(&status))
        };
        let tell = |entry: &Value| format!("{} {}", entry["method"].as_str().unwrap(), entry["path"].as_str().unwrap());
        entries.filter(is_change).map(tell).collect()
    }

    /// The ids of the requests whose path begins so, by the cloud's own log.
    pub async fn request_ids(&self, path: &str) -> Vec<String> {
        let log = self.send(Method::GET, "/simulator/requests", None, None).await;
        let entries = log["requests"].as_array().unwrap().iter();
        let mine = entries.filter(|entry| entry["path"].as_str().is_some_and(|it| it.starts_with(path)));
        mine.map(|entry| entry["request_id"].as_str().unwrap().to_owned()).collect()
    }

    /// The paths that were asked for, without logins.
    pub async fn asked(&self) -> Vec<String> {
        let log = self.send(Method::GET, "/simulator/requests", None, None).await;
        let paths = log["requests"].as_array().unwrap().iter().filter_map(|entry| entry["path"].as_str());
        paths.filter(|path| *path != "/identity/v3/auth/tokens").map(str::to_owned).collect()
    }

    /// Forgets what was asked so far.
    pub async fn forget_requests(&self) {
        self.send(Method::DELETE, "/simulator/requests", None, None).await;
    }

    /// Logs in as somebody else; the status of the answer.
    pub async fn try_password(&self, user: &str, password: &str) -> u16 {
        let user = json!({"name": user, "domain": {"name": "Default"}, "password": password});
        let identity = json!({"methods": ["password"], "password": {"user": user}});
        let url = format!("{}/auth/tokens", self.simulator.auth_url());
        let asked = self.http.post(url).json(&json!({"auth": {"identity": identity}}));
        asked.send().await.unwrap().status().as_u16()
    }

    /// Changes something behind the portal's back; says what.
    pub async fn meddle(&self, kind: &str, tenant: &str) -> Value {
        let order = json!({"kind": kind, "tenant": tenant});
        self.send(Method::POST, "/simulator/meddle", None, Some(order)).await
    }

    /// Changes something there, if there is anything to change so.
    pub async fn try_meddle(&self, kind: &str, tenant: &str) -> Option<Value> {
        let url = format!("{}/simulator/meddle", self.simulator.url());
        let asked = self.http.post(url).json(&json!({"kind": kind, "tenant": tenant}));
        let answer = asked.send().await.unwrap();
        answer.status().is_success().then_some(answer.json().await.unwrap())
    }

    /// Takes a change back.
    pub async fn revert(&self, meddle: &Value) {
        self.send(Method::POST, "/simulator/meddle", None, Some(json!({"revert": meddle["id"]}))).await;
    }

    /// Turns a switch of the simulator's own.
    pub async fn control(&self, method: Method, what: &str, body: Value) -> Value {
        self.send(method, &format!("/simulator/{what}"), None, Some(body)).await
    }

    /// Does something as the administrator.
    pub async fn admin(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let (token, _) = self.log_in().await;
        self.send(method, path, Some(&token), body).await
    }

    /// How clients find it.
    pub fn clouds_yaml(&self) -> String {
        self.simulator.clouds_yaml()
    }

    /// The id of the project of that name.
    pub async fn project(&self, name: &str) -> String {
        let listing = self.admin(Method::GET, &format!("/identity/v3/projects?name={name}"), None).await;
        listing["projects"][0]["id"].as_str().unwrap_or_else(|| panic!("no project {name}")).to_owned()
    }

    /// Changes a project.
    pub async fn change_project(&self, name: &str, change: Value) {
        let path = format!("/identity/v3/projects/{}", self.project(name).await);
        self.admin(Method::PATCH, &path, Some(json!({ "project": change }))).await;
    }

    /// Lets the daemon's login have a token for a tenant.
    pub async fn grant_admin(&self, tenant: &str) {
        let (_, user) = self.log_in().await;
        let roles = self.admin(Method::GET, "/identity/v3/roles?name=admin", None).await;
        let role = roles["roles"].as_array().unwrap().iter().find(|role| role["name"] == "admin").unwrap();
        let (project, role) = (self.project(tenant).await, role["id"].as_str().unwrap());
        let path = format!("/identity/v3/projects/{project}/users/{user}/roles/{role}");
        self.admin(Method::PUT, &path, None).await;
    }

    /// Sets Nova's limit of cores.
    pub async fn limit_cores(&self, tenant: &str, cores: i64) {
        let path = format!("/compute/v2.1/os-quota-sets/{}", self.project(tenant).await);
        self.admin(Method::PUT, &path, Some(json!({"quota_set": {"cores": cores}}))).await;
    }

    async fn log_in(&self) -> (String, String) {
        let user = json!({"name": "admin", "domain": {"name": "Default"}, "password": "admin-secret"});
        let scope = json!({"project": {"name": "admin", "domain": {"name": "Default"}}});
        let identity = json!({"methods": ["password"], "password": {"user": user}});
        let url = format!("{}/auth/tokens", self.simulator.auth_url());
        let asked = self.http.post(url).json(&json!({"auth": {"identity": identity, "scope": scope}}));
        let answer = asked.send().await.unwrap();
        let token = answer.headers()["x-subject-token"].to_str().unwrap().to_owned();
        let body: Value = answer.json().await.unwrap();
        (token, body["token"]["user"]["id"].as_str().unwrap().to_owned())
    }

    async fn send(&self, method: Method, path: &str, token: Option<&str>, body: Option<Value>) -> Value {
        let mut request = self.http.request(method, format!("{}{path}", self.simulator.url()));
        if let Some(token) = token {
            request = request.header("X-Auth-Token", token);
        }
        // Without it a server group does not say whose it is.
        if path.starts_with("/compute/v2.1/os-server-groups") {
            request = request.header("OpenStack-API-Version", "compute 2.64");
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }
}
