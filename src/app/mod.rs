//! The composition root: from a configuration to a running daemon, or to the parts that one command needs. The only
//! module that names every adapter.

pub mod build;
pub mod check;
mod declared;
mod demo;
pub mod policies;
pub mod pull;
pub mod reconcile;
mod reload;
mod run;
mod simulate;
mod time;

pub use demo::{DemoOptions, demo};
pub use run::run;
pub use simulate::{SimulateOptions, simulate};
