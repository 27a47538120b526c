//! `create_server_group`: make a server group of a tenant, read it back, and expect it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::journal::{Creation, Journal};
use super::known::Known;
use super::made::{self, Made, wrong_name, wrong_text};
use super::observe::{self, Extent};
use super::{Call, Job, JobError, Report, States};
use crate::model::server_group::ServerGroup;
use crate::model::{Body, Invalid, Object, ResourceType, Tenant};
use crate::openstack::{self, Cloud, Which, Writer};

/// The longest name, in characters.
const NAME: usize = 150;
/// The longest description that a portal keeps, in characters.
const DESCRIPTION: usize = 2000;
/// What Nova knows to do with instances of a group.
const POLICIES: [&str; 4] = ["affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"];

/// A server group that is to be.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CreateServerGroup {
    /// Its name, which no other server group of the tenant has.
    #[schemars(required, with = "String")]
    name: Option<String>,
    /// Free text, which stays here: Nova keeps none.
    description: String,
    /// `affinity`, `anti-affinity`, `soft-affinity` or `soft-anti-affinity`.
    #[schemars(required, with = "String")]
    policy: Option<String>,
}

impl Job for CreateServerGroup {
    const KIND: &'static str = "create_server_group";
    const ABOUT: &'static str = "make a server group of a tenant";
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
        match self.policy() {
            "" => invalid.field("policy").add("Nova makes no server group without a policy"),
            policy if !POLICIES.contains(&policy) => {
                invalid.field("policy").add(format!("\"{policy}\" is not a valid choice."));
            }
            _ => {}
        }
        invalid
    }

    fn conflicts(&self, known: &Known) -> Invalid {
        let mut invalid = known.exceeded(&[("server_group_count", 1)]).map(Invalid::because).unwrap_or_default();
        if let Some(groups) = known.server_groups() {
            invalid.merge(self.name_taken(groups));
        }
        invalid
    }

    async fn run(self, call: Call) -> Report {
        self.create(&call).await.unwrap_or_else(Report::failed)
    }
}

impl CreateServerGroup {
    fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    fn policy(&self) -> &str {
        self.policy.as_deref().unwrap_or_default()
    }

    fn name_taken(&self, groups: &[ServerGroup]) -> Invalid {
        if groups.iter().any(|group| group.name == self.name()) {
            return Invalid::in_field("name", "the tenant has a server group of this name");
        }
        Invalid::default()
    }

    async fn create(&self, call: &Call) -> Result<Report, JobError> {
        let (tenant, project) = call.project()?;
        let journal = Journal::open(call, Self::KIND, tenant).await?;
        let record = made::record(call, tenant, "server_groups").await?;
        let cloud = call.live.cloud(&tenant.cloud)?;
        let look = async || observe::tenant(cloud, tenant, ResourceType::ServerGroups, Extent::default()).await;
        if !journal.is_begun()
            && let Body::ServerGroups(groups) = look().await?.body
        {
            let taken = self.name_taken(&groups);
            taken.or(()).map_err(|taken| JobError::give_up("invalid_params", taken.to_string()))?;
        }
        let own = journal.cloud().within(project).await.map_err(|error| without_role(error.into(), tenant))?;
        let step = "server group".to_owned();
        let new = NewGroup { step, own: &own, project, name: self.name(), policy: self.policy() };
        let made = journal.create(&new).await?;
        let seen = look().await?;
        let settled = confirm(&seen.body, &made).map(|group| Body::ServerGroups(vec![group]));
        let (name, description) = (self.name().to_owned(), self.description.clone());
        Ok(made::report(call, Object { name, description, ..record }, &made, seen, settled))
    }
}

fn confirm(seen: &Body, made: &Made) -> Result<ServerGroup, JobError> {
    let found = match seen {
        Body::ServerGroups(groups) => groups.iter().find(|group| group.id == made.id),
        _ => None,
    };
    let gone = || JobError::give_up("not_confirmed", format!("the server group {} is gone again", made.id));
    found.cloned().ok_or_else(gone)
}

/// Keystone does not tell a missing role from a wrong password, but with this password we are logged in.
pub(super) fn without_role(error: JobError, tenant: &Tenant) -> JobError {
    if error.reason() != "unauthorised" {
        return error;
    }
    let why = format!(
        "Nova makes a server group only for the project of the token, and cloud `{}` gives the login none for project {}: \
         give its user a role there; an application credential cannot have one ({error})",
        tenant.cloud, tenant.backend_id
    );
    JobError::give_up("no_role", why)
}

/// Nova lets two groups have the same name, so only one that is new is taken for it.
pub(super) struct NewGroup<'a> {
    /// Which of its job's changes it is.
    pub step: String,
    /// The cloud with a token for the project.
    pub own: &'a Cloud,
    pub project: &'a str,
    pub name: &'a str,
    pub policy: &'a str,
}

impl Creation for NewGroup<'_> {
    type Made = Made;
    const MARKED: bool = false;

    fn step(&self) -> String {
        self.step.clone()
    }

    /// Nova lists them in the order in which they were made.
    async fn look(&self, cloud: &Cloud) -> Result<Vec<Made>, openstack::Error> {
        let mut like = cloud.server_groups(Which::Project(self.project)).await?.items;
        like.retain(|group| group.name == self.name && group.policy() == Some(self.policy));
        Ok(like.into_iter().map(|group| Made { id: group.id }).collect())
    }

    fn id(made: &Made) -> &str {
        &made.id
    }

    async fn make(&self, writer: &Writer) -> Result<Made, openstack::Error> {
        let made = writer.with_token_of(self.own)?.create_server_group(self.name, self.policy).await?;
        Ok(Made { id: made.id })
    }

    async fn remove(&self, writer: &Writer, id: &str) -> Result<(), openstack::Error> {
        writer.delete_server_group(id).await
    }
}
