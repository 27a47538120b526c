//! Every metric, declared once ([`catalogue`]) and recorded only through the functions here.
//!
//! Two kinds live side by side. *Instance* metrics count what this process does, as it does it, through the
//! `metrics` facade. *Stored* metrics describe the records and are encoded from the database at each scrape
//! ([`crate::telemetry::exposition`]): they are there right after a restart and gone with their tenant.
#![expect(clippy::disallowed_macros, reason = "the one module that may name a metric")]

pub mod catalogue;
pub mod page;

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::model::job::Outcome;
use crate::model::{ResourceType, Severity};
use catalogue::{CATALOGUE, Kind};

/// Builds the recorder with the catalogue's buckets; install it once, or locally in a test.
///
/// # Errors
/// When a bucket list of the catalogue is empty.
pub fn recorder() -> Result<PrometheusRecorder, BuildError> {
    let mut builder = PrometheusBuilder::new();
    for family in CATALOGUE {
        if let Kind::Histogram { buckets } = family.kind {
            builder = builder.set_buckets_for_metric(Matcher::Full(family.name.to_owned()), buckets)?;
        }
    }
    Ok(builder.build_recorder())
}

/// Installs the recorder for the process and describes the instance metrics.
///
/// # Errors
/// When a recorder is there already.
pub fn install() -> anyhow::Result<PrometheusHandle> {
    let recorder = recorder()?;
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder)?;
    describe();
    Ok(handle)
}

/// Tells the recorder the HELP text of each instance metric.
pub fn describe() {
    for family in CATALOGUE.iter().filter(|family| !family.stored) {
        match family.kind {
            Kind::Counter => describe_counter!(family.name, Unit::Count, family.help),
            Kind::Gauge => describe_gauge!(family.name, family.help),
            Kind::Histogram { .. } => describe_histogram!(family.name, Unit::Seconds, family.help),
        }
    }
}

/// One request to an OpenStack service has ended; `status` is the HTTP status, or `timeout`, `connect`, `protocol`.
pub fn openstack_request(cloud: &str, service: &'static str, operation: &'static str, status: &str, took: Duration) {
    counter!("tenantd_openstack_requests_total", "cloud" => cloud.to_owned(), "service" => service,
        "operation" => operation, "status" => status.to_owned())
    .increment(1);
    histogram!("tenantd_openstack_request_duration_seconds", "cloud" => cloud.to_owned(), "service" => service,
        "operation" => operation)
    .record(took);
}

/// How many requests at once a service gets from now on.
pub fn openstack_places(cloud: &str, service: &'static str, places: usize) {
    gauge!("tenantd_openstack_concurrency_limit", "cloud" => cloud.to_owned(), "service" => service)
        .set(f64::from(u32::try_from(places).unwrap_or(u32::MAX)));
}

/// Whether a service is left alone.
pub fn openstack_circuit(cloud: &str, service: &'static str, open: bool) {
    gauge!("tenantd_openstack_circuit_open", "cloud" => cloud.to_owned(), "service" => service)
        .set(f64::from(u8::from(open)));
}

/// A request waited so long before it was sent.
pub fn openstack_waited(cloud: &str, service: &'static str, waited: Duration) {
    histogram!("tenantd_openstack_gate_wait_seconds", "cloud" => cloud.to_owned(), "service" => service).record(waited);
}

/// When the credential of `cloud` stops working; never, as far as is known, when it does not say.
pub fn credential_expiry(cloud: &str, at: Option<chrono::DateTime<chrono::Utc>>) {
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit 52 bits")]
    let seconds = at.map_or(f64::INFINITY, |at| at.timestamp() as f64);
    gauge!("tenantd_credential_expiry_timestamp_seconds", "cloud" => cloud.to_owned()).set(seconds);
}

/// A drift finding was opened.
pub fn drift_opened(cloud: &str, resource_type: ResourceType, severity: Severity) {
    counter!("tenantd_drift_opened_total", "cloud" => cloud.to_owned(), "resource_type" => resource_type.as_str(),
        "severity" => severity.as_str())
    .increment(1);
}

/// A drift finding was resolved.
pub fn drift_resolved(cloud: &str, resource_type: ResourceType, severity: Severity) {
    counter!("tenantd_drift_resolved_total", "cloud" => cloud.to_owned(), "resource_type" => resource_type.as_str(),
        "severity" => severity.as_str())
    .increment(1);
}

/// So many changes were recorded between two snapshots.
pub fn changes(cloud: &str, resource_type: ResourceType, count: usize) {
    counter!("tenantd_changes_total", "cloud" => cloud.to_owned(), "resource_type" => resource_type.as_str())
        .increment(u64::try_from(count).unwrap_or(u64::MAX));
}

/// An attempt began; dropping the guard says that it ended.
pub fn job_running(cloud: &str, kind: &'static str) -> RunningJob {
    let running = gauge!("tenantd_jobs_running", "cloud" => cloud.to_owned(), "kind" => kind);
    running.increment(1.0);
    RunningJob(running)
}

/// Counts a job as running for as long as it exists.
#[must_use]
pub struct RunningJob(metrics::Gauge);

impl Drop for RunningJob {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// A job ended.
pub fn job_ended(cloud: &str, kind: &'static str, outcome: Outcome, took: Duration) {
    counter!("tenantd_jobs_total", "cloud" => cloud.to_owned(), "kind" => kind, "outcome" => outcome.as_str())
        .increment(1);
    histogram!("tenantd_job_duration_seconds", "cloud" => cloud.to_owned(), "kind" => kind).record(took);
}

/// An attempt failed; `again` says whether it will be repeated.
pub fn job_failed(cloud: &str, kind: &'static str, reason: &'static str, again: bool) {
    counter!("tenantd_job_failures_total", "cloud" => cloud.to_owned(), "kind" => kind, "reason" => reason)
        .increment(1);
    if again {
        counter!("tenantd_job_retries_total", "cloud" => cloud.to_owned(), "kind" => kind, "reason" => reason)
            .increment(1);
    }
}

/// Makes the counters of a cloud exist at zero, so that an alert on their rise sees the first one.
pub fn zero(cloud: &str, kinds: &[&'static str]) {
    for kind in kinds {
        for outcome in Outcome::ALL {
            counter!("tenantd_jobs_total", "cloud" => cloud.to_owned(), "kind" => *kind, "outcome" => outcome.as_str())
                .increment(0);
        }
    }
    for resource_type in ResourceType::ALL {
        changes(cloud, resource_type, 0);
        for severity in Severity::ALL {
            for name in ["tenantd_drift_opened_total", "tenantd_drift_resolved_total"] {
                counter!(name, "cloud" => cloud.to_owned(), "resource_type" => resource_type.as_str(),
                    "severity" => severity.as_str())
                .increment(0);
            }
        }
    }
}

/// Whether the connection to RabbitMQ stands.
pub fn broker_connected(connected: bool) {
    gauge!("tenantd_broker_connected").set(f64::from(u8::from(connected)));
}

/// How many messages wait in the jobs queue.
pub fn broker_messages_ready(count: u32) {
    gauge!("tenantd_broker_messages_ready").set(f64::from(count));
}

/// Whether this replica exposes the stored metrics and fires the schedules.
pub fn leader(leads: bool) {
    gauge!("tenantd_leader").set(f64::from(u8::from(leads)));
}

/// Whether the last reload was accepted.
pub fn config_reloaded(accepted: bool) {
    gauge!("tenantd_config_last_reload_successful").set(f64::from(u8::from(accepted)));
}

/// Which version runs.
pub fn build_info() {
    gauge!("tenantd_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

/// How many series the last scrape left out.
pub fn series_dropped(count: usize) {
    gauge!("tenantd_metrics_series_dropped").set(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
}
