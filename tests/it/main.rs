//! The one integration binary: every module here talks to tenantd from the outside.

mod cli;
mod daemon;
mod openstack;
mod simulator;
