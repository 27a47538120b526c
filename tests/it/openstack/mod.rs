//! The client against a fake cloud that misbehaves in the ways that genuine ones were seen to.
#![expect(clippy::unwrap_used, reason = "a test helper that cannot go on has failed")]

mod clouds_yaml;
mod errors;
mod fake;
mod genuine;
mod paging;
mod politeness;
mod sections;
mod session;
mod writes;
