//! The daemon's life: signals, two stages of stopping, every task tracked, and what systemd is told.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Stages and tasks; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    /// Cancelled when nothing new is to be taken.
    pub stop: CancellationToken,
    /// Cancelled when what runs must end now.
    pub interrupt: CancellationToken,
    tasks: TaskTracker,
    services: TaskTracker,
    failed: Arc<OnceLock<&'static str>>,
    pulses: Arc<Mutex<BTreeMap<&'static str, Instant>>>,
}

/// What woke the daemon's main loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// Read the configuration again.
    Reload,
    /// Leave politely.
    Stop,
    /// Leave at once.
    Leave,
}

/// The signals that the daemon answers.
#[derive(Debug)]
pub struct Signals {
    hangup: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    seen: u32,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the system does not let us listen.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            seen: 0,
        })
    }

    /// The next thing to do; a second request to stop means at once.
    pub async fn next(&mut self) -> Wake {
        tokio::select! {
            _ = self.hangup.recv() => return Wake::Reload,
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        self.seen += 1;
        if self.seen > 1 { Wake::Leave } else { Wake::Stop }
    }
}

impl Lifecycle {
    /// Runs a task that the end waits for.
    #[expect(clippy::disallowed_methods, reason = "this is the tracker that everyone else uses")]
    pub fn spawn<F>(&self, task: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        tokio::spawn(self.tasks.track_future(task))
    }

    /// Runs a task without which the daemon is none: when it ends before it is told to, the daemon stops, for a daemon
    /// that looks alive and does nothing is worse than one that is started again.
    pub fn spawn_vital(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let this = self.clone();
        self.spawn(async move {
            let ended = AssertUnwindSafe(task).catch_unwind().await;
            if !this.stop.is_cancelled() {
                let how = if ended.is_err() { "panicked" } else { "ended" };
                tracing::error!(task = name, "a part of the daemon {how}; the daemon stops");
                let _ = this.failed.set(name);
                this.stop.cancel();
            }
        });
    }

    /// A sign of life of a part that has a loop of its own; from the first one on it is expected to give more.
    pub fn pulse(&self, part: &'static str) {
        self.pulses.lock().unwrap_or_else(PoisonError::into_inner).insert(part, Instant::now());
    }

    /// A part that gave no sign of life for so long.
    pub fn stalled(&self, limit: Duration) -> Option<&'static str> {
        let pulses = self.pulses.lock().unwrap_or_else(PoisonError::into_inner);
        pulses.iter().find(|(_, beat)| beat.elapsed() > limit).map(|(part, _)| *part)
    }

    /// The part that ended before it was told to.
    pub fn failed(&self) -> Option<&'static str> {
        self.failed.get().copied()
    }

    /// Runs a task that lasts until everything else has ended, such as the HTTP server that tells of it.
    #[expect(clippy::disallowed_methods, reason = "this is the tracker that everyone else uses")]
    pub fn spawn_service(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(self.services.track_future(task));
    }

    /// Stops politely: nothing new is taken, what runs may end within `grace`, then it is interrupted. `at_once`
    /// completes when someone is tired of waiting.
    pub async fn end(&self, grace: Duration, at_once: impl Future<Output = ()>) {
        self.stop.cancel();
        self.tasks.close();
        tokio::select! {
            () = self.tasks.wait() => {}
            () = tokio::time::sleep(grace) => tracing::warn!("jobs still run after the grace time; they are put back"),
            () = at_once => {}
        }
        self.interrupt.cancel();
        self.services.close();
        // Putting jobs back is one transaction each.
        let ended = async { tokio::join!(self.tasks.wait(), self.services.wait()) };
        if tokio::time::timeout(Duration::from_secs(5), ended).await.is_err() {
            let tasks = self.tasks.len() + self.services.len();
            tracing::error!(tasks, "tasks did not end; they are left behind");
        }
    }
}

/// What systemd is told, when it started us.
pub mod systemd {
    use std::time::Duration;

    use sd_notify::NotifyState;

    /// The service is ready, and this is its state in words.
    pub fn ready(status: &str) {
        tell(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// The configuration is being read again.
    pub fn reloading() {
        let started = NotifyState::monotonic_usec_now().ok();
        match started {
            Some(started) => tell(&[NotifyState::Reloading, started]),
            None => tell(&[NotifyState::Reloading]),
        }
    }

    /// The service leaves.
    pub fn stopping() {
        tell(&[NotifyState::Stopping]);
    }

    /// The main loop lives.
    pub fn alive() {
        tell(&[NotifyState::Watchdog]);
    }

    /// How often [`alive`] is expected; half of what the unit says.
    pub fn watchdog_interval() -> Option<Duration> {
        sd_notify::watchdog_enabled().map(|limit| limit / 2)
    }

    fn tell(states: &[NotifyState<'_>]) {
        if let Err(error) = sd_notify::notify(states) {
            tracing::debug!(%error, "systemd was not told");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_without_a_sign_of_life_is_named() {
        let lifecycle = Lifecycle::default();
        assert_eq!(lifecycle.stalled(Duration::ZERO), None, "nothing is expected of who never began");
        lifecycle.pulse("jobs table");
        assert_eq!(lifecycle.stalled(Duration::from_mins(1)), None);
        assert_eq!(lifecycle.stalled(Duration::ZERO), Some("jobs table"));
    }
}
