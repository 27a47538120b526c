//! What this login may ask: the very questions that the calls ask, with a limit of one, before anyone relies on them.

use futures::future::join_all;

use super::Cloud;
use super::answer::Which;
use super::collection::{
    Collection, FLOATING_IPS, NETWORKS, PORTS, ROUTERS, SECURITY_GROUPS, SERVER_GROUPS, SERVERS, SUBNETS,
    VOLUME_SNAPSHOTS, VOLUMES,
};
use super::error::Error;
use super::identity::{ProjectFilter, project_request, projects_request};
use super::quota;
use super::request::Request;
use super::service::Service;

/// Whether one call is possible.
#[derive(Debug, Clone)]
pub struct Ability {
    /// The service.
    pub service: Service,
    /// The call, as metrics name it.
    pub operation: &'static str,
    /// The outcome; see [`Ability::verdict`] for whether the role or the cloud stands in the way.
    pub outcome: Result<(), Error>,
}

impl Ability {
    /// `allowed`, `refused`, or `failed`.
    pub fn verdict(&self) -> &'static str {
        match &self.outcome {
            Ok(()) => "allowed",
            Err(Error::Forbidden(_) | Error::WrongScope { .. } | Error::OutOfSight { .. } | Error::TokenRefused(_)) => {
                "refused"
            }
            Err(_) => "failed",
        }
    }
}

impl Cloud {
    /// Tries every call for one project (`None`: for all of them, quotas with the token's own).
    ///
    /// # Errors
    /// When even the login fails; everything after it is said per call.
    pub async fn abilities(&self, project: Option<&str>) -> Result<Vec<Ability>, Error> {
        let grant = self.inner.session.grant().await?;
        let own = grant.identity.project_id();
        let which = project.map_or(Which::All, Which::Project);
        let mut tries = vec![(projects_request(&ProjectFilter::default()).query("limit", "1"), Ok(()))];
        if let Some(project) = project.or(own) {
            tries.push((project_request(project), Ok(())));
        }
        // Without any project the quotas are refused for the scope, which is the answer.
        let quotas = [quota::compute_request, quota::network_request, quota::volume_request];
        tries.extend(quotas.map(|request| (request(project.or(own).unwrap_or_default()), Ok(()))));
        tries.extend(
            LISTINGS.iter().map(|listing| {
                (listing.request(which, own).query("limit", "1"), self.must_see(&grant, listing, which))
            }),
        );
        Ok(join_all(tries.into_iter().map(|(request, sees)| self.try_one(request, sees))).await)
    }

    async fn try_one(&self, request: Request<'_>, sees: Result<(), Error>) -> Ability {
        let outcome = match sees {
            Ok(()) => self.send(&request).await.map(drop),
            Err(error) => Err(error),
        };
        Ability { service: request.service, operation: request.operation, outcome }
    }
}

const LISTINGS: [Collection; 10] = [
    SECURITY_GROUPS,
    FLOATING_IPS,
    NETWORKS,
    SUBNETS,
    ROUTERS,
    PORTS,
    SERVER_GROUPS,
    SERVERS,
    VOLUMES,
    VOLUME_SNAPSHOTS,
];
