//! `drift digest`: what came of drift in a while, and what stands, counted as the job of that name counts it.

use clap::Args;
use serde_json::json;

use super::DONE;
use super::arguments::count;
use super::moment::Moment;
use super::output::{self, Columns, Row, moment, stamp};
use super::records::Records;
use super::values;
use crate::drift::digest::{BySeverity, Digest, Entry, NoisyObject, NoisyTenant};

/// A while, and of which cloud.
#[derive(Debug, Args)]
pub struct Tell {
    /// Since then: a time, an age such as 24h, or by the clock here (TZ): 'Friday 18:00'.
    #[arg(long, value_name = "TIME", default_value = "24h")]
    since: Moment,
    /// Of this cloud; default: of every one.
    #[arg(long)]
    cloud: Option<String>,
}

const COLUMNS: Columns = Columns {
    keys: &[
        "since",
        "until",
        "cloud",
        "opened",
        "resolved",
        "accepted",
        "acknowledged",
        "standing",
        "oldest",
        "noisiest_tenants",
        "noisiest_objects",
    ],
    headings: &[],
    none: "",
};

impl Tell {
    pub(super) async fn run(self, records: &Records) -> anyhow::Result<u8> {
        let (until, cloud) = (records.now(), self.cloud.as_deref());
        let since = self.since.at(until, "--since")?;
        records.known_cloud(cloud)?;
        let entries = records.store().findings_since(cloud, since).await?;
        let digest = Digest::of(&entries, (since, until), cloud);
        let row = Row { json: json!(digest), cells: Vec::new() };
        output::show(records.output, COLUMNS, &row, &fields(&digest))?;
        Ok(DONE)
    }
}

/// What a person reads.
fn fields(digest: &Digest) -> [(&'static str, String); 9] {
    let BySeverity { critical, warning, info } = digest.standing;
    let oldest = digest.oldest.as_ref().map(|it| oldest(it, digest)).unwrap_or_default();
    let tenants = digest.noisiest_tenants.iter().map(noisy_tenant);
    let objects = digest.noisiest_objects.iter().map(noisy_object);
    [
        ("since", moment(Some(digest.since), digest.until)),
        ("until", stamp(digest.until)),
        ("opened", digest.opened.to_string()),
        ("resolved", digest.resolved.to_string()),
        ("accepted", digest.accepted.to_string()),
        (
            "standing",
            format!("{critical} critical, {warning} warning, {info} info; {} acknowledged", digest.acknowledged),
        ),
        ("oldest", oldest),
        ("noisiest tenants", tenants.collect::<Vec<_>>().join("\n")),
        ("noisiest objects", objects.collect::<Vec<_>>().join("\n")),
    ]
}

fn oldest(entry: &Entry, digest: &Digest) -> String {
    let what = values::what(&entry.object_name, &entry.object, &entry.field);
    let (whose, opened) =
        (format!("{}/{}", entry.cloud, entry.tenant_name), moment(Some(entry.opened_at), digest.until));
    values::printable(&format!("{whose} {} {what}, {}", entry.resource_type.noun(), entry.severity))
        + &format!(", opened {opened}\n{}", entry.id)
}

fn noisy_tenant(it: &NoisyTenant) -> String {
    values::printable(&format!("{}/{}: {}", it.cloud, it.tenant_name, count(it.opened, "finding")))
}

fn noisy_object(it: &NoisyObject) -> String {
    let name = if it.object_name.is_empty() { &it.object } else { &it.object_name };
    let whose = format!("{}/{}", it.cloud, it.tenant_name);
    values::printable(&format!("{whose} {} {name}: {}", it.resource_type.noun(), count(it.opened, "finding")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FindingState, ResourceType, Severity};
    use chrono::{DateTime, Duration, Utc};
    use insta::assert_snapshot;
    use uuid::Uuid;

    fn entry(number: u128, object_name: &str, opened_at: DateTime<Utc>, state: FindingState) -> Entry {
        Entry {
            id: Uuid::from_u128(number),
            cloud: "lab".to_owned(),
            tenant: "0123456789abcdef0123456789abcdef".to_owned(),
            tenant_name: "blue".to_owned(),
            resource_type: ResourceType::SecurityGroups,
            object: format!("id-{number}"),
            object_name: object_name.to_owned(),
            field: "rule ingress IPv4 tcp 22 from 0.0.0.0/0".to_owned(),
            severity: Severity::Critical,
            state,
            opened_at,
            resolved_at: (state == FindingState::Resolved).then_some(opened_at),
        }
    }

    fn said(entries: &[Entry]) -> String {
        let until = "2026-01-02T06:00:00Z".parse::<DateTime<Utc>>().unwrap();
        let digest = Digest::of(entries, (until - Duration::hours(24), until), None);
        let fields = fields(&digest).into_iter().filter(|(_, value)| !value.is_empty());
        fields.map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_person_reads_what_came_and_what_stands() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let (old, new) = (at("2025-12-30T06:00:00Z"), at("2026-01-01T12:00:00Z"));
        let entries = [
            entry(1, "web", old, FindingState::Acknowledged),
            entry(2, "a\u{1b}[31mname", new, FindingState::Open),
            entry(3, "", new, FindingState::Resolved),
        ];
        assert_snapshot!(said(&entries), @r"
        since: 2026-01-01T06:00:00Z (24h ago)
        until: 2026-01-02T06:00:00Z
        opened: 2
        resolved: 1
        accepted: 0
        standing: 2 critical, 0 warning, 0 info; 1 acknowledged
        oldest: lab/blue security group web: rule ingress IPv4 tcp 22 from 0.0.0.0/0, critical, opened 2025-12-30T06:00:00Z (3d ago)
        00000000-0000-0000-0000-000000000001
        noisiest tenants: lab/blue: 2 findings
        noisiest objects: lab/blue security group id-3: 1 finding
        lab/blue security group a\u{1b}[31mname: 1 finding
        ");
        assert_snapshot!(said(&[]), @"
        since: 2026-01-01T06:00:00Z (24h ago)
        until: 2026-01-02T06:00:00Z
        opened: 0
        resolved: 0
        accepted: 0
        standing: 0 critical, 0 warning, 0 info; 0 acknowledged
        ");
    }
}
