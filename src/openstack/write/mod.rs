//! The calls that change a cloud, one file for each service. Each is one request; what it means that it was sent and
//! not answered is the caller's to know.

mod identity;
mod network;
mod quota;

pub use identity::NewProject;
pub use network::NetworkObject;
