//! `drift show`: one finding with its life, for whoever is on call.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::accept::is_acceptable;
use super::{COLUMNS, KEYS, flapping, known, row, said, say_known};
use crate::cli::output::{self, Columns};
use crate::cli::records::Records;
use crate::cli::values;
use crate::drift;
use crate::model::life::{Event, Step, whole};
use crate::model::{Finding, FindingState};
use crate::store::findings::Listed;

/// The longest word of a step.
const STEP: usize = 12;

pub(super) async fn show(records: &Records, listed: &Listed) -> anyhow::Result<()> {
    let (finding, now) = (&listed.finding, records.now());
    let life = whole(finding, records.store().life(finding.id).await?);
    let mut row = row(listed, now);
    row.json["life"] = json!(life);
    let meaning = drift::meaning(finding.change, (&finding.expected, &finding.observed), |value| {
        values::say(&finding.object, value)
    });
    let fields = [
        ("id", finding.id.to_string()),
        ("tenant", format!("{}/{} (project {})", listed.cloud, listed.tenant_name, listed.backend_id)),
        ("customer", listed.customer_name.clone()),
        ("portal project", listed.project_name.clone()),
        ("what", row.cells[3].clone()),
        ("object", finding.object.clone()),
        ("change", finding.change.to_string()),
        ("expected", values::say(&finding.object, &finding.expected)),
        ("observed", values::say(&finding.object, &finding.observed)),
        ("meaning", meaning.unwrap_or_default()),
        ("severity", finding.severity.to_string()),
        ("state", finding.state.to_string()),
        ("acknowledged", known(finding, now).unwrap_or_default()),
        ("flapping", flapping(finding, now).unwrap_or_default()),
        ("source", format!("the expectation was {}", finding.source)),
        ("opened", output::moment(Some(finding.opened_at), now)),
        ("last seen", output::moment(Some(finding.last_seen_at), now)),
        ("ended", output::moment(finding.resolved_at, now)),
        ("life", life.iter().map(|event| lines(event, finding, now)).collect::<Vec<_>>().join("\n")),
    ];
    output::show(records.output, Columns { keys: KEYS, ..COLUMNS }, &row, &fields)?;
    if finding.state.lasts() && is_acceptable(finding.change) {
        output::note(&format!("to make what is there what is expected: tenantd drift accept {}", finding.id));
    }
    if finding.state == FindingState::Open {
        output::note(&format!(
            "to have it known for a while: tenantd drift ack {} --reason WHY --until 7d",
            finding.id
        ));
    }
    Ok(())
}

/// A step in one line, and below it what it rests on.
fn lines(event: &Event, finding: &Finding, now: DateTime<Utc>) -> String {
    let at = event.at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let line = format!("{at}  {:STEP$}  {}", event.step, say(event, finding, now));
    let line = line.trim_end();
    let evidence = [
        event.observed_at.map(|at| format!("looked at {}", at.to_rfc3339_opts(SecondsFormat::Secs, true))),
        event.snapshot.map(|id| format!("snapshot {id}")),
        event.job.map(|id| format!("job {id}")),
    ];
    let evidence: Vec<String> = evidence.into_iter().flatten().collect();
    let requests = event.request_ids.iter().map(|it| {
        format!("{} in the log of {} at {}", it.id, it.service, it.at.to_rfc3339_opts(SecondsFormat::Secs, true))
    });
    let evidence = Some(evidence.join(", ")).filter(|it| !it.is_empty());
    let indent = at.len() + STEP + 4;
    let below = evidence.into_iter().chain(requests).map(|text| format!("\n{:indent$}{text}", ""));
    format!("{line}{}", below.collect::<String>())
}

/// What a step says, without its word.
fn say(event: &Event, finding: &Finding, now: DateTime<Utc>) -> String {
    let reason = event.reason.as_deref().unwrap_or_default();
    let by = event.by.as_deref().map(|by| format!("by {by}")).unwrap_or_default();
    match event.step {
        Step::Opened => {
            let value = |name: &str| event.after.as_ref().map_or(&Value::Null, |after| &after[name]);
            let [expected, observed] = ["expected", "observed"].map(|name| said(finding, value(name)));
            format!("expected {expected}, observed {observed}, {}", output::plain(value("severity")))
        }
        Step::Changed if reason.is_empty() => changes(event, finding),
        Step::Changed => {
            let parts = [changes(event, finding), reason.to_owned()];
            parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
        }
        Step::Acknowledged => say_known(event.by.as_deref().unwrap_or_default(), event.until, reason, now),
        Step::Noted => format!("{by}: {reason}"),
        Step::Accepted => by,
        Step::Reopened | Step::Resolved => reason.to_owned(),
    }
}

/// `observed 50 → unlimited`, of each value that is another.
fn changes(event: &Event, finding: &Finding) -> String {
    let (Some(before), Some(after)) = (&event.before, &event.after) else { return String::new() };
    let values = ["expected", "observed", "severity"].into_iter().filter(|name| before[*name] != after[*name]);
    let word = |name: &str, value: &Value| match name {
        "severity" => output::plain(value),
        _ => values::say(&finding.object, value),
    };
    let change = |name: &str| format!("{name} {} → {}", word(name, &before[name]), word(name, &after[name]));
    values.map(change).collect::<Vec<_>>().join(", ")
}
