//! What changes floating IPs.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::network::change;
use crate::openstack::error::Error;
use crate::openstack::network::FloatingIp;
use crate::openstack::writer::Writer;

#[derive(Deserialize)]
struct FloatingIpAnswer {
    floatingip: FloatingIp,
}

impl Writer {
    /// Gives a project an address of an external network.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the network has none left.
    pub async fn create_floating_ip(
        &self,
        project: &str,
        network: &str,
        description: &str,
    ) -> Result<FloatingIp, Error> {
        let address = json!({ "floating_network_id": network, "description": description, "project_id": project });
        let body = Some(json!({ "floatingip": address }));
        let request = change("floating_ip_create", Method::POST, &["floatingips"], body).about(Some(project));
        Ok(self.send(request.clone()).await?.json::<FloatingIpAnswer>(&request)?.floatingip)
    }

    /// Says something else about a floating IP; where it leads to stays.
    pub async fn describe_floating_ip(&self, id: &str, description: &str) -> Result<(), Error> {
        let body = Some(json!({ "floatingip": { "description": description } }));
        self.send(change("floating_ip_update", Method::PUT, &["floatingips", id], body)).await.map(drop)
    }
}
