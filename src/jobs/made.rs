//! The records of single objects that jobs make.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Call, Effect, JobError, Report};
use crate::model::ids::named_id;
use crate::model::{Body, Object, Observation, Tenant, TenantState};
use crate::store::in_time;

/// What a job remembers of something that it made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Made {
    /// Its id in the cloud.
    pub id: String,
}

/// The record of what the job makes: the one from when it was asked for over HTTP, else a new one.
pub(super) async fn record(call: &Call, tenant: &Tenant, resource_type: &str) -> Result<Object, JobError> {
    let job = call.request.id;
    let recorded = in_time(call.context.store().objects(tenant.uuid, Some(resource_type))).await?;
    let asked_for = recorded.into_iter().find(|object| object.job == Some(job));
    let uuid = named_id(&job.to_string(), resource_type);
    let new = || Object::asked_for(uuid, tenant.uuid, resource_type, job, call.context.clock().now());
    Ok(asked_for.unwrap_or_else(new))
}

/// The record once the object is there: as it was read back, or still being made where that could not be done whole.
pub(super) fn as_made(call: &Call, record: Object, id: &str, read_back: Option<Value>) -> Object {
    let state = if read_back.is_some() { TenantState::Ok } else { TenantState::Creating };
    let (backend_id, modified_at) = (Some(id.to_owned()), call.context.clock().now());
    let body = read_back.unwrap_or_else(|| record.body.clone());
    Object { backend_id, state, body, modified_at, error_message: String::new(), ..record }
}

/// What a job reports of one object of a type that is observed: what was seen and made is recorded in any case; it is
/// expected only as it was confirmed.
pub(super) fn report(
    call: &Call,
    record: Object,
    made: &Made,
    seen: Observation,
    settled: Result<Body, JobError>,
) -> Report {
    let Some(tenant) = call.tenant.clone() else { return Report::default() };
    let mut effects = Vec::new();
    let (confirmed, failure) = match settled {
        Ok(confirmed) => (Some(confirmed), None),
        Err(error) => (None, Some(error)),
    };
    let body = confirmed.as_ref().and_then(|body| body.to_json().as_array()?.first().cloned());
    effects.push(Effect::Object(as_made(call, record, &made.id, body)));
    if let Some(confirmed) = confirmed {
        effects.push(Effect::Commanded {
            tenant: tenant.clone(),
            confirmed: confirmed.sorted(),
            removed: Vec::new(),
            seen: seen.body.clone(),
            author: call.author(),
            whole: false,
        });
    }
    effects.push(Effect::Observed { tenant, observation: seen });
    Report { effects, failure, ..Report::default() }
}

/// What is wrong with the name of an object that is to be: it is there, and no longer than `most`.
pub(super) fn wrong_name(name: Option<&str>, most: usize) -> Option<String> {
    match name {
        None => Some("This field is required.".to_owned()),
        Some(name) if name.trim().is_empty() => Some("This field may not be blank.".to_owned()),
        Some(name) => wrong_text(name, most),
    }
}

/// What is wrong with a text of an object that is to be.
pub(super) fn wrong_text(text: &str, most: usize) -> Option<String> {
    if text.contains('\0') {
        return Some("Null characters are not allowed.".to_owned());
    }
    (text.chars().count() > most).then(|| format!("Ensure this field has no more than {most} characters."))
}
