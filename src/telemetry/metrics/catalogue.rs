//! The list of metrics: name, kind, labels, help. Dashboards, alert rules and the scrape itself are tested against it.

/// What Prometheus calls the type of a family.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Only goes up.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Observations in buckets.
    Histogram {
        /// Upper bounds, in the family's unit.
        buckets: &'static [f64],
    },
}

/// One metric family.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// The full name, prefix included.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// The labels that every series of it has.
    pub labels: &'static [&'static str],
    /// What it means, for people.
    pub help: &'static str,
    /// Whether it is encoded from stored state (else this process counts it).
    pub stored: bool,
}

/// From a local hit to the longest time-out of a request: a healthy API answers in 20 to 500 ms, a listing in seconds.
pub const REQUEST_BUCKETS: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// From an unchanged pull of one tenant to a fleet pull of a large cloud.
pub const JOB_BUCKETS: &[f64] = &[0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0];

const fn stored(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Family {
    Family { name, kind: Kind::Gauge, labels, help, stored: true }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Family {
    Family { name, kind: Kind::Gauge, labels, help, stored: false }
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Family {
    Family { name, kind: Kind::Counter, labels, help, stored: false }
}

/// Every metric of tenantd, in the order of `docs/metrics.md`.
pub const CATALOGUE: &[Family] = &[
    stored(
        "tenantd_tenant_info",
        &["cloud", "tenant", "tenant_name", "domain", "customer_name", "project_name"],
        "Always 1; the names of a tenant, to join with; the last two where `tenants import` asked a portal.",
    ),
    stored("tenantd_quota_limit", &["cloud", "tenant", "resource"], "Limit of a counted quota; absent when unlimited."),
    stored(
        "tenantd_quota_usage",
        &["cloud", "tenant", "resource"],
        "Usage of a counted quota as its service counts it.",
    ),
    stored(
        "tenantd_quota_limit_bytes",
        &["cloud", "tenant", "resource"],
        "Limit of a quota of size; absent when unlimited.",
    ),
    stored("tenantd_quota_usage_bytes", &["cloud", "tenant", "resource"], "Usage of a quota of size."),
    stored("tenantd_quota_unlimited", &["cloud", "tenant", "resource"], "1 when the quota has no limit, else absent."),
    stored(
        "tenantd_drift_open",
        &["cloud", "tenant", "resource_type", "severity", "state"],
        "Open and acknowledged drift findings of a tenant; absent at zero.",
    ),
    stored(
        "tenantd_cloud_drift_open",
        &["cloud", "resource_type", "severity"],
        "Open drift findings of a cloud, acknowledged ones left out.",
    ),
    stored(
        "tenantd_drift_oldest_open_timestamp_seconds",
        &["cloud", "tenant", "resource_type"],
        "When the oldest open drift finding was opened, acknowledged ones left out.",
    ),
    stored(
        "tenantd_resources",
        &["cloud", "tenant", "resource_type", "status"],
        "Objects seen by the last complete pull, by their status in the cloud.",
    ),
    stored("tenantd_cloud_tenants", &["cloud"], "Tenants of a cloud whose projects are there."),
    stored(
        "tenantd_cloud_quota_limit",
        &["cloud", "resource"],
        "Limits of a counted quota, summed over the tenants of the cloud that have one.",
    ),
    stored(
        "tenantd_cloud_quota_usage",
        &["cloud", "resource"],
        "Usage of a counted quota, summed over all tenants of the cloud.",
    ),
    stored(
        "tenantd_cloud_quota_limit_bytes",
        &["cloud", "resource"],
        "Limits of a quota of size, summed over the tenants of the cloud that have one.",
    ),
    stored(
        "tenantd_cloud_quota_usage_bytes",
        &["cloud", "resource"],
        "Usage of a quota of size, summed over all tenants of the cloud.",
    ),
    stored(
        "tenantd_cloud_quota_unlimited",
        &["cloud", "resource"],
        "Tenants of the cloud for which the quota has no limit; absent at zero.",
    ),
    stored(
        "tenantd_cloud_resources",
        &["cloud", "resource_type", "status"],
        "Objects of all tenants of the cloud, by their status in it.",
    ),
    stored(
        "tenantd_snapshot_last_success_timestamp_seconds",
        &["cloud", "tenant", "resource_type"],
        "When the resource type of the tenant was last read completely.",
    ),
    stored(
        "tenantd_snapshot_max_age_seconds",
        &["cloud", "resource_type"],
        "The age that the schedules promise not to exceed.",
    ),
    stored(
        "tenantd_coverage_lost",
        &["cloud", "resource_type", "reason"],
        "Tenants whose resource type cannot be read at present, by reason.",
    ),
    stored("tenantd_jobs_parked", &["cloud", "kind"], "Jobs that wait in the jobs table."),
    stored(
        "tenantd_job_oldest_waiting_timestamp_seconds",
        &["cloud"],
        "Since when the oldest waiting job could have run.",
    ),
    stored(
        "tenantd_schedule_last_success_timestamp_seconds",
        &["schedule"],
        "When a job of the schedule last succeeded.",
    ),
    stored("tenantd_outbox_pending", &[], "Events and dead letters that wait for the broker."),
    stored("tenantd_dead_letters", &[], "Dead letters on record."),
    counter("tenantd_drift_opened_total", &["cloud", "resource_type", "severity"], "Drift findings opened."),
    counter("tenantd_drift_resolved_total", &["cloud", "resource_type", "severity"], "Drift findings resolved."),
    counter(
        "tenantd_changes_total",
        &["cloud", "resource_type"],
        "Changes recorded between two snapshots, whatever the mode.",
    ),
    counter("tenantd_jobs_total", &["cloud", "kind", "outcome"], "Jobs ended, by outcome."),
    counter("tenantd_job_retries_total", &["cloud", "kind", "reason"], "Attempts that failed and will be repeated."),
    counter("tenantd_job_failures_total", &["cloud", "kind", "reason"], "Attempts that failed, repeated or not."),
    Family {
        name: "tenantd_job_duration_seconds",
        kind: Kind::Histogram { buckets: JOB_BUCKETS },
        labels: &["cloud", "kind"],
        help: "Time from start to commit of an attempt.",
        stored: false,
    },
    gauge("tenantd_jobs_running", &["cloud", "kind"], "Jobs that run in this process now."),
    counter(
        "tenantd_openstack_requests_total",
        &["cloud", "service", "operation", "status"],
        "Requests to OpenStack, by HTTP status, or timeout, connect, protocol.",
    ),
    Family {
        name: "tenantd_openstack_request_duration_seconds",
        kind: Kind::Histogram { buckets: REQUEST_BUCKETS },
        labels: &["cloud", "service", "operation"],
        help: "Time from sending a request to the end of its answer.",
        stored: false,
    },
    gauge(
        "tenantd_openstack_concurrency_limit",
        &["cloud", "service"],
        "Requests at once that this process sends to a service at most, by what the service was found to bear.",
    ),
    gauge(
        "tenantd_openstack_circuit_open",
        &["cloud", "service"],
        "1 while this process leaves a service alone that failed several times in a row.",
    ),
    Family {
        name: "tenantd_openstack_gate_wait_seconds",
        kind: Kind::Histogram { buckets: REQUEST_BUCKETS },
        labels: &["cloud", "service"],
        help: "Time that a request waited before it was sent: for a place, the rate, or because the service asked for it.",
        stored: false,
    },
    gauge("tenantd_broker_connected", &[], "1 while the connection to RabbitMQ stands."),
    gauge("tenantd_broker_messages_ready", &[], "Messages that wait in the jobs queue, as last asked."),
    gauge("tenantd_leader", &[], "1 in the replica that exposes the stored metrics and fires the schedules."),
    gauge(
        "tenantd_credential_expiry_timestamp_seconds",
        &["cloud"],
        "When the cloud's credential stops working; +Inf when it does not say.",
    ),
    gauge("tenantd_config_last_reload_successful", &[], "0 after a reload that was refused."),
    gauge("tenantd_build_info", &["version"], "Always 1; the version that runs."),
    gauge("tenantd_metrics_series_dropped", &[], "Series left out of the last scrape because of the configured cap."),
];
