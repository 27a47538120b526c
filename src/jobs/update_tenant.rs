//! `update_tenant`: change the name and the description of a project, and what a portal says of its tenant.

use schemars::JsonSchema;
use serde::Deserialize;

use super::known::Known;
use super::pull_tenants::seen;
use super::{Call, Effect, Job, JobError, Journal, Report, States};
use crate::model::{Invalid, Tenant};
use crate::openstack::Writer;
use crate::store::states::Traits;

/// The longest name, in characters.
const NAME: usize = 64;
/// The longest description, in characters.
const DESCRIPTION: usize = 2000;
/// The longest name of a zone or a volume type, in characters.
const WORD: usize = 100;

/// What is different from now on; what is not named stays.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct UpdateTenant {
    /// The name of the project, unique in its domain.
    name: Option<String>,
    /// Its description.
    description: Option<String>,
    /// The zone that the portal wants its instances in.
    availability_zone: Option<String>,
    /// The name of the volume type that the portal wants for its volumes.
    default_volume_type_name: Option<String>,
}

/// What is wrong with the texts that a portal says of a tenant.
pub(super) fn wrong_texts(texts: [(&str, Option<&str>); 4]) -> Invalid {
    let mut invalid = Invalid::default();
    for (field, text) in texts {
        let Some(text) = text else { continue };
        let most = match field {
            "name" => NAME,
            "description" => DESCRIPTION,
            _ => WORD,
        };
        if text.chars().count() > most {
            invalid.field(field).add(format!("Ensure this field has no more than {most} characters."));
        }
        if field == "name" && text.trim().is_empty() {
            invalid.field(field).add("This field may not be blank.");
        }
        if text.contains('\0') {
            invalid.field(field).add("Null characters are not allowed.");
        }
    }
    invalid
}

/// Whether another tenant of the same domain has the name that one is to have.
pub(super) fn name_taken(known: &Known, name: &str, domain: &str) -> Invalid {
    let is_other = |it: &&Tenant| known.tenant.as_ref().is_none_or(|tenant| tenant.uuid != it.uuid);
    let mut beside = known.namesakes.iter().filter(is_other).filter(|it| it.vanished_at.is_none());
    match beside.find(|it| it.cloud == known.cloud && it.domain == domain) {
        Some(_) => Invalid::in_field("name", format!("Name \"{name}\" is already registered.")),
        None => Invalid::default(),
    }
}

impl Job for UpdateTenant {
    const KIND: &'static str = "update_tenant";
    const ABOUT: &'static str = "change the name and the description of a tenant's project";
    const FLEET: bool = false;
    const WRITES: bool = true;
    const STATES: Option<States> = Some(States::UPDATE);

    fn problems(&self) -> Invalid {
        wrong_texts([
            ("name", self.name.as_deref()),
            ("description", self.description.as_deref()),
            ("availability_zone", self.availability_zone.as_deref()),
            ("default_volume_type_name", self.default_volume_type_name.as_deref()),
        ])
    }

    fn conflicts(&self, known: &Known) -> Invalid {
        match (&self.name, &known.tenant) {
            (Some(name), Some(tenant)) => name_taken(known, name, &tenant.domain),
            _ => Invalid::default(),
        }
    }

    fn new_name(&self) -> Option<String> {
        self.name.clone()
    }

    async fn run(self, call: Call) -> Report {
        match self.update(&call).await {
            Ok(effects) => Report { effects, ..Report::default() },
            Err(error) => Report::failed(error),
        }
    }
}

impl UpdateTenant {
    async fn update(self, call: &Call) -> Result<Vec<Effect>, JobError> {
        let (tenant, id) = call.project()?;
        let journal = Journal::open(call, Self::KIND, tenant).await?;
        let gone = || JobError::give_up("tenant_gone", format!("the project {id} of {} is gone", tenant.label()));
        let now = journal.cloud().project(id).await?.ok_or_else(gone)?;
        let name = self.name.clone().unwrap_or_else(|| now.name.clone());
        let description = self.description.clone().unwrap_or_else(|| now.description.clone());
        let step = "project";
        if journal.has_begun(step) || name != now.name || description != now.description {
            let change = async |writer: Writer| writer.update_project(id, &name, &description).await;
            journal.change(step, change).await?;
        }
        let project = journal.cloud().project(id).await?.ok_or_else(gone)?;
        if (&project.name, &project.description) != (&name, &description) {
            let message = format!("keystone took the name `{name}` and its description, and has others now");
            return Err(JobError::give_up("not_confirmed", message));
        }
        let mut effects = Vec::new();
        let seen = seen(&tenant.cloud, &project, None);
        if seen.differs_from(tenant) {
            effects.push(Effect::Project(seen));
        }
        let traits = Traits {
            availability_zone: self.availability_zone.filter(|it| *it != tenant.availability_zone),
            default_volume_type: self.default_volume_type_name.filter(|it| *it != tenant.default_volume_type),
            ..Traits::default()
        };
        if traits != Traits::default() {
            effects.push(Effect::Described { tenant: tenant.clone(), traits });
        }
        Ok(effects)
    }
}
