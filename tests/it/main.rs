//! The one integration binary: every module here talks to tenantd from the outside.

mod api;
mod architecture;
mod broker;
mod cli;
mod daemon;
mod drift;
mod openstack;
mod records;
mod simulator;
mod support;
