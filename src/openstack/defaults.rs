//! The limits of a project for which nobody set any: the same for every project, so they are asked for now and then and
//! not at each look.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use tokio::sync::Mutex;

use super::Cloud;
use super::quota::QuotaDefaults;
use super::service::Service;

/// How long what was said counts as known, an answer or a refusal.
const KEPT: Duration = Duration::minutes(10);

/// What the three services say; one that does not say has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defaults {
    /// Nova's.
    pub compute: Option<QuotaDefaults>,
    /// Neutron's.
    pub network: Option<QuotaDefaults>,
    /// Cinder's.
    pub volume: Option<QuotaDefaults>,
}

/// What was said last, and when.
pub(super) type Remembered = Mutex<Option<(DateTime<Utc>, Arc<Defaults>)>>;

impl Cloud {
    /// The limits that apply where nobody set any, no more than ten minutes old. Whoever asks meanwhile waits for the one
    /// answer.
    pub async fn defaults(&self) -> Arc<Defaults> {
        let mut remembered = self.inner.defaults.lock().await;
        let now = self.inner.clock.now();
        if let Some((at, defaults)) = &*remembered
            && now - *at < KEPT
        {
            return Arc::clone(defaults);
        }
        let defaults = Arc::new(self.ask_for_defaults().await);
        *remembered = Some((now, Arc::clone(&defaults)));
        defaults
    }

    async fn ask_for_defaults(&self) -> Defaults {
        let own = self.identity().await.ok().and_then(|identity| identity.project_id().map(str::to_owned));
        let Some(own) = own else { return Defaults::default() };
        let ask = async |service| match self.quota_defaults(service, &own).await {
            Ok(answer) => Some(answer.value),
            Err(error) => {
                tracing::debug!(cloud.name = self.name(), %service, %error, "the default limits are not known");
                None
            }
        };
        let (compute, network, volume) =
            tokio::join!(ask(Service::Compute), ask(Service::Network), ask(Service::Volume));
        Defaults { compute, network, volume }
    }
}
