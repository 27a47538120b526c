//! What a tenant has in its cloud right now: the two listings that ask the cloud while the client waits. All pages are
//! read, and the paging and filters of other listings do not apply.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::path::Path;
use super::refusal::{Detail, Refusal};
use super::tenants::entry;
use super::view::stamp_if;
use crate::jobs::context::CloudEntry;
use crate::model::{Invalid, Tenant};
use crate::openstack::{Server, Volume, Which};

/// How long a cloud may take.
const PATIENCE: Duration = Duration::from_secs(40);
const MEBIBYTES: i64 = 1_024;

/// An instance as its cloud has it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InstanceView {
    name: String,
    key_name: String,
    /// When it was last started.
    #[serde(serialize_with = "stamp_if")]
    start_time: Option<DateTime<Utc>>,
    /// That it was read: always `OK`.
    state: &'static str,
    /// Nova's status.
    runtime_state: String,
    created: String,
    backend_id: String,
    availability_zone: Option<String>,
    hypervisor_hostname: String,
}

/// A volume as its cloud has it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VolumeView {
    name: String,
    description: String,
    /// In MiB.
    size: i64,
    metadata: BTreeMap<String, String>,
    backend_id: String,
    #[serde(rename = "type")]
    volume_type: Option<String>,
    bootable: bool,
    /// Cinder's status.
    runtime_state: String,
    /// That it was read: always `OK`.
    state: &'static str,
    availability_zone: Option<String>,
}

impl From<Server> for InstanceView {
    fn from(server: Server) -> Self {
        let started = server.launched_at.as_deref().and_then(moment);
        Self {
            name: if server.name.is_empty() { server.id.clone() } else { server.name },
            key_name: server.key_name.unwrap_or_default(),
            start_time: started,
            state: "OK",
            runtime_state: server.status,
            created: server.created.unwrap_or_default(),
            backend_id: server.id,
            availability_zone: server.availability_zone.filter(|zone| !zone.is_empty()),
            hypervisor_hostname: server.hypervisor_hostname.or(server.host).unwrap_or_default(),
        }
    }
}

impl From<Volume> for VolumeView {
    fn from(volume: Volume) -> Self {
        Self {
            name: if volume.name.is_empty() { volume.id.clone() } else { volume.name },
            description: volume.description.unwrap_or_default(),
            size: volume.size.saturating_mul(MEBIBYTES),
            metadata: volume.metadata,
            backend_id: volume.id,
            volume_type: volume.volume_type,
            bootable: volume.bootable.is_some_and(|word| word.eq_ignore_ascii_case("true")),
            runtime_state: volume.status,
            state: "OK",
            availability_zone: volume.availability_zone,
        }
    }
}

/// Nova writes this one time without a zone; it is UTC.
fn moment(text: &str) -> Option<DateTime<Utc>> {
    let zoned = DateTime::parse_from_rfc3339(text).map(|it| it.to_utc());
    zoned.ok().or_else(|| text.parse::<chrono::NaiveDateTime>().ok().map(|naive| naive.and_utc()))
}

/// Instances in the cloud
#[utoipa::path(
    get,
    path = "/api/openstack-tenants/{uuid}/backend_instances/",
    operation_id = "openstack_tenants_backend_instances_list",
    tag = "openstack-tenants",
    params(("uuid" = Uuid, Path, description = "The tenant")),
    responses(
        (status = 200, body = [InstanceView]),
        (status = 400, description = "The cloud did not answer", body = [String]),
        (status = 404, body = Detail)
    )
)]
pub(super) async fn instances(
    State(api): State<Arc<Api>>,
    Path(uuid): Path<String>,
) -> Result<Json<Vec<InstanceView>>, Refusal> {
    let (cloud, tenant) = cloud(&api, &uuid).await?;
    let listed = in_time(cloud.api.servers(Which::Project(&tenant.backend_id))).await?;
    Ok(Json(listed.items.into_iter().map(Into::into).collect()))
}

/// Volumes in the cloud
#[utoipa::path(
    get,
    path = "/api/openstack-tenants/{uuid}/backend_volumes/",
    operation_id = "openstack_tenants_backend_volumes_list",
    tag = "openstack-tenants",
    params(("uuid" = Uuid, Path, description = "The tenant")),
    responses(
        (status = 200, body = [VolumeView]),
        (status = 400, description = "The cloud did not answer", body = [String]),
        (status = 404, body = Detail)
    )
)]
pub(super) async fn volumes(
    State(api): State<Arc<Api>>,
    Path(uuid): Path<String>,
) -> Result<Json<Vec<VolumeView>>, Refusal> {
    let (cloud, tenant) = cloud(&api, &uuid).await?;
    let listed = in_time(cloud.api.volumes(Which::Project(&tenant.backend_id))).await?;
    Ok(Json(listed.items.into_iter().map(Into::into).collect()))
}

/// A tenant, and the cloud to ask about it.
async fn cloud(api: &Api, uuid: &str) -> Result<(CloudEntry, Tenant), Refusal> {
    let tenant = entry(api, uuid).await?.tenant;
    let live = api.view.context.live();
    let cloud = live.cloud(&tenant.cloud).map_err(refused)?;
    Ok((cloud.clone(), tenant))
}

/// What a cloud says, if it says something in time.
async fn in_time<T>(asked: impl Future<Output = Result<T, crate::openstack::Error>>) -> Result<T, Refusal> {
    let answer = tokio::time::timeout(PATIENCE, asked).await;
    answer.map_err(|_| refused(format!("the cloud took longer than {} s", PATIENCE.as_secs())))?.map_err(refused)
}

/// What went wrong in the cloud is told as a list of one.
fn refused(error: impl Display) -> Refusal {
    Invalid::because(error.to_string()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_and_without_a_zone() {
        let at = |text: &str| moment(text).map(|it| it.to_rfc3339());
        assert_eq!(at("2026-03-01T10:00:00.000000").as_deref(), Some("2026-03-01T10:00:00+00:00"));
        assert_eq!(at("2026-03-01T10:00:00Z").as_deref(), Some("2026-03-01T10:00:00+00:00"));
        assert_eq!(at("yesterday"), None);
    }
}
