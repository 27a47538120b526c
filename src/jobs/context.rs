//! What jobs and intake share: the records, the clock, and the clouds and rules as they are now.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

use super::error::JobError;
use super::prune::Retention;
use crate::clock::Clock;
use crate::drift::rules::Rules;
use crate::openstack::{self, Project};
use crate::retry::Backoff;
use crate::store::{News, Store};

/// The daemon's parts; clones share them.
#[derive(Debug, Clone)]
pub struct Context {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    instance: String,
    owner: String,
    live: RwLock<Arc<Live>>,
    bell: watch::Sender<u64>,
    post: watch::Sender<u64>,
    exchanges: Option<Exchanges>,
    looks: Looks,
}

/// The looks of this process's pulls since it began, for whoever waits for them: one is one resource type of one tenant.
#[derive(Debug, Default)]
pub struct Looks {
    wanted: AtomicU64,
    over: AtomicU64,
}

impl Looks {
    /// So many more are to be.
    pub(super) fn want(&self, count: usize) {
        self.wanted.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// So many more are over, whatever they brought.
    pub(super) fn end(&self, count: usize) {
        self.over.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How many of how many are over. Whoever a listing showed may be looked at once more by itself.
    pub fn progress(&self) -> (u64, u64) {
        let wanted = self.wanted.load(Ordering::Relaxed);
        (self.over.load(Ordering::Relaxed).min(wanted), wanted)
    }
}

/// What a reload exchanges as a whole.
#[derive(Debug, Default)]
pub struct Live {
    /// The clouds by name.
    pub clouds: BTreeMap<String, CloudEntry>,
    /// Configured clouds that cannot be talked to yet, and why: their jobs wait.
    pub unprepared: BTreeMap<String, String>,
    /// What counts as drift.
    pub rules: Rules,
    /// How often and when a failed job is tried again.
    pub retries: Retries,
    /// How long what is over is kept.
    pub retention: Retention,
    /// How many tenants one job reads of a pull of a whole cloud, which replicas share in parts; none where nobody takes
    /// parts from the table.
    pub batch: Option<usize>,
    /// The folder whose files may be sent to Glance, where there is one.
    pub image_folder: Option<PathBuf>,
}

impl Live {
    /// The cloud called `name`; one that is not prepared may be later.
    ///
    /// # Errors
    /// When it is not prepared, or not configured.
    pub fn cloud(&self, name: &str) -> Result<&CloudEntry, JobError> {
        if let Some(cloud) = self.clouds.get(name) {
            return Ok(cloud);
        }
        if let Some(why) = self.unprepared.get(name) {
            return Err(JobError::retry("profile", format!("cloud `{name}` is not ready: {why}")));
        }
        let known = self.names();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Err(JobError::give_up("unknown_cloud", format!("no cloud `{name}` is configured; there is {known}")))
    }

    /// The names of all configured clouds.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.clouds.keys().chain(self.unprepared.keys()).map(String::as_str).collect();
        names.sort_unstable();
        names
    }
}

/// How often and when a failed job is tried again.
#[derive(Debug, Clone, Copy)]
pub struct Retries {
    /// Attempts at most.
    pub attempts: u32,
    /// The delays between them.
    pub backoff: Backoff,
}

impl Default for Retries {
    fn default() -> Self {
        let backoff = Backoff { base: std::time::Duration::from_secs(5), max: std::time::Duration::from_mins(10) };
        Self { attempts: 12, backoff }
    }
}

/// A cloud with what the configuration says of it.
#[derive(Debug, Clone)]
pub struct CloudEntry {
    /// How to talk to it.
    pub api: openstack::Cloud,
    /// Which projects become tenants.
    pub discovery: Discovery,
    /// How many tenants are asked about at the same time.
    pub concurrency: usize,
}

/// Which projects become tenants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Discovery {
    /// Names or ids of domains; empty: every domain.
    pub domains: Vec<String>,
    /// Tags of which a project must have all.
    pub tags: Vec<String>,
    /// Names or ids of domains to leave out.
    pub skip_domains: Vec<String>,
}

impl Discovery {
    /// Whether `project` becomes a tenant; `domain_name` is the name of its domain, when it is known.
    pub fn allows(&self, project: &Project, domain_name: Option<&str>) -> bool {
        let domain_id = project.domain_id.as_deref();
        let names =
            |list: &[String]| list.iter().any(|it| Some(it.as_str()) == domain_id || Some(it.as_str()) == domain_name);
        project.enabled
            && !project.is_domain
            && (self.domains.is_empty() || names(&self.domains))
            && !names(&self.skip_domains)
            && self.tags.iter().all(|tag| project.tags.contains(tag))
    }
}

/// The names of the exchanges that news goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchanges {
    /// What happened.
    pub events: String,
    /// What nobody could do.
    pub dead: String,
}

impl Context {
    /// Puts the parts together; without `exchanges` nothing is kept for a broker.
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        instance: String,
        live: Live,
        exchanges: Option<Exchanges>,
    ) -> Self {
        let live = RwLock::new(Arc::new(live));
        // A process that is started again must not be taken for the one before.
        let owner = format!("{instance}/{:08x}", rand::random::<u32>());
        let (bell, post) = (watch::Sender::new(0), watch::Sender::new(0));
        let looks = Looks::default();
        Self { inner: Arc::new(Inner { store, clock, instance, owner, live, bell, post, exchanges, looks }) }
    }

    /// The records.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// This instance's name.
    pub fn instance(&self) -> &str {
        &self.inner.instance
    }

    /// What this process holds leases as.
    pub fn owner(&self) -> &str {
        &self.inner.owner
    }

    /// The exchanges, when there is a broker.
    pub fn exchanges(&self) -> Option<&Exchanges> {
        self.inner.exchanges.as_ref()
    }

    /// How far the pulls of this process are.
    pub fn looks(&self) -> &Looks {
        &self.inner.looks
    }

    /// Clouds and rules as they are now.
    pub fn live(&self) -> Arc<Live> {
        Arc::clone(&self.inner.live.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Exchanges clouds and rules; jobs that run go on with the old ones.
    pub fn replace_live(&self, live: Live) {
        *self.inner.live.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(live);
    }

    /// Tells whoever waits for it what a commit brought.
    pub fn tell(&self, news: News) {
        if news.jobs {
            self.ring();
        }
        if news.outgoing {
            self.inner.post.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// Tells that a job waits, or that there is room for one.
    pub fn ring(&self) {
        self.inner.bell.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Changes when a job waits or there is room for one.
    pub fn listen(&self) -> watch::Receiver<u64> {
        self.inner.bell.subscribe()
    }

    /// Changes when a message is to be published.
    pub fn listen_for_post(&self) -> watch::Receiver<u64> {
        self.inner.post.subscribe()
    }
}
