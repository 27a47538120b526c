//! Takes jobs from the table: what a schedule, a command or a retry put there, when its time has come.

use std::time::{Duration, Instant};

use crate::jobs::context::Context;
use crate::jobs::runner::{Place, Runner, TERM};
use crate::lifecycle::Lifecycle;
use crate::store::holds::{ForParts, Hold, Taken};
use crate::store::{StoreError, in_time};

/// Jobs taken at once, so that several instances share a heap of them.
const BATCH: usize = 32;
/// A look in vain that takes longer is not repeated at once.
const COSTLY: Duration = Duration::from_millis(20);
/// How much longer than that look its rest is.
const REST: u32 = 5;
/// The longest wait between two looks; other processes put jobs there too.
const LOOK: Duration = Duration::from_secs(1);

/// Takes jobs until the daemon stops, then gives back what was not begun.
pub async fn run(context: Context, runner: Runner, lifecycle: Lifecycle) {
    let mut bell = context.listen();
    let mut away = false;
    // Parts are a small share of what an instance does, and would find no place while others wait in line; where some were
    // taken the others go first next time, so that they take turns where there is one place.
    let mut parts_first = true;
    while !lifecycle.stop.is_cancelled() {
        lifecycle.pulse("jobs table");
        bell.borrow_and_update();
        let began = Instant::now();
        let taken = match take(&context, &runner, &lifecycle, parts_first).await {
            Ok(taken) => {
                away = false;
                taken
            }
            Err(error) => {
                if !away {
                    tracing::warn!(%error, "waiting jobs cannot be read");
                }
                away = true;
                Looked { took: began.elapsed(), ..Looked::default() }
            }
        };
        if taken.count > 0 {
            parts_first = taken.parts == 0;
            continue;
        }
        if taken.took > COSTLY {
            // Much waits and nothing of it can be taken: looking at all of it at each ring would cost the others time.
            tokio::select! {
                () = context.clock().sleep((taken.took * REST).min(LOOK)) => {}
                () = lifecycle.stop.cancelled() => {}
            }
            continue;
        }
        tokio::select! {
            _ = bell.changed() => {}
            () = context.clock().sleep(LOOK) => {}
            () = lifecycle.stop.cancelled() => {}
        }
    }
}

/// A look at what waits.
#[derive(Debug, Default)]
struct Looked {
    /// Jobs that were taken.
    count: usize,
    /// How many of them are parts of larger ones.
    parts: usize,
    /// How long the database looked for them.
    took: Duration,
}

/// Takes as many jobs as there are places, and starts them.
async fn take(
    context: &Context,
    runner: &Runner,
    lifecycle: &Lifecycle,
    parts_first: bool,
) -> Result<Looked, StoreError> {
    let mut places: Vec<Place> = std::iter::from_fn(|| runner.place()).take(BATCH).collect();
    if places.is_empty() {
        return Ok(Looked::default());
    }
    let now = context.clock().now();
    let hold = Hold { owner: context.owner(), until: now + TERM };
    let (full, (room, enough)) = (runner.full_clouds(), runner.room_for_parts());
    let parts = ForParts { room, enough: &enough, first: parts_first };
    let claimed = context.store().claim_jobs(hold, now, (places.len(), &full), parts);
    let Taken { jobs, took } = in_time(claimed).await?;
    let (count, parts) = (jobs.len(), jobs.iter().filter(|job| job.request.part.is_some()).count());
    for job in jobs {
        let Some(place) = places.pop() else { break };
        let (runner, context) = (runner.clone(), context.clone());
        lifecycle.spawn(async move {
            if let Err(error) = runner.run_claimed(job, place).await {
                tracing::warn!(%error, "a job stays as it was taken, for its end could not be recorded");
            }
            // A place is free again.
            context.ring();
        });
    }
    Ok(Looked { count, parts, took })
}
