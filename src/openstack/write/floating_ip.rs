//! What changes floating IPs.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

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
        let new = json!({ "floating_network_id": network, "description": description, "project_id": project });
        self.post_floating_ip(project, new).await
    }

    /// Gives a project just this address of an external network; who is no administrator may not ask for one.
    ///
    /// # Errors
    /// [`Error::Conflict`] when somebody has it.
    pub async fn take_floating_ip(
        &self,
        project: &str,
        network: &str,
        address: &str,
        description: &str,
    ) -> Result<FloatingIp, Error> {
        let new = json!({
            "floating_network_id": network, "floating_ip_address": address, "description": description,
            "project_id": project,
        });
        self.post_floating_ip(project, new).await
    }

    async fn post_floating_ip(&self, project: &str, new: Value) -> Result<FloatingIp, Error> {
        let body = Some(json!({ "floatingip": new }));
        let request = change("floating_ip_create", Method::POST, &["floatingips"], body).about(Some(project));
        Ok(self.send(request.clone()).await?.json::<FloatingIpAnswer>(&request)?.floatingip)
    }

    /// Lets a floating IP lead to a port, to just one of its addresses if it is named; without a port, nowhere.
    ///
    /// # Errors
    /// [`Error::Conflict`] when another one leads there; [`Error::NotFound`] when the port is gone.
    pub async fn lead_floating_ip(&self, id: &str, port: Option<&str>, fixed_ip: Option<&str>) -> Result<(), Error> {
        let mut wish = json!({ "port_id": port });
        if let Some(fixed_ip) = fixed_ip {
            wish["fixed_ip_address"] = fixed_ip.into();
        }
        let body = Some(json!({ "floatingip": wish }));
        self.send(change("floating_ip_update", Method::PUT, &["floatingips", id], body)).await.map(drop)
    }

    /// Says something else about a floating IP; where it leads to stays.
    pub async fn describe_floating_ip(&self, id: &str, description: &str) -> Result<(), Error> {
        let body = Some(json!({ "floatingip": { "description": description } }));
        self.send(change("floating_ip_update", Method::PUT, &["floatingips", id], body)).await.map(drop)
    }
}
