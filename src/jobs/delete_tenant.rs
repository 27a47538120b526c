//! `delete_tenant`: remove a project with all that is in it. The tenant is forgotten only when the cloud says that the
//! project is gone; until then whatever the cloud still holds is looked for anew each time.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::create_tenant::user_name;
use super::{Call, Effect, Job, JobError, Journal, Report, States};
use crate::model::Tenant;
use crate::openstack::{Error, Image, Listing, NetworkObject, Port, ProjectFilter, Which, Writer};

/// How long to wait before looking again whether something is gone.
const POLL: Duration = Duration::from_secs(5);
/// How often to look at most: what takes longer is for another attempt.
const LOOKS: usize = 60;
/// Ports by which a router is in a subnet.
const INTERFACES: [&str; 3] =
    ["network:router_interface", "network:router_interface_distributed", "network:ha_router_replicated_interface"];

/// Removes instances, addresses, routers, networks, groups, snapshots, volumes, images, the user that was made with it,
/// and at last the project.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DeleteTenant {}

impl Job for DeleteTenant {
    const KIND: &'static str = "delete_tenant";
    const ABOUT: &'static str = "remove a tenant's project with all that is in it, and forget the tenant";
    const FLEET: bool = false;
    const WRITES: bool = true;
    const STATES: Option<States> = Some(States::DELETION);
    const TIMEOUT: Duration = Duration::from_hours(2);

    async fn run(self, call: Call) -> Report {
        match Box::pin(delete(&call)).await {
            Ok(tenant) => Report { effects: vec![Effect::Deleted(tenant)], ..Report::default() },
            Err(error) => Report::failed(error),
        }
    }
}

async fn delete(call: &Call) -> Result<Tenant, JobError> {
    let Some(tenant) = call.tenant.clone() else {
        return Err(JobError::give_up("invalid_params", "delete_tenant needs a tenant"));
    };
    let journal = Journal::open(call, DeleteTenant::KIND, &tenant).await?;
    let made = if let Some(project) = tenant.project() {
        Some(project.to_owned())
    } else {
        // Its making may have come as far as a project, and not as far as writing that down.
        let filter = ProjectFilter { tags: vec![tenant.marker()], ..ProjectFilter::default() };
        journal.cloud().projects(&filter).await?.items.pop().map(|project| project.id)
    };
    let Some(project) = made else { return Ok(tenant) };
    must_not_be_our_own(&journal, &project, &tenant).await?;
    // What another job asked for last may still come, and nobody would look for it again.
    journal.wait_out().await;
    // Also when Keystone has forgotten the project: whoever removed it may have left the rest.
    let removal = Removal { call, journal: &journal, project: &project };
    let images = removal.images(&tenant).await?;
    removal.of_instances().await?;
    removal.of_networks().await?;
    removal.of_groups().await?;
    removal.of_volumes().await?;
    removal.of_images(&images).await?;
    removal.of_user(&tenant).await?;
    if journal.cloud().project(&project).await?.is_none() {
        return Ok(tenant);
    }
    let remove = async |writer: Writer| writer.delete_project(&project).await;
    journal.change("remove project", remove).await?;
    match journal.cloud().project(&project).await? {
        None => Ok(tenant),
        Some(_) => Err(JobError::retry("not_confirmed", format!("keystone still has the project {project}"))),
    }
}

/// The project in which tenantd itself logs in is the way to every other one.
async fn must_not_be_our_own(journal: &Journal, project: &str, tenant: &Tenant) -> Result<(), JobError> {
    if journal.cloud().identity().await?.project_id() != Some(project) {
        return Ok(());
    }
    let message = format!("{} is the project of tenantd's own login", tenant.label());
    Err(JobError::give_up("invalid_params", message))
}

/// What is left of a project, and how to remove it.
struct Removal<'a> {
    call: &'a Call,
    journal: &'a Journal,
    project: &'a str,
}

impl Removal<'_> {
    const fn which(&self) -> Which<'_> {
        Which::Project(self.project)
    }

    /// What of a listing is the project's, whatever else a service may show for the question.
    fn own<T>(&self, what: &str, listing: Listing<T>, owner: impl Fn(&T) -> Option<&str>) -> Result<Vec<T>, JobError> {
        let mut items = whole(what, listing)?;
        if items.iter().any(|item| owner(item).is_none()) {
            let message =
                format!("the cloud lists {what} without saying whose it is; does the login's role see every project?");
            return Err(JobError::retry("unreadable", message));
        }
        items.retain(|item| owner(item) == Some(self.project));
        Ok(items)
    }

    /// Removes one object; what was asked for once is not asked for again.
    async fn remove<F>(&self, what: &str, id: &str, act: impl FnOnce(Writer) -> F + Send) -> Result<(), JobError>
    where
        F: Future<Output = Result<(), Error>> + Send,
    {
        self.journal.change(&format!("remove {what} {id}"), act).await
    }

    /// The same for what takes its time to go, and may fail after it was accepted: each attempt asks for what is left.
    async fn remove_slowly<F>(&self, what: &str, id: &str, act: impl FnOnce(Writer) -> F + Send) -> Result<(), JobError>
    where
        F: Future<Output = Result<(), Error>> + Send,
    {
        self.journal.change(&format!("remove {what} {id}, attempt {}", self.call.request.attempt), act).await
    }

    async fn remove_from_network(&self, what: NetworkObject, name: &str, id: &str) -> Result<(), JobError> {
        self.remove(name, id, async |writer: Writer| writer.remove_from_network(what, id).await).await
    }

    /// Waits until nothing is left.
    async fn gone(&self, what: &str, left: Left) -> Result<(), JobError> {
        for _ in 0..LOOKS {
            if left.count(self).await? == 0 {
                return Ok(());
            }
            self.call.context.clock().sleep(POLL).await;
        }
        Err(JobError::retry("still_there", format!("the cloud still has {what} of the project {}", self.project)))
    }

    /// The images of the project; what others may have begun to use is for a person to decide on.
    async fn images(&self, tenant: &Tenant) -> Result<Vec<Image>, JobError> {
        let mut images = Vec::new();
        for hidden in [false, true] {
            match self.journal.cloud().images(self.project, hidden).await {
                Ok(listing) => images.extend(self.own("an image", listing, |it| it.owner.as_deref())?),
                // A cloud without Glance.
                Err(Error::NoEndpoint { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        for image in &images {
            if let Some(why) = self.is_kept(image).await? {
                let whose = tenant.label();
                let message = format!(
                    "{whose} owns the image {} ({}), {why}: remove it or give it another owner, then ask again",
                    image.id, image.name
                );
                return Err(JobError::give_up("image_kept", message));
            }
        }
        Ok(images)
    }

    /// Why an image is for a person to decide on.
    async fn is_kept(&self, image: &Image) -> Result<Option<&'static str>, JobError> {
        let others = match image.visibility.as_deref() {
            Some("public" | "community") => true,
            Some("shared") => self.journal.cloud().is_image_shared(&image.id).await?,
            _ => false,
        };
        Ok(if others { Some("which others may use") } else { image.protected.then_some("which is protected") })
    }

    async fn of_images(&self, images: &[Image]) -> Result<(), JobError> {
        for image in images {
            let id = &image.id;
            self.remove("image", id, async |writer: Writer| writer.delete_image(id).await).await?;
        }
        Ok(())
    }

    async fn of_instances(&self) -> Result<(), JobError> {
        for server in self
            .own("an instance", self.journal.cloud().servers(self.which()).await?, |it| Some(it.tenant_id.as_str()))?
        {
            let id = &server.id;
            self.remove_slowly("instance", id, async |writer: Writer| writer.delete_server(id).await).await?;
        }
        self.gone("instances", Left::Servers).await
    }

    /// What stands on something goes before it.
    async fn of_networks(&self) -> Result<(), JobError> {
        let cloud = self.journal.cloud();
        for address in
            self.own("a floating IP", cloud.floating_ips(self.which()).await?, |it| Some(it.project_id.as_str()))?
        {
            self.remove_from_network(NetworkObject::FloatingIp, "floating IP", &address.id).await?;
        }
        let routers = self.own("a router", cloud.routers(self.which()).await?, |it| Some(it.project_id.as_str()))?;
        for router in routers.iter().filter(|router| !router.routes.is_empty()) {
            let id = &router.id;
            self.remove("routes of", id, async |writer: Writer| writer.clear_routes(id).await).await?;
        }
        let ports = self.own("a port", cloud.ports(self.which()).await?, |it| Some(it.project_id.as_str()))?;
        let (joined, other): (Vec<Port>, Vec<Port>) =
            ports.into_iter().partition(|port| INTERFACES.contains(&port.device_owner.as_str()));
        for port in joined {
            let (router, id) = (&port.device_id, &port.id);
            self.remove("interface", id, async |writer: Writer| writer.remove_interface(router, id).await).await?;
        }
        // Those of the network's own services go with the network.
        for port in other.iter().filter(|port| !port.device_owner.starts_with("network:")) {
            self.remove_from_network(NetworkObject::Port, "port", &port.id).await?;
        }
        for router in routers {
            self.remove_from_network(NetworkObject::Router, "router", &router.id).await?;
        }
        let networks = self.own("a network", cloud.networks(self.which()).await?, |it| Some(it.project_id.as_str()))?;
        for network in networks.iter().filter(|it| !it.external) {
            self.remove_from_network(NetworkObject::Network, "network", &network.id).await?;
        }
        // A subnet of a network that somebody else owns.
        let subnets = self.own("a subnet", cloud.subnets(self.which()).await?, |it| Some(it.project_id.as_str()))?;
        for subnet in subnets {
            self.remove_from_network(NetworkObject::Subnet, "subnet", &subnet.id).await?;
        }
        Ok(())
    }

    /// Looking for groups makes Neutron give a project its default one, so there is only one look.
    async fn of_groups(&self) -> Result<(), JobError> {
        let cloud = self.journal.cloud();
        for group in
            self.own("a server group", cloud.server_groups(self.which()).await?, |it| it.project_id.as_deref())?
        {
            let id = &group.id;
            self.remove("server group", id, async |writer: Writer| writer.delete_server_group(id).await).await?;
        }
        for group in
            self.own("a security group", cloud.security_groups(self.which()).await?, |it| Some(it.project_id.as_str()))?
        {
            self.remove_from_network(NetworkObject::SecurityGroup, "security group", &group.id).await?;
        }
        Ok(())
    }

    async fn of_volumes(&self) -> Result<(), JobError> {
        let cloud = self.journal.cloud();
        for snapshot in
            self.own("a volume snapshot", cloud.volume_snapshots(self.which()).await?, |it| it.project_id.as_deref())?
        {
            let id = &snapshot.id;
            let remove = async |writer: Writer| writer.delete_volume_snapshot(id).await;
            self.remove_slowly("volume snapshot", id, remove).await?;
        }
        self.gone("volume snapshots", Left::Snapshots).await?;
        for volume in self.own("a volume", cloud.volumes(self.which()).await?, |it| it.tenant_id.as_deref())? {
            let id = &volume.id;
            self.remove_slowly("volume", id, async |writer: Writer| writer.delete_volume(id).await).await?;
        }
        self.gone("volumes", Left::Volumes).await
    }

    /// The user that was made with the tenant, if there is one; also where its making ended before that was recorded.
    async fn of_user(&self, tenant: &Tenant) -> Result<(), JobError> {
        let recorded = tenant.user_name.clone();
        let name = if recorded.is_empty() { user_name(tenant) } else { recorded };
        let users = self.journal.cloud().users(&name, &tenant.domain).await?;
        for user in users.into_iter().filter(|user| user.default_project_id.as_deref() == Some(self.project)) {
            let id = &user.id;
            self.remove("user", id, async |writer: Writer| writer.delete_user(id).await).await?;
        }
        Ok(())
    }
}

/// What a listing shows, if all of it can be read: what cannot would stay behind in a project that is gone.
fn whole<T>(what: &str, listing: Listing<T>) -> Result<Vec<T>, JobError> {
    let Some(broken) = listing.broken.first() else { return Ok(listing.items) };
    let id = broken.id.as_deref().unwrap_or("without an id");
    let message = format!("the cloud lists {what} that cannot be read ({id}); remove it by hand, then ask again");
    Err(JobError::retry("unreadable", message))
}

/// What takes its time to go.
#[derive(Debug, Clone, Copy)]
enum Left {
    Servers,
    Snapshots,
    Volumes,
}

impl Left {
    /// How much of it is left.
    async fn count(self, removal: &Removal<'_>) -> Result<usize, JobError> {
        let (cloud, which) = (removal.journal.cloud(), removal.which());
        Ok(match self {
            Self::Servers => {
                removal.own("an instance", cloud.servers(which).await?, |it| Some(it.tenant_id.as_str()))?.len()
            }
            Self::Snapshots => removal
                .own("a volume snapshot", cloud.volume_snapshots(which).await?, |it| it.project_id.as_deref())?
                .len(),
            Self::Volumes => removal.own("a volume", cloud.volumes(which).await?, |it| it.tenant_id.as_deref())?.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openstack::Broken;
    use chrono::DateTime;

    #[test]
    fn an_object_that_cannot_be_read_keeps_its_project() {
        let at = DateTime::UNIX_EPOCH;
        let listing = |broken| Listing { asked_at: at, answered_at: at, items: vec![1], broken, pages: Vec::new() };
        assert_eq!(whole("a port", listing(Vec::new())).unwrap(), [1]);
        let odd = Broken { id: Some("p1".into()), project: None, error: "status: expected a string".into() };
        let said = whole("a port", listing(vec![odd])).unwrap_err();
        let expected = "the cloud lists a port that cannot be read (p1); remove it by hand, then ask again";
        assert_eq!((said.reason(), said.to_string().as_str()), ("unreadable", expected));
    }
}
