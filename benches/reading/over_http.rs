//! What is read over HTTP, through the daemon's own routes on loopback, with a cloud that does not answer.

use std::sync::Arc;
use std::time::Duration;

use tenantd::app::build;
use tenantd::clock::{Clock, VirtualClock};
use tenantd::config::Http;
use tenantd::http::{self, View};
use tenantd::intake::amqp::BrokerState;
use tenantd::jobs::context::Context;
use tenantd::lifecycle::Lifecycle;
use tenantd::model::token::{Grant, Role, Token};
use tenantd::store::Store;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::records::{now, project, tenant};
use crate::{Outcome, RUNS, SCRAPES, Times, measure, memory};

/// What takes longer is not worth waiting for.
const LIMIT: Duration = Duration::from_mins(1);

struct Server {
    base: String,
    client: reqwest::Client,
    token: String,
    _stop: DropGuard,
}

/// Nothing listens at the cloud's address.
const CLOUDS: &str = r#"
clouds:
  lab:
    auth: { auth_url: "http://127.0.0.1:9", username: a, password: b, project_name: c, user_domain_id: default, project_domain_id: default }
"#;

impl Server {
    async fn start(store: &Store, max_series: usize) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let clouds = folder.path().join("clouds.yaml");
        std::fs::write(&clouds, CLOUDS)?;
        let text = format!("[[clouds]]\nname = \"lab\"\nfile = \"{}\"\n", clouds.display());
        let config = tenantd::config::load::read(&folder.path().join("t.toml"), &text, &[])?;
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::at(now()));
        let context =
            Context::new(store.clone(), Arc::clone(&clock), "bench".to_owned(), build::live(&config, &clock), None);
        let view = View {
            context,
            recorder: tenantd::telemetry::metrics::recorder()?.handle(),
            broker: watch::channel(BrokerState::Off).1,
            leads: watch::channel(true).1,
            schedules: watch::channel(config.timetable()).1,
            max_series,
            loopback: true,
            secure: false,
            public_url: None,
            heartbeat: watch::channel(now()).1,
        };
        let token = grant(store).await?;
        let listener = http::bind(&Http { listen: "127.0.0.1:0".parse()?, ..Http::default() }).await?;
        let base = listener.place()?;
        let stop = CancellationToken::new();
        Lifecycle::default().spawn_service(http::serve(listener, Arc::new(view), stop.clone()));
        Ok(Self { base, client: reqwest::Client::builder().timeout(LIMIT).build()?, token, _stop: stop.drop_guard() })
    }

    async fn get(&self, path: &str) -> Outcome<usize> {
        let request = self.client.get(format!("{}{path}", self.base));
        let answer =
            request.header("Authorization", format!("Token {}", self.token)).send().await?.error_for_status()?;
        Ok(answer.bytes().await?.len())
    }
}

async fn grant(store: &Store) -> Outcome<String> {
    let id = tenantd::model::ids::new_id(now());
    let token = Token::new(id);
    let grant = Grant {
        id,
        name: format!("bench-{id}"),
        role: Role::Staff,
        verifier: token.verifier(),
        lifetime: None,
        expires_at: None,
        author: "bench".to_owned(),
        created_at: now(),
        last_used_at: None,
        revoked_at: None,
    };
    let mut tx = store.begin().await?;
    tx.add_token(&grant).await?;
    tx.commit().await?;
    Ok(token.reveal())
}

async fn ask(
    server: &Server,
    (name, path): (&str, &str),
    (runs, only): (usize, &str),
    times: &mut Vec<(String, Times)>,
) -> Outcome<()> {
    if name.contains(only) {
        let took = measure(runs, async || server.get(path).await).await?;
        times.push((name.to_owned(), took));
    }
    Ok(())
}

/// `/metrics`, with the usual cap on series and without one.
pub async fn scrapes(store: &Store, tenants: usize, only: &str) -> Outcome<Vec<(String, Times)>> {
    let mut times = Vec::new();
    for (name, cap) in [("/metrics", 200_000), ("/metrics without a cap", usize::MAX)] {
        let server = Server::start(store, cap).await?;
        let before = memory("VmRSS")?;
        ask(&server, (name, "/metrics"), (SCRAPES, only), &mut times).await?;
        if name.contains(only) {
            let (bytes, grown) = (server.get("/metrics").await?, memory("VmRSS")?.saturating_sub(before));
            println!(
                "{}: {name} of {tenants} tenants: {} MiB of text; memory grew by {} MiB",
                store.engine(),
                bytes >> 20,
                grown >> 10
            );
        }
    }
    Ok(times)
}

/// Every list of the API as clients ask for it: first pages, filters, orders; and the page for people.
pub async fn lists(store: &Store, tenants: usize, only: &str) -> Outcome<Vec<(String, Times)>> {
    let server = Server::start(store, 200_000).await?;
    let mut times = Vec::new();
    let (one, uuid) = (project(tenants / 2), tenant(tenants / 2).simple());
    let lists = [
        ("GET /", "/".to_owned()),
        ("GET tenants", "/api/openstack-tenants/".to_owned()),
        ("GET tenants, last page", format!("/api/openstack-tenants/?page={}", tenants / 10)),
        ("GET tenants, name", "/api/openstack-tenants/?name=0077".to_owned()),
        ("GET tenants, customer, by project", "/api/openstack-tenants/?customer_name=77&o=-project_name".to_owned()),
        ("GET tenants, backend_id", format!("/api/openstack-tenants/?backend_id={one}")),
        ("GET tenants, 100 a page", "/api/openstack-tenants/?page_size=100&o=-created".to_owned()),
        ("GET tenant", format!("/api/openstack-tenants/{uuid}/")),
        ("GET jobs", "/api/jobs/".to_owned()),
        ("GET jobs, a later page", format!("/api/jobs/?page={}&page_size=100", tenants / 20)),
        ("GET jobs, failed", "/api/jobs/?state=failed".to_owned()),
        ("GET jobs, a rare kind", "/api/jobs/?kind=delete_tenant".to_owned()),
        ("GET jobs, cloud", "/api/jobs/?cloud=edge".to_owned()),
        ("GET jobs, tenant", format!("/api/jobs/?tenant={one}")),
        ("GET drift", "/api/drift/".to_owned()),
        ("GET drift, all states", "/api/drift/?state=open&state=acknowledged&state=resolved&state=accepted".to_owned()),
        ("GET drift, resolved, cloud", "/api/drift/?state=resolved&cloud=edge".to_owned()),
        ("GET drift, tenant", format!("/api/drift/?tenant={one}")),
        ("GET snapshots", "/api/snapshots/".to_owned()),
        ("GET snapshots, a later page", format!("/api/snapshots/?page={}", tenants / 20)),
        ("GET snapshots, type, cloud", "/api/snapshots/?resource_type=server_groups&cloud=edge".to_owned()),
        ("GET snapshots, tenant", format!("/api/snapshots/?tenant={one}")),
        ("GET schedules", "/api/schedules/".to_owned()),
    ];
    for (name, path) in lists {
        ask(&server, (name, &path), (RUNS, only), &mut times).await?;
    }
    Ok(times)
}
