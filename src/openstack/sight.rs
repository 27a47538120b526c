//! Whether a token can see what a listing is about. A role that cannot is not refused: Neutron, Nova's server groups
//! and Cinder answer 200 with the caller's own objects only, and everyone else's would seem to be gone.

use super::Cloud;
use super::answer::Which;
use super::collection::{Collection, PORTS};
use super::error::Error;
use super::session::Grant;

impl Cloud {
    /// Refuses a login that does not see what is in projects other than its own, before anything is made in one.
    ///
    /// # Errors
    /// [`Error::WrongScope`] and [`Error::OutOfSight`], as a listing of everything would say.
    pub async fn must_see_all(&self) -> Result<(), Error> {
        let grant = self.inner.session.grant().await?;
        self.must_see(&grant, &PORTS, Which::All)
    }

    /// Whether the login is known to see only its own project; before it was ever used, it is not.
    pub fn is_blind(&self) -> bool {
        self.inner.session.usable().is_some_and(|grant| self.must_see(&grant, &PORTS, Which::All).is_err())
    }

    /// Refuses a question whose answer would be silently short.
    pub(crate) fn must_see(&self, grant: &Grant, collection: &Collection, which: Which<'_>) -> Result<(), Error> {
        let identity = &grant.identity;
        let Some(own) = identity.project_id() else {
            return Err(Error::WrongScope { service: collection.service, scope: identity.scope.noun() });
        };
        let sees_all = identity.roles.iter().any(|role| self.inner.options.seeing_roles.contains(role));
        if sees_all || which.project() == Some(own) {
            return Ok(());
        }
        Err(Error::OutOfSight {
            service: collection.service,
            operation: collection.operation,
            own: own.to_owned(),
            roles: identity.roles.join(", "),
            needed: self.inner.options.seeing_roles.join(", "),
        })
    }
}
