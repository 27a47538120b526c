//! From a request about one tenant to a job: the checks in their order, then the same command that every intake gives.

use axum::http::StatusCode;
use serde_json::Value;

use super::Api;
use super::auth::Caller;
use super::refusal::Refusal;
use super::tenants::entry;
use crate::jobs::command::{Order, Refused, submit};
use crate::jobs::{JobError, Kind, kind};
use crate::model::ids::{named_id, new_id};
use crate::model::job::{PRIORITY_PERSON, Request};
use crate::model::{Object, Tenant};
use crate::store::directory::Entry;

/// A job that somebody asks for, whose tenant is there and permits it; nothing is known of its parameters yet.
pub(super) struct Asked<'a> {
    api: &'a Api,
    entry: Entry,
    /// Whom it is for.
    pub tenant: Tenant,
    request: Request,
    objects: Vec<Object>,
}

impl<'a> Asked<'a> {
    /// The tenant is looked for, then the caller's role, the cloud's permission, and the tenant's state.
    pub async fn of(api: &'a Api, caller: Caller, uuid: &str, name: &'static str) -> Result<Self, Refusal> {
        let entry = entry(api, uuid).await?;
        let tenant = entry.tenant.clone();
        let kind = kind(name).ok_or_else(Refusal::not_found)?;
        caller.must_be(kind.role)?;
        may_write(api, kind, &tenant.cloud)?;
        if let Some(states) = kind.states
            && !states.from.contains(&tenant.state)
        {
            return Err(Refusal::state(states.from));
        }
        let request = request(api, caller, name);
        Ok(Self { api, entry, tenant, request, objects: Vec::new() })
    }

    /// Through what it is asked for.
    pub const fn api(&self) -> &'a Api {
        self.api
    }

    /// The tenant as the directory has it.
    pub const fn entry(&self) -> &Entry {
        &self.entry
    }

    /// An object that the job is to make, as it is recorded when the job is accepted.
    pub fn new_object(&self, resource_type: &str) -> Object {
        let job = self.request.id;
        let uuid = named_id(&job.to_string(), resource_type);
        Object::asked_for(uuid, self.tenant.uuid, resource_type, job, self.api.view.context.clock().now())
    }

    /// Lets the object be recorded with the job.
    #[must_use]
    pub fn making(mut self, object: Object) -> Self {
        self.objects.push(object);
        self
    }

    /// Makes the job; the tenant as it is then.
    pub async fn submit(self, params: Value) -> Result<Tenant, Refusal> {
        let request = Request { params, ..self.request };
        let before = self.tenant.clone();
        let order = Order { objects: self.objects, ..Order::of(request, Some(self.tenant)) };
        Ok(submit(&self.api.view.context, order).await?.unwrap_or(before))
    }
}

/// A job of this kind that a caller asks for.
pub(super) fn request(api: &Api, caller: Caller, kind: &str) -> Request {
    let now = api.view.context.clock().now();
    Request { priority: PRIORITY_PERSON, producer: Some(caller.name), ..Request::new(new_id(now), kind, "http", now) }
}

/// Whether the configuration lets jobs of a kind change a cloud.
pub(super) fn may_write(api: &Api, kind: &Kind, cloud: &str) -> Result<(), Refusal> {
    if !kind.writes || kind.local {
        return Ok(());
    }
    let live = api.view.context.live();
    let entry = live.cloud(cloud).map_err(|error| Refusal::busy(error.to_string()))?;
    if entry.api.may_write(kind.name) {
        return Ok(());
    }
    let why = format!(
        "The configuration does not let {kind} change the cloud {cloud}: add \"{kind}\" to `write` of its [[clouds]] \
         section.",
        kind = kind.name
    );
    Err(Refusal::forbidden(why))
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::WrongState { allowed } => Self::state(allowed),
            Refused::Invalid(invalid) => invalid.into(),
            Refused::NotAllowed(error @ JobError::Retry { .. }) => Self::busy(error.to_string()),
            Refused::NotAllowed(error) => Self::forbidden(error.to_string()),
            Refused::Used => Self::Because(StatusCode::CONFLICT, "There is a job of this id already.".to_owned()),
            Refused::Gone => Self::not_found(),
            Refused::Store(error) => error.into(),
        }
    }
}
