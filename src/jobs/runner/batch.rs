//! Gathers what callers bring while the batch before is being worked on: the busier it is, the larger the batches.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_util::task::TaskTracker;

/// Where items with the ways back to those who brought them come out.
type Brought<T, R> = Mutex<mpsc::UnboundedReceiver<(T, oneshot::Sender<R>)>>;

/// The way to some workers; they end with the last of them.
#[derive(Debug)]
pub(super) struct Batcher<T, R> {
    items: mpsc::UnboundedSender<(T, oneshot::Sender<R>)>,
}

impl<T: Send + 'static, R: Send + 'static> Batcher<T, R> {
    /// Starts workers that take up to `most` items at once and answer each.
    pub fn spawn<W>(tracker: &TaskTracker, workers: usize, most: usize, work: W) -> Self
    where
        W: Fn(Vec<T>) -> BoxFuture<'static, Vec<R>> + Clone + Send + Sync + 'static,
    {
        let (items, brought) = mpsc::unbounded_channel::<(T, oneshot::Sender<R>)>();
        let brought = Arc::new(Mutex::new(brought));
        for _ in 0..workers {
            tracker.spawn(Self::serve(Arc::clone(&brought), most, work.clone()));
        }
        Self { items }
    }

    async fn serve<W>(brought: Arc<Brought<T, R>>, most: usize, work: W)
    where
        W: Fn(Vec<T>) -> BoxFuture<'static, Vec<R>> + Send + Sync + 'static,
    {
        let mut batch = Vec::with_capacity(most);
        while brought.lock().await.recv_many(&mut batch, most).await > 0 {
            let (items, answers): (Vec<T>, Vec<oneshot::Sender<R>>) = batch.drain(..).unzip();
            if let Ok(results) = AssertUnwindSafe(async { work(items).await }).catch_unwind().await {
                for (answer, result) in answers.into_iter().zip(results) {
                    // Who does not wait any more needs no answer.
                    let _ = answer.send(result);
                }
            } else {
                // Those who wait learn it when their answers are dropped.
                tracing::error!("recording jobs panicked; they are tried again");
            }
        }
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
        let sizes = Batcher::spawn(&tracker, 1, 3, |items: Vec<u32>| {
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
        let strict = Batcher::spawn(&tracker, 1, 1, |items: Vec<u32>| {
            Box::pin(async move {
                assert!(items[0] < 10, "too much");
                items
            })
        });
        assert_eq!(strict.submit(11).await, None);
        assert_eq!(strict.submit(1).await, Some(1));
    }
}
