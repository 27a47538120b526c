//! The calls that change a cloud, one file for each service. Each is one request; what it means that it was sent and
//! not answered is the caller's to know.

mod compute;
mod identity;
mod network;
mod quota;
mod volume;

pub use identity::NewProject;
pub use network::{NetworkObject, NewSubnet};
