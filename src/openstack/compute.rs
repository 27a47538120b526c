//! Nova: server groups and instances.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::Cloud;
use super::answer::{Listing, Which};
use super::collection::{SERVER_GROUPS, SERVERS};
use super::error::Error;
use super::text::{or_default, text_or_number};

/// A server group, in the forms before and after microversion 2.64.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct ServerGroup {
    pub id: String,
    pub name: String,
    /// Missing before microversion 2.13.
    pub project_id: Option<String>,
    pub user_id: Option<String>,
    /// From microversion 2.64.
    pub policy: Option<String>,
    /// Before microversion 2.64.
    #[serde(default, deserialize_with = "or_default")]
    pub policies: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub rules: BTreeMap<String, Value>,
    #[serde(default, deserialize_with = "or_default")]
    pub members: Vec<String>,
}

impl ServerGroup {
    /// Its policy, in either form.
    pub fn policy(&self) -> Option<&str> {
        self.policy.as_deref().or_else(|| self.policies.first().map(String::as_str))
    }
}

/// An instance.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct Server {
    pub id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// From microversion 2.19.
    pub description: Option<String>,
    pub tenant_id: String,
    pub user_id: Option<String>,
    pub status: String,
    #[serde(rename = "OS-EXT-STS:vm_state")]
    pub vm_state: Option<String>,
    #[serde(rename = "OS-EXT-STS:task_state")]
    pub task_state: Option<String>,
    #[serde(rename = "OS-EXT-AZ:availability_zone")]
    pub availability_zone: Option<String>,
    #[serde(rename = "OS-EXT-SRV-ATTR:host")]
    pub host: Option<String>,
    #[serde(rename = "OS-EXT-SRV-ATTR:hypervisor_hostname")]
    pub hypervisor_hostname: Option<String>,
    #[serde(rename = "OS-SRV-USG:launched_at")]
    pub launched_at: Option<String>,
    pub key_name: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub flavor: ServerFlavor,
    #[serde(default, rename = "os-extended-volumes:volumes_attached", deserialize_with = "or_default")]
    pub volumes_attached: Vec<AttachedVolume>,
    #[serde(default, deserialize_with = "or_default")]
    pub server_groups: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: BTreeMap<String, String>,
    /// An empty text where it was made from a volume.
    #[serde(default, deserialize_with = "image_or_text")]
    pub image: Option<ServerImage>,
    /// By the network's name.
    #[serde(default, deserialize_with = "or_default")]
    pub addresses: BTreeMap<String, Vec<ServerAddress>>,
    #[serde(default, deserialize_with = "or_default")]
    pub security_groups: Vec<NamedGroup>,
    /// From microversion 2.9.
    #[serde(default, deserialize_with = "or_default")]
    pub locked: bool,
    pub created: Option<String>,
    pub updated: Option<String>,
}

/// The image that an instance was made from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct ServerImage {
    pub id: String,
}

/// An address of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct ServerAddress {
    pub addr: String,
    #[serde(rename = "OS-EXT-IPS:type")]
    pub kind: Option<String>,
}

/// A security group of an instance: of one of its ports.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct NamedGroup {
    pub name: String,
}

fn image_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ServerImage>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Image(ServerImage),
        Text(String),
    }
    Ok(match Option::<Written>::deserialize(deserializer)? {
        Some(Written::Image(image)) => Some(image),
        Some(Written::Text(id)) => Some(ServerImage { id }).filter(|image| !image.id.is_empty()),
        None => None,
    })
}

/// An instance's flavor: embedded from microversion 2.47, only its id before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct ServerFlavor {
    #[serde(default, deserialize_with = "text_or_number")]
    pub id: Option<String>,
    pub original_name: Option<String>,
    pub vcpus: Option<i64>,
    /// In MiB.
    pub ram: Option<i64>,
    /// In GiB.
    pub disk: Option<i64>,
    #[serde(default, deserialize_with = "or_default")]
    pub extra_specs: BTreeMap<String, Value>,
}

/// A volume that an instance uses.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct AttachedVolume {
    pub id: String,
}

impl Cloud {
    /// Server groups. Nova cannot filter them by project, so for one project of others all are read.
    ///
    /// # Errors
    /// [`Error::Protocol`] where Nova does not say whose a group is and someone else's are asked for: everybody would seem
    /// to have none.
    pub async fn server_groups(&self, which: Which<'_>) -> Result<Listing<ServerGroup>, Error> {
        let own = self.inner.session.grant().await?.identity.project_id().map(str::to_owned);
        let mut listing: Listing<ServerGroup> = self.objects(&SERVER_GROUPS, which).await?;
        if let Some(project) = which.project().filter(|project| own.as_deref() == Some(project)) {
            for group in &mut listing.items {
                group.project_id.get_or_insert_with(|| project.to_owned());
            }
        }
        if listing.items.iter().any(|group| group.project_id.is_none()) {
            return Err(Error::Protocol {
                service: SERVER_GROUPS.service,
                operation: SERVER_GROUPS.operation,
                what: "it does not say whose a server group is (microversion 2.13 is needed)".to_owned(),
                excerpt: String::new(),
            });
        }
        if let Some(project) = which.project() {
            listing.retain(
                |group| group.project_id.as_deref() == Some(project),
                |broken| broken.project.as_deref().is_none_or(|of| of == project),
            );
        }
        Ok(listing)
    }

    /// Instances.
    pub async fn servers(&self, which: Which<'_>) -> Result<Listing<Server>, Error> {
        self.objects(&SERVERS, which).await
    }
}
