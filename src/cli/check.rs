//! `check`: prints what [`crate::app::check`] tried, and what to do next.

use std::path::Path;

use serde_json::json;

use super::output::{self, Columns, Format, Row};
use super::{DONE, FAILED};
use crate::app::{build, check};
use crate::config::Config;

const COLUMNS: Columns = Columns {
    keys: &["subject", "check", "verdict", "detail"],
    headings: &["SUBJECT", "CHECK", "VERDICT", "DETAIL"],
    none: "nothing was tried",
};

pub(super) async fn run(path: &Path, format: Format) -> anyhow::Result<u8> {
    let config = build::load_config(path)?;
    let findings = check::check(&config).await;
    let row = |it: &check::Finding| Row {
        json: json!(it),
        cells: vec![it.subject.clone(), it.check.clone(), it.verdict.to_owned(), it.detail.clone()],
    };
    output::list(format, COLUMNS, &findings.iter().map(row).collect::<Vec<_>>())?;
    let failed = findings.iter().filter(|it| it.verdict == "failed").count();
    output::note(&next(&config, &output::tenantd(path), failed));
    Ok(if failed > 0 { FAILED } else { DONE })
}

/// What a person does now.
fn next(config: &Config, tenantd: &str, failed: usize) -> String {
    match (failed, config.clouds.as_slice()) {
        (0, []) => {
            format!("next: no cloud is configured; `{tenantd} config init --print --cloud NAME` prints what to add")
        }
        (0, [cloud, ..]) => format!("next: {tenantd} pull --cloud {}", cloud.name),
        (1, _) => format!("1 check failed; mend what its detail says, then: {tenantd} check"),
        (failed, _) => format!("{failed} checks failed; mend what their details say, then: {tenantd} check"),
    }
}
