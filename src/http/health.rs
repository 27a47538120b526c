//! Liveness and readiness. Ready means that the database can be used and the main loop lives; a broker or a cloud that
//! is away is said, and changes nothing.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{STUCK_AFTER, View};
use crate::intake::amqp::BrokerState;

const DATABASE_LIMIT: Duration = Duration::from_secs(3);

fn main_loop_lives(view: &View) -> bool {
    let quiet = view.context.clock().now() - *view.heartbeat.borrow();
    quiet.to_std().unwrap_or_default() < STUCK_AFTER
}

pub(super) async fn live(State(view): State<Arc<View>>) -> (StatusCode, Json<Value>) {
    let lives = main_loop_lives(&view);
    let status = if lives { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "live": lives })))
}

pub(super) async fn ready(State(view): State<Arc<View>>) -> (StatusCode, Json<Value>) {
    let database = tokio::select! {
        answer = view.context.store().ping() => answer.map_err(|error| error.to_string()),
        () = view.context.clock().sleep(DATABASE_LIMIT) => Err(format!("no answer within {DATABASE_LIMIT:?}")),
    };
    let lives = main_loop_lives(&view);
    let broker = match &*view.broker.borrow() {
        BrokerState::Off => json!({ "state": "not configured" }),
        BrokerState::Connected => json!({ "state": "connected" }),
        BrokerState::Away(why) => json!({ "state": "away", "error": why }),
    };
    let live = view.context.live();
    let ready = database.is_ok() && lives;
    let body = json!({
        "ready": ready,
        "database": database.err().unwrap_or_else(|| "ok".to_owned()),
        "main_loop": if lives { "ok" } else { "stuck" },
        "broker": broker,
        "clouds": live.clouds.keys().collect::<Vec<_>>(),
        "clouds_not_ready": live.unprepared,
        "leader": *view.leads.borrow(),
        "version": env!("CARGO_PKG_VERSION"),
    });
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(body))
}
