//! How much the services bear: beyond so many requests at once they refuse, and beyond so many workers requests wait in
//! line. What was asked of each is counted, so that a test can tell how it was treated.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::super::call::Service;
use super::super::reply::Reply;

/// What the switch may be set to.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// Requests at once, all services together.
    concurrent: Option<usize>,
    /// What single services bear.
    services: BTreeMap<String, Bounds>,
}

/// What one service bears.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bounds {
    /// Requests at once; more are refused.
    pub concurrent: Option<usize>,
    /// Requests that are worked on at once; more wait in line.
    pub workers: Option<usize>,
    /// What a refused one is answered; 429 and 503 in turn without.
    pub status: Option<u16>,
    /// The seconds of its `Retry-After`: 1 without, no such header at 0.
    pub retry_after: Option<u64>,
}

/// The switch, and what was counted since it was set.
#[derive(Debug, Default)]
pub struct Limits {
    concurrent: Option<usize>,
    now: usize,
    refused: u64,
    services: BTreeMap<&'static str, Load>,
}

/// One service.
#[derive(Debug, Default)]
struct Load {
    bounds: Bounds,
    workers: Option<Arc<Semaphore>>,
    now: usize,
    most: usize,
    asked: u64,
    refused: u64,
    busy: Duration,
}

/// What becomes of a request that knocks.
#[derive(Debug)]
pub enum Entry {
    /// It goes in, and takes one of the workers where they are counted. It leaves again with [`Limits::leave`].
    Welcome(Option<Arc<Semaphore>>),
    /// It never was inside.
    Refused(Reply),
}

impl Limits {
    /// The same workers in every service.
    pub fn with_workers(workers: Option<usize>) -> Self {
        let mut limits = Self::default();
        for service in Service::OPENSTACK {
            limits.services.insert(service.name(), Load::of(Bounds { workers, ..Bounds::default() }));
        }
        limits
    }

    /// Sets the switch, and counts anew. Zero is no limit.
    pub fn set(&mut self, rule: &Rule) -> Result<(), String> {
        let known = |name: &String| Service::OPENSTACK.iter().any(|service| service.name() == name);
        if let Some(unknown) = rule.services.keys().find(|name| !known(name)) {
            return Err(format!("no service {unknown}"));
        }
        self.concurrent = rule.concurrent.filter(|cap| *cap > 0);
        self.refused = 0;
        for service in Service::OPENSTACK {
            let bounds = rule.services.get(service.name()).copied().unwrap_or_default();
            let now = self.services.get(service.name()).map_or(0, |load| load.now);
            self.services.insert(service.name(), Load { now, ..Load::of(bounds) });
        }
        Ok(())
    }

    /// Lets a request in, or refuses it.
    pub fn enter(&mut self, service: Service) -> Entry {
        let crowded = self.concurrent.is_some_and(|cap| self.now >= cap);
        let load = self.services.entry(service.name()).or_default();
        load.asked += 1;
        load.most = load.most.max(load.now + 1);
        if crowded || load.bounds.concurrent.is_some_and(|cap| load.now >= cap) {
            load.refused += 1;
            self.refused += 1;
            return Entry::Refused(refusal(load.bounds, self.refused));
        }
        load.now += 1;
        self.now += 1;
        Entry::Welcome(load.workers.clone())
    }

    /// Lets it out again.
    pub fn leave(&mut self, service: Service) {
        self.now = self.now.saturating_sub(1);
        let load = self.services.entry(service.name()).or_default();
        load.now = load.now.saturating_sub(1);
    }

    /// A worker was busy for so long.
    pub fn worked(&mut self, service: Service, took: Duration) {
        self.services.entry(service.name()).or_default().busy += took;
    }

    /// The switch with its counters.
    pub fn view(&self) -> Value {
        let services: serde_json::Map<String, Value> =
            self.services.iter().map(|(name, load)| ((*name).to_owned(), load.view())).collect();
        json!({"concurrent": self.concurrent, "services": services})
    }
}

impl Load {
    fn of(bounds: Bounds) -> Self {
        let bounds = Bounds {
            concurrent: bounds.concurrent.filter(|cap| *cap > 0),
            workers: bounds.workers.filter(|workers| *workers > 0),
            ..bounds
        };
        let workers = bounds.workers.map(|workers| Arc::new(Semaphore::new(workers)));
        Self { bounds, workers, ..Self::default() }
    }

    fn view(&self) -> Value {
        let Bounds { concurrent, workers, status, retry_after } = self.bounds;
        json!({
            "concurrent": concurrent, "workers": workers, "status": status, "retry_after": retry_after,
            "now": self.now, "most": self.most, "asked": self.asked, "refused": self.refused,
            "busy_seconds": self.busy.as_secs_f64(),
        })
    }
}

/// What the `count`-th refused request is answered.
fn refusal(bounds: Bounds, count: u64) -> Reply {
    let in_turn = if count.is_multiple_of(2) { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::TOO_MANY_REQUESTS };
    let status = bounds.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(in_turn);
    let reply = Reply::html(status, "Too many requests at once.");
    match bounds.retry_after.unwrap_or(1) {
        0 => reply,
        seconds => reply.header("Retry-After", seconds.to_string()),
    }
}
