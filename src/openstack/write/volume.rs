//! What changes Cinder.

use reqwest::Method;
use serde_json::json;

use crate::openstack::error::Error;
use crate::openstack::request::Request;
use crate::openstack::service::Service;
use crate::openstack::writer::Writer;

impl Writer {
    /// Asks for the end of a volume, whatever its status; one that is gone already is as good.
    pub async fn delete_volume(&self, id: &str) -> Result<(), Error> {
        let mut request = Request::get(Service::Volume, "volume_force_delete", &["volumes", id, "action"]);
        request.method = Method::POST;
        request.body = Some(json!({ "os-force_delete": {} }));
        self.send_removal(request).await
    }

    /// Asks for the end of a volume snapshot; one that is gone already is as good.
    pub async fn delete_volume_snapshot(&self, id: &str) -> Result<(), Error> {
        let mut request = Request::get(Service::Volume, "volume_snapshot_delete", &["snapshots", id]);
        request.method = Method::DELETE;
        self.send_removal(request).await
    }
}
