//! What the listings of all resource types have in common: of each object its id, its project, and what counts of it.

use super::normalise;
use crate::model::Body;
use crate::openstack;

/// What a kind of object knows about itself.
pub(super) trait Listed: Sized {
    /// What it is in the records.
    type Object;
    /// Its id in the cloud.
    fn id(&self) -> &str;
    /// Whose it is, where the service says so.
    fn project(&self) -> Option<&str>;
    /// What counts of it, or why it cannot be read.
    fn normalised(self) -> Result<Self::Object, String>;
    /// All that a tenant has of it.
    fn body(objects: Vec<Self::Object>) -> Body;
}

impl Listed for openstack::SecurityGroup {
    type Object = crate::model::security_group::SecurityGroup;
    fn id(&self) -> &str {
        &self.id
    }
    fn project(&self) -> Option<&str> {
        Some(&self.project_id)
    }
    fn normalised(self) -> Result<Self::Object, String> {
        normalise::security_group(self)
    }
    fn body(objects: Vec<Self::Object>) -> Body {
        Body::SecurityGroups(objects)
    }
}

impl Listed for openstack::FloatingIp {
    type Object = crate::model::floating_ip::FloatingIp;
    fn id(&self) -> &str {
        &self.id
    }
    fn project(&self) -> Option<&str> {
        Some(&self.project_id)
    }
    fn normalised(self) -> Result<Self::Object, String> {
        Ok(normalise::floating_ip(self))
    }
    fn body(objects: Vec<Self::Object>) -> Body {
        Body::FloatingIps(objects)
    }
}

impl Listed for openstack::ServerGroup {
    type Object = crate::model::server_group::ServerGroup;
    fn id(&self) -> &str {
        &self.id
    }
    fn project(&self) -> Option<&str> {
        self.project_id.as_deref()
    }
    fn normalised(self) -> Result<Self::Object, String> {
        Ok(normalise::server_group(self))
    }
    fn body(objects: Vec<Self::Object>) -> Body {
        Body::ServerGroups(objects)
    }
}

impl Listed for openstack::Router {
    type Object = crate::model::network::NetworkPart;
    fn id(&self) -> &str {
        &self.id
    }
    fn project(&self) -> Option<&str> {
        Some(&self.project_id)
    }
    fn normalised(self) -> Result<Self::Object, String> {
        Ok(crate::model::network::NetworkPart::Router(normalise::router(self)))
    }
    fn body(objects: Vec<Self::Object>) -> Body {
        Body::Networks(objects)
    }
}

impl Listed for openstack::Port {
    type Object = crate::model::port::Port;
    fn id(&self) -> &str {
        &self.id
    }
    fn project(&self) -> Option<&str> {
        Some(&self.project_id)
    }
    fn normalised(self) -> Result<Self::Object, String> {
        Ok(normalise::port(self))
    }
    fn body(objects: Vec<Self::Object>) -> Body {
        Body::Ports(objects)
    }
}

impl Listed for openstack::Server {
    type Object = crate::model::instance::Instance;
    fn id(&self) -> &str {
        &self.id
    }
    fn project(&self) -> Option<&str> {
        Some(&self.tenant_id)
    }
    fn normalised(self) -> Result<Self::Object, String> {
        Ok(normalise::instance(self))
    }
    fn body(objects: Vec<Self::Object>) -> Body {
        Body::Instances(objects)
    }
}

impl Listed for openstack::Volume {
    type Object = crate::model::volume::Volume;
    fn id(&self) -> &str {
        &self.id
    }
    fn project(&self) -> Option<&str> {
        self.tenant_id.as_deref()
    }
    fn normalised(self) -> Result<Self::Object, String> {
        normalise::volume(self)
    }
    fn body(objects: Vec<Self::Object>) -> Body {
        Body::Volumes(objects)
    }
}

impl Listed for openstack::VolumeSnapshot {
    type Object = crate::model::volume::VolumeSnapshot;
    fn id(&self) -> &str {
        &self.id
    }
    fn project(&self) -> Option<&str> {
        self.project_id.as_deref()
    }
    fn normalised(self) -> Result<Self::Object, String> {
        normalise::volume_snapshot(self)
    }
    fn body(objects: Vec<Self::Object>) -> Body {
        Body::VolumeSnapshots(objects)
    }
}
