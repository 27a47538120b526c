//! The right to change a tenant: one job at a time has it, across all replicas. It is renewed while the job runs, and
//! whoever lost it records nothing.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::flights::{RENEW, TERM};
use crate::jobs::context::Context;
use crate::store::{StoreError, Tx, in_time};

/// The right to change a tenant.
#[derive(Debug)]
pub struct Lease {
    context: Context,
    name: String,
    holder: String,
    token: i64,
    /// How long it lasts without a sign of life.
    term: Duration,
    until: Mutex<DateTime<Utc>>,
}

impl Lease {
    /// Takes the right to change `tenant` for `job`; none while another job has it. It lasts long enough for a request
    /// of `longest` to begin between two renewals.
    pub(in crate::jobs) async fn take(
        context: &Context,
        tenant: Uuid,
        job: Uuid,
        longest: Duration,
    ) -> Result<Option<Self>, StoreError> {
        let (name, holder) = (format!("tenant/{tenant}"), format!("{}/{job}", context.owner()));
        let now = context.clock().now();
        let term = TERM.max(longest + 2 * RENEW);
        let token = in_time(context.store().take_lease(&name, &holder, now, now + term)).await?;
        let context = context.clone();
        Ok(token.map(|token| Self { context, name, holder, token, term, until: Mutex::new(now + term) }))
    }

    /// Whether it lasts for at least so long. A request that changes something starts only if its time-out ends before
    /// the right does.
    pub fn outlives(&self, limit: Duration) -> bool {
        self.context.clock().now() + limit <= *self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Renews it for as long as nobody else takes it; completes when it is lost.
    pub(super) async fn keep(&self) {
        loop {
            self.context.clock().sleep(RENEW).await;
            match self.renew().await {
                Ok(true) => {}
                Err(_) if self.outlives(Duration::ZERO) => {}
                Ok(false) | Err(_) => return,
            }
        }
    }

    /// Renews it once; false when somebody else took it meanwhile.
    pub(in crate::jobs) async fn renew(&self) -> Result<bool, StoreError> {
        let now = self.context.clock().now();
        let taken = self.context.store().take_lease(&self.name, &self.holder, now, now + self.term);
        let is_ours = in_time(taken).await? == Some(self.token);
        if is_ours {
            *self.until.lock().unwrap_or_else(PoisonError::into_inner) = now + self.term;
        }
        Ok(is_ours)
    }

    /// Whether it is still held, as a transaction sees it; nobody takes it before that has ended.
    pub(in crate::jobs) async fn is_held(&self, tx: &mut Tx) -> Result<bool, StoreError> {
        tx.holds_lease(&self.name, &self.holder, self.token, self.context.clock().now()).await
    }

    /// Gives it back, so that the next need not wait for its end.
    pub(super) async fn give_back(&self) {
        let now = self.context.clock().now();
        if let Err(error) = in_time(self.context.store().give_lease_back(&self.name, &self.holder, now)).await {
            tracing::debug!(%error, lease = self.name, "the lease ends by itself");
        }
    }
}
