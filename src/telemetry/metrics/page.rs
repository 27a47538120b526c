//! `docs/metrics.md`, made from the catalogue; a test keeps the file equal to it.

use std::fmt::Write;

use super::catalogue::{CATALOGUE, Kind};

/// The page for operators.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Metrics\n\n\
         Made from the catalogue in `src/telemetry/metrics/catalogue.rs`; a test keeps this page equal to it.\n\n\
         Alert first on `tenantd_drift_open` with `resource_type=\"quotas\"`, on the age of\n\
         `tenantd_snapshot_last_success_timestamp_seconds` beyond `tenantd_snapshot_max_age_seconds`, and on\n\
         `tenantd_coverage_lost`: the shipped rules in `deploy/prometheus/` do.\n\n\
         *Stored* metrics are read from the records at each scrape and come from the leading replica only; the others\n\
         are counted by each process. Aggregate `without (instance)`. `tenant` is the project's id; join\n\
         `tenantd_tenant_info` for names. The age that a schedule promises is its `max_age`, or two of its\n\
         longest gaps plus jitter.\n\n\
         | metric | type | labels | stored | meaning |\n|---|---|---|---|---|\n",
    );
    for family in CATALOGUE {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram { .. } => "histogram",
        };
        let labels = family.labels.join(", ");
        let stored = if family.stored { "yes" } else { "" };
        let _ = writeln!(page, "| `{}` | {kind} | {labels} | {stored} | {} |", family.name, family.help);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_the_catalogue() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
        let page = markdown();
        if std::env::var_os("TENANTD_WRITE_DOCS").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(written == page, "docs/metrics.md is old: run the tests once with TENANTD_WRITE_DOCS=1");
    }

    #[test]
    fn names_follow_the_conventions() {
        for family in CATALOGUE {
            assert!(family.name.starts_with("tenantd_"), "{}", family.name);
            assert_eq!(family.name.ends_with("_total"), family.kind == Kind::Counter, "{}", family.name);
            assert!(family.help.ends_with('.'), "{}", family.name);
        }
    }
}
