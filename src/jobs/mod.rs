//! What can be done, one file per job kind, and the one runner through which all of it goes.
//!
//! A job looks at clouds and returns what it saw as [`Effect`]s; it writes nothing itself. The [`runner`] applies the
//! effects together with the job's own record in one transaction, so nothing is acknowledged that was not kept.
//!
//! A new kind is one file with a type that implements [`Job`], and one line in [`KINDS`].

pub mod accept;
pub mod acknowledge;
mod asked;
pub mod cancel;
mod change_password;
pub mod command;
mod commanded;
pub mod compared;
pub mod context;
pub mod cost;
mod count;
mod coverage;
pub mod create_floating_ip;
pub mod create_image;
mod create_network;
mod create_security_group;
mod create_server_group;
mod create_tenant;
mod delete_tenant;
mod detect_drift;
mod digest;
pub mod effects;
pub mod error;
pub mod events;
mod expect;
pub mod expected;
mod findings;
mod first;
mod fleet;
mod gathered;
mod heap;
mod journal;
mod judge;
pub mod known;
mod listed;
mod made;
mod moved;
mod networks;
mod normalise;
mod observe;
mod parts;
mod prune;
mod pull;
mod pull_floating_ips;
mod pull_instances;
mod pull_networks;
mod pull_quotas;
mod pull_security_groups;
mod pull_server_groups;
mod pull_tenants;
mod pull_volumes;
mod push_security_groups;
mod pushing;
mod reconcile;
mod reconciling;
mod record;
pub mod reply;
pub mod resolve;
pub mod runner;
mod security_groups;
mod set_quotas;
mod settled;
pub mod states;
mod unlink_tenant;
mod update_tenant;
pub mod upload_image_data;
mod uses;
pub mod verdict;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::model::job::Request;
use crate::model::token::Role;
use crate::model::{Invalid, ResourceType, Tenant};
use crate::store::states::NewTenant;
use context::{Context, Live};
pub use effects::Effect;
pub use error::JobError;
pub use journal::{Creation, Journal};
use known::Known;
pub use prune::Retention;
pub use pull::part_id;
pub use reconcile::not_mended;
pub use runner::{Lease, Records};
pub use states::{States, Walk};

/// What a job gets.
#[derive(Debug, Clone)]
pub struct Call {
    /// The daemon's parts.
    pub context: Context,
    /// Clouds and rules as they were when the job began.
    pub live: Arc<Live>,
    /// What was asked for.
    pub request: Request,
    /// The tenant, when it is for one.
    pub tenant: Option<Tenant>,
    /// The right to change the tenant, for kinds that write.
    pub lease: Option<Arc<Lease>>,
    /// Where what was found so far is recorded.
    pub records: Records,
    /// How many parts of the same larger job run here beside each other at most, this one counted.
    pub parts_at_once: usize,
}

impl Call {
    /// The tenant with its project, for kinds that change what is there.
    fn project(&self) -> Result<(&Tenant, &str), JobError> {
        let kind = &self.request.kind;
        let Some(tenant) = &self.tenant else {
            return Err(JobError::give_up("invalid_params", format!("{kind} needs a tenant")));
        };
        match tenant.project() {
            Some(project) => Ok((tenant, project)),
            None => Err(JobError::give_up("no_project", format!("{} has no project yet", tenant.label()))),
        }
    }

    /// Who asked, as far as it is known.
    fn author(&self) -> String {
        self.request.producer.clone().unwrap_or_else(|| self.request.source.clone())
    }
}

/// What a job brings back.
#[derive(Debug, Default)]
pub struct Report {
    /// What was seen, to be recorded.
    pub effects: Vec<Effect>,
    /// Why nothing useful was done; what is in `effects` is recorded all the same.
    pub failure: Option<JobError>,
    /// What was left out, when only some of it was done.
    pub left_out: Option<String>,
    /// Whether something was changed that leaves no record.
    pub did: bool,
}

/// One kind of job. The type itself is its parameters.
pub trait Job: DeserializeOwned + JsonSchema + Send + 'static {
    /// The name, as in the API documents.
    const KIND: &'static str;
    /// What it does, in one line, for help texts.
    const ABOUT: &'static str;
    /// Whether it makes sense without a tenant.
    const FLEET: bool = true;
    /// Whether it changes something: it needs an id, a permitted producer, and the tenant to itself.
    const WRITES: bool = false;
    /// Whether it concerns the records alone: no cloud is asked.
    const LOCAL: bool = false;
    /// Which states of a tenant permit it, and which the tenant walks through meanwhile.
    const STATES: Option<States> = None;
    /// Whoever may ask for it, run a schedule of it, or end it over HTTP.
    const ROLE: Role = Role::Operator;
    /// How long one attempt may take.
    const TIMEOUT: Duration = Duration::from_mins(15);

    /// Everything that is wrong with the parameters by themselves.
    fn problems(&self) -> Invalid {
        Invalid::default()
    }

    /// Everything in which they collide with what is recorded of the tenant.
    fn conflicts(&self, _known: &Known) -> Invalid {
        Invalid::default()
    }

    /// The name that the tenant is to have, for [`Known::namesakes`].
    fn new_name(&self) -> Option<String> {
        None
    }

    /// The tenant that is to be made, for the kind that makes one.
    fn new_tenant(&self, _request: &Request) -> Option<NewTenant> {
        None
    }

    /// Does it.
    fn run(self, call: Call) -> impl Future<Output = Report> + Send;
}

type Running = Pin<Box<dyn Future<Output = Report> + Send>>;

/// A job kind with its type erased.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// See [`Job::KIND`].
    pub name: &'static str,
    /// See [`Job::ABOUT`].
    pub about: &'static str,
    /// See [`Job::FLEET`].
    pub fleet: bool,
    /// See [`Job::WRITES`].
    pub writes: bool,
    /// See [`Job::LOCAL`].
    pub local: bool,
    /// See [`Job::TIMEOUT`].
    pub timeout: Duration,
    /// See [`Job::STATES`].
    pub states: Option<States>,
    /// See [`Job::ROLE`].
    pub role: Role,
    /// JSON schema of the parameters.
    pub schema: fn() -> schemars::Schema,
    check: fn(&Value) -> Result<(), String>,
    problems: fn(&Value) -> Invalid,
    conflicts: fn(&Value, &Known) -> Result<Invalid, String>,
    new_name: fn(&Value) -> Option<String>,
    new_tenant: fn(&Request) -> Result<Option<NewTenant>, String>,
    start: fn(Call) -> Result<Running, String>,
}

impl Kind {
    const fn of<J: Job>() -> Self {
        Self {
            name: J::KIND,
            about: J::ABOUT,
            fleet: J::FLEET,
            writes: J::WRITES,
            local: J::LOCAL,
            timeout: J::TIMEOUT,
            states: J::STATES,
            role: J::ROLE,
            schema: || schemars::schema_for!(J),
            check: |params| {
                let invalid = read::<J>(params)?.problems();
                invalid.or(()).map_err(|invalid| format!("params: {invalid}"))
            },
            problems: |params| command::readable::<J>(params).map_or_else(|invalid| invalid, |job| job.problems()),
            conflicts: |params, known| read::<J>(params).map(|job| job.conflicts(known)),
            new_name: |params| read::<J>(params).ok().and_then(|job| job.new_name()),
            new_tenant: |request| read::<J>(&request.params).map(|job| job.new_tenant(request)),
            start: |call| {
                let job = read::<J>(&call.request.params)?;
                Ok(Box::pin(job.run(call)))
            },
        }
    }

    /// Says what is wrong with `params`, with the path.
    ///
    /// # Errors
    /// When they are not this kind's.
    pub fn check(&self, params: &Value) -> Result<(), String> {
        (self.check)(params)
    }

    /// Everything that is wrong with `params` by themselves, each mistake at its place.
    pub fn problems(&self, params: &Value) -> Invalid {
        (self.problems)(params)
    }

    /// Everything in which they collide with what is recorded.
    ///
    /// # Errors
    /// When they are not this kind's.
    pub fn conflicts(&self, params: &Value, known: &Known) -> Result<Invalid, String> {
        (self.conflicts)(params, known)
    }

    /// See [`Job::new_name`].
    pub fn new_name(&self, params: &Value) -> Option<String> {
        (self.new_name)(params)
    }

    /// See [`Job::new_tenant`].
    ///
    /// # Errors
    /// When the parameters are not this kind's.
    pub fn new_tenant(&self, request: &Request) -> Result<Option<NewTenant>, String> {
        (self.new_tenant)(request)
    }

    /// Whether a tenant walks through states while such a job is at work.
    pub fn walks(&self) -> bool {
        self.states.is_some_and(|states| states.walk.is_some())
    }
}

fn read<J: Job>(params: &Value) -> Result<J, String> {
    if !params.is_object() {
        return Err(format!("params: expected an object, not {params}"));
    }
    serde_path_to_error::deserialize(params).map_err(|error| match error.path().to_string().as_str() {
        "." => format!("params: {}", error.inner()),
        path => format!("params.{path}: {}", error.inner()),
    })
}

/// Every job kind.
pub const KINDS: &[Kind] = &[
    Kind::of::<change_password::ChangePassword>(),
    Kind::of::<create_floating_ip::CreateFloatingIp>(),
    Kind::of::<create_image::CreateImage>(),
    Kind::of::<create_network::CreateNetwork>(),
    Kind::of::<create_security_group::CreateSecurityGroup>(),
    Kind::of::<create_server_group::CreateServerGroup>(),
    Kind::of::<create_tenant::CreateTenant>(),
    Kind::of::<delete_tenant::DeleteTenant>(),
    Kind::of::<detect_drift::DetectDrift>(),
    Kind::of::<digest::TellDigest>(),
    Kind::of::<expect::Expect>(),
    Kind::of::<prune::Prune>(),
    Kind::of::<pull::Pull>(),
    Kind::of::<pull_floating_ips::PullFloatingIps>(),
    Kind::of::<pull_instances::PullInstances>(),
    Kind::of::<pull_networks::PullNetworks>(),
    Kind::of::<pull_quotas::PullQuotas>(),
    Kind::of::<pull_security_groups::PullSecurityGroups>(),
    Kind::of::<pull_server_groups::PullServerGroups>(),
    Kind::of::<pull_tenants::PullTenants>(),
    Kind::of::<pull_volumes::PullVolumes>(),
    Kind::of::<push_security_groups::PushSecurityGroups>(),
    Kind::of::<reconcile::Reconcile>(),
    Kind::of::<set_quotas::SetQuotas>(),
    Kind::of::<unlink_tenant::UnlinkTenant>(),
    Kind::of::<update_tenant::UpdateTenant>(),
    Kind::of::<upload_image_data::UploadImageData>(),
];

/// The kind called `name`.
pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// The names of all kinds.
pub fn kind_names() -> Vec<&'static str> {
    KINDS.iter().map(|kind| kind.name).collect()
}

/// The kind that pulls one resource type; some pull two.
pub fn pull_kind(resource_type: ResourceType) -> String {
    match resource_type {
        ResourceType::Ports => "pull_networks".to_owned(),
        ResourceType::VolumeSnapshots => "pull_volumes".to_owned(),
        alone => format!("pull_{alone}"),
    }
}

/// Whether jobs of a kind pull a resource type.
pub fn pulls(kind: &str, resource_type: ResourceType) -> bool {
    kind == pull::Pull::KIND || kind == pull_kind(resource_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_sorted_unique_and_explained() {
        let names = kind_names();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(names, sorted);
        assert!(KINDS.iter().all(|kind| !kind.about.is_empty()));
    }

    #[test]
    fn every_resource_type_has_its_pull() {
        for resource_type in ResourceType::ALL {
            let kind = pull_kind(resource_type);
            assert!(super::kind(&kind).is_some() && pulls(&kind, resource_type) && pulls("pull", resource_type));
        }
    }

    #[test]
    fn wrong_parameters_are_told_with_their_path() {
        let said = kind("pull_quotas").unwrap().check(&serde_json::json!({"sizes": "yes"})).unwrap_err();
        assert_eq!(said, "params.sizes: invalid type: string \"yes\", expected a boolean");
    }
}
