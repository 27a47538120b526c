//! `create_image`: make an image of a tenant, without data; as a job, and at once for who waits for its id.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

use super::context::CloudEntry;
use super::journal::{Creation, Journal};
use super::made::{self, wrong_name};
use super::{Call, Effect, Job, JobError, Report};
use crate::model::ids::named_id;
use crate::model::{Invalid, Object, Tenant};
use crate::openstack::{self, Cloud, Image, NewImage, Warrant, Writer};

/// The longest name, in characters.
const NAME: usize = 255;
const DISK_FORMATS: [&str; 9] = ["qcow2", "raw", "vhd", "vmdk", "vdi", "iso", "aki", "ami", "ari"];
const CONTAINER_FORMATS: [&str; 5] = ["bare", "ovf", "aki", "ami", "ari"];
const VISIBILITIES: [&str; 2] = ["private", "public"];

/// An image that is to be.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CreateImage {
    /// Its name.
    #[schemars(required, with = "String")]
    pub name: Option<String>,
    /// The least memory of an instance of it, in MiB.
    pub min_ram: u32,
    /// The least disk of an instance of it, in GiB.
    pub min_disk: u32,
    /// `qcow2`, `raw`, `vhd`, `vmdk`, `vdi`, `iso`, `aki`, `ami` or `ari`.
    pub disk_format: String,
    /// `bare`, `ovf`, `aki`, `ami` or `ari`.
    pub container_format: String,
    /// `private`, or `public` for everybody in the cloud: whoever asks on behalf of somebody decides whether they may.
    pub visibility: String,
}

impl Default for CreateImage {
    fn default() -> Self {
        Self {
            name: None,
            min_ram: 0,
            min_disk: 0,
            disk_format: "qcow2".to_owned(),
            container_format: "bare".to_owned(),
            visibility: "private".to_owned(),
        }
    }
}

impl Job for CreateImage {
    const KIND: &'static str = "create_image";
    const ABOUT: &'static str = "make an image of a tenant, without data";
    const FLEET: bool = false;
    const WRITES: bool = true;

    fn problems(&self) -> Invalid {
        let mut invalid = Invalid::default();
        if let Some(why) = wrong_name(self.name.as_deref(), NAME) {
            invalid.field("name").add(why);
        }
        for (field, written, choices) in [
            ("disk_format", &self.disk_format, DISK_FORMATS.as_slice()),
            ("container_format", &self.container_format, &CONTAINER_FORMATS),
            ("visibility", &self.visibility, &VISIBILITIES),
        ] {
            if !choices.contains(&written.as_str()) {
                invalid.field(field).add(format!("\"{written}\" is not a valid choice."));
            }
        }
        invalid
    }

    async fn run(self, call: Call) -> Report {
        let made = async {
            let (tenant, project) = call.project()?;
            let journal = Journal::open(&call, Self::KIND, tenant).await?;
            let record = made::record(&call, tenant, "images").await?;
            let id = image_id(call.request.order()).to_string();
            let image = journal.create(&Asked { wish: &self, id: &id, project }).await?;
            let record = Object { name: image.name.clone(), ..record };
            let body = serde_json::to_value(&image).unwrap_or_default();
            Ok::<_, JobError>(Effect::Object(made::as_made(&call, record, &image.id, Some(body))))
        };
        match made.await {
            Ok(made) => Report { effects: vec![made], ..Report::default() },
            Err(error) => Report::failed(error),
        }
    }
}

/// The id of the image that a job makes: whoever asked for the job knows it beforehand.
pub fn image_id(job: Uuid) -> Uuid {
    named_id(&job.to_string(), "image")
}

/// Vouches for a request that somebody waits for: it is sent once, and whoever waits sees what came of it.
#[derive(Debug)]
pub(super) struct Waited;

impl Warrant for Waited {
    fn allows(&self, _: Duration) -> bool {
        true
    }
}

/// Makes an image at once. Its id is chosen here, so that nothing is made twice even if the answer is lost.
///
/// # Errors
/// What is wrong with the wish, that the configuration does not let `create_image` change the cloud, or Glance's words.
pub async fn create(cloud: &CloudEntry, tenant: &Tenant, wish: &CreateImage, id: Uuid) -> Result<Image, JobError> {
    wish.problems().or(()).map_err(|invalid| JobError::give_up("invalid_params", invalid.to_string()))?;
    let writer = cloud.api.writer(CreateImage::KIND, Arc::new(Waited))?;
    let id = id.to_string();
    Ok(Asked { wish, id: &id, project: &tenant.backend_id }.make(&writer).await?)
}

/// An image by the id that was chosen for it.
struct Asked<'a> {
    wish: &'a CreateImage,
    id: &'a str,
    project: &'a str,
}

impl Creation for Asked<'_> {
    type Made = Image;
    const MARKED: bool = true;

    fn step(&self) -> String {
        "image".to_owned()
    }

    async fn look(&self, cloud: &Cloud) -> Result<Vec<Image>, openstack::Error> {
        Ok(cloud.image(self.id).await?.into_iter().collect())
    }

    fn id(made: &Image) -> &str {
        &made.id
    }

    async fn make(&self, writer: &Writer) -> Result<Image, openstack::Error> {
        let wish = self.wish;
        let new = NewImage {
            id: self.id,
            owner: self.project,
            name: wish.name.as_deref().unwrap_or_default(),
            disk_format: &wish.disk_format,
            container_format: &wish.container_format,
            visibility: &wish.visibility,
            min_ram: wish.min_ram,
            min_disk: wish.min_disk,
        };
        writer.create_image(&new).await
    }

    async fn remove(&self, writer: &Writer, id: &str) -> Result<(), openstack::Error> {
        writer.delete_image(id).await
    }
}
