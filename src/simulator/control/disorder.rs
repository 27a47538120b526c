//! What happens in a cloud without anybody's doing: a counter that goes wrong, an object that is not done yet.

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::call::hex;
use super::super::skew::Skew;
use super::super::world::World;

/// A counter to put off.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counter {
    /// The name of the tenant.
    tenant: String,
    /// `compute`, `network` or `volume`.
    service: String,
    /// The resource, by the service's own key.
    resource: String,
    /// By how much more is said to be used than is.
    #[serde(default)]
    used: i64,
    /// How much is said to be promised.
    #[serde(default)]
    reserved: i64,
}

/// The state of a server, volume or snapshot.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Its id.
    id: Uuid,
    /// Its status, as the service writes it.
    status: String,
    /// What the service is doing with a server.
    #[serde(default)]
    task_state: Option<String>,
}

/// Puts a counter off.
pub fn put_off(world: &mut World, counter: &Counter) -> Result<Value, String> {
    let project = world.identity.projects.values().find(|project| project.name == counter.tenant);
    let project = project.ok_or_else(|| format!("no tenant is named {:?}", counter.tenant))?.id;
    let skews = match counter.service.as_str() {
        "compute" => &mut world.compute.skews,
        "network" => &mut world.network.skews,
        "volume" => &mut world.volume.skews,
        other => return Err(format!("no service {other:?} counts")),
    };
    skews.set(project, &counter.resource, Skew { used: counter.used, reserved: counter.reserved });
    Ok(json!({"project_id": hex(project), "resource": counter.resource}))
}

/// Puts an object into a state.
pub fn put_into(world: &mut World, wanted: Progress) -> Result<Value, String> {
    let Progress { id, status, task_state } = wanted;
    let told = json!({"id": id, "status": status});
    if let Some(server) = world.compute.servers.get_mut(id) {
        (server.status, server.task) = (status, task_state);
    } else if let Some(volume) = world.volume.volumes.get_mut(id) {
        volume.status = status;
    } else if let Some(snapshot) = world.volume.snapshots.get_mut(id) {
        snapshot.status = status;
    } else {
        return Err(format!("no server, volume or snapshot {id}"));
    }
    Ok(told)
}
