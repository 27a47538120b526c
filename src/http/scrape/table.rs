//! Puts together what is known of each tenant.

use std::collections::{BTreeMap, HashSet};

use super::gist::Memory;
use super::series::{Row, Table};
use crate::model::{ResourceType, Tenant};
use crate::store::findings::Count;
use crate::store::resources::Age;
use crate::store::tenants::Project;
use crate::telemetry::exposition::push_label;

/// Tenants whose resource type cannot be read, by cloud, resource type and reason.
pub(super) type Lost<'a> = BTreeMap<(&'a str, ResourceType, &'a str), u32>;

/// The table of all tenants whose projects are there; `projects` and `ages` are in the order of tenantd's ids.
pub(super) fn of<'a>(projects: &'a [Project], ages: &'a [Age], counts: &[Count], memory: &Memory) -> (Table, Lost<'a>) {
    let drifting: HashSet<(&str, &str)> = counts.iter().map(|it| (it.cloud.as_str(), it.backend_id.as_str())).collect();
    let mut clouds: Vec<String> = projects.iter().map(|it| it.cloud.clone()).collect();
    clouds.sort_unstable();
    clouds.dedup();
    let mut table = Table { clouds, words: memory.words().clone(), ..Table::default() };
    let (mut ages, mut lost) = (ages.iter().peekable(), Lost::new());
    for project in projects.iter().filter(|it| Tenant::is_made(&it.backend_id)) {
        let Ok(cloud) = table.clouds.binary_search(&project.cloud) else { continue };
        let (labels, names) = label(&mut table.labels, project);
        let drifts = drifting.contains(&(project.cloud.as_str(), project.backend_id.as_str()));
        let mut row = Row { cloud, labels, names, drifts, ..Row::default() };
        while ages.next_if(|age| age.tenant < project.uuid).is_some() {}
        while let Some(age) = ages.next_if(|age| age.tenant == project.uuid) {
            // A disabled project is not read any more; its age would only grow.
            if !project.enabled {
                continue;
            }
            if let Some(reason) = &age.error_reason {
                *lost.entry((&project.cloud, age.resource_type, reason)).or_default() += 1;
            }
            let place = age.resource_type as usize;
            row.ages[place] = age.last_success_at;
            row.gists[place] = age.snapshot.and_then(|id| memory.gist(id)).cloned();
        }
        table.rows.push(row);
    }
    (table, lost)
}

/// Writes the labels of a tenant: those that all its series have, and behind them those of its names.
fn label(text: &mut String, project: &Project) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
    let (began, mut labels) = (text.len(), String::new());
    push_label(&mut labels, ("cloud", &project.cloud));
    push_label(&mut labels, ("tenant", &project.backend_id));
    let common = labels.len();
    push_label(&mut labels, ("tenant_name", &project.name));
    push_label(&mut labels, ("domain", &project.domain));
    if let (Some(customer), Some(project)) = (&project.customer_name, &project.project_name) {
        push_label(&mut labels, ("customer_name", customer));
        push_label(&mut labels, ("project_name", project));
    }
    text.push_str(&labels);
    (began..began + common, began + common..text.len())
}
