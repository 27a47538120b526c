//! Every listing that tenantd asks for, as data: the paging, the capability probe and the calls share one description.

use super::answer::Which;
use super::request::Request;
use super::service::Service;

/// A listing of a service's API.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Collection {
    pub service: Service,
    /// Its name in metrics.
    pub operation: &'static str,
    pub path: &'static [&'static str],
    /// The key of the list in the answer; the links are in `<key>_links`.
    pub key: &'static str,
    pub paging: Paging,
    /// What makes the service list every project's objects, where that needs asking for.
    pub everyone: Option<(&'static str, &'static str)>,
    /// The parameter by which the service itself lists one project's objects, if it can.
    pub filter: Option<&'static str>,
}

/// How the service cuts a listing into pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paging {
    /// `marker` and `limit`, with the next page's address in the answer.
    Marker,
    /// The same, and sorted by id, so that nothing moves while we page.
    SortedMarker,
    /// `offset` and `limit`, without any proof that nothing shifted between two pages.
    Offset,
}

const PROJECT: &str = "project_id";

const fn network(operation: &'static str, path: &'static [&'static str], key: &'static str) -> Collection {
    let paging = Paging::SortedMarker;
    Collection { service: Service::Network, operation, path, key, paging, everyone: None, filter: Some(PROJECT) }
}

const fn volume(operation: &'static str, path: &'static [&'static str], key: &'static str) -> Collection {
    let everyone = Some(("all_tenants", "1"));
    Collection {
        service: Service::Volume,
        operation,
        path,
        key,
        paging: Paging::Marker,
        everyone,
        filter: Some(PROJECT),
    }
}

const fn identity(operation: &'static str, path: &'static [&'static str], key: &'static str) -> Collection {
    let paging = Paging::Marker;
    Collection { service: Service::Identity, operation, path, key, paging, everyone: None, filter: Some(PROJECT) }
}

pub(crate) const SECURITY_GROUPS: Collection = network("security_group_list", &["security-groups"], "security_groups");
pub(crate) const SECURITY_GROUP_RULES: Collection =
    network("security_group_rule_list", &["security-group-rules"], "security_group_rules");
pub(crate) const FLOATING_IPS: Collection = network("floating_ip_list", &["floatingips"], "floatingips");
pub(crate) const NETWORKS: Collection = network("network_list", &["networks"], "networks");
pub(crate) const SUBNETS: Collection = network("subnet_list", &["subnets"], "subnets");
pub(crate) const ROUTERS: Collection = network("router_list", &["routers"], "routers");
pub(crate) const PORTS: Collection = network("port_list", &["ports"], "ports");
pub(crate) const VOLUMES: Collection = volume("volume_list", &["volumes", "detail"], "volumes");
pub(crate) const VOLUME_SNAPSHOTS: Collection = volume("volume_snapshot_list", &["snapshots", "detail"], "snapshots");
pub(crate) const PROJECTS: Collection = identity("project_list", &["projects"], "projects");
pub(crate) const USERS: Collection = identity("user_list", &["users"], "users");
pub(crate) const ROLES: Collection = identity("role_list", &["roles"], "roles");
pub(crate) const DOMAINS: Collection = identity("domain_list", &["domains"], "domains");
pub(crate) const SERVERS: Collection = Collection {
    service: Service::Compute,
    operation: "server_list",
    path: &["servers", "detail"],
    key: "servers",
    paging: Paging::Marker,
    everyone: Some(("all_tenants", "1")),
    filter: Some(PROJECT),
};
pub(crate) const SERVER_GROUPS: Collection = Collection {
    service: Service::Compute,
    operation: "server_group_list",
    path: &["os-server-groups"],
    key: "server_groups",
    paging: Paging::Offset,
    everyone: Some(("all_projects", "true")),
    filter: None,
};
pub(crate) const IMAGES: Collection = Collection {
    service: Service::Image,
    operation: "image_list",
    path: &["images"],
    key: "images",
    paging: Paging::SortedMarker,
    everyone: None,
    filter: Some("owner"),
};

impl Collection {
    /// The question for `which` objects; `own` is the token's project.
    pub(crate) fn request<'a>(&self, which: Which<'a>, own: Option<&str>) -> Request<'a> {
        let mut request = Request::get(self.service, self.operation, self.path).about(which.project());
        let beyond_own = which.project().is_none_or(|project| Some(project) != own);
        if beyond_own && let Some((key, value)) = self.everyone {
            request = request.query(key, value);
        }
        if let (Some(filter), Some(project)) = (self.filter, which.project()) {
            request = request.query(filter, project);
        }
        request
    }
}
