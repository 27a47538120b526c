//! What somebody commanded becomes what is expected, once the cloud has confirmed it and not before.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::model::origin::{ACCEPTED, COMMANDED, Origin};
use crate::model::{Body, Expectation, Tenant};
use crate::store::{StoreError, Tx};

/// A command that the cloud has confirmed.
pub(super) struct Commanded<'a> {
    pub tenant: &'a Tenant,
    pub confirmed: &'a Body,
    pub removed: &'a [String],
    pub seen: &'a Body,
    pub author: &'a str,
    pub whole: bool,
}

impl Commanded<'_> {
    /// Makes it the expectation, beside what was expected of other objects; whether that is anything new.
    pub async fn expect(&self, tx: &mut Tx, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let before = tx.expectation(self.tenant.uuid, self.confirmed.resource_type()).await?;
        let told = Origin { source: COMMANDED.to_owned(), author: self.author.to_owned(), set_at: now };
        let first = || Expectation {
            tenant: self.tenant.uuid,
            body: self.seen.clone(),
            origin: Origin { source: ACCEPTED.to_owned(), ..told.clone() },
            objects: BTreeMap::new(),
        };
        let is_first = before.is_none();
        let before = before.unwrap_or_else(first);
        let gone = |id: &str| self.removed.iter().any(|gone| gone == id);
        let body = self.confirmed.clone().with_objects_of(&before.body, |id| !gone(id));
        let is_new = is_first || before.body != body;
        let expectation = if self.whole {
            Expectation { body, origin: told, objects: BTreeMap::new(), ..before }
        } else {
            let named = self.confirmed.labels().into_iter().map(|(id, _)| (id.to_owned(), told.clone()));
            let objects = before.objects.into_iter().filter(|(id, _)| !gone(id)).chain(named).collect();
            Expectation { body, objects, ..before }
        };
        tx.set_expectation(&expectation).await?;
        Ok(is_new)
    }
}
