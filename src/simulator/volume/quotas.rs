//! Cinder's quotas: any project id will do, and there is no way to force a limit below usage.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::call::{Call, id};
use super::super::compute::refusal;
use super::super::identity::caller::Caller;
use super::super::reply::{Answer, Reply};
use super::model::BlockStorage;

const DEFAULTS: [(&str, i64); 10] = [
    ("volumes", 10),
    ("per_volume_gigabytes", -1),
    ("snapshots", 10),
    ("gigabytes", 1000),
    ("backups", 10),
    ("backup_gigabytes", 1000),
    ("volumes___DEFAULT__", -1),
    ("gigabytes___DEFAULT__", -1),
    ("snapshots___DEFAULT__", -1),
    ("groups", 10),
];

impl BlockStorage {
    /// The limit in force.
    pub fn limit(&self, project: Uuid, resource: &str) -> i64 {
        let own = self.limits.get(&project).and_then(|limits| limits.get(resource));
        let default = || DEFAULTS.iter().find(|(name, _)| *name == resource).map(|(_, limit)| *limit);
        own.copied().or_else(default).unwrap_or(-1)
    }

    /// How much of it is said to be used; snapshots count as gigabytes too.
    pub fn used(&self, project: Uuid, resource: &str) -> i64 {
        self.counted(project, resource) + self.skews.of(project, resource).used
    }

    fn counted(&self, project: Uuid, resource: &str) -> i64 {
        let snapshots = || self.snapshots.of(project).map(|row| row.size).sum::<i64>();
        match resource.trim_end_matches("___DEFAULT__") {
            "volumes" => self.volumes.count(project),
            "snapshots" => self.snapshots.count(project),
            "gigabytes" => self.volumes.of(project).map(|row| row.size).sum::<i64>() + snapshots(),
            _ => 0,
        }
    }

    fn limits_view(&self, project: Uuid) -> Map<String, Value> {
        let limits = DEFAULTS.iter().map(|(name, _)| ((*name).to_owned(), json!(self.limit(project, name))));
        limits.collect()
    }

    /// Cinder's 413 where one more of this size would not fit.
    pub fn room(&self, project: Uuid, resource: &str, size: i64) -> Result<(), Reply> {
        let (limit, used) = (self.limit(project, resource), self.used(project, resource));
        if limit >= 0 && used + 1 > limit {
            let kind = if resource == "volumes" { "Volume" } else { "Snapshot" };
            return Err(refusal::over_limit(&format!(
                "{kind}LimitExceeded: Maximum number of {resource} allowed ({limit}) exceeded for quota '{resource}'."
            )));
        }
        let (limit, used) = (self.limit(project, "gigabytes"), self.used(project, "gigabytes"));
        if limit >= 0 && used + size > limit {
            return Err(refusal::over_limit(&format!(
                "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. Requested {size}G, quota is {limit}G and {used}G has been consumed."
            )));
        }
        Ok(())
    }
}

/// `GET /os-quota-sets/{project}[/defaults]`, with usage on demand.
pub fn read(volumes: &BlockStorage, call: &Call, caller: &Caller, project: &str, defaults: bool) -> Answer {
    let found = id(project);
    if !caller.reads(found) && !caller.admin_role {
        return Err(refusal::policy("volume_extension:quotas:show"));
    }
    let mut set: Map<String, Value> = if defaults {
        DEFAULTS.iter().map(|(name, limit)| ((*name).to_owned(), json!(limit))).collect()
    } else if call.flag("usage") {
        let usage = DEFAULTS.iter().map(|(name, _)| {
            let (limit, used) = (volumes.limit(found, name), volumes.used(found, name));
            let reserved = volumes.skews.of(found, name).reserved;
            ((*name).to_owned(), json!({"limit": limit, "in_use": used, "reserved": reserved}))
        });
        usage.collect()
    } else {
        volumes.limits_view(found)
    };
    set.insert("id".to_owned(), json!(project));
    Ok(Reply::ok(&json!({"quota_set": set})))
}

/// `PUT` and `DELETE /os-quota-sets/{project}`.
pub fn write(volumes: &mut BlockStorage, call: &Call, caller: &Caller, project: &str) -> Answer {
    let deleting = call.method.as_str() == "DELETE";
    if !caller.admin_role {
        let action = if deleting { "delete" } else { "update" };
        return Err(refusal::policy(&format!("volume_extension:quotas:{action}")));
    }
    let found = id(project);
    if deleting {
        volumes.limits.remove(&found);
        return Ok(Reply::empty(StatusCode::OK));
    }
    let asked = call.body["quota_set"].as_object();
    let asked = asked.ok_or_else(|| refusal::invalid("Missing required element 'quota_set' in request body."))?;
    let mut changes: BTreeMap<&'static str, i64> = BTreeMap::new();
    for (key, value) in asked {
        let Some((name, _)) = DEFAULTS.iter().find(|(name, _)| name == key) else {
            continue;
        };
        let number = value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
        let limit = number.ok_or_else(|| refusal::invalid(&format!("{key} must be an integer")))?;
        let used = volumes.used(found, name);
        if limit >= 0 && limit < used {
            return Err(refusal::invalid(&format!(
                "Quota {key} limit must be equal or greater than existing resources. Current usage is {used} and the requested limit is {limit}."
            )));
        }
        changes.insert(name, limit);
    }
    volumes.limits.entry(found).or_default().extend(changes);
    Ok(Reply::ok(&json!({"quota_set": volumes.limits_view(found)})))
}

/// `GET /limits`.
pub fn limits(volumes: &BlockStorage, call: &Call, caller: &Caller) -> Answer {
    let own = caller.project();
    let project = call.query("project_id").filter(|_| caller.admin_role).map(id).or(own);
    let project = project.ok_or_else(|| refusal::policy("limits_extension:used_limits"))?;
    let (limit, used) = (|name| volumes.limit(project, name), |name| volumes.used(project, name));
    Ok(Reply::ok(&json!({"limits": {"rate": [], "absolute": {
        "maxTotalVolumes": limit("volumes"), "maxTotalSnapshots": limit("snapshots"),
        "maxTotalVolumeGigabytes": limit("gigabytes"), "maxTotalBackups": limit("backups"),
        "maxTotalBackupGigabytes": limit("backup_gigabytes"), "totalVolumesUsed": used("volumes"),
        "totalGigabytesUsed": used("gigabytes"), "totalSnapshotsUsed": used("snapshots"),
        "totalBackupsUsed": 0, "totalBackupGigabytesUsed": 0,
    }}})))
}
