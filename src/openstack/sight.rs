//! Whether a token can see what a listing is about. A role that cannot is not refused: Neutron, Nova's server groups
//! and Cinder answer 200 with the caller's own objects only, and everyone else's would seem to be gone.

use super::Cloud;
use super::answer::Which;
use super::collection::Collection;
use super::error::Error;
use super::session::Grant;

impl Cloud {
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
