//! Changes behind the portal's back: what an operator at a terminal does, and forgets to tell.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::random::Random;
use super::super::world::World;

/// What to do; at random where it is silent.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    pub kind: Option<String>,
    pub tenant: Option<String>,
    pub revert: Option<u64>,
}

/// A change that was made.
#[derive(Debug, Clone, Serialize)]
pub struct Meddle {
    pub id: u64,
    pub before: Value,
}

/// All changes so far.
#[derive(Debug)]
pub struct Meddles {
    random: Random,
    done: Vec<Meddle>,
}

impl Meddles {
    pub fn new(random: Random) -> Self {
        Self { random, done: Vec::new() }
    }
    pub fn all(&self) -> &[Meddle] {
        &self.done
    }
    pub fn obey(&mut self, _world: &mut World, _order: &Order) -> Result<Meddle, String> {
        let _ = &self.random;
        Err("not yet".to_owned())
    }
}
