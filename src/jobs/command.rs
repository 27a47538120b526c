//! A wish that somebody waits for: judged at once, and then a job. Whoever asks second for a tenant that is being
//! changed is told so.

use serde_json::Value;

use super::context::Context;
use super::known::Known;
use super::{JobError, Kind};
use crate::model::job::Request;
use crate::model::{Invalid, Object, Tenant, TenantState};
use crate::store::StoreError;
use crate::store::directory::Portal;

/// Why a wish does not become a job.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The tenant is in no state that permits it.
    #[error("the tenant is in no state that permits it; valid states: {}", names(.allowed))]
    WrongState {
        /// The states that do.
        allowed: &'static [TenantState],
    },
    /// There is something wrong with what is asked for.
    #[error("{0}")]
    Invalid(Invalid),
    /// The configuration does not let jobs of this kind change the cloud, or the cloud is not there to be asked.
    #[error("{0}")]
    NotAllowed(JobError),
    /// There is a job of this id.
    #[error("there is a job of this id already")]
    Used,
    /// The tenant is not recorded any more.
    #[error("there is no such tenant")]
    Gone,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn names(states: &[TenantState]) -> String {
    states.iter().map(|state| state.as_str()).collect::<Vec<_>>().join(", ")
}

/// What somebody wants done, with what is to be recorded the moment that it is accepted.
#[derive(Debug, Clone)]
pub struct Order {
    /// The job.
    pub request: Request,
    /// For whom; none for the job that makes a tenant.
    pub tenant: Option<Tenant>,
    /// Objects that it is to make, for whoever asked wants to see them at once.
    pub objects: Vec<Object>,
    /// What the portal says of a tenant that it is to make.
    pub portal: Option<Portal>,
}

impl Order {
    /// Nothing is recorded but the job.
    pub const fn of(request: Request, tenant: Option<Tenant>) -> Self {
        Self { request, tenant, objects: Vec::new(), portal: None }
    }
}

/// Whether a wish can be granted as far as the records tell. It changes nothing: [`submit`] asks again.
///
/// # Errors
/// The first of: a wrong state, no permission, everything that is wrong with the parameters.
pub async fn judge(context: &Context, order: &Order) -> Result<(), Refused> {
    let request = &order.request;
    let kind = kind_of(request)?;
    if let (Some(states), Some(tenant)) = (kind.states, &order.tenant)
        && !states.creates()
        && !states.from.contains(&tenant.state)
    {
        return Err(Refused::WrongState { allowed: states.from });
    }
    let cloud = order.tenant.as_ref().map(|tenant| tenant.cloud.as_str()).or(request.cloud.as_deref());
    if kind.writes && !kind.local {
        let live = context.live();
        let entry = live.cloud(cloud.unwrap_or_default()).map_err(Refused::NotAllowed)?;
        if !entry.api.may_write(kind.name) {
            let why = format!("cloud `{}` does not let {} change it: see `write`", entry.api.name(), kind.name);
            return Err(Refused::NotAllowed(JobError::give_up("write_refused", why)));
        }
    }
    let invalid = kind.problems(&request.params);
    if !invalid.is_empty() {
        return Err(Refused::Invalid(invalid));
    }
    let name = kind.new_name(&request.params);
    let known = Known::load(context.store(), order.tenant.as_ref(), cloud, name.as_deref()).await?;
    let conflicts = kind.conflicts(&request.params, &known).map_err(in_params)?;
    if conflicts.is_empty() { Ok(()) } else { Err(Refused::Invalid(conflicts)) }
}

/// Judges a wish and makes it a job: the tenant's state and the job's row in one transaction. The tenant as it is then.
///
/// # Errors
/// See [`judge`]; of two who ask at the same moment, one finds a wrong state.
pub async fn submit(context: &Context, mut order: Order) -> Result<Option<Tenant>, Refused> {
    judge(context, &order).await?;
    let kind = kind_of(&order.request)?;
    let now = context.clock().now();
    let new = if order.tenant.is_none() { kind.new_tenant(&order.request).map_err(in_params)? } else { None };
    let uuid = order.tenant.as_ref().map(|tenant| tenant.uuid).or(new.as_ref().map(|new| new.uuid));
    if let Some(uuid) = uuid {
        order.request.subject = Some(uuid.to_string());
    }
    if let Some(tenant) = &order.tenant {
        order.request.cloud = Some(tenant.cloud.clone());
    }
    let request = &order.request;
    let mut tx = context.store().begin().await?;
    if let Some(new) = &new {
        tx.create_tenant(new, request.id, now).await?;
        if let Some(portal) = &order.portal {
            tx.save_portal(new.uuid, portal).await?;
        }
    } else if let (Some(tenant), Some(states)) = (&order.tenant, kind.states) {
        match states.walk {
            Some(walk) => {
                if !tx.schedule_tenant(tenant.uuid, states.from, walk.scheduled, request.id, now).await? {
                    let is_there = tx.tenant(tenant.uuid).await?.is_some();
                    return Err(if is_there { Refused::WrongState { allowed: states.from } } else { Refused::Gone });
                }
            }
            None => match tx.tenant(tenant.uuid).await? {
                Some(tenant) if states.from.contains(&tenant.state) => {}
                Some(_) => return Err(Refused::WrongState { allowed: states.from }),
                None => return Err(Refused::Gone),
            },
        }
    }
    if !tx.insert_job(request, uuid).await? {
        return Err(Refused::Used);
    }
    for object in &order.objects {
        tx.save_object(object).await?;
    }
    let tenant = match uuid {
        Some(uuid) => tx.tenant(uuid).await?,
        None => None,
    };
    context.tell(tx.commit().await?);
    Ok(tenant)
}

fn kind_of(request: &Request) -> Result<&'static Kind, Refused> {
    let unknown = || in_params(format!("`{}` is no job kind", request.kind));
    super::kind(&request.kind).ok_or_else(unknown)
}

fn in_params(why: String) -> Refused {
    Refused::Invalid(Invalid::because(why))
}

/// What is wrong with parameters that cannot even be read, at the field where it is.
pub(super) fn unreadable(path: &serde_path_to_error::Path, why: &str) -> Invalid {
    use serde_path_to_error::Segment;
    let mut invalid = Invalid::default();
    let mut place = &mut invalid;
    for segment in path {
        place = match segment {
            Segment::Seq { index } => place.item(*index),
            Segment::Map { key } => place.field(key),
            Segment::Enum { .. } | Segment::Unknown => place,
        };
    }
    place.add(why);
    invalid
}

/// Reads parameters, or says what is wrong with them.
pub(super) fn readable<J: super::Job>(params: &Value) -> Result<J, Invalid> {
    if !params.is_object() {
        return Err(Invalid::because(format!("expected an object, not {params}")));
    }
    serde_path_to_error::deserialize(params).map_err(|error| unreadable(error.path(), &error.inner().to_string()))
}
