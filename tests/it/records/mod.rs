//! One behavioural suite for both databases: what jobs record, and what they never do.
#![expect(clippy::unwrap_used, reason = "these are tests; the lint only sees the functions marked so")]

mod absence;
mod changing;
mod coverage;
mod create_tenant;
mod creations;
mod delete_tenant;
mod digest;
mod drift;
mod failures;
mod freshness;
mod groups;
mod history;
mod holding;
mod inventory;
mod killed;
mod layers;
mod living;
mod logins;
mod parts;
mod plans;
mod policies;
mod politeness;
mod properties;
mod prune;
mod pulls;
mod reading;
mod reconcile;
mod requests;
mod schedules;
mod schema;
mod secrets;
mod security_groups;
mod set_quotas;
mod tenants;
mod unlink;
mod unused;
mod update_tenant;
mod usage;
mod waiting;

/// What drift leaves behind.
const DRIFT: [&str; 5] = ["expectations", "findings", "jobs", "outbox", "suspicions"];
