//! Commands beside a daemon that belongs to another user, and after it ended in whatever way. As root the daemon runs
//! as `nobody`, as the service does on a real machine; else both are the same user.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tenantd::model::ids::new_id;
use tenantd::model::job::Request;
use tenantd::simulator::{Options, Simulator};
use tenantd::store::{Store, snapshots};

use super::{Said, binary, commands, finding, letter, now};
use crate::support::{eventually, free_address};

/// `nobody` on every Linux.
const NOBODY: u32 = 65534;

/// A machine with a service: its folder, its user, its program.
struct Machine {
    _cloud: Simulator,
    _folder: tempfile::TempDir,
    data: PathBuf,
    config: PathBuf,
    program: PathBuf,
    address: String,
    user: u32,
}

/// The daemon as the service's user.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Machine {
    async fn new() -> Self {
        let cloud = Simulator::start(Options { tenants: 3, ..Options::default() }).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let me = std::fs::metadata("/proc/self").unwrap().uid();
        let user = if me == 0 { NOBODY } else { me };
        let open = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        open(folder.path(), 0o755);
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        open(&data, 0o750);
        if me == 0 {
            chown(&data, Some(user), Some(user)).unwrap();
        }
        // Where the build lies may be closed to others.
        let program = folder.path().join("tenantd");
        let built = env!("CARGO_BIN_EXE_tenantd");
        std::fs::hard_link(built, &program).or_else(|_| std::fs::copy(built, &program).map(drop)).unwrap();
        let clouds = folder.path().join("clouds.yaml");
        std::fs::write(&clouds, cloud.clouds_yaml()).unwrap();
        open(&clouds, 0o644);
        let address = free_address();
        let config = folder.path().join("tenantd.toml");
        let text = format!(
            "[database]\nurl = \"sqlite://{}/t.db\"\n[[clouds]]\nname = \"sim\"\nfile = \"{}\"\n[http]\nlisten = \"{address}\"\n\
             [[schedules]]\nname = \"tenants\"\ncron = \"0 0 0 1 1 *\"\njob = \"pull_tenants\"\n",
            data.display(),
            clouds.display()
        );
        let text = text + "[[drift.policies]]\nname = \"open\"\nworld_open = {}\n";
        std::fs::write(&config, text).unwrap();
        open(&config, 0o644);
        Self { _cloud: cloud, _folder: folder, data, config, program, address, user }
    }

    fn command(&self) -> Command {
        let plain = binary();
        let mut command = Command::new(&self.program);
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.arg("--config").arg(&self.config).current_dir("/");
        command
    }

    fn as_service(&self) -> Command {
        let mut command = self.command();
        if self.user == NOBODY {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    async fn start(&self) -> Service {
        let mut command = self.as_service();
        let service = Service(command.arg("run").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        eventually("the daemon is ready", async || {
            let answer = reqwest::get(format!("http://{}/health/ready", self.address)).await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
        service
    }

    fn run(&self, arguments: &[&str]) -> Said {
        self.command().args(arguments).output().unwrap().into()
    }

    /// Every file of the records belongs to the service.
    fn everything_is_the_services(&self, after: &str) {
        for entry in std::fs::read_dir(&self.data).unwrap() {
            let path = entry.unwrap().path();
            // A file of SQLite may go at any moment.
            let Ok(file) = std::fs::metadata(&path) else { continue };
            let (mode, owner) = (file.permissions().mode() & 0o777, file.uid());
            assert_eq!((owner, mode & 0o600), (self.user, 0o600), "after `{after}`: {} {mode:o}", path.display());
            assert_eq!(mode & 0o007, 0, "after `{after}`: {} {mode:o}", path.display());
        }
    }

    async fn store(&self) -> Store {
        Store::open(&format!("sqlite://{}/t.db", self.data.display()), 2).await.unwrap()
    }

    /// What each command is given; one that is missing here is not tried, and that is an error.
    async fn arguments(&self, round: u32) -> Vec<(&'static str, Vec<String>)> {
        let store = self.store().await;
        let job = Request {
            not_before: now() + chrono::Duration::days(1),
            ..Request::new(new_id(now()), "pull", "cli", now())
        };
        let letters = [letter(None, "refused", "{}"), letter(None, "unreadable", "what?")];
        let tenant = store.tenants_by_name("tenant-001", None).await.unwrap().remove(0);
        let drift = finding(tenant.uuid, &format!("made-up-{round}"), tenantd::model::finding::Change::Limit);
        let mut tx = store.begin().await.unwrap();
        tx.insert_job(&job, None).await.unwrap();
        for letter in &letters {
            tx.insert_dead_letter(letter).await.unwrap();
        }
        tx.open_finding(&drift).await.unwrap();
        tx.commit().await.unwrap();
        let of_tenant = snapshots::Filter { tenant: Some(tenant.uuid), limit: 1, ..snapshots::Filter::default() };
        let snapshots = store.snapshots(of_tenant).await.unwrap();
        store.close().await;
        let (job, drift, dead) = (job.id.to_string(), drift.id.to_string(), letters.map(|it| it.id.to_string()));
        let snapshot = snapshots[0].id.to_string();
        let copy = self.data.join(format!("copy-{round}.db")).display().to_string();
        let elsewhere = self.data.parent().unwrap().join(format!("man-{round}")).display().to_string();
        let token = self.data.parent().unwrap().join("portal.token").display().to_string();
        std::fs::write(&token, "secret").unwrap();
        let (quotas, name) = (r#"{"vcpu": 40}"#, format!("portal-{round}"));
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let with = |text: &str, more: &[&str]| [words(text), more.iter().map(|it| (*it).to_owned()).collect()].concat();
        vec![
            ("run", words("run")),
            ("check", words("check")),
            ("config init", words("config init")),
            ("config check", words("config check")),
            ("config show", words("config show")),
            ("config schema", words("config schema")),
            ("migrate", words("migrate")),
            ("enqueue", words("enqueue detect_drift --all")),
            ("pull", words("pull quotas")),
            ("reconcile", words("reconcile --tenant tenant-001")),
            ("tenants list", words("tenants list")),
            ("tenants show", words("tenants show tenant-001")),
            ("tenants why", words("tenants why tenant-001")),
            ("tenants add", with("tenants add --cloud sim", &[&tenant.backend_id])),
            ("tenants import", with("tenants import --waldur http://127.0.0.1:1 --token-file", &[&token])),
            ("tenants unlink", words("tenants unlink tenant-002")),
            ("backup", with("backup", &[&copy])),
            ("jobs list", words("jobs list")),
            ("jobs show", with("jobs show", &[&job])),
            ("jobs cancel", with("jobs cancel", &[&job])),
            ("dead list", words("dead list")),
            ("dead show", with("dead show", &[&dead[0]])),
            ("dead requeue", with("dead requeue --dry-run", &[&dead[0]])),
            ("dead purge", with("dead purge", &[&dead[0], &dead[1]])),
            ("schedules list", words("schedules list")),
            ("schedules run", words("schedules run prune")),
            ("snapshots list", words("snapshots list")),
            ("snapshots show", with("snapshots show", &[&snapshot])),
            ("snapshots diff", with("snapshots diff", &[&snapshot, &snapshot])),
            ("drift list", words("drift list")),
            ("drift show", with("drift show", &[&drift])),
            ("drift policy test", words("drift policy test")),
            ("drift ack", with("drift ack --reason known", &[&drift])),
            ("drift note", with("drift note", &[&drift, "seen"])),
            ("drift digest", words("drift digest --since 7d")),
            ("drift accept", with("drift accept --dry-run", &[&drift])),
            ("expectations show", words("expectations show --tenant tenant-001")),
            ("expectations set", with("expectations set --tenant tenant-001 quotas --values", &[quotas])),
            ("expectations clear", words("expectations clear --tenant tenant-001 quotas")),
            ("tokens create", with("tokens create --role viewer", &[&name])),
            ("tokens list", words("tokens list")),
            ("tokens revoke", with("tokens revoke", &[&name])),
            ("schema job", words("schema job")),
            ("completions", words("completions bash")),
            ("man", with("man", &[&elsewhere])),
        ]
    }

    async fn run_everything(&self, round: u32, beside: bool) {
        let arguments = self.arguments(round).await;
        for command in commands() {
            // These bring records of their own, and do not end by themselves.
            if matches!(command.as_str(), "demo" | "simulate") || (command == "run" && !beside) {
                continue;
            }
            let Some((_, words)) = arguments.iter().find(|(name, _)| *name == command) else {
                panic!("say here how `{command}` is run beside the daemon");
            };
            let said = self.run(&words.iter().map(String::as_str).collect::<Vec<_>>());
            // In the second round what was to be forgotten is gone already; the daemon resolves what was made up.
            let fine = match command.as_str() {
                "run" => said.code == 1 && said.err.contains("is in use by another `tenantd run`"),
                "tenants unlink" if round > 1 => said.code <= 1,
                "drift ack" | "drift accept" => said.code <= 1,
                // Nobody is there to be asked.
                "tenants import" => said.code == 1 && said.err.contains("127.0.0.1:1"),
                // Whether there is something to do depends on what was done before.
                "reconcile" => matches!(said.code, 0 | 2),
                _ => said.code == 0,
            };
            assert!(fine, "{words:?}: {said:?}");
            self.everything_is_the_services(&command);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_works_beside_the_daemon_and_leaves_it_its_files() {
    let machine = Machine::new().await;
    // The first of all commands makes the database, for the service.
    assert_eq!(machine.run(&["tenants", "list"]).code, 0);
    machine.everything_is_the_services("tenants list");
    assert_eq!(machine.run(&["pull"]).code, 0);

    let mut service = machine.start().await;
    machine.run_everything(1, true).await;
    let worked = machine.run(&["enqueue", "detect_drift", "--all", "--wait"]);
    assert_eq!(worked.code, 0, "the daemon goes on writing: {worked:?}");

    // Killed, it leaves the write-ahead log; the next command is root's.
    service.0.kill().unwrap();
    service.0.wait().unwrap();
    assert_eq!(machine.run(&["enqueue", "detect_drift", "--all"]).code, 0);
    machine.everything_is_the_services("enqueue");
    machine.run_everything(2, false).await;

    let _service = machine.start().await;
    let worked = machine.run(&["enqueue", "detect_drift", "--all", "--wait"]);
    assert_eq!(worked.code, 0, "the daemon writes again: {worked:?}");
    let by_the_service: Said = machine.as_service().args(["jobs", "list"]).output().unwrap().into();
    assert_eq!(by_the_service.code, 0, "{by_the_service:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_daemon_is_refused_for_as_long_as_the_first_lives() {
    let machine = Machine::new().await;
    let mut first = machine.start().await;
    let second = machine.run(&["run"]);
    let says = ["t.db is in use by", &format!("process {}", first.0.id()), "stop that one", "PostgreSQL"];
    assert!(second.code == 1 && says.iter().all(|it| second.err.contains(it)), "{second:?}");
    assert_eq!(machine.run(&["jobs", "list"]).code, 0);
    first.0.kill().unwrap();
    first.0.wait().unwrap();
    machine.start().await;
}
