//! Gathers what callers bring while the batch before is being worked on: the busier it is, the larger the batches.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

/// The way to one worker; the worker ends with the last of them.
#[derive(Debug)]
pub(super) struct Batcher<T, R> {
    items: mpsc::UnboundedSender<(T, oneshot::Sender<R>)>,
}

impl<T: Send + 'static, R: Send + 'static> Batcher<T, R> {
    /// Starts a worker that takes up to `most` items at once and answers each, in their order.
    pub fn spawn<W>(tracker: &TaskTracker, most: usize, work: W) -> Self
    where
        W: Fn(Vec<T>) -> BoxFuture<'static, Vec<R>> + Send + Sync + 'static,
    {
        let (items, mut brought) = mpsc::unbounded_channel::<(T, oneshot::Sender<R>)>();
        tracker.spawn(async move {
            let mut batch = Vec::with_capacity(most);
            while brought.recv_many(&mut batch, most).await > 0 {
                let (items, answers): (Vec<T>, Vec<oneshot::Sender<R>>) = batch.drain(..).unzip();
                match AssertUnwindSafe(async { work(items).await }).catch_unwind().await {
                    Ok(results) => {
                        for (answer, result) in answers.into_iter().zip(results) {
                            // Who does not wait any more needs no answer.
                            let _ = answer.send(result);
                        }
                    }
                    // Those who wait learn it when their answers are dropped.
                    Err(_) => tracing::error!("recording jobs panicked; they are tried again"),
                }
            }
        });
        Self { items }
    }

    /// Brings an item and waits for its answer; none when the work panicked.
    pub async fn submit(&self, item: T) -> Option<R> {
        let (answer, result) = oneshot::channel();
        self.items.send((item, answer)).ok()?;
        result.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_comes_while_it_works_is_one_batch() {
        let tracker = TaskTracker::new();
        let sizes = Batcher::spawn(&tracker, 3, |items: Vec<u32>| {
            Box::pin(async move {
                tokio::task::yield_now().await;
                vec![items.len(); items.len()]
            })
        });
        let asked = futures::future::join_all((0..5).map(|item| sizes.submit(item))).await;
        assert_eq!(asked, [Some(3), Some(3), Some(3), Some(2), Some(2)]);
    }

    #[tokio::test]
    async fn a_panic_costs_its_batch_only() {
        let tracker = TaskTracker::new();
        let strict = Batcher::spawn(&tracker, 1, |items: Vec<u32>| {
            Box::pin(async move {
                assert!(items[0] < 10, "too much");
                items
            })
        });
        assert_eq!(strict.submit(11).await, None);
        assert_eq!(strict.submit(1).await, Some(1));
    }
}
