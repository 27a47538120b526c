//! The one integration binary: every module here talks to tenantd from the outside.

mod daemon;
mod openstack;
mod simulator;
