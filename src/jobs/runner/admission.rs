//! Deliveries become rows of the jobs table before they are worked on, many in one transaction: whatever is delivered
//! twice, here or to another replica, runs once.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::Ended;
use super::bury::{dead_letter, refuse};
use super::flights::TERM;
use crate::jobs::context::Context;
use crate::model::Tenant;
use crate::model::ids::named_id;
use crate::model::job::Request;
use crate::store::holds::{Delivered, Hold};
use crate::store::{StoreError, Tx, in_time};

/// What wants to be worked on.
#[derive(Debug)]
pub(super) enum Arrival {
    /// A delivery, which may be a repetition.
    Delivered(Request),
    /// A delivery of what is being worked on here.
    Repeated(Request),
    /// A job of the table that this instance holds.
    Claimed(Request),
}

/// What becomes of it.
#[derive(Debug)]
pub(super) enum Admitted {
    /// It is held by this instance; these tenants may be meant.
    Held(Box<Request>, Vec<Tenant>),
    /// It lies in the jobs table until its time comes.
    Waits,
    /// It was known, or is dead at once.
    Over(Ended),
}

/// Admits arrivals, all in one transaction.
pub(super) async fn admit(context: Context, arrivals: Vec<Arrival>) -> Vec<Result<Admitted, StoreError>> {
    let count = arrivals.len();
    match admit_all(&context, arrivals).await {
        Ok(admitted) => admitted.into_iter().map(Ok).collect(),
        Err((error, arrivals)) if count == 1 || error_passes(&error) => {
            // One database, one reason, for everyone.
            let why = error.to_string();
            let mut results = vec![Err(error)];
            results.extend((1..count).map(|_| Err(StoreError::NotRecorded(why.clone()))));
            drop(arrivals);
            results
        }
        Err((_, arrivals)) => {
            // One of them is what the database refuses: the others must not suffer for it.
            let mut results = Vec::with_capacity(count);
            for arrival in arrivals {
                let alone = admit_all(&context, vec![arrival]).await;
                results.push(alone.map_err(|(error, _)| error).and_then(|mut it| it.pop().ok_or_else(missing)));
            }
            results
        }
    }
}

fn error_passes(error: &StoreError) -> bool {
    crate::retry::Retryable::is_retryable(error)
}

fn missing() -> StoreError {
    StoreError::NotRecorded("it was not answered".to_owned())
}

async fn admit_all(context: &Context, arrivals: Vec<Arrival>) -> Result<Vec<Admitted>, (StoreError, Vec<Arrival>)> {
    let registered = in_time(async {
        let mut tx = context.store().begin().await?;
        let found = register(context, &mut tx, &arrivals).await?;
        context.tell(tx.commit().await?);
        Ok(found)
    });
    let found = match registered.await {
        Ok(found) => found,
        Err(error) => return Err((error, arrivals)),
    };
    let admitted = arrivals.into_iter().zip(found).map(|(arrival, (fate, tenants))| match (arrival, fate) {
        (Arrival::Claimed(request) | Arrival::Delivered(request) | Arrival::Repeated(request), Fate::Held) => {
            Admitted::Held(Box::new(request), tenants)
        }
        (_, Fate::Waits) => Admitted::Waits,
        (_, Fate::Over(ended)) => Admitted::Over(ended),
    });
    Ok(admitted.collect())
}

enum Fate {
    Held,
    Waits,
    Over(Ended),
}

async fn register(
    context: &Context,
    tx: &mut Tx,
    arrivals: &[Arrival],
) -> Result<Vec<(Fate, Vec<Tenant>)>, StoreError> {
    let now = context.clock().now();
    let tenants = tenants(tx, arrivals).await?;
    let mut due: Vec<Delivered<'_>> = arrivals
        .iter()
        .zip(&tenants)
        .filter_map(|(arrival, tenants)| match arrival {
            Arrival::Delivered(request) if request.not_before <= now => Some(Delivered {
                request,
                tenant: if let [tenant] = tenants.as_slice() { Some(tenant.uuid) } else { None },
            }),
            _ => None,
        })
        .collect();
    // In one order everywhere, so that two instances never wait for each other.
    due.sort_by_key(|delivered| delivered.request.id);
    let hold = Hold { owner: context.owner(), until: now + TERM };
    let started = if due.is_empty() { Vec::new() } else { tx.start_jobs(&due, hold, now).await? };
    let started: HashSet<Uuid> = started.into_iter().collect();
    let mut fates = Vec::with_capacity(arrivals.len());
    for (arrival, tenants) in arrivals.iter().zip(tenants) {
        let fate = match arrival {
            Arrival::Claimed(request) if tx.holds_job(request.id, context.owner()).await? => Fate::Held,
            // It ended, or is someone else's, since it was claimed.
            Arrival::Claimed(_) => Fate::Over(Ended::Duplicate),
            Arrival::Repeated(request) => match tx.job(request.id).await? {
                Some(_) => Fate::Over(known(context, tx, request).await?),
                None => Fate::Held,
            },
            Arrival::Delivered(request) if started.contains(&request.id) => Fate::Held,
            Arrival::Delivered(request) => {
                if request.not_before > now && tx.insert_job(request, None).await? {
                    Fate::Waits
                } else {
                    Fate::Over(known(context, tx, request).await?)
                }
            }
        };
        fates.push((fate, tenants));
    }
    Ok(fates)
}

/// A job of this id is known: the same again is acknowledged and skipped, another one under a used id is dead.
async fn known(context: &Context, tx: &mut Tx, request: &Request) -> Result<Ended, StoreError> {
    let digest = request.digest();
    match tx.job(request.id).await? {
        Some(job) if job.digest != digest => {
            let error = format!("job id {} was used before, for another {}", request.id, job.request.kind);
            let now = context.clock().now();
            let letter = dead_letter(named_id(&request.id.to_string(), &digest), request, "id_reused", &error, now);
            if refuse(context, tx, &letter, request.reply.as_ref()).await? {
                tracing::warn!(error, "job refused");
            }
            Ok(Ended::Dead { reason: letter.reason, error: letter.error })
        }
        _ => Ok(Ended::Duplicate),
    }
}

/// For each arrival the tenants that it may mean; those that have a name in place of an id are looked for later.
async fn tenants(tx: &mut Tx, arrivals: &[Arrival]) -> Result<Vec<Vec<Tenant>>, StoreError> {
    let request = |arrival| match arrival {
        &Arrival::Delivered(ref request) | &Arrival::Repeated(ref request) | &Arrival::Claimed(ref request) => request,
    };
    let mut subjects: Vec<&str> = arrivals.iter().filter_map(|it| request(it).subject.as_deref()).collect();
    subjects.sort_unstable();
    subjects.dedup();
    let found = if subjects.is_empty() { Vec::new() } else { tx.find_tenants(&subjects).await? };
    let mut by_backend_id: HashMap<&str, Vec<&Tenant>> = HashMap::new();
    for tenant in &found {
        by_backend_id.entry(&tenant.backend_id).or_default().push(tenant);
    }
    let by_uuid: HashMap<Uuid, &Tenant> = found.iter().map(|tenant| (tenant.uuid, tenant)).collect();
    let of = |request: &Request| -> Vec<Tenant> {
        let Some(subject) = request.subject.as_deref() else { return Vec::new() };
        let ours = Uuid::parse_str(subject).ok().and_then(|uuid| by_uuid.get(&uuid));
        let is_meant = |tenant: &&&Tenant| {
            request.cloud.as_deref().is_none_or(|cloud| cloud == tenant.cloud)
                && ours.is_none_or(|ours| ours.uuid != tenant.uuid)
        };
        let named = by_backend_id.get(subject).into_iter().flatten().filter(is_meant);
        ours.into_iter().chain(named).map(|tenant| (*tenant).clone()).collect()
    };
    Ok(arrivals.iter().map(|arrival| of(request(arrival))).collect())
}
