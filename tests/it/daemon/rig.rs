//! A running `tenantd run`, and a way to ask it.
#![expect(clippy::unwrap_used, reason = "a test helper that cannot go on has failed")]

use std::fmt::Write;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tenantd::simulator::{Options, Simulator};
use uuid::Uuid;

use crate::support::free_address;

/// What another process needs to do must be seen within this time.
const PATIENCE: Duration = Duration::from_mins(1);

/// The broker of the tests, or none.
pub fn broker() -> Option<String> {
    std::env::var("TENANTD_TEST_AMQP_URL").ok().filter(|url| !url.is_empty())
}

/// A daemon beside its simulated cloud.
pub struct Daemon {
    _cloud: Simulator,
    pub prefix: String,
    pub folder: TempDir,
    process: Child,
    address: String,
}

impl Daemon {
    /// Starts it; `extra` is appended to the configuration.
    pub async fn start(tenants: usize, broker: Option<&str>, extra: &str) -> Self {
        let cloud = Simulator::start(Options { tenants, ..Options::default() }).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let prefix = format!("t{}", Uuid::new_v4().simple());
        let path = folder.path();
        std::fs::write(path.join("clouds.yaml"), cloud.clouds_yaml()).unwrap();
        let address = free_address();
        let mut text = format!(
            "[database]\nurl = \"sqlite://{0}/t.db\"\n[[clouds]]\nname = \"sim\"\nfile = \"{0}/clouds.yaml\"\n[http]\nlisten = \"{address}\"\n",
            path.display()
        );
        if let Some(url) = broker {
            let _ = writeln!(text, "[broker]\nurl = \"{url}\"\nprefix = \"{prefix}\"");
        }
        text.push_str(extra);
        std::fs::write(path.join("tenantd.toml"), text).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_tenantd"))
            .args(["--config".as_ref(), path.join("tenantd.toml").as_os_str(), "run".as_ref()])
            .env_remove("NOTIFY_SOCKET")
            .stdout(Stdio::null())
            .stderr(File::create(path.join("log")).unwrap())
            .spawn()
            .unwrap();
        let daemon = Self { _cloud: cloud, prefix, folder, process, address };
        let connected = broker.is_some();
        daemon
            .wait("readiness", async || {
                let ready = daemon.get("/health/ready").await?;
                let ready: Value = serde_json::from_str(&ready).ok()?;
                (ready["leader"] == true && (!connected || ready["broker"]["state"] == "connected")).then_some(())
            })
            .await;
        daemon
    }

    /// The answer to a GET, if there is one.
    pub async fn get(&self, path: &str) -> Option<String> {
        let answer = reqwest::get(format!("http://{}{path}", self.address)).await.ok()?;
        answer.text().await.ok()
    }

    /// Looks until there is something to see: the counterpart is another process.
    pub async fn wait<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            assert!(Instant::now() < end, "not seen within {PATIENCE:?}: {what}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What a command prints as JSON.
    pub fn listed(&self, words: &[&str]) -> Vec<Value> {
        let done = Command::new(env!("CARGO_BIN_EXE_tenantd"))
            .arg("--config")
            .arg(self.folder.path().join("tenantd.toml"))
            .args(words)
            .args(["--output", "json"])
            .output()
            .unwrap();
        assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_slice(&done.stdout).unwrap()
    }

    /// The ids of the cloud's projects that are called `tenant-…`.
    pub fn projects(&self) -> Vec<String> {
        let tenants = self.listed(&["tenants", "list"]);
        let ours = tenants.iter().filter(|tenant| tenant["name"].as_str().unwrap().starts_with("tenant-"));
        ours.map(|tenant| tenant["backend_id"].as_str().unwrap().to_owned()).collect()
    }

    /// Everything that it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Stops it politely.
    pub fn stop(mut self) -> (std::process::ExitStatus, String, TempDir) {
        Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        let status = tokio::task::block_in_place(|| self.process.wait()).unwrap();
        let log = self.log();
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        (status, log, folder)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Every file below a folder that contains one of `words`, as `file: word`.
pub fn spoken(folder: &Path, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for word in words {
            if bytes.windows(word.len()).any(|window| window == word.as_bytes()) {
                found.push(format!("{}: {word}", path.file_name().unwrap().to_string_lossy()));
            }
        }
    }
    found
}

impl Daemon {
    /// Puts a job for everything into the jobs table, as from a producer with this `traceparent`; its id.
    pub async fn enqueue_traced(&self, kind: &str, traceparent: &str) -> String {
        use tenantd::clock::Clock;
        let now = tenantd::clock::SystemClock.now();
        let id = tenantd::model::ids::new_id(now);
        let mut request = tenantd::model::job::Request::new(id, kind, "test", now);
        request.trace = Some(traceparent.to_owned());
        let url = format!("sqlite://{}/t.db", self.folder.path().display());
        let store = tenantd::store::Store::open(&url, 2).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        tx.insert_job(&request, None).await.unwrap();
        tx.commit().await.unwrap();
        store.close().await;
        id.to_string()
    }
}
