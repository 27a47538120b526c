//! The parts of a tenant, and the marks by which each is known again: a tag for the project, names within it.

use rand::Rng;

use crate::jobs::Creation;
use crate::jobs::security_groups::Groups;
use crate::model::Tenant;
use crate::openstack::{
    Cloud, Error, NetworkObject, NewProject, NewSubnet, Project, ProjectFilter, User, Which, Writer,
};

/// The longest part of a name that goes into the names of what belongs to it.
const SLUG: usize = 25;
/// Letters and digits that nobody takes for others.
const ALPHABET: &[u8] = b"abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// A name in small letters, digits and dashes.
pub(super) fn slug(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let words: String = name.chars().map(plain).collect();
    let words: Vec<&str> = words.split('-').filter(|word| !word.is_empty()).collect();
    let slug: String = words.join("-").chars().take(SLUG).collect();
    if slug.is_empty() { "tenant".to_owned() } else { slug.trim_end_matches('-').to_owned() }
}

/// The name of a tenant's user: the same each time, and nobody else's.
pub(in crate::jobs) fn user_name(tenant: &Tenant) -> String {
    let uuid = tenant.uuid.simple().to_string();
    format!("{}-user-{}", slug(&tenant.name), &uuid[uuid.len() - 8..])
}

/// A password that nobody is told: whoever wants to log in as the user changes it first.
fn password() -> String {
    let mut random = rand::rng();
    (0..32).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())])).collect()
}

/// The project, known by a tag.
pub(super) struct OfProject<'a> {
    pub tenant: &'a Tenant,
    pub domain: &'a str,
}

impl Creation for OfProject<'_> {
    type Made = Project;
    const MARKED: bool = true;

    fn step(&self) -> String {
        "project".to_owned()
    }

    async fn look(&self, cloud: &Cloud) -> Result<Vec<Project>, Error> {
        let filter = ProjectFilter { tags: vec![self.tenant.marker()], ..ProjectFilter::default() };
        Ok(cloud.projects(&filter).await?.items)
    }

    fn id(made: &Project) -> &str {
        &made.id
    }

    async fn make(&self, writer: &Writer) -> Result<Project, Error> {
        let tags = [self.tenant.marker()];
        let Tenant { name, description, .. } = self.tenant;
        writer.create_project(&NewProject { name, domain_id: self.domain, description, tags: &tags }).await
    }

    async fn remove(&self, writer: &Writer, id: &str) -> Result<(), Error> {
        writer.delete_project(id).await
    }
}

/// The user, known by its name.
pub(super) struct OfUser<'a> {
    pub name: &'a str,
    pub domain: &'a str,
    pub project: &'a str,
}

impl Creation for OfUser<'_> {
    type Made = User;
    const MARKED: bool = true;

    fn step(&self) -> String {
        "user".to_owned()
    }

    async fn look(&self, cloud: &Cloud) -> Result<Vec<User>, Error> {
        cloud.users(self.name, self.domain).await
    }

    fn id(made: &User) -> &str {
        &made.id
    }

    async fn make(&self, writer: &Writer) -> Result<User, Error> {
        writer.create_user(self.name, self.domain, self.project, &password()).await
    }

    async fn remove(&self, writer: &Writer, id: &str) -> Result<(), Error> {
        writer.delete_user(id).await
    }
}

/// The network, known by its name in the project.
pub(super) struct OfNetwork<'a> {
    pub project: &'a str,
    pub name: &'a str,
}

impl Creation for OfNetwork<'_> {
    type Made = String;
    const MARKED: bool = true;

    fn step(&self) -> String {
        "network".to_owned()
    }

    async fn look(&self, cloud: &Cloud) -> Result<Vec<String>, Error> {
        let networks = cloud.networks(Which::Project(self.project)).await?.items;
        Ok(networks.into_iter().filter(|it| it.name == self.name).map(|it| it.id).collect())
    }

    fn id(made: &String) -> &str {
        made
    }

    async fn make(&self, writer: &Writer) -> Result<String, Error> {
        Ok(writer.create_network(self.project, self.name, "").await?.id)
    }

    async fn remove(&self, writer: &Writer, id: &str) -> Result<(), Error> {
        writer.remove_from_network(NetworkObject::Network, id).await
    }
}

/// A security group, known by its name in the project.
pub(super) struct OfGroup<'a> {
    pub project: &'a str,
    pub name: &'a str,
    pub description: &'a str,
}

impl Creation for OfGroup<'_> {
    type Made = String;
    const MARKED: bool = true;

    fn step(&self) -> String {
        Groups::step(self.name)
    }

    async fn look(&self, cloud: &Cloud) -> Result<Vec<String>, Error> {
        let mut groups = cloud.security_groups(Which::Project(self.project)).await?.items;
        groups.retain(|group| group.name == self.name);
        groups.sort_by(|one, other| (&one.created_at, &one.id).cmp(&(&other.created_at, &other.id)));
        Ok(groups.into_iter().map(|group| group.id).collect())
    }

    fn id(made: &String) -> &str {
        made
    }

    async fn make(&self, writer: &Writer) -> Result<String, Error> {
        Ok(writer.create_security_group(self.project, (self.name, self.description), true).await?.id)
    }

    async fn remove(&self, writer: &Writer, id: &str) -> Result<(), Error> {
        writer.remove_from_network(NetworkObject::SecurityGroup, id).await
    }
}

/// The subnet, known by its name in the network.
pub(super) struct OfSubnet<'a> {
    pub project: &'a str,
    pub network: &'a str,
    pub name: &'a str,
    pub cidr: &'a str,
    pub pool: &'a (String, String),
}

impl Creation for OfSubnet<'_> {
    type Made = String;
    const MARKED: bool = true;

    fn step(&self) -> String {
        "subnet".to_owned()
    }

    async fn look(&self, cloud: &Cloud) -> Result<Vec<String>, Error> {
        let subnets = cloud.subnets(Which::Project(self.project)).await?.items;
        let is_it = |it: &crate::openstack::Subnet| it.name == self.name && it.network_id == self.network;
        Ok(subnets.into_iter().filter(is_it).map(|it| it.id).collect())
    }

    fn id(made: &String) -> &str {
        made
    }

    async fn make(&self, writer: &Writer) -> Result<String, Error> {
        let pool = (self.pool.0.as_str(), self.pool.1.as_str());
        let new = NewSubnet { name: self.name, network: self.network, cidr: self.cidr, pool };
        Ok(writer.create_subnet(self.project, &new).await?.id)
    }

    async fn remove(&self, writer: &Writer, id: &str) -> Result<(), Error> {
        writer.remove_from_network(NetworkObject::Subnet, id).await
    }
}

/// The router, known by its name in the project.
pub(super) struct OfRouter<'a> {
    pub project: &'a str,
    pub name: &'a str,
}

impl Creation for OfRouter<'_> {
    type Made = String;
    const MARKED: bool = true;

    fn step(&self) -> String {
        "router".to_owned()
    }

    async fn look(&self, cloud: &Cloud) -> Result<Vec<String>, Error> {
        let routers = cloud.routers(Which::Project(self.project)).await?.items;
        Ok(routers.into_iter().filter(|it| it.name == self.name).map(|it| it.id).collect())
    }

    fn id(made: &String) -> &str {
        made
    }

    async fn make(&self, writer: &Writer) -> Result<String, Error> {
        Ok(writer.create_router(self.project, self.name).await?.id)
    }

    async fn remove(&self, writer: &Writer, id: &str) -> Result<(), Error> {
        writer.remove_from_network(NetworkObject::Router, id).await
    }
}

/// The port by which the router is in the subnet; there can be only one.
pub(super) struct OfInterface<'a> {
    pub project: &'a str,
    pub router: &'a str,
    pub subnet: &'a str,
}

impl Creation for OfInterface<'_> {
    type Made = String;
    const MARKED: bool = true;

    fn step(&self) -> String {
        "interface of the router".to_owned()
    }

    async fn look(&self, cloud: &Cloud) -> Result<Vec<String>, Error> {
        let ports = cloud.ports(Which::Project(self.project)).await?.items;
        let is_it = |it: &crate::openstack::Port| {
            it.device_id == self.router && it.fixed_ips.iter().any(|ip| ip.subnet_id.as_deref() == Some(self.subnet))
        };
        Ok(ports.into_iter().filter(is_it).map(|it| it.id).collect())
    }

    fn id(made: &String) -> &str {
        made
    }

    async fn make(&self, writer: &Writer) -> Result<String, Error> {
        writer.add_interface(self.router, self.subnet).await.map(|()| self.subnet.to_owned())
    }

    async fn remove(&self, writer: &Writer, id: &str) -> Result<(), Error> {
        writer.remove_interface(self.router, id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_every_service_takes() {
        assert_eq!(slug("Genomics: Prod (EU)"), "genomics-prod-eu");
        assert_eq!(slug("Ülemiste City, a very long name indeed"), "lemiste-city-a-very-long");
        assert_eq!(slug("™"), "tenant");
        assert_eq!(password().len(), 32);
        assert_ne!(password(), password());
    }
}
