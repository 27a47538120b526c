//! What makes server groups. Nova makes one only for the project of the token, whoever asks: a token for that project
//! is made with the same login.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use crate::openstack::compute::ServerGroup;
use crate::openstack::error::Error;
use crate::openstack::request::Request;
use crate::openstack::service::Service;
use crate::openstack::writer::Writer;

/// The microversion from which a group has one policy and no list of them.
const ONE_POLICY: (u32, u32) = (2, 64);

#[derive(Deserialize)]
struct ServerGroupAnswer {
    server_group: ServerGroup,
}

impl Writer {
    /// Makes a server group in the project that the token is for.
    pub async fn create_server_group(&self, name: &str, policy: &str) -> Result<ServerGroup, Error> {
        let group = if self.cloud().compute_version().await?.is_some_and(|version| version >= ONE_POLICY) {
            json!({ "name": name, "policy": policy })
        } else {
            json!({ "name": name, "policies": [policy] })
        };
        let mut request = Request::get(Service::Compute, "server_group_create", &["os-server-groups"]);
        request.method = Method::POST;
        request.body = Some(json!({ "server_group": group }));
        Ok(self.send(request.clone()).await?.json::<ServerGroupAnswer>(&request)?.server_group)
    }
}
