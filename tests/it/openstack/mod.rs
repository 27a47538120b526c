//! The client against a fake cloud that misbehaves in the ways that genuine ones were seen to.

mod clouds_yaml;
mod errors;
mod fake;
mod genuine;
mod paging;
mod session;
