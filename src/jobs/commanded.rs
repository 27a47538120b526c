//! What somebody commanded becomes what is expected, once the cloud has confirmed it and not before.

use chrono::{DateTime, Utc};

use crate::model::{Body, Tenant};
use crate::store::expectations::Expectation;
use crate::store::{StoreError, Tx};

/// A command that the cloud has confirmed.
pub(super) struct Commanded<'a> {
    pub tenant: &'a Tenant,
    pub confirmed: &'a Body,
    pub removed: &'a [String],
    pub seen: &'a Body,
    pub author: &'a str,
}

impl Commanded<'_> {
    /// Makes it the expectation, beside what was expected of other objects; whether that is anything new.
    pub async fn expect(&self, tx: &mut Tx, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let before = tx.expectation(self.tenant.uuid, self.confirmed.resource_type()).await?;
        let base = before.as_ref().map_or(self.seen, |before| &before.body);
        let body = self.confirmed.clone().with_objects_of(base, |id| !self.removed.iter().any(|gone| gone == id));
        let is_new = before.is_none_or(|before| before.body != body);
        let (tenant, author) = (self.tenant.uuid, self.author.to_owned());
        let source = "commanded".to_owned();
        tx.set_expectation(&Expectation { tenant, body, source, author, set_at: now }).await?;
        Ok(is_new)
    }
}
