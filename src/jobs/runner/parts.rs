//! What a job brings is recorded in parts where there is much of it: while it goes on, or after its end.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::commit::Scribe;
use crate::jobs::context::Live;
use crate::jobs::effects::{Tally, apply};
use crate::jobs::settled::pass_over;
use crate::jobs::{Effect, JobError, Report};
use crate::model::job::Part;
use crate::retry::Retryable;
use crate::store::{StoreError, Tx, in_time};

/// Effects recorded together; a fleet's worth in one transaction would keep other writers waiting.
pub(in crate::jobs) const GROUP: usize = 500;

/// Whose effects some are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share<'a> {
    pub live: &'a Live,
    pub job: Option<Uuid>,
}

/// What was recorded of a job so far.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Whether anything was different from before.
    pub changed: bool,
    /// How many effects the database refused, and why the first.
    refused: (usize, Option<String>),
}

impl Written {
    fn refuse(&mut self, error: &StoreError) {
        self.refused.0 += 1;
        self.refused.1.get_or_insert_with(|| error.to_string());
    }

    fn add(&mut self, more: Self) {
        self.changed |= more.changed;
        self.refused.0 += more.refused.0;
        self.refused.1 = self.refused.1.take().or(more.refused.1);
    }

    /// What could not be recorded, in words.
    pub fn left_out(&self) -> Option<String> {
        let (count, first) = (self.refused.0, self.refused.1.as_ref()?);
        Some(format!("{count} results could not be recorded; the first: {first}"))
    }
}

impl Report {
    /// Adds to what was left out.
    pub(super) fn leave_out(&mut self, more: Option<String>) {
        let said = [self.left_out.take(), more];
        let said: Vec<String> = said.into_iter().flatten().collect();
        self.left_out = (!said.is_empty()).then(|| said.join("; "));
    }
}

impl Scribe {
    /// Records effects in a transaction of their own; whether anything was different from before.
    pub(super) async fn record_part(&self, share: Share<'_>, effects: &[Effect]) -> Result<bool, StoreError> {
        let mut tally = Tally::default();
        in_time(async {
            let effects: Vec<&Effect> = effects.iter().collect();
            let (mut tx, passed) = pass_over(&self.context, &share.live.rules, &effects).await?;
            let left = effects
                .into_iter()
                .zip(passed)
                .filter_map(|(it, passed)| (!passed.into_done(&mut tally)).then_some(it));
            let left: Vec<&Effect> = left.collect();
            apply(&self.context, share.live, &mut tx, share.job, left, &mut tally).await?;
            self.context.tell(tx.commit().await?);
            Ok(())
        })
        .await?;
        tally.count();
        Ok(tally.changed)
    }

    /// Records each effect by itself and leaves out those that the database refuses: one tenant's odd object must not
    /// cost the others theirs. Those that are done with are taken out.
    pub(super) async fn record_singly(
        &self,
        share: Share<'_>,
        effects: &mut Vec<Effect>,
    ) -> Result<Written, StoreError> {
        let (mut written, mut tries) = (Written::default(), 0);
        while let Some(effect) = effects.first() {
            match self.record_part(share, std::slice::from_ref(effect)).await {
                Ok(changed) => written.changed |= changed,
                Err(error) if error.is_retryable() => {
                    tries += 1;
                    self.wait_for_database(error, tries).await?;
                    continue;
                }
                Err(error) => written.refuse(&error),
            }
            effects.remove(0);
        }
        Ok(written)
    }
}

/// A part of a larger job has ended: the whole goes on when it was the last.
pub(in crate::jobs) async fn part_over(tx: &mut Tx, part: &Part, now: DateTime<Utc>) -> Result<(), StoreError> {
    tx.wake_whole(part.of, now).await?;
    if let Some(progress) = tx.progress(part.of).await? {
        tracing::info!(job.id = %part.of, over = progress.over(), parts = progress.count, "a part of a job is over");
    }
    Ok(())
}

/// Where a job records what it has found so far, so that it need not hold all of it until its end. Only what is true
/// whatever becomes of the job may go there.
#[derive(Debug, Clone)]
pub struct Records {
    scribe: Scribe,
    live: Arc<Live>,
    job: Option<Uuid>,
    written: Arc<Mutex<Written>>,
}

impl Records {
    pub(super) fn new(scribe: Scribe, live: Arc<Live>, job: Option<Uuid>) -> Self {
        Self { scribe, live, job, written: Arc::default() }
    }

    /// The way for a job that no runner runs.
    #[cfg(test)]
    pub fn of(context: crate::jobs::context::Context) -> Self {
        let live = context.live();
        Self::new(Scribe { context, interrupt: tokio_util::sync::CancellationToken::new() }, live, None)
    }

    /// Records effects now, waiting for the database as long as there is time.
    ///
    /// # Errors
    /// [`JobError::Interrupted`] when there is no time left.
    pub async fn write(&self, mut effects: Vec<Effect>) -> Result<(), JobError> {
        let share = Share { live: &self.live, job: self.job };
        let mut tries = 0;
        loop {
            match self.scribe.record_part(share, &effects).await {
                Ok(changed) => {
                    self.note(Written { changed, ..Written::default() });
                    return Ok(());
                }
                Err(error) if error.is_retryable() => {
                    tries += 1;
                    self.scribe.wait_for_database(error, tries).await.map_err(|_| JobError::Interrupted)?;
                }
                Err(error) => {
                    tracing::error!(%error, "results cannot be recorded together; they are recorded one by one");
                    let written = self.scribe.record_singly(share, &mut effects).await;
                    self.note(written.map_err(|_| JobError::Interrupted)?);
                    return Ok(());
                }
            }
        }
    }

    /// What was recorded, once the job is over.
    pub(super) fn take(&self) -> Written {
        std::mem::take(&mut *self.lock())
    }

    fn note(&self, written: Written) {
        self.lock().add(written);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
