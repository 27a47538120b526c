//! No sequence of shifting pages, failures, repetitions and late answers opens a finding while the cloud is as it was.
//!
//! A history is what one tenant goes through: looks at it and at the whole cloud, by two replicas, each in the weather
//! of its moment. Many tenants live in one simulated cloud. `TENANTD_TEST_HISTORIES` says how many there are, half of them
//! guarded and half followed, and `TENANTD_TEST_SEED` draws the same weather again.

use std::cell::Cell;
use std::time::{Duration, Instant};

use futures::future::join;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};
use tenantd::drift::rules::{Mode, Rules};
use tenantd::jobs::context::Discovery;
use tenantd::jobs::runner::{Ended, Origin, Runner};
use tenantd::model::job::Request;
use tenantd::model::{ResourceType, Tenant};

use super::{seed, setting, weather};
use crate::support::rows::{self, Rows, text};
use crate::support::{Database, Engine, Login, Setup, TestApp, database};

/// Histories in one cloud.
const TENANTS: u64 = 50;
/// What happens in one cloud.
const STEPS: usize = 14;

#[tokio::test]
async fn an_unchanged_cloud_is_in_order_when_it_is_guarded() {
    live_through_all(Engine::Sqlite, Mode::Guard).await;
}

#[tokio::test]
async fn an_unchanged_cloud_is_in_order_when_it_is_followed() {
    live_through_all(Engine::Sqlite, Mode::Follow).await;
}

#[tokio::test]
async fn an_unchanged_cloud_is_in_order_with_postgres() {
    live_through_all(Engine::Postgres, Mode::Guard).await;
}

async fn live_through_all(engine: Engine, mode: Mode) {
    let (seed, began) = (seed(), Instant::now());
    if engine == Engine::Postgres && std::env::var_os("TENANTD_TEST_POSTGRES_URL").is_none() {
        println!("skipped: TENANTD_TEST_POSTGRES_URL is not set");
        return;
    }
    // What happens to answers is the same for both databases; the slower one is asked less.
    let share = if engine == Engine::Postgres { 10 } else { 2 };
    let clouds = setting("TENANTD_TEST_HISTORIES", 500).div_ceil(share * TENANTS);
    println!("TENANTD_TEST_SEED={seed} for {} histories", clouds * TENANTS);
    let mut struck = 0;
    for number in 0..clouds {
        let seed = seed.wrapping_add(number);
        println!("the cloud drawn from {seed}");
        database::with(engine, async |database| struck += live_through(database, mode, seed).await).await;
    }
    println!("{} histories, {struck} disturbances, {:.1} s", clouds * TENANTS, began.elapsed().as_secs_f64());
}

/// Lets a cloud's tenants live through the weather drawn from `seed`; how often something went wrong.
async fn live_through(database: Database, mode: Mode, seed: u64) -> u64 {
    let mut random = StdRng::seed_from_u64(seed);
    let setup = Setup {
        tenants: usize::try_from(TENANTS).unwrap(),
        clouds: vec![("sim", Login::Entry("sim"), seed)],
        discovery: Discovery { tags: vec!["tenant".to_owned()], ..Discovery::default() },
        rules: Rules { modes: [mode; ResourceType::ALL.len()], ..Rules::default() },
        page_size: Some(random.random_range(4..60)),
        ..Setup::default()
    };
    let mut app = TestApp::with(&database, setup).await;
    let project = json!({"project": {"name": "elsewhere", "domain_id": "default"}});
    app.cloud().admin(Method::POST, "/identity/v3/projects", Some(project)).await;
    app.cloud_mut().patience = Duration::from_millis(250);
    app.log_in("sim", Login::Entry("sim")).await;
    app.run_for_cloud("pull_tenants", "sim").await;
    let tenants = app.context.store().tenants(Some("sim")).await.unwrap();
    assert_eq!(tenants.len() as u64, TENANTS);

    let (_, other) = app.replica().await;
    let mut world = World { app, other, tenants, random, struck: 0 };
    for _ in 0..STEPS {
        world.step().await;
    }
    world.calm_down().await;
    World::verify(&rows::all(&database).await);
    world.struck
}

struct World {
    app: TestApp,
    other: Runner,
    tenants: Vec<Tenant>,
    random: StdRng,
    struck: u64,
}

impl World {
    async fn step(&mut self) {
        self.app.advance(self.random.random_range(0..120));
        let rules = weather::draw(&mut self.random);
        self.app.cloud().faults(json!(rules)).await;
        match self.random.random_range(0..20) {
            0..7 => {
                for _ in 0..2 {
                    let request = self.pull();
                    self.run(request).await;
                }
            }
            7..12 => {
                for _ in 0..8 {
                    let request = self.of_somebody();
                    self.run(request.clone()).await;
                    if self.random.random_bool(0.2) {
                        let again = self.run(request).await;
                        assert!(matches!(again, Ended::Duplicate | Ended::Parked { .. }), "{again:?}");
                    }
                }
            }
            12..17 => self.late_answer(rules).await,
            17 => drop(self.run(self.fleet("pull_tenants")).await),
            18 => drop(self.run(self.fleet("detect_drift")).await),
            _ => {}
        }
        self.app.run_waiting().await;
        self.struck += self.app.cloud().struck().await.into_iter().sum::<u64>();
    }

    /// A look whose answer is on its way while the other replica looks at the same.
    async fn late_answer(&mut self, rules: Vec<Value>) {
        let kind = weather::PULLS.choose(&mut self.random).unwrap().0;
        let held: Vec<Value> = [weather::hold(kind, &mut self.random)].into_iter().chain(rules).collect();
        self.app.cloud().faults(json!(held)).await;
        let somebody = self.tenants.choose(&mut self.random).unwrap().uuid.to_string();
        let mut request = |alone| {
            let is_alone = self.random.random_bool(alone);
            let (subject, cloud) = (is_alone.then(|| somebody.clone()), (!is_alone).then(|| "sim".to_owned()));
            Request { subject, cloud, ..self.app.request(kind) }
        };
        let (early, between) = (request(0.5), [request(0.6), request(0.6)]);
        let pauses: [u64; 3] = std::array::from_fn(|_| self.random.random_range(1..90));
        let (app, other, over) = (&self.app, &self.other, Cell::new(false));
        let late = async {
            app.runner.run(early, Origin::Delivery).await.unwrap();
            over.set(true);
        };
        let meanwhile = async {
            while !over.get() && app.cloud().struck().await[0] == 0 {}
            for (request, pause) in between.into_iter().zip(pauses) {
                app.advance(pause);
                other.run(request, Origin::Delivery).await.unwrap();
            }
            app.advance(pauses[2]);
            let struck = app.cloud().struck().await.into_iter().sum::<u64>();
            app.cloud().faults(json!([])).await;
            struck
        };
        self.struck += join(late, meanwhile).await.1;
    }

    fn fleet(&self, kind: &str) -> Request {
        Request { cloud: Some("sim".to_owned()), ..self.app.request(kind) }
    }

    /// A look at everybody, at one resource type or at all.
    fn pull(&mut self) -> Request {
        let kinds: Vec<&str> = ["pull"].into_iter().chain(weather::PULLS.map(|(kind, _)| kind)).collect();
        let kind = kinds.choose(&mut self.random).unwrap();
        self.fleet(kind)
    }

    fn of_somebody(&mut self) -> Request {
        let subject = self.tenants.choose(&mut self.random).unwrap().uuid.to_string();
        Request { subject: Some(subject), cloud: None, ..self.pull() }
    }

    async fn run(&self, request: Request) -> Ended {
        self.app.deliver(request).await
    }

    /// The weather is over: whatever waits is done, and everything is looked at once more.
    async fn calm_down(&mut self) {
        let cloud = self.app.cloud_mut();
        (cloud.patience, cloud.page_size) = (Duration::from_secs(20), None);
        cloud.faults(json!([])).await;
        self.app.log_in("sim", Login::Entry("sim")).await;
        self.settle().await;
        for kind in ["pull_tenants", "pull", "pull"] {
            let ended = self.app.run_for_cloud(kind, "sim").await;
            assert!(matches!(ended, Ended::Done { left_out: None, .. }), "{kind}: {ended:?}");
            self.settle().await;
        }
    }

    /// Does what waits, whenever it is to be done.
    async fn settle(&self) {
        for _ in 0..20 {
            self.app.advance(1000);
            if self.app.run_waiting().await.is_empty() {
                return;
            }
        }
        panic!("something waits for ever");
    }

    /// Nothing was found, no expectation was changed, nothing and nobody is gone.
    fn verify(rows: &Rows) {
        let table = |name: &'static str| rows.iter().filter(move |((table, _), _)| table == name).map(|(_, row)| row);
        for nothing in ["findings", "suspicions", "life"] {
            let there: Vec<_> = table(nothing).collect();
            assert!(there.is_empty(), "{nothing}: {there:?}");
        }
        let gone: Vec<_> = table("tenants").filter(|row| !row["vanished_at"].is_null()).collect();
        assert!(gone.is_empty(), "{gone:?}");
        assert_eq!(table("tenants").count() as u64, TENANTS);
        let is_change = |event: &rows::Row| event["body"]["data"]["changes"] != json!([]);
        let told = table("outbox").filter(|row| text(&row["routing_key"]).starts_with("snapshot."));
        let changed: Vec<_> = told.filter(|event| is_change(event)).map(|event| event["body"].to_string()).collect();
        assert!(changed.is_empty(), "{} changes:\n{}", changed.len(), changed.join("\n"));
        let expectations: Vec<_> = table("expectations").collect();
        assert_eq!(expectations.len() as u64, 9 * TENANTS);
        for expectation in expectations {
            assert_eq!(text(&expectation["author"]), "first observation", "{expectation:?}");
            let of_it = |row: &&rows::Row| {
                row["tenant"] == expectation["tenant"] && row["resource_type"] == expectation["resource_type"]
            };
            let snapshots: Vec<_> = table("snapshots").filter(of_it).collect();
            let newest = &table("resources").find(of_it).unwrap()["snapshot"];
            let newest = snapshots.iter().find(|row| row["id"] == *newest).unwrap();
            assert_eq!(newest["body"], expectation["body"]);
            // Of quotas a part is kept when a service does not answer at first.
            assert!(snapshots.len() == 1 || text(&expectation["resource_type"]) == "quotas", "{snapshots:?}");
        }
    }
}
