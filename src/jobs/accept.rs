//! Accepting drift: what is there becomes what is expected, one finding at a time.

use uuid::Uuid;

use super::context::Context;
use super::findings::take_step;
use crate::drift::Difference;
use crate::drift::adopt::adopt;
use crate::drift::lifecycle::Suspicion;
use crate::drift::vanish::{ACCEPTED, EVERYTHING};
use crate::model::life::{Event, Step};
use crate::model::origin::{self, Origin};
use crate::model::{Expectation, FindingState};
use crate::store::findings::Listed;
use crate::store::{StoreError, Tx};

/// Why a finding cannot be accepted.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such finding.
    #[error("no finding {0}")]
    Unknown(Uuid),
    /// It ended already.
    #[error("finding {0} is {1} already")]
    Ended(Uuid, FindingState),
    /// It is none that can be accepted.
    #[error("finding {id} cannot be accepted: {why}")]
    Refused {
        /// Which.
        id: Uuid,
        /// Why.
        why: String,
    },
}

/// Makes what the finding observed the expectation, and ends the finding.
///
/// # Errors
/// When it is no finding that lasts, or none that differs from an expectation.
pub async fn accept(context: &Context, id: Uuid, author: &str) -> Result<Listed, AcceptError> {
    let store = context.store();
    let listed = store.finding(id).await?.ok_or(AcceptError::Unknown(id))?;
    let finding = &listed.finding;
    if !finding.state.lasts() {
        return Err(AcceptError::Ended(id, finding.state));
    }
    let now = context.clock().now();
    let tenant = store.tenant(finding.tenant).await?.ok_or(AcceptError::Unknown(id))?;
    let difference = Difference {
        object: finding.object.clone(),
        object_name: finding.object_name.clone(),
        field: finding.field.clone(),
        change: finding.change,
        expected: finding.expected.clone(),
        observed: finding.observed.clone(),
    };
    if finding.source == origin::DECLARED {
        let why = "a file of the operator's declares what it differs from; change the file".to_owned();
        return Err(AcceptError::Refused { id, why });
    }
    let mut tx = store.begin().await?;
    if finding.object == EVERYTHING {
        // The next observation that agrees is believed.
        let suspicion = Suspicion { difference, count: ACCEPTED, since: finding.opened_at, counted_at: now };
        tx.suspect((tenant.uuid, finding.resource_type), &suspicion).await?;
    } else {
        let refused = |why: String| AcceptError::Refused { id, why };
        let expectation = adopted(&mut tx, finding, &difference).await?.map_err(refused)?;
        let body = expectation.body;
        let origin = Origin { source: origin::ACCEPTED.to_owned(), author: author.to_owned(), set_at: now };
        let mut objects = expectation.objects;
        objects.insert(finding.object.clone(), origin);
        tx.set_expectation(&Expectation { body, objects, ..expectation }).await?;
    }
    if !tx.end_finding(id, FindingState::Accepted, now).await? {
        return Err(AcceptError::Ended(id, FindingState::Resolved));
    }
    let event = Event { by: Some(author.to_owned()), ..Event::new(Step::Accepted, now) };
    take_step(context, &mut tx, &tenant, finding, event).await?;
    context.tell(tx.commit().await?);
    Ok(listed)
}

async fn adopted(
    tx: &mut Tx,
    finding: &crate::model::Finding,
    difference: &Difference,
) -> Result<Result<Expectation, String>, StoreError> {
    let held = tx.hold_known_resource(finding.tenant, finding.resource_type).await?;
    let Some(expectation) = tx.expectation(finding.tenant, finding.resource_type).await? else {
        return Ok(Err("there is no expectation".to_owned()));
    };
    let snapshot = match held.and_then(|held| held.snapshot) {
        Some(id) => tx.snapshot(id).await?,
        None => None,
    };
    let Some(snapshot) = snapshot else { return Ok(Err("nothing was observed yet".to_owned())) };
    Ok(adopt(&expectation.body, &snapshot.body, difference).map(|body| Expectation { body, ..expectation }))
}
