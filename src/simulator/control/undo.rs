//! How a change is taken back.

use uuid::Uuid;

use super::super::compute::model::ServerGroup;
use super::super::network::model::{FloatingIp, Group, Rule};
use super::super::world::World;

/// The service whose limit was changed.
#[derive(Debug, Clone, Copy)]
pub enum Limited {
    /// Neutron.
    Network,
    /// Nova.
    Compute,
    /// Cinder.
    Volume,
}

/// The opposite of a change.
#[derive(Debug, Clone)]
pub enum Undo {
    /// Restores a limit; `None` was the default.
    Limit(Limited, Uuid, &'static str, Option<i64>),
    /// Removes a rule.
    RemoveRule(Uuid),
    /// Restores a rule.
    RestoreRule(Box<Rule>),
    /// Releases a floating IP.
    Release(Uuid),
    /// Restores a floating IP.
    RestoreAddress(Box<FloatingIp>),
    /// Removes a server group.
    RemoveServerGroup(Uuid),
    /// Restores a server group.
    RestoreServerGroup(Box<ServerGroup>),
    /// Restores a security group with its rules.
    RestoreGroup(Box<Group>, Vec<Rule>),
}

impl Undo {
    /// Takes the change back, unless somebody else was faster.
    pub fn apply(self, world: &mut World) -> Result<(), String> {
        let gone = || "the object is gone already".to_owned();
        match self {
            Self::Limit(service, project, resource, limit) => {
                set(world, service, project, resource, limit);
            }
            Self::RemoveRule(id) => {
                world.network.detach(id).ok_or_else(gone)?;
            }
            Self::RestoreRule(rule) => {
                world.network.groups.get(rule.security_group_id).ok_or_else(gone)?;
                world.network.attach(*rule);
            }
            Self::Release(id) => {
                world.network.release(id).ok_or_else(gone)?;
            }
            Self::RestoreAddress(row) => {
                world.network.addresses.insert(row.address.clone());
                world.network.floating.insert(*row);
            }
            Self::RemoveServerGroup(id) => {
                world.compute.groups.remove(id).ok_or_else(gone)?;
            }
            Self::RestoreServerGroup(row) => world.compute.groups.insert(*row),
            Self::RestoreGroup(group, rules) => {
                world.network.groups.insert(Group { rules: Vec::new(), ..*group });
                for rule in rules {
                    world.network.attach(rule);
                }
            }
        }
        Ok(())
    }
}

/// Sets a limit of a project, or forgets it; answers the one that was set before.
pub fn set(
    world: &mut World,
    service: Limited,
    project: Uuid,
    resource: &'static str,
    limit: Option<i64>,
) -> Option<i64> {
    let limits = match service {
        Limited::Network => &mut world.network.limits,
        Limited::Compute => &mut world.compute.limits,
        Limited::Volume => &mut world.volume.limits,
    };
    let own = limits.entry(project).or_default();
    let before = match limit {
        Some(limit) => own.insert(resource, limit),
        None => own.remove(resource),
    };
    if own.is_empty() {
        limits.remove(&project);
    }
    before
}
