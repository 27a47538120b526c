//! tenantd keeps an operator's records of OpenStack tenants true.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod drift;
pub mod http;
pub mod intake;
pub mod jobs;
pub mod lifecycle;
pub mod model;
pub mod openstack;
pub mod portal;
pub mod retry;
pub mod simulator;
pub mod store;
pub mod telemetry;
