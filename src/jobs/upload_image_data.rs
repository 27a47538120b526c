//! `upload_image_data`: send an image its data, piece by piece, and look whether all of it arrived.
//!
//! The data come with an HTTP request, or for a job from a file in the folder that `jobs.image_folder` names: no message
//! carries gigabytes, and a job that read any path or address would read what its producer may not.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use uuid::Uuid;

use super::context::CloudEntry;
use super::create_image::Waited;
use super::journal::Journal;
use super::{Call, Job, JobError, Report};
use crate::model::{Invalid, Tenant};
use crate::openstack::{Cloud, Image, Pieces, Receipt, Upload, Writer};

/// How much of a file is held at once.
const PIECE: usize = 256 * 1024;

/// Which image gets which file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct UploadImageData {
    /// The image's id.
    #[schemars(required, with = "String")]
    image_id: Option<String>,
    /// The name of a file in the folder that `jobs.image_folder` names.
    #[schemars(required, with = "String")]
    file: Option<String>,
}

impl Job for UploadImageData {
    const KIND: &'static str = "upload_image_data";
    const ABOUT: &'static str = "send an image its data from a file in the configured folder";
    const FLEET: bool = false;
    const WRITES: bool = true;
    const TIMEOUT: Duration = Duration::from_hours(6);

    fn problems(&self) -> Invalid {
        let mut invalid = Invalid::default();
        if Uuid::parse_str(self.image_id()).is_err() {
            invalid.field("image_id").add("Must be a valid UUID.");
        }
        if plain_name(self.file()).is_none() {
            invalid.field("file").add("it is to be the name of a file in the folder, without a path");
        }
        invalid
    }

    async fn run(self, call: Call) -> Report {
        match self.upload(&call).await {
            Ok(did) => Report { did, ..Report::default() },
            Err(error) => Report::failed(error),
        }
    }
}

impl UploadImageData {
    fn image_id(&self) -> &str {
        self.image_id.as_deref().unwrap_or_default()
    }

    fn file(&self) -> &str {
        self.file.as_deref().unwrap_or_default()
    }

    /// Whether anything was sent: data that an attempt before sent whole are not sent again.
    async fn upload(&self, call: &Call) -> Result<bool, JobError> {
        let (tenant, _) = call.project()?;
        let journal = Journal::open(call, Self::KIND, tenant).await?;
        let Some(folder) = call.live.image_folder.as_deref() else {
            let why = "no folder is configured from which images may be sent: see jobs.image_folder";
            return Err(JobError::give_up("no_image_folder", why));
        };
        let (file, length) = open(folder, self.file()).await?;
        let id = self.image_id();
        let is_begun = journal.is_begun();
        let image = waiting(journal.cloud(), tenant, id).await?;
        match image.status.as_str() {
            "queued" => {}
            "active" if is_begun && image.size == Some(length) => return Ok(true),
            "saving" | "uploading" | "importing" if is_begun => {
                return Err(JobError::retry("image_busy", format!("image {id} still is {}", image.status)));
            }
            _ => return Err(has_data(&image)),
        }
        let upload = Upload::new(pieces(file), Some(length));
        let send = async move |writer: Writer| {
            let receipt = writer.upload_image(id, upload).await?;
            Ok((receipt.bytes, receipt.sha512))
        };
        let (bytes, sha512): (u64, String) = journal.change("data", send).await?;
        confirm(journal.cloud(), id, &Receipt { bytes, sha512 }).await?;
        Ok(true)
    }
}

/// Sends data to an image at once, piece by piece, as they come. The image as it is then.
///
/// # Errors
/// That the configuration does not let `upload_image_data` change the cloud, that the image is not the tenant's or has
/// data, Glance's words, or that not all of it arrived.
pub async fn upload(
    cloud: &CloudEntry,
    tenant: &Tenant,
    id: Uuid,
    pieces: Pieces,
    length: Option<u64>,
) -> Result<Image, JobError> {
    let (writer, id) = (cloud.api.writer(UploadImageData::KIND, Arc::new(Waited))?, id.to_string());
    let image = waiting(&cloud.api, tenant, &id).await?;
    if image.status != "queued" {
        return Err(has_data(&image));
    }
    let receipt = writer.upload_image(&id, Upload::new(pieces, length)).await?;
    confirm(&cloud.api, &id, &receipt).await
}

/// The tenant's own image; another's is not told from none.
async fn waiting(cloud: &Cloud, tenant: &Tenant, id: &str) -> Result<Image, JobError> {
    let image = cloud.image(id).await?.filter(|image| image.owner.as_deref() == Some(tenant.backend_id.as_str()));
    image.ok_or_else(|| JobError::give_up("not_found", format!("{} has no image {id}", tenant.label())))
}

fn has_data(image: &Image) -> JobError {
    JobError::give_up("conflict", format!("image {} is {}: it takes no data any more", image.id, image.status))
}

/// Whether Glance has what was sent.
async fn confirm(cloud: &Cloud, id: &str, sent: &Receipt) -> Result<Image, JobError> {
    let refused = |why: String| JobError::give_up("not_confirmed", format!("image {id} {why}"));
    let image = cloud.image(id).await?.ok_or_else(|| refused("is gone again".to_owned()))?;
    // Glance may still be looking at it: that is not a failure.
    if !matches!(image.status.as_str(), "active" | "saving" | "importing") {
        return Err(refused(format!("is {} after {} bytes were sent", image.status, sent.bytes)));
    }
    if image.size.is_some_and(|size| size != sent.bytes) {
        return Err(refused(format!("has {} bytes, and {} were sent", image.size.unwrap_or(0), sent.bytes)));
    }
    let hash = image.os_hash_value.as_deref().filter(|_| image.os_hash_algo.as_deref() == Some("sha512"));
    if hash.is_some_and(|hash| !hash.eq_ignore_ascii_case(&sent.sha512)) {
        return Err(refused("has other data than were sent".to_owned()));
    }
    Ok(image)
}

/// A name that cannot lead out of its folder.
fn plain_name(name: &str) -> Option<&str> {
    let mut parts = Path::new(name).components();
    let is_plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
    (is_plain && !name.contains(['/', '\\', '\0']) && !name.starts_with('.')).then_some(name)
}

/// A file of the folder, and how long it is. A link that leads out of the folder is none of its files.
async fn open(folder: &Path, name: &str) -> Result<(File, u64), JobError> {
    let refused = |why: String| JobError::give_up("invalid_params", format!("file: `{name}` {why}"));
    let name_in_folder = plain_name(name).ok_or_else(|| refused("is no plain name".to_owned()))?;
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => refused("is not in the folder".to_owned()),
        _ => JobError::retry("image_file", format!("file: `{name}` cannot be read: {error}")),
    };
    let folder: PathBuf = tokio::fs::canonicalize(folder).await.map_err(unreadable)?;
    let path = tokio::fs::canonicalize(folder.join(name_in_folder)).await.map_err(unreadable)?;
    if path.parent() != Some(folder.as_path()) {
        return Err(refused("leads out of the folder".to_owned()));
    }
    let file = File::open(&path).await.map_err(unreadable)?;
    let facts = file.metadata().await.map_err(unreadable)?;
    if !facts.is_file() {
        return Err(refused("is no file".to_owned()));
    }
    Ok((file, facts.len()))
}

/// A file, piece by piece.
fn pieces(file: File) -> Pieces {
    Box::pin(stream::try_unfold(file, |mut file| async move {
        let mut piece = vec![0; PIECE];
        let read = file.read(&mut piece).await?;
        piece.truncate(read);
        Ok::<_, io::Error>((read > 0).then(|| (Bytes::from(piece), file)))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::TryStreamExt;

    #[test]
    fn a_name_leads_nowhere_else() {
        for name in ["", ".", "..", "../x", "a/b", "/etc/passwd", ".hidden", "a\\b", "a/"] {
            assert_eq!(plain_name(name), None, "{name}");
        }
        assert_eq!(plain_name("debian 13.qcow2"), Some("debian 13.qcow2"));
    }

    #[tokio::test]
    async fn a_file_comes_in_pieces_and_a_link_out_of_the_folder_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let outside = tempfile::NamedTempFile::new().unwrap();
        let data: Vec<u8> = (0_u32..200_000).flat_map(u32::to_le_bytes).collect();
        std::fs::write(folder.path().join("disk.raw"), &data).unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("link.raw")).unwrap();
        let (file, length) = open(folder.path(), "disk.raw").await.unwrap();
        assert_eq!(length, data.len() as u64);
        let read: Vec<Bytes> = pieces(file).try_collect().await.unwrap();
        assert!(read.len() > 1 && read.iter().all(|piece| piece.len() <= PIECE));
        assert_eq!(read.concat(), data);
        for (name, why) in [("link.raw", "leads out of the folder"), ("none.raw", "is not in the folder")] {
            assert_eq!(open(folder.path(), name).await.unwrap_err().to_string(), format!("file: `{name}` {why}"));
        }
    }
}
