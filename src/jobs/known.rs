//! What is recorded of a tenant, loaded once, for whoever judges whether a wish collides with it.

use crate::model::floating_ip::FloatingIp;
use crate::model::quota::{Limit, Quotas};
use crate::model::security_group::SecurityGroup;
use crate::model::server_group::ServerGroup;
use crate::model::{Body, Object, Tenant};
use crate::store::{Store, StoreError};

/// What is recorded of a tenant and beside it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Known {
    /// The tenant; none while it is not recorded yet.
    pub tenant: Option<Tenant>,
    /// The cloud that it is in, or is to be in.
    pub cloud: String,
    /// What was last seen of each resource type.
    pub bodies: Vec<Body>,
    /// Single objects that were made through tenantd, the oldest first.
    pub objects: Vec<Object>,
    /// Tenants, whatever their cloud, that have the name that is wanted.
    pub namesakes: Vec<Tenant>,
}

impl Known {
    /// Loads what is recorded of `tenant`, and who is called `name`; without a tenant, for one that is to be in `cloud`.
    pub async fn load(
        store: &Store,
        tenant: Option<&Tenant>,
        cloud: Option<&str>,
        name: Option<&str>,
    ) -> Result<Self, StoreError> {
        let cloud = tenant.map(|tenant| tenant.cloud.as_str()).or(cloud).unwrap_or_default().to_owned();
        let mut known = Self { tenant: tenant.cloned(), cloud, ..Self::default() };
        if let Some(name) = name {
            known.namesakes = store.tenants_by_name(name, None).await?;
        }
        let Some(tenant) = tenant else { return Ok(known) };
        for id in store.statuses(tenant.uuid).await?.into_iter().filter_map(|status| status.snapshot) {
            known.bodies.extend(store.snapshot(id).await?.map(|snapshot| snapshot.body));
        }
        known.objects = store.objects(tenant.uuid, None).await?;
        Ok(known)
    }

    /// The quotas, once they were seen.
    pub fn quotas(&self) -> Option<&Quotas> {
        self.bodies.iter().find_map(|body| if let Body::Quotas(quotas) = body { Some(quotas) } else { None })
    }

    /// The security groups, once they were seen.
    pub fn security_groups(&self) -> Option<&[SecurityGroup]> {
        self.bodies.iter().find_map(|body| if let Body::SecurityGroups(it) = body { Some(it.as_slice()) } else { None })
    }

    /// The floating IPs, once they were seen.
    pub fn floating_ips(&self) -> Option<&[FloatingIp]> {
        self.bodies.iter().find_map(|body| if let Body::FloatingIps(it) = body { Some(it.as_slice()) } else { None })
    }

    /// The server groups, once they were seen.
    pub fn server_groups(&self) -> Option<&[ServerGroup]> {
        self.bodies.iter().find_map(|body| if let Body::ServerGroups(it) = body { Some(it.as_slice()) } else { None })
    }

    /// The objects of one resource type that were made through tenantd.
    pub fn objects_of<'a>(&'a self, resource_type: &'a str) -> impl Iterator<Item = &'a Object> {
        self.objects.iter().filter(move |object| object.resource_type == resource_type)
    }

    /// Which of the quotas would be exceeded by so much more, in the words of the API; nothing when all of it fits. A
    /// quota that was never seen is the cloud's to judge.
    pub fn exceeded(&self, wanted: &[(&str, u64)]) -> Option<String> {
        let full = |(name, more): &(&str, u64)| {
            let quota = self.quotas()?.get(*name)?;
            let needed = quota.usage.unwrap_or(0).saturating_add(*more);
            match quota.limit? {
                limit @ Limit::Of(most) if limit.is_exceeded_by(needed) => {
                    Some(format!("{name} quota limit: {most}, requires {needed}"))
                }
                _ => None,
            }
        };
        let full: Vec<String> = wanted.iter().filter_map(full).collect();
        (!full.is_empty()).then(|| format!("One or more quotas were exceeded: {}", full.join("; ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ResourceType;
    use serde_json::json;

    #[test]
    fn what_does_not_fit_is_told_with_what_it_needs() {
        let quotas = json!({
            "network_count": {"limit": 0, "usage": 0}, "floating_ip_count": {"limit": 3, "usage": 2},
            "security_group_count": {"limit": "unlimited", "usage": 900},
        });
        let body = Body::from_json(ResourceType::Quotas, &quotas).unwrap();
        let known = Known { bodies: vec![body], ..Known::default() };
        let said = known.exceeded(&[("network_count", 1), ("floating_ip_count", 2)]).unwrap();
        let expected = "One or more quotas were exceeded: network_count quota limit: 0, requires 1; \
            floating_ip_count quota limit: 3, requires 4";
        assert_eq!(said, expected);
        assert_eq!(known.exceeded(&[("floating_ip_count", 1), ("security_group_count", 9), ("unheard_of", 1)]), None);
    }
}
