//! A disk that is full: told clearly, nothing lost, and over once there is room. Needs root for a small filesystem.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::Said;
use crate::support::{eventually, free_address};

/// A daemon in a mount namespace of its own, with a few MiB for its records.
struct Daemon {
    process: Child,
    folder: tempfile::TempDir,
    address: String,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Daemon {
    /// Starts it, where a filesystem can be mounted.
    fn start() -> Option<Self> {
        if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let small = folder.path().join("small");
        std::fs::create_dir(&small).unwrap();
        let mount = format!("mount -t tmpfs -o size=8m tmpfs '{}'", small.display());
        let mountable = Command::new("unshare").args(["-m", "sh", "-c", &mount]).stderr(Stdio::null()).status();
        if !mountable.is_ok_and(|status| status.success()) {
            return None;
        }
        let address = free_address();
        let config = folder.path().join("tenantd.toml");
        let text = format!("[database]\nurl = \"sqlite://{}/t.db\"\n[http]\nlisten = \"{address}\"\n", small.display());
        std::fs::write(&config, text).unwrap();
        let run = format!("{mount} && exec '{}' --config '{}' run", env!("CARGO_BIN_EXE_tenantd"), config.display());
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", &run]).env_remove("NOTIFY_SOCKET").stdout(Stdio::null()).stderr(log);
        Some(Self { process: command.spawn().unwrap(), folder, address })
    }

    /// The small filesystem, as seen from here.
    fn small(&self) -> PathBuf {
        let path = self.folder.path().join("small");
        Path::new("/proc").join(self.process.id().to_string()).join("root").join(path.strip_prefix("/").unwrap())
    }

    async fn readiness(&self) -> Option<(bool, Value)> {
        let answer = reqwest::get(format!("http://{}/health/ready", self.address)).await.ok()?;
        Some((answer.status().is_success(), answer.json().await.ok()?))
    }

    async fn wait_until_ready(&self) {
        eventually("the daemon is ready", async || self.readiness().await.filter(|(ready, _)| *ready)).await;
    }

    /// A command where the daemon is.
    fn run(&self, words: &[&str]) -> Said {
        let mut command = Command::new("nsenter");
        command.args(["-m", "-t", &self.process.id().to_string(), env!("CARGO_BIN_EXE_tenantd"), "--config"]);
        command.arg(self.folder.path().join("tenantd.toml")).args(words).output().unwrap().into()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_and_over_when_there_is_room() {
    let Some(daemon) = Daemon::start() else {
        println!("skipped: no filesystem can be mounted here");
        return;
    };
    daemon.wait_until_ready().await;
    let filler = daemon.small().join("filler");
    // Somebody else takes the room that is left.
    let _ = std::fs::write(&filler, vec![0; 16 << 20]);
    let enqueue = ["enqueue", "detect_drift", "--all"];
    let refused = eventually("no room", async || Some(daemon.run(&enqueue)).filter(|said| said.code != 0)).await;
    assert!(refused.code == 1 && refused.err.contains("disk or quota that holds"), "{refused:?}");
    assert!(refused.err.contains("t.db is full: make room"), "{refused:?}");

    // The daemon cannot keep its own lease, says why, and takes nothing.
    let (_, said) =
        eventually("the daemon sees it", async || daemon.readiness().await.filter(|(ready, _)| !*ready)).await;
    let said = said["database"].as_str().unwrap();
    assert!(said.contains("t.db is full: make room"), "{said}");
    eventually("the log says it", async || daemon.log().contains("t.db is full: make room").then_some(())).await;

    std::fs::remove_file(&filler).unwrap();
    daemon.wait_until_ready().await;
    let worked = daemon.run(&["enqueue", "detect_drift", "--all", "--wait"]);
    assert_eq!(worked.code, 0, "{worked:?}");
    // A copy is checked as a whole.
    let copy = daemon.folder.path().join("copy.db").display().to_string();
    let sound = daemon.run(&["backup", &copy]);
    assert_eq!(sound.code, 0, "{sound:?}");
}
