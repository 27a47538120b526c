//! What a day brought, counted from findings: the same for the command, the job and its event.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::model::{FindingState, ResourceType, Severity};

/// As many of the noisiest are named.
const MOST: usize = 5;

/// A finding, as far as a digest counts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its id.
    pub id: Uuid,
    /// The cloud.
    pub cloud: String,
    /// The project's id.
    pub tenant: String,
    /// The project's name.
    pub tenant_name: String,
    /// The resource type that differs.
    pub resource_type: ResourceType,
    /// The object that differs.
    pub object: String,
    /// The object's name for people.
    pub object_name: String,
    /// The field of the object.
    pub field: String,
    /// How urgent it is.
    pub severity: Severity,
    /// Where it stands.
    pub state: FindingState,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// When it ended.
    pub resolved_at: Option<DateTime<Utc>>,
}

/// What stands, by severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct BySeverity {
    /// Critical ones.
    pub critical: usize,
    /// Warnings.
    pub warning: usize,
    /// The rest.
    pub info: usize,
}

/// A tenant in which much was opened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NoisyTenant {
    /// The cloud.
    pub cloud: String,
    /// The project's name.
    pub tenant_name: String,
    /// The project's id.
    pub tenant: String,
    /// How many findings were opened.
    pub opened: usize,
}

/// An object of which much was opened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NoisyObject {
    /// The cloud.
    pub cloud: String,
    /// The project's name.
    pub tenant_name: String,
    /// The project's id.
    pub tenant: String,
    /// The resource type.
    pub resource_type: ResourceType,
    /// The object's name for people.
    pub object_name: String,
    /// The object.
    pub object: String,
    /// How many findings were opened.
    pub opened: usize,
}

/// What happened between two moments, and what stands at the later one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Digest {
    /// From then.
    pub since: DateTime<Utc>,
    /// To then.
    pub until: DateTime<Utc>,
    /// Of one cloud; null: of all.
    pub cloud: Option<String>,
    /// Findings that were opened.
    pub opened: usize,
    /// Findings that were resolved.
    pub resolved: usize,
    /// Findings that were accepted.
    pub accepted: usize,
    /// Of those that stand, how many somebody has acknowledged.
    pub acknowledged: usize,
    /// What stands.
    pub standing: BySeverity,
    /// What has stood for longest.
    pub oldest: Option<Entry>,
    /// The tenants in which most was opened, the most first.
    pub noisiest_tenants: Vec<NoisyTenant>,
    /// The objects of which most was opened, the most first.
    pub noisiest_objects: Vec<NoisyObject>,
}

impl Digest {
    /// Counts findings: those that stand, and those that were opened or ended since then, in whatever order.
    pub fn of(entries: &[Entry], (since, until): (DateTime<Utc>, DateTime<Utc>), cloud: Option<&str>) -> Self {
        let within = |at: DateTime<Utc>| since <= at && at < until;
        let opened: Vec<&Entry> = entries.iter().filter(|it| within(it.opened_at)).collect();
        let ended = |state| entries.iter().filter(|it| it.state == state && it.resolved_at.is_some_and(within)).count();
        let standing =
            || entries.iter().filter(|it| matches!(it.state, FindingState::Open | FindingState::Acknowledged));
        let of_severity = |severity| standing().filter(|it| it.severity == severity).count();
        Self {
            since,
            until,
            cloud: cloud.map(str::to_owned),
            opened: opened.len(),
            resolved: ended(FindingState::Resolved),
            accepted: ended(FindingState::Accepted),
            acknowledged: standing().filter(|it| it.state == FindingState::Acknowledged).count(),
            standing: BySeverity {
                critical: of_severity(Severity::Critical),
                warning: of_severity(Severity::Warning),
                info: of_severity(Severity::Info),
            },
            oldest: standing().min_by_key(|it| (it.opened_at, it.id)).cloned(),
            noisiest_tenants: noisiest_tenants(&opened),
            noisiest_objects: noisiest_objects(&opened),
        }
    }
}

fn noisiest_tenants(opened: &[&Entry]) -> Vec<NoisyTenant> {
    let key = |it: &&Entry| NoisyTenant {
        cloud: it.cloud.clone(),
        tenant_name: it.tenant_name.clone(),
        tenant: it.tenant.clone(),
        opened: 0,
    };
    let noisiest = noisiest(opened.iter().map(key));
    noisiest.into_iter().map(|(tenant, opened)| NoisyTenant { opened, ..tenant }).collect()
}

fn noisiest_objects(opened: &[&Entry]) -> Vec<NoisyObject> {
    let key = |it: &&Entry| NoisyObject {
        cloud: it.cloud.clone(),
        tenant_name: it.tenant_name.clone(),
        tenant: it.tenant.clone(),
        resource_type: it.resource_type,
        object_name: it.object_name.clone(),
        object: it.object.clone(),
        opened: 0,
    };
    let noisiest = noisiest(opened.iter().map(key));
    noisiest.into_iter().map(|(object, opened)| NoisyObject { opened, ..object }).collect()
}

/// Those that come most often with how often, the most first; of equals the first by name.
fn noisiest<K: Ord>(keys: impl Iterator<Item = K>) -> Vec<(K, usize)> {
    let mut counts: BTreeMap<K, usize> = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    let mut counts: Vec<(K, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| Reverse(*count));
    counts.truncate(MOST);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_json_snapshot;

    fn at(hour: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + chrono::Duration::hours(hour)
    }

    fn entry(number: u128, (tenant, object): (&str, &str), opened: i64, state: FindingState) -> Entry {
        let ended = matches!(state, FindingState::Resolved | FindingState::Accepted);
        Entry {
            id: Uuid::from_u128(number),
            cloud: "lab".to_owned(),
            tenant: format!("id-of-{tenant}"),
            tenant_name: tenant.to_owned(),
            resource_type: ResourceType::Quotas,
            object: object.to_owned(),
            object_name: object.to_owned(),
            field: "limit".to_owned(),
            severity: if object == "vcpu" { Severity::Warning } else { Severity::Critical },
            state,
            opened_at: at(opened),
            resolved_at: ended.then(|| at(40)),
        }
    }

    fn entries() -> Vec<Entry> {
        use FindingState::{Accepted, Acknowledged, Open, Resolved};
        vec![
            entry(1, ("blue", "vcpu"), 2, Open),
            entry(2, ("blue", "ram"), 2, Acknowledged),
            entry(3, ("blue", "vcpu"), 30, Resolved),
            entry(4, ("red", "vcpu"), 31, Resolved),
            entry(5, ("red", "vcpu"), 41, Open),
            entry(6, ("red", "ram"), 42, Accepted),
        ]
    }

    #[test]
    fn a_day_is_counted_from_its_findings() {
        let digest = Digest::of(&entries(), (at(24), at(48)), Some("lab"));
        assert_json_snapshot!(digest, @r#"
        {
          "since": "1970-01-02T00:00:00Z",
          "until": "1970-01-03T00:00:00Z",
          "cloud": "lab",
          "opened": 4,
          "resolved": 2,
          "accepted": 1,
          "acknowledged": 1,
          "standing": {
            "critical": 1,
            "warning": 2,
            "info": 0
          },
          "oldest": {
            "id": "00000000-0000-0000-0000-000000000001",
            "cloud": "lab",
            "tenant": "id-of-blue",
            "tenant_name": "blue",
            "resource_type": "quotas",
            "object": "vcpu",
            "object_name": "vcpu",
            "field": "limit",
            "severity": "warning",
            "state": "open",
            "opened_at": "1970-01-01T02:00:00Z",
            "resolved_at": null
          },
          "noisiest_tenants": [
            {
              "cloud": "lab",
              "tenant_name": "red",
              "tenant": "id-of-red",
              "opened": 3
            },
            {
              "cloud": "lab",
              "tenant_name": "blue",
              "tenant": "id-of-blue",
              "opened": 1
            }
          ],
          "noisiest_objects": [
            {
              "cloud": "lab",
              "tenant_name": "red",
              "tenant": "id-of-red",
              "resource_type": "quotas",
              "object_name": "vcpu",
              "object": "vcpu",
              "opened": 2
            },
            {
              "cloud": "lab",
              "tenant_name": "blue",
              "tenant": "id-of-blue",
              "resource_type": "quotas",
              "object_name": "vcpu",
              "object": "vcpu",
              "opened": 1
            },
            {
              "cloud": "lab",
              "tenant_name": "red",
              "tenant": "id-of-red",
              "resource_type": "quotas",
              "object_name": "ram",
              "object": "ram",
              "opened": 1
            }
          ]
        }
        "#);
    }

    #[test]
    fn the_order_of_rows_does_not_matter_and_nothing_is_nothing() {
        let mut backwards = entries();
        backwards.reverse();
        let window = (at(24), at(48));
        assert_eq!(Digest::of(&backwards, window, None), Digest::of(&entries(), window, None));
        let nothing = Digest::of(&[], window, None);
        assert_eq!((nothing.opened, nothing.oldest, nothing.noisiest_objects.len()), (0, None, 0));
    }

    #[test]
    fn only_so_many_are_named() {
        let many: Vec<Entry> =
            (0..9).map(|number| entry(number, (&format!("t{number}"), "vcpu"), 30, FindingState::Open)).collect();
        let noisiest = Digest::of(&many, (at(24), at(48)), None).noisiest_tenants;
        let names: Vec<&str> = noisiest.iter().map(|it| it.tenant_name.as_str()).collect();
        assert_eq!(names, ["t0", "t1", "t2", "t3", "t4"]);
    }
}
