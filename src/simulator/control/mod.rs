//! The switches below `/simulator`: faults, the request log, and changes behind the portal's back.

mod deeds;
mod disorder;
pub mod faults;
pub mod halt;
pub mod limits;
pub mod log;
pub mod meddle;
mod passing;
mod stir;
mod undo;

use std::sync::PoisonError;

use axum::http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::call::Call;
use super::identity::credentials;
use super::random::Random;
use super::reply::{Answer, Reply};
use super::server::Shared;
use super::world::World;
use faults::{Fault, Faults};
use halt::Halt;
use limits::Limits;
use log::Log;
use meddle::Meddles;

/// The state of the switches.
#[derive(Debug)]
pub struct Control {
    pub faults: Faults,
    pub halt: Halt,
    pub log: Log,
    pub limits: Limits,
    pub meddles: Meddles,
    stirring: Random,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expire {
    credential: Option<String>,
}

impl Control {
    /// All switches off, but for the workers that each service has.
    pub fn new(seed: u64, workers: Option<usize>) -> Self {
        Self {
            faults: Faults::default(),
            halt: Halt::default(),
            log: Log::default(),
            limits: Limits::with_workers(workers),
            meddles: Meddles::new(Random::new(seed ^ 0x6D65_6464_6C65)),
            stirring: Random::new(seed ^ 0x7374_6972),
        }
    }

    /// Lets the cloud change elsewhere, just before a request is served.
    pub fn stir(&mut self, world: &mut World, call: &Call) {
        stir::stir(world, &mut self.stirring, call);
    }
}

/// Answers a request below `/simulator`.
pub fn answer(shared: &Shared, call: &Call) -> Reply {
    route(shared, call).unwrap_or_else(|refusal| refusal)
}

fn route(shared: &Shared, call: &Call) -> Answer {
    let parts = call.parts();
    match (call.method.as_str(), parts.as_slice()) {
        ("GET", []) => Ok(Reply::ok(&json!({"simulator": "faults halt requests limits counters status meddles"}))),
        ("GET", ["faults"]) => Ok(Reply::ok(&json!({"faults": shared.control().faults.rules()}))),
        ("PUT", ["faults"]) => {
            let rules = call.body.get("faults").unwrap_or(&call.body);
            let rules: Vec<Fault> = parsed(rules)?;
            let mut control = shared.control();
            control.faults.set(rules);
            Ok(Reply::ok(&json!({"faults": control.faults.rules()})))
        }
        ("DELETE", ["faults"]) => {
            shared.control().faults.set(Vec::new());
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        ("GET", ["halt"]) => Ok(Reply::ok(&shared.control().halt.view())),
        ("PUT", ["halt"]) => {
            let rule: halt::Rule = parsed(&call.body)?;
            let mut control = shared.control();
            control.halt.set(rule);
            Ok(Reply::ok(&control.halt.view()))
        }
        ("DELETE", ["halt"]) => {
            let late = shared.control().halt.lift();
            if let Some(late) = late {
                let project = shared.project(&late);
                let reply = shared.serve(&late);
                shared.log(&late, project, reply.status.as_u16());
            }
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        ("PUT", ["limits"]) => {
            let rule: limits::Rule = parsed(&call.body)?;
            let mut control = shared.control();
            control.limits.set(&rule).map_err(|problem| refused(&problem))?;
            Ok(Reply::ok(&control.limits.view()))
        }
        ("GET", ["limits"]) => Ok(Reply::ok(&shared.control().limits.view())),
        ("GET", ["requests"]) => {
            let since = call.query("since").and_then(|text| text.parse().ok()).unwrap_or(0);
            let control = shared.control();
            Ok(Reply::ok(&json!({"requests": control.log.since(since), "last": control.log.last()})))
        }
        ("DELETE", ["requests"]) => {
            shared.control().log.clear();
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        ("PUT", ["counters"]) => {
            let counter: disorder::Counter = parsed(&call.body)?;
            let mut world = shared.world.write().unwrap_or_else(PoisonError::into_inner);
            disorder::put_off(&mut world, &counter).map(|done| Reply::ok(&done)).map_err(|problem| refused(&problem))
        }
        ("PUT", ["status"]) => {
            let progress: disorder::Progress = parsed(&call.body)?;
            let mut world = shared.world.write().unwrap_or_else(PoisonError::into_inner);
            disorder::put_into(&mut world, progress).map(|done| Reply::ok(&done)).map_err(|problem| refused(&problem))
        }
        ("GET", ["meddles"]) => Ok(Reply::ok(&json!({"meddles": shared.control().meddles.all()}))),
        ("POST", ["meddle"]) => {
            let order = if call.body.is_null() { meddle::Order::default() } else { parsed(&call.body)? };
            let mut control = shared.control();
            let mut world = shared.world.write().unwrap_or_else(PoisonError::into_inner);
            let done = control.meddles.obey(&mut world, &order);
            done.map(|done| Reply::ok(&done)).map_err(|problem| refused(&problem))
        }
        ("POST", ["expire-credentials"]) => {
            let expire: Expire = if call.body.is_null() { Expire::default() } else { parsed(&call.body)? };
            let mut world = shared.world.write().unwrap_or_else(PoisonError::into_inner);
            let expired = credentials::expire(&mut world.identity, expire.credential.as_deref());
            Ok(Reply::ok(&json!({"expired": expired})))
        }
        _ => Err(Reply::json(StatusCode::NOT_FOUND, &json!({"error": "no such switch"}))),
    }
}

fn parsed<T: DeserializeOwned>(value: &Value) -> Result<T, Reply> {
    T::deserialize(value).map_err(|error| refused(&error.to_string()))
}

fn refused(problem: &str) -> Reply {
    Reply::json(StatusCode::BAD_REQUEST, &json!({"error": problem}))
}
