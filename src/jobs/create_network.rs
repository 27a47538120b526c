//! `create_network`: make a network of a tenant, without a subnet, and read it back.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::journal::{Creation, Journal};
use super::known::Known;
use super::made::{self, Made, wrong_name, wrong_text};
use super::{Call, Effect, Job, JobError, Report, States};
use crate::model::{Invalid, Object};
use crate::openstack::{self, Cloud, Network, NetworkObject, Which, Writer};
use crate::store::states::Traits;

/// The longest name, in characters.
const NAME: usize = 150;
/// The longest description that Neutron keeps, in characters.
const DESCRIPTION: usize = 255;

/// A network that is to be.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CreateNetwork {
    /// Its name.
    #[schemars(required, with = "String")]
    name: Option<String>,
    /// Free text.
    description: String,
}

impl Job for CreateNetwork {
    const KIND: &'static str = "create_network";
    const ABOUT: &'static str = "make a network of a tenant, without a subnet";
    const FLEET: bool = false;
    const WRITES: bool = true;
    const STATES: Option<States> = Some(States::UPDATE);

    fn problems(&self) -> Invalid {
        let mut invalid = Invalid::default();
        if let Some(why) = wrong_name(self.name.as_deref(), NAME) {
            invalid.field("name").add(why);
        }
        if let Some(why) = wrong_text(&self.description, DESCRIPTION) {
            invalid.field("description").add(why);
        }
        invalid
    }

    fn conflicts(&self, known: &Known) -> Invalid {
        known.exceeded(&[("network_count", 1)]).map(Invalid::because).unwrap_or_default()
    }

    async fn run(self, call: Call) -> Report {
        self.create(&call).await.unwrap_or_else(Report::failed)
    }
}

impl CreateNetwork {
    async fn create(&self, call: &Call) -> Result<Report, JobError> {
        let (tenant, project) = call.project()?;
        let journal = Journal::open(call, Self::KIND, tenant).await?;
        let record = made::record(call, tenant, "networks").await?;
        let (name, description) = (self.name.as_deref().unwrap_or_default(), self.description.as_str());
        let made = journal.create(&NewNetwork { project, name, description }).await?;
        let seen = journal.cloud().networks(Which::Project(project)).await?;
        let found = seen.items.into_iter().find(|network| network.id == made.id);
        let gone = || JobError::give_up("not_confirmed", format!("the network {name} is gone again"));
        let network = found.ok_or_else(gone)?;
        let record = Object { name: network.name.clone(), description: network.description.clone(), ..record };
        let mut effects = vec![Effect::Object(made::as_made(call, record, &made.id, Some(shown(&network))))];
        // A portal's tenant has one network of its own: the first that is made for it.
        if tenant.internal_network.is_empty() {
            let traits = Traits { internal_network: Some(made.id), ..Traits::default() };
            effects.push(Effect::Described { tenant: tenant.clone(), traits });
        }
        Ok(Report { effects, ..Report::default() })
    }
}

/// What is kept of a network besides its name.
fn shown(network: &Network) -> Value {
    json!({
        "is_external": network.external, "shared": network.shared, "status": network.status, "mtu": network.mtu,
        "type": network.network_type, "segmentation_id": network.segmentation_id, "subnets": network.subnets,
    })
}

/// Neutron lets two networks have the same name, so only one that is new is taken for it.
struct NewNetwork<'a> {
    project: &'a str,
    name: &'a str,
    description: &'a str,
}

impl Creation for NewNetwork<'_> {
    type Made = Made;
    const MARKED: bool = false;

    fn step(&self) -> String {
        "network".to_owned()
    }

    async fn look(&self, cloud: &Cloud) -> Result<Vec<Made>, openstack::Error> {
        let mut like = cloud.networks(Which::Project(self.project)).await?.items;
        like.retain(|network| network.name == self.name && network.description == self.description);
        like.sort_by(|one, other| (&one.created_at, &one.id).cmp(&(&other.created_at, &other.id)));
        Ok(like.into_iter().map(|network| Made { id: network.id }).collect())
    }

    fn id(made: &Made) -> &str {
        &made.id
    }

    async fn make(&self, writer: &Writer) -> Result<Made, openstack::Error> {
        let made = writer.create_network(self.project, self.name, self.description).await?;
        Ok(Made { id: made.id })
    }

    async fn remove(&self, writer: &Writer, id: &str) -> Result<(), openstack::Error> {
        writer.remove_from_network(NetworkObject::Network, id).await
    }
}
