//! The series that each tenant has of its own. They are many, so they are written piece by piece as the answer is taken,
//! out of labels that are made once.

use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::gist::{Amount, Gist, Words};
use crate::model::ResourceType;
use crate::model::quota::Limit;
use crate::telemetry::exposition::head;

/// Bytes of an answer that go out at once.
pub(super) const PIECE: usize = 64 << 10;

const TYPES: usize = ResourceType::ALL.len();

/// One tenant.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// Its cloud's place in [`Table::clouds`].
    pub cloud: usize,
    /// `cloud="…",tenant="…"`, and behind it the further labels of its names.
    pub labels: Range<usize>,
    pub names: Range<usize>,
    /// When each resource type was last read completely; of a disabled project nothing.
    pub ages: [Option<DateTime<Utc>>; TYPES],
    pub gists: [Option<Arc<Gist>>; TYPES],
    /// Whether something differs from what is expected.
    pub drifts: bool,
    /// Whether all of it is shown, or only what an alert could need.
    pub shown: bool,
}

impl Row {
    fn amounts(&self) -> impl Iterator<Item = &Amount> {
        self.gists.iter().flatten().flat_map(|gist| &gist.quotas)
    }

    /// Series that an alert could need, and the others.
    pub fn count(&self) -> (usize, usize) {
        let (mut needed, mut others) = (1 + self.ages.iter().flatten().count(), 0);
        for amount in self.amounts() {
            *(if amount.is_near() { &mut needed } else { &mut others }) += amount.series();
        }
        (needed, others + self.gists.iter().flatten().map(|gist| gist.objects.len()).sum::<usize>())
    }

    /// How full its fullest quota is.
    pub fn fullness(&self) -> u8 {
        self.gists.iter().flatten().map(|gist| gist.fullness).max().unwrap_or(0)
    }
}

/// All tenants.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub clouds: Vec<String>,
    pub rows: Vec<Row>,
    /// The text that the rows' labels are ranges of.
    pub labels: String,
    pub words: Arc<Words>,
}

impl Table {
    /// Decides whose series are shown, when `room` is not enough for all; how many are left out. What an alert could
    /// need is always shown, and everything of a tenant with drift; then whoever uses the most of a quota comes first.
    pub fn cut(&mut self, room: usize) -> usize {
        let (mut left, mut optional) = (room, Vec::new());
        for (place, row) in self.rows.iter_mut().enumerate() {
            let (needed, others) = row.count();
            row.shown = row.drifts || others == 0;
            left = left.saturating_sub(if row.drifts { needed + others } else { needed });
            if !row.shown {
                optional.push((std::cmp::Reverse(row.fullness()), place, others));
            }
        }
        optional.sort_unstable();
        let mut dropped = 0;
        for (_, place, others) in optional {
            // Whoever comes later is not shown in the place of who would have come first.
            if dropped == 0 && others <= left {
                left -= others;
                self.rows[place].shown = true;
            } else {
                dropped += others;
            }
        }
        dropped
    }
}

/// The families, in the order of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Info,
    Limit,
    Usage,
    LimitBytes,
    UsageBytes,
    Unlimited,
    Resources,
    LastSuccess,
}

const FAMILIES: [(Family, &str); 8] = [
    (Family::Info, "tenantd_tenant_info"),
    (Family::Limit, "tenantd_quota_limit"),
    (Family::Usage, "tenantd_quota_usage"),
    (Family::LimitBytes, "tenantd_quota_limit_bytes"),
    (Family::UsageBytes, "tenantd_quota_usage_bytes"),
    (Family::Unlimited, "tenantd_quota_unlimited"),
    (Family::Resources, "tenantd_resources"),
    (Family::LastSuccess, "tenantd_snapshot_last_success_timestamp_seconds"),
];

/// Writes the series of a table, a piece at a time.
#[derive(Debug)]
pub(super) struct Pieces {
    table: Table,
    family: usize,
    row: usize,
    /// Whether the family's head is written: one without series has none.
    named: bool,
}

impl Pieces {
    pub const fn new(table: Table) -> Self {
        Self { table, family: 0, row: 0, named: false }
    }
}

impl Iterator for Pieces {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let mut text = String::with_capacity(PIECE + PIECE / 8);
        while let Some((family, name)) = FAMILIES.get(self.family) {
            let Some(row) = self.table.rows.get(self.row) else {
                (self.family, self.row, self.named) = (self.family + 1, 0, false);
                continue;
            };
            let before = text.len();
            if !self.named {
                head(&mut text, name);
            }
            let headed = text.len();
            self.table.write(row, *family, name, &mut text);
            self.named |= text.len() > headed;
            if !self.named {
                text.truncate(before);
            }
            self.row += 1;
            if text.len() >= PIECE {
                break;
            }
        }
        (!text.is_empty()).then_some(text)
    }
}

impl Table {
    fn write(&self, row: &Row, family: Family, name: &str, text: &mut String) {
        let labels = &self.labels[row.labels.clone()];
        let mut line = |more: &[&str], value: Value| {
            text.push_str(name);
            text.push('{');
            text.push_str(labels);
            for part in more {
                text.push_str(part);
            }
            text.push_str("} ");
            value.write(text);
            text.push('\n');
        };
        match family {
            Family::Info => line(&[&self.labels[row.names.clone()]], Value::Number(1)),
            Family::LastSuccess => {
                for (resource_type, at) in ResourceType::ALL.iter().zip(row.ages) {
                    if let Some(at) = at {
                        line(&[",resource_type=\"", resource_type.as_str(), "\""], Value::Moment(at));
                    }
                }
            }
            Family::Resources => {
                for (resource_type, gist) in ResourceType::ALL.iter().zip(&row.gists).filter(|_| row.shown) {
                    for (status, count) in gist.iter().flat_map(|gist| &gist.objects) {
                        let status = &self.words.term(*status).label;
                        let more = [",resource_type=\"", resource_type.as_str(), "\",status=\"", status, "\""];
                        line(&more, Value::Number(u128::from(*count)));
                    }
                }
            }
            Family::Limit | Family::Usage | Family::LimitBytes | Family::UsageBytes | Family::Unlimited => {
                for amount in row.amounts().filter(|amount| row.shown || amount.is_near()) {
                    let term = self.words.term(amount.name);
                    if let Some(value) = value(family, amount, term.bytes) {
                        line(&[",resource=\"", &term.label, "\""], Value::Number(value));
                    }
                }
            }
        }
    }
}

/// What a family tells of a quota: sizes in bytes.
fn value(family: Family, amount: &Amount, bytes: Option<u64>) -> Option<u128> {
    let limit = match amount.limit {
        Some(Limit::Of(limit)) => Some(limit),
        _ => None,
    };
    let plain = |value: Option<u64>| value.filter(|_| bytes.is_none()).map(u128::from);
    let size = |value: Option<u64>| Some(u128::from(value?) * u128::from(bytes?));
    match family {
        Family::Limit => plain(limit),
        Family::Usage => plain(amount.usage),
        Family::LimitBytes => size(limit),
        Family::UsageBytes => size(amount.usage),
        Family::Unlimited => (amount.limit == Some(Limit::Unlimited)).then_some(1),
        Family::Info | Family::Resources | Family::LastSuccess => None,
    }
}

enum Value {
    Number(u128),
    Moment(DateTime<Utc>),
}

impl Value {
    fn write(self, text: &mut String) {
        // Most numbers are small, and those are written faster.
        let _ = match self {
            Self::Number(number) => match u64::try_from(number) {
                Ok(number) => write!(text, "{number}"),
                Err(_) => write!(text, "{number}"),
            },
            Self::Moment(at) => write!(text, "{}.{:06}", at.timestamp(), at.timestamp_subsec_micros()),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::super::gist::{Gist, Words};
    use super::*;

    /// A tenant whose fullest quota is so full, in percent.
    fn row(table: &mut Table, words: &mut Words, name: &str, percent: u64, drifts: bool) {
        let body = format!(
            r#"{{"ram": {{"limit": 100, "usage": {percent}}}, "vcpu": {{"limit": "unlimited", "usage": 3}}, "volumes": {{"limit": 9, "usage": 1}}}}"#
        );
        let quotas = Arc::new(Gist::of(ResourceType::Quotas, &body, words));
        let body = r#"[{"status": "A\"B"}, {"status": "A\"B"}]"#;
        let addresses = Arc::new(Gist::of(ResourceType::FloatingIps, body, words));
        let labels = table.labels.len();
        let _ = write!(table.labels, "cloud=\"lab\",tenant=\"{name}\"");
        let names = table.labels.len();
        let _ = write!(table.labels, ",tenant_name=\"{name}\"");
        table.rows.push(Row {
            labels: labels..names,
            names: names..table.labels.len(),
            ages: std::array::from_fn(|place| match place {
                0 => DateTime::from_timestamp_micros(1_700_000_000_500_000),
                _ => None,
            }),
            gists: std::array::from_fn(|place| match place {
                0 => Some(Arc::clone(&quotas)),
                2 => Some(Arc::clone(&addresses)),
                _ => None,
            }),
            drifts,
            ..Row::default()
        });
    }

    fn table(tenants: &[(&str, u64, bool)]) -> Table {
        let (mut table, mut words) = (Table { clouds: vec!["lab".to_owned()], ..Table::default() }, Words::default());
        for (name, percent, drifts) in tenants {
            row(&mut table, &mut words, name, *percent, *drifts);
        }
        table.words = Arc::new(words);
        table
    }

    #[test]
    fn a_tenant_is_told_of_family_by_family() {
        let mut table = table(&[("a", 60, false)]);
        assert_eq!(table.cut(100), 0);
        let text: String = Pieces::new(table).collect();
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("# HELP")).collect();
        let expected = r#"# TYPE tenantd_tenant_info gauge
tenantd_tenant_info{cloud="lab",tenant="a",tenant_name="a"} 1
# TYPE tenantd_quota_limit gauge
tenantd_quota_limit{cloud="lab",tenant="a",resource="volumes"} 9
# TYPE tenantd_quota_usage gauge
tenantd_quota_usage{cloud="lab",tenant="a",resource="vcpu"} 3
tenantd_quota_usage{cloud="lab",tenant="a",resource="volumes"} 1
# TYPE tenantd_quota_limit_bytes gauge
tenantd_quota_limit_bytes{cloud="lab",tenant="a",resource="ram"} 104857600
# TYPE tenantd_quota_usage_bytes gauge
tenantd_quota_usage_bytes{cloud="lab",tenant="a",resource="ram"} 62914560
# TYPE tenantd_quota_unlimited gauge
tenantd_quota_unlimited{cloud="lab",tenant="a",resource="vcpu"} 1
# TYPE tenantd_resources gauge
tenantd_resources{cloud="lab",tenant="a",resource_type="floating_ips",status="A\"B"} 2
# TYPE tenantd_snapshot_last_success_timestamp_seconds gauge
tenantd_snapshot_last_success_timestamp_seconds{cloud="lab",tenant="a",resource_type="quotas"} 1700000000.500000"#;
        assert_eq!(lines.join("\n"), expected);
    }

    #[test]
    fn drift_comes_first_then_who_uses_most_and_alerts_lack_nothing() {
        // Each has two series that alerts need and seven others; of who uses half of a quota, two of them are needed.
        let tenants = [("few", 10, false), ("drift", 0, true), ("most", 45, false), ("half", 70, false)];
        let shown = |room: usize| {
            let mut table = table(&tenants);
            let dropped = table.cut(room);
            let text: String = Pieces::new(table).collect();
            let whole = |name: &&str| text.contains(&format!("tenantd_resources{{cloud=\"lab\",tenant=\"{name}\""));
            let whole: Vec<&str> = ["drift", "half", "most", "few"].into_iter().filter(whole).collect();
            let near = text.contains("tenantd_quota_usage_bytes{cloud=\"lab\",tenant=\"half\",resource=\"ram\"}");
            assert!(near, "{text}");
            let series = text.lines().filter(|line| !line.starts_with('#')).count();
            (whole.join(" "), series, dropped)
        };
        assert_eq!(shown(0), ("drift".to_owned(), 17, 19));
        assert_eq!(shown(22), ("drift half".to_owned(), 22, 14));
        assert_eq!(shown(28), ("drift half".to_owned(), 22, 14));
        assert_eq!(shown(29), ("drift half most".to_owned(), 29, 7));
        assert_eq!(shown(36), ("drift half most few".to_owned(), 36, 0));
    }

    #[test]
    fn pieces_are_cut_between_lines() {
        let names: Vec<String> = (0..2_000).map(|number| format!("{number:032}")).collect();
        let tenants: Vec<(&str, u64, bool)> = names.iter().map(|name| (name.as_str(), 1, false)).collect();
        let mut table = table(&tenants);
        table.cut(usize::MAX);
        let pieces: Vec<String> = Pieces::new(table).collect();
        assert!(
            pieces.len() > 10 && pieces.iter().all(|piece| piece.ends_with('\n') && piece.len() < PIECE + PIECE / 8)
        );
        let text = pieces.concat();
        assert_eq!(text.matches("# TYPE ").count(), 8, "each family is named once");
        assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), 2_000 * 9);
    }
}
