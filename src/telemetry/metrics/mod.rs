//! Every metric, declared once ([`catalogue`]) and recorded only through the functions here.
//!
//! Two kinds live side by side. *Instance* metrics count what this process does, as it does it, through the
//! `metrics` facade. *Stored* metrics describe the records and are encoded from the database at each scrape
//! ([`stored`]): they are there right after a restart and gone with their tenant.
#![expect(clippy::disallowed_macros, reason = "the one module that may name a metric")]

pub mod catalogue;

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

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

/// When the credential of `cloud` stops working.
pub fn credential_expiry(cloud: &str, at: chrono::DateTime<chrono::Utc>) {
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit 52 bits")]
    gauge!("tenantd_credential_expiry_timestamp_seconds", "cloud" => cloud.to_owned()).set(at.timestamp() as f64);
}
