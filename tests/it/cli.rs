//! The command line as its users meet it: the built binary, beside records that the library made.
#![expect(clippy::unwrap_used, reason = "a test helper that cannot go on has failed")]

mod beside;
mod cloud;
mod configuration;
mod contract;
mod full;
mod history;
mod living;
mod migrating;
mod policies;
mod records;
mod tokens;
mod usage;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tenantd::clock::{Clock, SystemClock};
use tenantd::model::Origin;
use tenantd::model::finding::{Change, Finding, FindingState, Severity};
use tenantd::model::ids::new_id;
use tenantd::model::job::Request;
use tenantd::model::{Body, ResourceType, Tenant};
use tenantd::store::Store;
use tenantd::store::dead_letters::DeadLetter;
use tenantd::store::expectations::Expectation;
use tenantd::store::tenants::Seen;
use uuid::Uuid;

/// The project that the records know.
const PROJECT: &str = "0123456789abcdef0123456789abcdef";

/// A folder with a configuration and a database, and the binary run against it.
struct Place {
    folder: tempfile::TempDir,
    config: PathBuf,
    store: Store,
}

/// What a command said.
#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Vec<Value> {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

/// The binary, with nothing of this process's environment that it would read.
fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenantd"));
    let ours = |name: &str| name.starts_with("TENANTD") || name.starts_with("OS_");
    std::env::vars().filter(|(name, _)| ours(name)).for_each(|(name, _)| {
        command.env_remove(name);
    });
    command.env("USER", "olga").env_remove("SUDO_USER").env("HOME", "/nowhere").env_remove("XDG_CONFIG_HOME");
    command
}

/// Every command that does something, as its words.
fn commands() -> Vec<String> {
    fn walk(command: &clap::Command, words: &str, found: &mut Vec<String>) {
        let before = found.len();
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            walk(inner, format!("{words} {}", inner.get_name()).trim(), found);
        }
        if found.len() == before {
            found.push(words.to_owned());
        }
    }
    let mut found = Vec::new();
    walk(&<tenantd::cli::Cli as clap::CommandFactory>::command(), "", &mut found);
    found
}

fn tenantd(arguments: &[&str]) -> Said {
    binary().args(arguments).output().unwrap().into()
}

impl Place {
    async fn new(rest: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/records.db", folder.path().display());
        Self::on(folder, &url, rest).await
    }

    /// With records in a database that is there already.
    async fn on(folder: tempfile::TempDir, url: &str, rest: &str) -> Self {
        let config = folder.path().join("tenantd.toml");
        std::fs::write(&config, format!("[database]\nurl = \"{url}\"\n[http]\nlisten = \"127.0.0.1:0\"\n{rest}"))
            .unwrap();
        let store = Store::open(url, 2).await.unwrap();
        store.migrate().await.unwrap();
        Self { folder, config, store }
    }

    /// One tenant with everything that can be listed.
    async fn furnished() -> (Self, Furniture) {
        let place = Self::new("[[clouds]]\nname = \"lab\"\n[[schedules]]\nname = \"quotas\"\ncron = \"0 0 * * * *\"\njob = \"pull_quotas\"\n").await;
        let furniture = furnish(&place.store).await;
        (place, furniture)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Said {
        binary().arg("--config").arg(&self.config).args(arguments).output().unwrap().into()
    }

    fn config(&self) -> &Path {
        &self.config
    }
}

/// The ids of what was put there.
struct Furniture {
    tenant: Tenant,
    later: Uuid,
    finding: Uuid,
    over_limit: Uuid,
    letter: Uuid,
    unreadable: Uuid,
    dead_job: Uuid,
}

fn now() -> DateTime<Utc> {
    SystemClock.now()
}

fn quotas(vcpu: u64) -> Body {
    let json = json!({ "vcpu": { "limit": vcpu, "usage": 8 }, "ram": { "limit": 1024, "usage": 2048 } });
    Body::from_json(ResourceType::Quotas, &json).unwrap()
}

fn letter(job: Option<Uuid>, reason: &str, body: &str) -> DeadLetter {
    DeadLetter {
        id: new_id(now()),
        job,
        kind: job.map(|_| "pull_quotas".to_owned()),
        tenant: Some(PROJECT.to_owned()),
        reason: reason.to_owned(),
        error: "it did not work".to_owned(),
        attempts: 3,
        died_at: now(),
        content_type: "application/json".to_owned(),
        headers: None,
        body: body.as_bytes().to_vec(),
        requeued_as: None,
        digest: None,
    }
}

fn finding(tenant: Uuid, object: &str, change: Change) -> Finding {
    Finding {
        id: new_id(now()),
        tenant,
        resource_type: ResourceType::Quotas,
        object: object.to_owned(),
        object_name: object.to_owned(),
        field: if change == Change::Limit { "limit" } else { "usage" }.to_owned(),
        change,
        expected: json!(20),
        observed: json!(40),
        severity: Severity::Warning,
        state: FindingState::Open,
        source: "accepted".to_owned(),
        opened_at: now(),
        last_seen_at: now(),
        resolved_at: None,
        acknowledgement: None,
        flapping: None,
    }
}

async fn furnish(store: &Store) -> Furniture {
    let seen = Seen {
        cloud: "lab".into(),
        backend_id: PROJECT.into(),
        name: "blue".into(),
        domain: "default".into(),
        description: String::new(),
        enabled: true,
        tags: Vec::new(),
        domain_name: String::new(),
    };
    let hour_ago = now() - chrono::Duration::hours(1);
    let mut tx = store.begin().await.unwrap();
    let tenant = tx.save_tenant(new_id(now()), &seen, now()).await.unwrap();
    let (earlier, later, dead_job) = (new_id(hour_ago), new_id(now()), new_id(now()));
    tx.insert_snapshot(earlier, tenant.uuid, &quotas(20), hour_ago).await.unwrap();
    tx.insert_snapshot(later, tenant.uuid, &quotas(40), now()).await.unwrap();
    tx.hold_resource(tenant.uuid, ResourceType::Quotas, now()).await.unwrap();
    let key = (tenant.uuid, ResourceType::Quotas);
    tx.resource_succeeded(key, Some(later), (now(), now()), Some(now()), None).await.unwrap();
    let (source, author) = ("accepted".to_owned(), "first observation".to_owned());
    let expectation = Expectation {
        tenant: tenant.uuid,
        body: quotas(20),
        origin: Origin { source, author, set_at: hour_ago },
        objects: std::collections::BTreeMap::new(),
    };
    tx.set_expectation(&expectation).await.unwrap();
    let (limit, over) = (finding(tenant.uuid, "vcpu", Change::Limit), finding(tenant.uuid, "ram", Change::OverLimit));
    tx.open_finding(&limit).await.unwrap();
    tx.open_finding(&over).await.unwrap();
    let native = json!({ "id": dead_job, "kind": "pull_quotas", "tenant": PROJECT }).to_string();
    let (good, bad) = (letter(Some(dead_job), "refused", &native), letter(None, "unreadable", "what?"));
    tx.insert_dead_letter(&good).await.unwrap();
    tx.insert_dead_letter(&bad).await.unwrap();
    let job = Request { subject: Some(PROJECT.into()), ..Request::new(new_id(now()), "pull_quotas", "amqp", now()) };
    tx.insert_job(&job, Some(tenant.uuid)).await.unwrap();
    tx.commit().await.unwrap();
    let (finding, over_limit, letter, unreadable) = (limit.id, over.id, good.id, bad.id);
    Furniture { tenant, later, finding, over_limit, letter, unreadable, dead_job }
}
