//! A simulated cloud over HTTP.
//!
//! Tests and demonstrations need a cloud that is fast, has a thousand tenants, fails on demand, and can be
//! changed behind the portal's back; a real one is none of these. This one speaks Keystone v3, Nova 2.1,
//! Neutron v2.0, Cinder v3 and Glance v2 on one address, in the shapes that a genuine 2026.2 answers.
//!
//! It shares no code with the daemon: the two meet over HTTP only, so that a misreading of the API in one
//! of them shows. It refuses to be a cloud: nothing boots, nothing is stored, nothing survives a restart.
//!
//! Four users exist: `admin` (administrator of project `admin` and of the system), `reader` (reader on
//! `admin`), `member` (member of `tenant-001`), and one member for each tenant.
//!
//! What is switched at run time, in JSON and without a token:
//!
//! | request below `/simulator` | effect |
//! | --- | --- |
//! | `PUT faults`, `GET faults`, `DELETE faults` | rules by which requests fail; the answer counts how often they did |
//! | `PUT halt` `{"at": n, "when": w}`, `GET halt`, `DELETE halt` | the cloud stops at the n-th change asked for |
//! | `PUT limits` `{"concurrent": n, "services": {…}}` | beyond `n` requests at once: 429 and 503 in turn; 0 or null lifts it |
//! | `GET limits` | the limits, and per service what was `asked`, `refused`, and `most` at once since they were set |
//! | `GET requests?since=`, `DELETE requests` | who asked what, with numbers to go on from |
//! | `PUT counters` `{"tenant": …, "service": …, "resource": …}` | that counter is off by `used`, and has `reserved` promised; nothing puts it right |
//! | `PUT status` `{"id": …, "status": …}` | a server (with `task_state`), volume or snapshot is in that state |
//! | `POST meddle`, `GET meddles` | one change behind the portal's back, or back again with `{"revert": id}` |
//! | `POST expire-credentials` | application credentials end: all, or the one named in `{"credential": …}` |
//!
//! A fault names what it matches (`service`, `method`, `path_prefix`, `contains`), its `kind` (`status` with
//! `status` and `retry_after`, `reset`, `truncate`, `hang`, `hold`, `stir`, `revoke_tokens`, `latency` with
//! `milliseconds`), and how often it strikes (`count`, `every`). What is on `hold` is answered when the rules are replaced;
//! `stir` makes or removes an object of the project called `elsewhere`, where there is one.
//!
//! A service in `limits` has its own `concurrent`, the `status` and `retry_after` of what it refuses, and `workers`: a
//! request holds one for as long as it takes, and more requests wait in line. `busy_seconds` is what they worked.
//!
//! A halt counts the requests that may change something, from when it is set. The n-th one gets no answer, and none
//! that follows takes effect or gets one; questions are answered as always. `when` says what becomes of the n-th one:
//! `before`: it takes no effect; `after`: it takes effect at once; `late`: it takes effect when the halt is deleted.
//! `GET halt` tells how many were `seen` and which one is `held`, so that a test can kill whoever asked for it there.
//! Without `at` it only counts.

mod call;
mod clock;
mod clouds;
mod compute;
mod control;
mod identity;
mod image;
mod network;
mod page;
mod random;
mod reply;
mod seed;
mod server;
mod skew;
mod table;
mod volume;
mod wire;
mod world;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use control::Control;
use server::Shared;
use wire::{Tapped, Wire};
use world::World;

/// What kind of cloud to simulate.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How many tenants, named `tenant-001` and so on.
    pub tenants: usize,
    /// The same seed gives the same cloud, ids included.
    pub seed: u64,
    /// How long each request takes.
    pub latency: Duration,
    /// How many requests each service works on at once, while others wait in line; any number without.
    pub workers: Option<usize>,
    /// Rules in each of a tenant's security groups, besides the two of every group.
    pub rules_per_group: usize,
    /// The largest page of any listing.
    pub page_limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tenants: 20,
            seed: 1,
            latency: Duration::ZERO,
            workers: None,
            rules_per_group: 6,
            page_limit: 1000,
        }
    }
}

/// A cloud that has its address and its tenants. Who connects is answered once it serves.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    shared: Shared,
}

impl Bound {
    /// Its `clouds.yaml`; written before it serves, whoever gets an answer finds the file too.
    pub fn clouds_yaml(&self) -> String {
        clouds::yaml(&auth_url(self.address))
    }

    /// Answers from now on.
    pub fn serve(self) -> Simulator {
        let Self { listener, address, shared } = self;
        let stop = shared.stop.clone();
        let service = Router::new()
            .fallback(server::handle)
            .with_state(Arc::new(shared))
            .into_make_service_with_connect_info::<Wire>();
        let tasks = TaskTracker::new();
        let serving = axum::serve(Tapped(listener), service).with_graceful_shutdown(stop.clone().cancelled_owned());
        tasks.spawn(async move { serving.await.ok() });
        tasks.close();
        Simulator { address, stop, tasks }
    }
}

fn auth_url(address: SocketAddr) -> String {
    format!("http://{address}/identity/v3")
}

/// A running cloud; dropping it stops it.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Simulator {
    /// Makes a cloud and takes its address.
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn bind(options: Options) -> std::io::Result<Bound> {
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let shared = Shared::new(
            World::seeded(&options),
            Control::new(options.seed, options.workers),
            options.latency,
            format!("http://{address}"),
            CancellationToken::new(),
        );
        Ok(Bound { listener, address, shared })
    }

    /// Starts a cloud; it answers as soon as this returns.
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn start(options: Options) -> std::io::Result<Self> {
        Ok(Self::bind(options).await?.serve())
    }

    /// The address of everything, without a path.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Keystone's address.
    pub fn auth_url(&self) -> String {
        auth_url(self.address)
    }

    /// A `clouds.yaml` with the entries `sim`, `sim-reader`, `sim-member` and `sim-system`.
    pub fn clouds_yaml(&self) -> String {
        clouds::yaml(&self.auth_url())
    }

    /// Stops, and waits until the last request is answered.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
