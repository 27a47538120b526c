//! What the main parts cost: comparing rules, reading a page, pulling tenants from a simulated cloud in a process of
//! its own. `cargo bench` prints the figures; `benches/README.md` keeps some, with the machine they were taken on.
#![expect(clippy::print_stdout, reason = "the figures are its result")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tenantd::app::build;
use tenantd::clock::{Clock, SystemClock};
use tenantd::drift;
use tenantd::jobs::context::Context;
use tenantd::jobs::runner::{Ended, Origin, Runner};
use tenantd::model::ids::new_id;
use tenantd::model::job::Request;
use tenantd::model::security_group::{Meaning, Rule, SecurityGroup};
use tenantd::model::{Body, Tenant};
use tenantd::store::Store;
use tokio_util::sync::CancellationToken;

/// The one that the daemon has.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    diff();
    parse()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    for latency in [0, 10, 50] {
        runtime.block_on(pulls(200, latency))?;
    }
    println!("peak RSS of this process: {} MiB", peak_rss()? / 1024);
    Ok(())
}

/// The median of some runs.
fn median(runs: usize, mut run: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            let began = Instant::now();
            run();
            began.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

fn groups(count: u16, shift: u16) -> Body {
    let rule = |port: u16| Rule {
        meaning: Meaning {
            direction: "ingress".into(),
            ethertype: "IPv4".into(),
            protocol: Some("tcp".into()),
            port_min: Some(port),
            port_max: Some(port),
            cidr: Some("10.0.0.0/8".into()),
            remote_group: None,
            remote_address_group: None,
        },
        id: format!("rule-{port}"),
        description: String::new(),
    };
    let group = |number: u16| SecurityGroup {
        id: format!("group-{number:05}"),
        name: format!("group {number}"),
        description: String::new(),
        stateful: true,
        // One group in a hundred has another last rule.
        rules: (1..=9).chain([if number.is_multiple_of(100) { 10 + shift } else { 10 }]).map(rule).collect(),
    };
    Body::SecurityGroups((0..count).map(group).collect())
}

fn diff() {
    let (expected, observed) = (groups(1_000, 0), groups(1_000, 1));
    let found = drift::compare(&expected, &observed).len();
    let took = median(20, || drop(drift::compare(&expected, &observed)));
    let rate = 10_000.0 / took.as_secs_f64();
    println!("compare 1,000 groups of 10 rules, 1 % of them changed: {took:?}, {rate:.0} rules/s, {found} differences");
}

fn parse() -> Outcome<()> {
    let rule = |number: usize| {
        json!({"id": format!("{number:032x}"), "project_id": "p", "security_group_id": "g", "ethertype": "IPv4",
            "direction": "ingress", "protocol": "tcp", "port_range_min": number, "port_range_max": number,
            "remote_ip_prefix": "10.0.0.0/8", "remote_address_group_id": null, "normalized_cidr": "10.0.0.0/8",
            "remote_group_id": null, "standard_attr_id": number, "belongs_to_default_sg": null, "description": "a rule",
            "tags": [], "created_at": "2026-11-21T20:02:57Z", "updated_at": "2026-11-21T20:02:57Z",
            "revision_number": 0, "tenant_id": "p"})
    };
    let group = |number: usize| {
        json!({"id": format!("{number:032x}"), "name": format!("group {number}"), "stateful": true, "tenant_id": "p",
            "project_id": "p", "description": "a group", "shared": false, "tags": [], "revision_number": 1,
            "security_group_rules": (1..=10).map(rule).collect::<Vec<_>>()})
    };
    let page = Value::Array((0..1_000).map(group).collect()).to_string();
    let typed: Vec<tenantd::openstack::SecurityGroup> = serde_json::from_str(&page)?;
    let took = median(20, || drop(serde_json::from_str::<Vec<tenantd::openstack::SecurityGroup>>(&page)));
    let untyped = median(20, || drop(serde_json::from_str::<Value>(&page)));
    println!(
        "parse a page of {} groups of 10 rules ({} KiB): {took:?}; untyped {untyped:?}",
        typed.len(),
        page.len() / 1024
    );
    Ok(())
}

/// A simulated cloud in a process of its own, ended with this value.
struct Cloud(Child);

impl Drop for Cloud {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn simulate(tenants: usize, latency: u64, clouds: &std::path::Path) -> Outcome<Cloud> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tenantd"))
        .args(["simulate", "--listen", &format!("127.0.0.1:{port}"), "--tenants", &tenants.to_string()])
        .args(["--latency", &format!("{latency}ms"), "--clouds-yaml"])
        .arg(clouds)
        .stdout(Stdio::piped())
        .spawn()?;
    // Its first line says that it answers.
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
    Ok(Cloud(child))
}

async fn pulls(tenants: usize, latency: u64) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let clouds = folder.path().join("clouds.yaml");
    let _cloud = simulate(tenants, latency, &clouds)?;
    let text = format!("[[clouds]]\nname = \"sim\"\nfile = \"{}\"\n", clouds.display());
    let config = tenantd::config::load::read(&folder.path().join("t.toml"), &text, &[])?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let live = build::live(&config, &clock);
    let store = Store::open(&format!("sqlite://{}/t.db", folder.path().display()), 4).await?;
    store.migrate().await?;
    let context = Context::new(store, clock, "bench".into(), live, None);
    let runner = Runner::new(context.clone(), 64, CancellationToken::new());
    let run = async |kind: &str, tenant: Option<&Tenant>| -> Outcome<Ended> {
        let now = context.clock().now();
        let subject = tenant.map(|tenant| tenant.uuid.to_string());
        let request = Request { cloud: Some("sim".into()), subject, ..Request::new(new_id(now), kind, "bench", now) };
        Ok(runner.run(request, Origin::Table).await?)
    };
    run("pull_tenants", None).await?;
    let known = context.store().tenants(Some("sim")).await?;
    for look in ["first", "unchanged"] {
        let began = Instant::now();
        run("pull", None).await?;
        println!("{latency} ms a request: fleet pull of {} tenants, {look}: {:?}", known.len(), began.elapsed());
    }
    let began = Instant::now();
    let ended: Vec<Outcome<Ended>> =
        stream::iter(&known).map(|tenant| run("pull_quotas", Some(tenant))).buffer_unordered(32).collect().await;
    let rate = f64::from(u32::try_from(ended.len())?) / began.elapsed().as_secs_f64();
    let done = ended.iter().filter(|it| matches!(it, Ok(Ended::Done { .. }))).count();
    println!("{latency} ms a request: {done} pulls of one tenant's quotas, 32 at once: {rate:.0} pulls/s");
    Ok(())
}

/// The most memory that this process ever had, in KiB.
fn peak_rss() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
}
