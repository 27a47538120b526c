//! Commands that talk to a cloud, against a simulated one.

use std::process::{Child, Command, Stdio};

use tenantd::simulator::{Options, Simulator};

use super::{Place, binary};

/// A daemon that ends with the test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn with_cloud() -> (Place, Simulator) {
    with_cloud_and("").await
}

async fn with_cloud_and(more: &str) -> (Place, Simulator) {
    let simulator = Simulator::start(Options { tenants: 2, ..Options::default() }).await.unwrap();
    // `clouds.yaml` is looked for beside the configuration.
    let place = Place::new(&format!("[[clouds]]\nname = \"sim\"\n{more}")).await;
    std::fs::write(place.path("clouds.yaml"), simulator.clouds_yaml()).unwrap();
    (place, simulator)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pull_says_what_it_saw_and_what_it_could_not_see() {
    let (place, simulator) = with_cloud().await;
    let rows = place.run(&["pull", "quotas", "floating_ips", "-o", "json"]).json();
    assert!(rows.len() >= 4 && rows.iter().all(|row| row["read"] == true), "{rows:?}");
    let named = place.run(&["pull", "quotas", "--tenant", rows[0]["tenant_name"].as_str().unwrap()]);
    assert!(named.code == 0 && named.out.contains("vcpu") && named.err.contains("1 listing read, 0 not"), "{named:?}");
    assert_eq!(place.run(&["check"]).code, 0);
    let added = place.run(&["tenants", "add", "--cloud", "sim", rows[0]["tenant"].as_str().unwrap()]);
    assert!(added.code == 0 && added.err.contains("recorded already"), "{added:?}");

    simulator.stop().await;
    let failed = place.run(&["pull", "quotas"]);
    assert_eq!(failed.code, 1, "{failed:?}");
    assert!(failed.err.contains("pull_quotas of sim:") && failed.err.contains("0 listings read"), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_waits_for_the_daemon_and_exits_by_the_result() {
    let (place, _simulator) = with_cloud().await;
    let mut daemon = binary();
    daemon.arg("--config").arg(place.config()).arg("run").stdout(Stdio::null()).stderr(Stdio::null());
    let _daemon = Daemon(daemon.spawn().unwrap());
    let found = place.run(&["enqueue", "pull_tenants", "--cloud", "sim", "--wait", "-o", "json"]).json();
    assert_eq!((found[0]["state"].as_str(), found[0]["outcome"].as_str()), (Some("succeeded"), Some("succeeded")));
    let missing = "ffffffffffffffffffffffffffffffff";
    let dead = place.run(&["enqueue", "pull_quotas", "--tenant", missing, "--cloud", "sim", "--wait"]);
    assert!(dead.code == 1 && dead.out.contains("unknown_tenant"), "{dead:?}");
    assert_eq!(place.run(&["dead", "list", "-o", "json"]).json()[0]["reason"], "unknown_tenant");
}

/// Changes something behind the portal's back.
async fn meddle(simulator: &Simulator, kind: &str) {
    let order = serde_json::json!({"kind": kind, "tenant": "tenant-001"});
    let url = format!("{}/simulator/meddle", simulator.url());
    let answer = reqwest::Client::builder().build().unwrap().post(url).json(&order).send().await.unwrap();
    assert!(answer.status().is_success(), "{kind}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_is_shown_then_done_and_then_there_is_none() {
    let guard = "security_groups = \"guard\", floating_ips = \"guard\"";
    let more = format!("write = [\"reconcile\"]\n[drift]\nmode = {{ {guard} }}\n");
    let (place, simulator) = with_cloud_and(&more).await;
    assert_eq!(place.run(&["pull"]).code, 0);
    for kind in ["quota", "rule_add", "floating_ip_allocate"] {
        meddle(&simulator, kind).await;
    }
    let stale = place.run(&["reconcile", "--tenant", "tenant-001"]);
    assert_eq!((stale.code, stale.out.as_str()), (0, ""), "nothing was seen of it yet: {stale:?}");
    assert!(stale.err.contains("nothing is to be done") && stale.err.contains("--fresh looks first"), "{stale:?}");
    assert!(stale.err.contains("server_groups: nothing is expected that could be restored"), "{stale:?}");

    let planned = place.run(&["reconcile", "--tenant", "tenant-001", "--fresh"]);
    assert_eq!(planned.code, 2, "{planned:?}");
    for said in ["remove from group ", "set limit ", "not expected; left, for --delete was not given"] {
        assert!(planned.out.contains(said), "{said}: {planned:?}");
    }
    let next = "reconcile --tenant sim/tenant-001 --apply";
    assert!(planned.err.contains("2 steps; next: tenantd") && planned.err.contains(next), "{planned:?}");
    let csv = place.run(&["reconcile", "--tenant", "tenant-001", "--resource-type", "security_groups", "-o", "csv"]);
    let heading = "cloud,tenant,tenant_name,step,resource_type,object,object_name,action,what,seen_at";
    assert_eq!((csv.code, csv.out.lines().next(), csv.out.lines().count()), (2, Some(heading), 2), "{csv:?}");

    let rows = place.run(&["reconcile", "--tenant", "tenant-001", "--delete", "--apply", "-o", "json"]).json();
    assert!(rows.len() == 3 && rows.iter().all(|row| row["done"] == true), "{rows:?}");
    let job = place.run(&["jobs", "show", rows[0]["job"].as_str().unwrap(), "-o", "json"]).json();
    assert_eq!((&job[0]["outcome"], job[0]["did"].as_array().map(Vec::len)), (&"succeeded".into(), Some(3)), "{job:?}");
    let again = place.run(&["reconcile", "--tenant", "tenant-001", "--delete", "--fresh"]);
    assert_eq!((again.code, again.out.as_str()), (0, ""), "{again:?}");
    let again = place.run(&["reconcile", "--tenant", "tenant-001", "--delete", "--apply"]);
    assert!(again.code == 0 && again.err.contains("nothing was to be done"), "{again:?}");
    assert_eq!(place.run(&["drift", "list", "--exit-code"]).code, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_cloud_does_not_do_is_told_and_what_it_may_not_is_refused() {
    let (place, _simulator) = with_cloud_and("write = [\"reconcile\"]\n").await;
    assert_eq!(place.run(&["pull"]).code, 0);
    let less = ["expectations", "set", "--tenant", "tenant-001", "quotas", "--values", "{\"vcpu\": 1}"];
    assert_eq!(place.run(&less).code, 0);
    let planned = place.run(&["reconcile", "--tenant", "tenant-001"]);
    assert!(planned.code == 2 && planned.out.contains("set limit vcpu 1 (is "), "{planned:?}");
    let refused = place.run(&["reconcile", "--tenant", "tenant-001", "--apply"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("must be greater than or equal to already used"), "{refused:?}");

    let (place, _simulator) = with_cloud().await;
    assert_eq!(place.run(&["pull", "quotas"]).code, 0);
    let refused = place.run(&["reconcile", "--tenant", "tenant-001", "--apply"]);
    assert!(refused.code == 64 && refused.err.contains("its `write` list does not name reconcile"), "{refused:?}");
}

/// Runs a command in a terminal that shows stderr; what is drawn there, and the exit code.
fn on_terminal(place: &Place, arguments: &str) -> (String, i32) {
    let (program, config) = (env!("CARGO_BIN_EXE_tenantd"), place.config().display());
    let command = format!("{program} --config {config} {arguments} >/dev/null");
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &command, "/dev/null"]).env("TERM", "xterm").stdin(Stdio::null());
    let output = script.env("SHELL", "/bin/sh").output().unwrap();
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code().unwrap_or(-1))
}

/// Every question about Nova's quotas takes a while.
async fn slow_down(simulator: &Simulator) {
    let rule =
        serde_json::json!({"kind": "latency", "milliseconds": 1500, "path_prefix": "/compute/v2.1/os-quota-sets"});
    faults(simulator, serde_json::json!([rule])).await;
}

async fn faults(simulator: &Simulator, rules: serde_json::Value) {
    let url = format!("{}/simulator/faults", simulator.url());
    let answer = reqwest::Client::builder().build().unwrap().put(url).json(&rules).send().await.unwrap();
    assert!(answer.status().is_success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pull_tells_on_a_terminal_how_far_it_is() {
    let (place, simulator) = with_cloud().await;
    slow_down(&simulator).await;
    let (drawn, code) = on_terminal(&place, "pull quotas floating_ips");
    // Three projects, of each two resource types; all quotas are still away when the listing has come.
    assert!(drawn.contains("3 of 6 looks are over"), "{drawn:?}");
    let (last, rest) = drawn.rsplit_once("looks are over").unwrap_or_default();
    assert!(code == 0 && last.contains('[') && rest.contains("6 listings read, 0 not"), "{drawn:?}");

    let piped = place.run(&["pull", "quotas"]);
    assert!(piped.code == 0 && piped.err.starts_with("3 listings read, 0 not"), "{piped:?}");
    let (drawn, code) = on_terminal(&place, "pull quotas --output json");
    assert!(code == 0 && drawn.starts_with("3 listings read, 0 not"), "for a program: {drawn:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_at_a_terminal_sees_how_many_parts_are_over() {
    let (place, simulator) = with_cloud_and("[jobs]\nbatch = 1\n").await;
    assert_eq!(place.run(&["pull", "quotas"]).code, 0);
    slow_down(&simulator).await;
    let mut daemon = binary();
    daemon.arg("--config").arg(place.config()).arg("run").stdout(Stdio::null()).stderr(Stdio::null());
    let _daemon = Daemon(daemon.spawn().unwrap());
    let (drawn, code) = on_terminal(&place, "enqueue pull_quotas --cloud sim --wait");
    assert!(code == 0 && drawn.contains(" of 3 parts are over"), "{drawn:?}");
    assert!(!drawn.lines().any(|line| line.starts_with("1 of 3 parts")), "{drawn:?}");
}

/// What is not allowed, by verdict and check, and the exit code.
fn checked(place: &Place) -> (Vec<String>, i32) {
    let said = place.run(&["check", "-o", "json"]);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&said.out).unwrap_or_default();
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let odd = rows.iter().filter(|row| row["verdict"] != "ok");
    let odd = odd.map(|row| format!("{} {}: {}", text(row, "verdict"), text(row, "check"), text(row, "detail")));
    (odd.collect(), said.code)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_fails_for_what_schedules_need_and_warns_of_the_rest() {
    let paths = ["/compute/v2.1/servers", "/network/v2.0/routers", "/volume/v3"];
    let refused = |path| serde_json::json!({"kind": "status", "status": 403, "path_prefix": path, "method": "GET"});
    let rules = serde_json::Value::from(paths.map(refused).to_vec());
    let schedule = |job: &str, more: &str| {
        format!("[[schedules]]\nname = \"x\"\ncron = \"0 0 * * * *\"\njob = \"{job}\"\n{more}\n")
    };

    let (place, simulator) = with_cloud().await;
    assert_eq!(checked(&place), (Vec::new(), 0));
    faults(&simulator, rules.clone()).await;
    let (odd, code) = checked(&place);
    assert_eq!(code, 1, "Cinder's quotas are always needed: {odd:?}");
    let verdicts: Vec<&str> = odd.iter().filter_map(|it| it.split_once(':')).map(|(verdict, _)| verdict).collect();
    assert_eq!(
        verdicts,
        [
            "failed volume.quota_show",
            "warning network.router_list",
            "warning compute.server_list",
            "warning volume.volume_list",
            "warning volume.volume_snapshot_list"
        ]
    );
    let told = "warning compute.server_list: no schedule needs it, but `pull_instances` will not work: not allowed: ";
    assert!(odd[2].starts_with(told), "{odd:?}");

    let servers = serde_json::json!([refused("/compute/v2.1/servers")]);
    for (job, more, expected) in
        [("pull_instances", "", 1), ("pull", "", 1), ("pull", "cloud = \"sim\"", 1), ("pull_networks", "", 0)]
    {
        let (place, simulator) = with_cloud_and(&schedule(job, more)).await;
        faults(&simulator, servers.clone()).await;
        let (odd, code) = checked(&place);
        assert_eq!((code, odd.len()), (expected, 1), "{job} {more}: {odd:?}");
    }
}
