//! Living with drift: somebody knows of a finding and says why it may stay as it is, for a while or until it resolves;
//! somebody notes what was found out; and what was known for long enough is open again.

use std::collections::BTreeMap;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use uuid::Uuid;

use super::context::Context;
use super::findings::take_step;
use crate::model::life::{Event, Step};
use crate::model::{Acknowledgement, FindingState, Remark, ResourceType, Tenant};
use crate::store::findings::{Expired, Listed};
use crate::store::{StoreError, Tx};

/// Findings that are opened again in one transaction.
const BATCH: i64 = 100;
/// The longest that an acknowledgement with an end may last.
const LONGEST: TimeDelta = TimeDelta::days(36_500);

/// Why a finding cannot be acknowledged or noted.
#[derive(Debug, thiserror::Error)]
pub enum AckError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such finding.
    #[error("no finding {0}")]
    Unknown(Uuid),
    /// It ended already.
    #[error("finding {0} is {1} already")]
    Ended(Uuid, FindingState),
    /// It cannot be known until then.
    #[error("it cannot be acknowledged until {until}: {why}")]
    Until {
        /// Until when it was to be.
        until: DateTime<Utc>,
        /// What is wrong with that.
        why: &'static str,
    },
}

/// What somebody says of a finding that may stay as it is.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Who.
    pub by: &'a str,
    /// Why.
    pub reason: &'a Remark,
    /// Until when; none: until it is resolved.
    pub until: Option<DateTime<Utc>>,
}

/// What is wrong with a moment until which something is to be known.
pub fn wrong_end(until: DateTime<Utc>, now: DateTime<Utc>) -> Option<&'static str> {
    if until <= now {
        return Some("that moment has passed");
    }
    (until - now > LONGEST)
        .then_some("that is more than a hundred years away; leave the end out for one without an end")
}

/// Makes a finding known, or known in other words or until another moment.
///
/// # Errors
/// When it is no finding that lasts, or the end makes no sense.
pub async fn acknowledge(context: &Context, id: Uuid, known: Known<'_>) -> Result<(), AckError> {
    let now = context.clock().now();
    if let Some((until, why)) = known.until.and_then(|until| Some((until, wrong_end(until, now)?))) {
        return Err(AckError::Until { until, why });
    }
    let (mut tx, tenant, listed) = begin(context, id).await?;
    let (by, reason) = (known.by.to_owned(), known.reason.to_string());
    // The databases keep microseconds.
    let until = known.until.map(|until| until.trunc_subsecs(6));
    let acknowledgement = Acknowledgement { reason: reason.clone(), by: by.clone(), at: now, until };
    if !tx.acknowledge_finding(id, &acknowledgement).await? {
        return Err(AckError::Ended(id, listed.finding.state));
    }
    let after = Some(listed.finding.values());
    let event = Event { by: Some(by), reason: Some(reason), until, after, ..Event::new(Step::Acknowledged, now) };
    take_step(context, &mut tx, &tenant, &listed.finding, event).await?;
    context.tell(tx.commit().await?);
    Ok(())
}

/// Writes a note into a finding's life, also after its end.
///
/// # Errors
/// When there is no such finding.
pub async fn note(context: &Context, id: Uuid, by: &str, text: &Remark) -> Result<(), AckError> {
    let (mut tx, tenant, listed) = begin(context, id).await?;
    let (by, reason) = (Some(by.to_owned()), Some(text.to_string()));
    let event = Event { by, reason, ..Event::new(Step::Noted, context.clock().now()) };
    take_step(context, &mut tx, &tenant, &listed.finding, event).await?;
    context.tell(tx.commit().await?);
    Ok(())
}

/// Begins a transaction in which the finding is as it is found: whoever records another look at it waits.
async fn begin(context: &Context, id: Uuid) -> Result<(Tx, Tenant, Listed), AckError> {
    let store = context.store();
    let finding = store.finding(id).await?.ok_or(AckError::Unknown(id))?.finding;
    let tenant = store.tenant(finding.tenant).await?.ok_or(AckError::Unknown(id))?;
    let mut tx = store.begin().await?;
    tx.hold_known_resource(finding.tenant, finding.resource_type).await?;
    let listed = tx.finding(id).await?.ok_or(AckError::Unknown(id))?;
    Ok((tx, tenant, listed))
}

/// Opens the findings again whose acknowledgement is over; how many this caller opened. Of several replicas that ask at
/// once, one opens each.
///
/// # Errors
/// When the database is away; the next call finds what this one left.
pub async fn reopen_expired(context: &Context) -> Result<usize, StoreError> {
    let mut reopened = 0;
    loop {
        let now = context.clock().now();
        let expired = context.store().expired_findings(now, BATCH).await?;
        if !expired.is_empty() {
            reopened += reopen(context, &expired, now).await?;
        }
        if i64::try_from(expired.len()).unwrap_or(BATCH) < BATCH {
            break;
        }
    }
    if reopened > 0 {
        tracing::info!(findings = reopened, "acknowledgements are over: their findings are open again");
    }
    Ok(reopened)
}

async fn reopen(context: &Context, expired: &[Expired], now: DateTime<Utc>) -> Result<usize, StoreError> {
    let store = context.store();
    let mut tenants: BTreeMap<Uuid, Tenant> = BTreeMap::new();
    for Expired { tenant: uuid, .. } in expired {
        if !tenants.contains_key(uuid)
            && let Some(tenant) = store.tenant(*uuid).await?
        {
            tenants.insert(*uuid, tenant);
        }
    }
    let mut keys: Vec<(Uuid, ResourceType)> = expired.iter().map(|it| (it.tenant, it.resource_type)).collect();
    keys.sort_unstable_by_key(|(tenant, resource_type)| (*tenant, resource_type.as_str()));
    keys.dedup();
    let mut tx = store.begin().await?;
    tx.known_resources(&keys).await?;
    let mut reopened = 0;
    for Expired { id, tenant, .. } in expired {
        let (Some(tenant), Some(listed)) = (tenants.get(tenant), tx.finding(*id).await?) else { continue };
        // Somebody may have said meanwhile that it lasts longer.
        let until = listed.finding.acknowledgement.as_ref().and_then(|acknowledgement| acknowledgement.until);
        if until.is_none_or(|until| until > now) || !tx.reopen_finding(*id).await? {
            continue;
        }
        let reason = Some("the acknowledgement is over".to_owned());
        let event = Event { reason, ..Event::new(Step::Reopened, now) };
        take_step(context, &mut tx, tenant, &listed.finding, event).await?;
        reopened += 1;
    }
    context.tell(tx.commit().await?);
    Ok(reopened)
}
