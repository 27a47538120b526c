//! How much is done at once, and for how long: whoever asks too much waits, and then is told so.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use super::refusal::Refusal;

/// Places for requests, and the time that each has with the wait for its place.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    places: Arc<Semaphore>,
    time: Duration,
}

impl Budget {
    pub fn new((places, time): (usize, Duration)) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), time }
    }
}

/// Answers within the budget.
pub(super) async fn within(State(budget): State<Budget>, request: Request, next: Next) -> Response {
    let work = async {
        let place = budget.places.acquire().await;
        let answer = next.run(request).await;
        drop(place);
        answer
    };
    match tokio::time::timeout(budget.time, work).await {
        Ok(answer) => answer,
        Err(_) => Refusal::busy(format!("This took longer than {} s.", budget.time.as_secs())).into_response(),
    }
}
