//! Glance: images.

use serde::{Deserialize, Serialize};

use super::Cloud;
use super::answer::{Listing, Which};
use super::collection::IMAGES;
use super::error::Error;
use super::request::Request;
use super::service::Service;
use super::text::or_default;

/// An image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct Image {
    pub id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// `queued`, `saving`, `active`, and others that end it.
    pub status: String,
    pub owner: Option<String>,
    pub visibility: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub protected: bool,
    pub disk_format: Option<String>,
    pub container_format: Option<String>,
    pub size: Option<u64>,
    pub os_hash_algo: Option<String>,
    pub os_hash_value: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub min_ram: i64,
    #[serde(default, deserialize_with = "or_default")]
    pub min_disk: i64,
}

#[derive(Deserialize)]
struct Members {
    members: Vec<serde::de::IgnoredAny>,
}

impl Cloud {
    /// The images that a project owns, whoever may see them: the hidden ones, or all others.
    pub async fn images(&self, owner: &str, hidden: bool) -> Result<Listing<Image>, Error> {
        let request = IMAGES.request(Which::Project(owner), None).query("visibility", "all");
        self.list(&IMAGES, &request.query("os_hidden", hidden.to_string())).await
    }

    /// Whether an image whose visibility is `shared` was offered to another project, which may use it unasked.
    pub async fn is_image_shared(&self, id: &str) -> Result<bool, Error> {
        let request = Request::get(Service::Image, "image_member_list", &["images", id, "members"]);
        let answer: Members = self.send(&request).await?.json(&request)?;
        Ok(!answer.members.is_empty())
    }

    /// An image, if there is one of this id that we may see.
    pub async fn image(&self, id: &str) -> Result<Option<Image>, Error> {
        let request = Request::get(Service::Image, "image_show", &["images", id]);
        match self.send(&request).await {
            Ok(answer) => Ok(Some(answer.json(&request)?)),
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
