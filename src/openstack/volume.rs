//! Cinder: volumes and snapshots, with their sizes and whose they are.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Cloud;
use super::answer::{Listing, Which};
use super::collection::{Collection, VOLUME_SNAPSHOTS, VOLUMES};
use super::error::Error;
use super::text::or_default;

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct Volume {
    pub id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    pub description: Option<String>,
    /// Whose it is; some policies hide it.
    #[serde(rename = "os-vol-tenant-attr:tenant_id")]
    pub tenant_id: Option<String>,
    /// In GiB.
    pub size: i64,
    pub status: String,
    /// Only for administrators.
    pub migration_status: Option<String>,
    pub volume_type: Option<String>,
    pub bootable: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub encrypted: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub multiattach: bool,
    pub availability_zone: Option<String>,
    pub snapshot_id: Option<String>,
    pub consumes_quota: Option<bool>,
    #[serde(default, deserialize_with = "or_default")]
    pub attachments: Vec<Attachment>,
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: BTreeMap<String, String>,
    pub created_at: Option<String>,
    pub updated_at: Option<String>,
}

/// Where a volume is in use.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct Attachment {
    pub server_id: Option<String>,
    pub device: Option<String>,
}

/// A volume's snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct VolumeSnapshot {
    pub id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    pub description: Option<String>,
    /// Whose it is; some policies hide it.
    #[serde(rename = "os-extended-snapshot-attributes:project_id")]
    pub project_id: Option<String>,
    pub volume_id: String,
    /// In GiB.
    pub size: i64,
    pub status: String,
    pub consumes_quota: Option<bool>,
    pub created_at: Option<String>,
    pub updated_at: Option<String>,
}

impl Cloud {
    /// Volumes.
    ///
    /// # Errors
    /// [`Error::Protocol`] where everybody's are asked for and Cinder does not say whose one is: its owner would seem to
    /// have none.
    pub async fn volumes(&self, which: Which<'_>) -> Result<Listing<Volume>, Error> {
        let listing: Listing<Volume> = self.objects(&VOLUMES, which).await?;
        said_whose(&VOLUMES, which, listing.items.iter().all(|it| it.tenant_id.is_some()))?;
        Ok(listing)
    }

    /// Volume snapshots.
    ///
    /// # Errors
    /// See [`Cloud::volumes`].
    pub async fn volume_snapshots(&self, which: Which<'_>) -> Result<Listing<VolumeSnapshot>, Error> {
        let listing: Listing<VolumeSnapshot> = self.objects(&VOLUME_SNAPSHOTS, which).await?;
        said_whose(&VOLUME_SNAPSHOTS, which, listing.items.iter().all(|it| it.project_id.is_some()))?;
        Ok(listing)
    }
}

/// Refuses a listing of everything in which something is nobody's.
fn said_whose(collection: &Collection, which: Which<'_>, each: bool) -> Result<(), Error> {
    if each || which.project().is_some() {
        return Ok(());
    }
    Err(Error::Protocol {
        service: collection.service,
        operation: collection.operation,
        what: "it does not say whose one of them is (a policy hides the project)".to_owned(),
        excerpt: String::new(),
    })
}
