//! The daemon's parts around one test's database and clouds, with a clock that the test moves.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeZone, Utc};
use serde_json::{Value, json};
use tenantd::clock::{Clock, VirtualClock};
use tenantd::drift::rules::Rules;
use tenantd::jobs::context::{Context, Discovery, Exchanges, Live, Retries};
use tenantd::jobs::effects::{Effect, Tally, apply};
use tenantd::jobs::runner::{Ended, Origin, Runner};
use tenantd::model::ids::named_id;
use tenantd::model::job::{Job, Request};
use tenantd::model::{Observation, Tenant};
use tenantd::store::holds::{ForParts, Hold};
use tokio_util::sync::CancellationToken;

use super::cloud::{Login, SimulatedCloud};
use super::database::Database;
use super::rows::Rows;
use super::{changes, rows};

/// What a test wants different from the usual.
#[derive(Debug, Clone)]
pub struct Setup {
    pub tenants: usize,
    /// Clouds: name, login, and the seed that makes equal clouds equal.
    pub clouds: Vec<(&'static str, Login, u64)>,
    pub discovery: Discovery,
    pub rules: Rules,
    pub retries: Retries,
    /// What the exchanges' names begin with.
    pub prefix: Option<String>,
    /// The kinds of jobs that may change the clouds.
    pub write: Vec<&'static str>,
    /// Tenants that one part of a pull of a cloud reads; pulls are not shared out without it.
    pub batch: Option<usize>,
    /// Objects per page; what the daemon asks for without it.
    pub page_size: Option<usize>,
    /// How often a request is sent at most.
    pub attempts: u32,
    /// How many tenants are asked about at once.
    pub concurrency: usize,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            tenants: 2,
            clouds: vec![("sim", Login::Entry("sim"), 1)],
            discovery: Discovery { skip_domains: vec!["heat".to_owned()], ..Discovery::default() },
            rules: Rules::default(),
            retries: Retries::default(),
            prefix: None,
            write: Vec::new(),
            batch: None,
            page_size: None,
            attempts: 1,
            concurrency: 4,
        }
    }
}

/// The daemon's parts.
#[derive(Debug)]
pub struct TestApp {
    pub database: Database,
    pub clock: VirtualClock,
    pub context: Context,
    pub runner: Runner,
    pub interrupt: CancellationToken,
    clouds: BTreeMap<&'static str, SimulatedCloud>,
    looked: Mutex<Rows>,
    requests: AtomicU64,
}

impl TestApp {
    /// The usual: one cloud with two tenants.
    pub async fn start(database: &Database) -> Self {
        Self::with(database, Setup::default()).await
    }

    pub async fn with(database: &Database, setup: Setup) -> Self {
        let clock = VirtualClock::at(began());
        let (mut clouds, mut live) = (BTreeMap::new(), BTreeMap::new());
        for (name, login, seed) in setup.clouds {
            let mut cloud = SimulatedCloud::start(setup.tenants, seed, &setup.write).await;
            cloud.page_size = setup.page_size;
            (cloud.attempts, cloud.concurrency) = (setup.attempts, setup.concurrency);
            let clock: Arc<dyn Clock> = Arc::new(clock.clone());
            let entry = cloud.entry(name, login, setup.discovery.clone(), clock).await;
            live.insert(name.to_owned(), entry);
            clouds.insert(name, cloud);
        }
        let (rules, retries, batch) = (setup.rules, setup.retries, setup.batch);
        let live = Live { clouds: live, rules, retries, batch, ..Live::default() };
        let name =
            |what: &str| setup.prefix.as_ref().map_or_else(|| what.to_owned(), |prefix| format!("{prefix}.{what}"));
        let exchanges = Exchanges { events: name("events"), dead: name("dead") };
        let clock_of_context: Arc<dyn Clock> = Arc::new(clock.clone());
        let store = database.store().await;
        let context = Context::new(store, clock_of_context, "test".to_owned(), live, Some(exchanges));
        let interrupt = CancellationToken::new();
        let runner = Runner::new(context.clone(), 4, interrupt.clone());
        let looked = Mutex::new(rows::all(database).await);
        Self {
            database: database.clone(),
            clock,
            context,
            runner,
            interrupt,
            clouds,
            looked,
            requests: AtomicU64::new(0),
        }
    }

    /// The cloud, where there is one.
    pub fn cloud(&self) -> &SimulatedCloud {
        self.clouds.values().next().expect("a cloud")
    }

    /// The cloud, to change how the daemon talks to it when it logs in again.
    pub fn cloud_mut(&mut self) -> &mut SimulatedCloud {
        self.clouds.values_mut().next().expect("a cloud")
    }

    /// The cloud of that name.
    pub fn cloud_named(&self, name: &str) -> &SimulatedCloud {
        &self.clouds[name]
    }

    /// Talks to a cloud with another login from now on.
    pub async fn log_in(&self, cloud: &'static str, login: Login) {
        let before = self.context.live();
        let discovery = before.clouds[cloud].discovery.clone();
        let entry = self.clouds[cloud].entry(cloud, login, discovery, Arc::new(self.clock.clone())).await;
        let mut clouds = before.clouds.clone();
        clouds.insert(cloud.to_owned(), entry);
        self.context.replace_live(Live {
            clouds,
            rules: before.rules.clone(),
            retries: before.retries,
            batch: before.batch,
            ..Live::default()
        });
    }

    /// One cloud with two tenants, which jobs of these kinds may change.
    pub async fn writing(database: &Database, write: &[&'static str]) -> Self {
        Self::with(database, Setup { write: write.to_vec(), ..Setup::default() }).await
    }

    /// Another replica: another process, the same records and clouds.
    pub async fn replica(&self) -> (Context, Runner) {
        let live = self.context.live();
        let (clouds, rules, retries) = (live.clouds.clone(), live.rules.clone(), live.retries);
        let live = Live { clouds, rules, retries, batch: live.batch, ..Live::default() };
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let exchanges = self.context.exchanges().cloned();
        let context = Context::new(self.database.store().await, clock, "other".to_owned(), live, exchanges);
        (context.clone(), Runner::new(context, 4, CancellationToken::new()))
    }

    /// Runs a job for one tenant of the first cloud, a second later.
    pub async fn run(&self, kind: &str, tenant: &str, params: Value) -> Ended {
        let subject = Some(self.cloud().project(tenant).await);
        self.deliver(Request { subject, params, ..self.request(kind) }).await
    }

    /// Runs a job for all tenants of a cloud, a second later.
    pub async fn run_for_cloud(&self, kind: &str, cloud: &str) -> Ended {
        self.deliver(Request { cloud: Some(cloud.to_owned()), ..self.request(kind) }).await
    }

    /// Runs a request as if a message had brought it, a second later.
    pub async fn deliver(&self, request: Request) -> Ended {
        self.clock.advance(Duration::from_secs(1));
        self.runner.run(request, Origin::Delivery).await.unwrap()
    }

    /// A request for everything.
    pub fn request(&self, kind: &str) -> Request {
        // Counted ids, so that jobs that wait are taken in the same order each time.
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        Request::new(named_id("test", &number.to_string()), kind, "test", self.clock.now())
    }

    /// Runs what waits in the table and whose time has come, until nothing does.
    pub async fn run_waiting(&self) -> Vec<Ended> {
        let mut ended = Vec::new();
        loop {
            let jobs = self.claim().await;
            if jobs.is_empty() {
                return ended;
            }
            for job in jobs {
                self.clock.advance(Duration::from_secs(1));
                ended.push(self.run_claimed(job).await);
            }
        }
    }

    /// Takes what waits and whose time has come.
    pub async fn claim(&self) -> Vec<Job> {
        let now = self.context.clock().now();
        let hold = Hold { owner: self.context.owner(), until: now + chrono::Duration::hours(1) };
        self.context.store().claim_jobs(hold, now, (100, &[]), parts(100)).await.unwrap().jobs
    }

    /// Runs what was taken from the table.
    pub async fn run_claimed(&self, job: Job) -> Ended {
        let place = self.runner.place().unwrap();
        self.runner.run_claimed(job, place).await.unwrap()
    }

    /// Puts a request into the table and takes it from there, as its only job.
    pub async fn claimed(&self, request: &Request) -> Job {
        let mut tx = self.context.store().begin().await.unwrap();
        tx.insert_job(request, None).await.unwrap();
        tx.commit().await.unwrap();
        self.claim().await.pop().unwrap()
    }

    /// Moves the clock.
    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub fn put_back(&self, seconds: u64) {
        self.clock.put_back(Duration::from_secs(seconds));
    }

    /// Every row that changed since the last look.
    pub async fn changes(&self) -> String {
        let now = rows::all(&self.database).await;
        let mut looked = self.looked.lock().unwrap();
        let text = changes::between(&looked, &now, began());
        *looked = now;
        text
    }

    /// The changes in some tables only.
    pub async fn changes_in(&self, tables: &[&str]) -> String {
        let all = self.changes().await;
        let wanted = |line: &&str| line.split(' ').nth(1).is_some_and(|table| tables.contains(&table));
        all.lines().filter(wanted).collect::<Vec<_>>().join("\n")
    }

    /// Records something that a cloud might have answered.
    pub async fn observe(&self, tenant: &Tenant, observation: Observation) {
        let effects = [Effect::Observed { tenant: tenant.clone(), observation }];
        let mut tx = self.context.store().begin().await.unwrap();
        let mut tally = Tally::default();
        apply(&self.context, &self.context.live(), &mut tx, None, &effects, &mut tally).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// A recorded tenant.
    pub async fn tenant(&self, name: &str) -> Tenant {
        let mut found = self.context.store().tenants_by_name(name, None).await.unwrap();
        found.pop().unwrap_or_else(|| panic!("no tenant {name}"))
    }
}

/// Room for so many parts of larger jobs, before others.
pub const fn parts(room: usize) -> ForParts<'static> {
    ForParts { room, enough: &[], first: true }
}

/// No parameters.
pub fn none() -> Value {
    json!({})
}

/// When every test begins.
pub fn began() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).unwrap()
}
