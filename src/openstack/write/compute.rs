//! What changes Nova.

use reqwest::Method;

use crate::openstack::error::Error;
use crate::openstack::request::Request;
use crate::openstack::service::Service;
use crate::openstack::writer::Writer;

impl Writer {
    /// Asks for the end of an instance; one that is gone already is as good.
    pub async fn delete_server(&self, id: &str) -> Result<(), Error> {
        let mut request = Request::get(Service::Compute, "server_delete", &["servers", id]);
        request.method = Method::DELETE;
        self.send_removal(request).await
    }

    /// Removes a server group; one that is gone already is as good.
    pub async fn delete_server_group(&self, id: &str) -> Result<(), Error> {
        let mut request = Request::get(Service::Compute, "server_group_delete", &["os-server-groups", id]);
        request.method = Method::DELETE;
        self.send_removal(request).await
    }
}
