//! What changes Glance.

use reqwest::Method;
use serde_json::json;

use crate::openstack::error::Error;
use crate::openstack::image::Image;
use crate::openstack::request::Request;
use crate::openstack::service::Service;
use crate::openstack::upload::{Receipt, Upload};
use crate::openstack::writer::Writer;

/// An image that is to be; its id is the caller's to choose, so that asking twice makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct NewImage<'a> {
    pub id: &'a str,
    pub owner: &'a str,
    pub name: &'a str,
    pub disk_format: &'a str,
    pub container_format: &'a str,
    pub visibility: &'a str,
    pub min_ram: u32,
    pub min_disk: u32,
}

impl Writer {
    /// Makes an image without data.
    ///
    /// # Errors
    /// [`Error::Conflict`] when its id is taken.
    pub async fn create_image(&self, new: &NewImage<'_>) -> Result<Image, Error> {
        let mut request = Request::get(Service::Image, "image_create", &["images"]).about(Some(new.owner));
        request.method = Method::POST;
        request.body = Some(json!({
            "id": new.id, "owner": new.owner, "name": new.name, "disk_format": new.disk_format,
            "container_format": new.container_format, "visibility": new.visibility, "min_ram": new.min_ram,
            "min_disk": new.min_disk,
        }));
        self.send(request.clone()).await?.json(&request)
    }

    /// Sends an image its data, piece by piece, once; what was sent.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it has data, or gets some from somebody else just now.
    pub async fn upload_image(&self, id: &str, upload: Upload) -> Result<Receipt, Error> {
        let mut request = Request::get(Service::Image, "image_upload", &["images", id, "file"]);
        request.method = Method::PUT;
        self.send_upload(request, upload).await
    }

    /// Removes an image; one that is gone already is as good.
    pub async fn delete_image(&self, id: &str) -> Result<(), Error> {
        let mut request = Request::get(Service::Image, "image_delete", &["images", id]);
        request.method = Method::DELETE;
        self.send_removal(request).await
    }
}
