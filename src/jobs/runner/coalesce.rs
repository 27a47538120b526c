//! Of equal pulls at most one runs and one waits: whoever asks while one runs rides with the next, together with
//! everyone else who asked meanwhile.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

use super::Ended;
use super::attempt::Member;

/// How many ride with one run at most: all of them are recorded together.
const MOST_RIDERS: usize = 500;

/// What makes two jobs one run: whom they concern, the kind, and the parameters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub cloud: String,
    pub tenant: Option<Uuid>,
    pub kind: &'static str,
    pub params: String,
    /// The larger job that it is a part of, and which part.
    pub part: Option<(Uuid, usize)>,
}

/// The runs of one runner.
#[derive(Debug, Default)]
pub(super) struct Coalescer {
    groups: Mutex<HashMap<Key, Group>>,
}

#[derive(Debug, Default)]
struct Group {
    /// Whether a run is on its way.
    running: bool,
    /// Who rides with the next, once somebody leads it.
    gathering: Option<Vec<Rider>>,
    ended: Arc<Notify>,
}

/// A job that somebody else's run serves.
#[derive(Debug)]
pub(super) struct Rider {
    pub member: Member,
    pub answer: oneshot::Sender<Ended>,
}

/// What a job has to do.
#[derive(Debug)]
pub(super) enum Role {
    /// Run, when its turn has come.
    Lead(Lead, Box<Member>),
    /// Come again later: many wait already.
    Full(Box<Member>),
    /// Wait to be told.
    Ride(oneshot::Receiver<Ended>),
}

/// The one who runs for all; when it is dropped, the next may.
#[derive(Debug)]
pub(super) struct Lead {
    coalescer: Arc<Coalescer>,
    key: Key,
    departed: bool,
}

impl Coalescer {
    /// Joins whoever leads the next run, or leads it.
    pub fn join(self: &Arc<Self>, key: Key, member: Member) -> Role {
        let mut groups = self.lock();
        let group = groups.entry(key.clone()).or_default();
        if let Some(riders) = &mut group.gathering {
            if riders.len() >= MOST_RIDERS {
                return Role::Full(Box::new(member));
            }
            let (answer, told) = oneshot::channel();
            riders.push(Rider { member, answer });
            return Role::Ride(told);
        }
        group.gathering = Some(Vec::new());
        Role::Lead(Lead { coalescer: Arc::clone(self), key, departed: false }, Box::new(member))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Group>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lead {
    /// Whether no run before it is on its way.
    pub fn is_free(&self) -> bool {
        self.coalescer.lock().get(&self.key).is_none_or(|group| !group.running)
    }

    /// Waits until no run before it is on its way.
    pub async fn turn(&self) {
        loop {
            let Some(ended) = self.coalescer.lock().get(&self.key).map(|group| Arc::clone(&group.ended)) else {
                return;
            };
            let notified = ended.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if self.is_free() {
                return;
            }
            notified.await;
        }
    }

    /// Begins: whoever comes later rides with the next. Those who came so far are returned.
    pub fn depart(&mut self) -> Vec<Rider> {
        self.departed = true;
        let mut groups = self.coalescer.lock();
        let Some(group) = groups.get_mut(&self.key) else { return Vec::new() };
        group.running = true;
        group.gathering.take().unwrap_or_default()
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        let mut groups = self.coalescer.lock();
        let Some(group) = groups.get_mut(&self.key) else { return };
        if self.departed {
            group.running = false;
        } else {
            // Who rode along is not told, and comes again.
            group.gathering = None;
        }
        group.ended.notify_waiters();
        if !group.running && group.gathering.is_none() {
            groups.remove(&self.key);
        }
    }
}
