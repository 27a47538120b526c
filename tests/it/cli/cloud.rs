//! Commands that talk to a cloud, against a simulated one.

use std::process::{Child, Stdio};

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
    let simulator = Simulator::start(Options { tenants: 2, ..Options::default() }).await.unwrap();
    // `clouds.yaml` is looked for beside the configuration.
    let place = Place::new("[[clouds]]\nname = \"sim\"\n").await;
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
