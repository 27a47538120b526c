//! The calls that change a cloud, one file for each service. Each is one request; what it means that it was sent and
//! not answered is the caller's to know.

mod compute;
mod floating_ip;
mod identity;
mod image;
mod network;
mod quota;
mod security_group;
mod server_group;
mod volume;

pub use identity::NewProject;
pub use image::NewImage;
pub use network::{NetworkObject, NewSubnet};
pub use security_group::NewRule;
