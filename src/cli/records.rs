//! The records as commands use them: opened beside the daemon, without asking any cloud.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::bail;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::output::Format;
use super::usage;
use crate::app::build;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::jobs::context::{Context, Live};
use crate::jobs::resolve;
use crate::model::Tenant;
use crate::model::ids::new_id;
use crate::model::job::{PRIORITY_PERSON, Request};
use crate::store::{Store, StoreError};

/// What commands share.
#[derive(Debug)]
pub struct Records {
    /// The configuration.
    pub config: Config,
    /// The records, with a clock and without clouds.
    pub context: Context,
    /// How results are written.
    pub output: Format,
}

impl Records {
    /// Opens them. An empty database is brought to this version; an older one is left to `run` and `migrate`, for a
    /// listing must not change what an older daemon still uses.
    pub async fn open(path: &Path, output: Format) -> anyhow::Result<Self> {
        let config = build::load_config(path)?;
        let store = match build::store(&config, false).await {
            Err(error) if config.database.migrate && is_empty_database(&error) => build::store(&config, true).await,
            opened => opened,
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let exchanges = build::exchanges(&config);
        let context = Context::new(store?, clock, config.instance_name(), Live::default(), exchanges);
        Ok(Self { config, context, output })
    }

    /// The records themselves.
    pub fn store(&self) -> &Store {
        self.context.store()
    }

    /// The time now.
    pub fn now(&self) -> DateTime<Utc> {
        self.context.clock().now()
    }

    /// The one tenant that a person means.
    pub async fn tenant(&self, subject: &str, cloud: Option<&str>) -> anyhow::Result<Tenant> {
        tenant(&self.context, subject, cloud).await
    }

    /// The tenant that a person means, if they named one.
    pub async fn tenant_if(&self, subject: Option<&str>, cloud: Option<&str>) -> anyhow::Result<Option<Tenant>> {
        match subject {
            Some(subject) => self.tenant(subject, cloud).await.map(Some),
            None => Ok(None),
        }
    }

    /// Every tenant by tenantd's id, to name those in a listing.
    pub async fn tenants_by_id(&self) -> Result<BTreeMap<Uuid, Tenant>, StoreError> {
        Ok(self.store().tenants(None).await?.into_iter().map(|tenant| (tenant.uuid, tenant)).collect())
    }

    /// Refuses a cloud that is not configured.
    pub fn known_cloud(&self, cloud: Option<&str>) -> anyhow::Result<()> {
        known_cloud(&self.config, cloud)
    }

    /// A job that a person asks for now.
    pub fn request(&self, kind: &str) -> Request {
        let now = self.now();
        Request { priority: PRIORITY_PERSON, ..Request::new(new_id(now), kind, "cli", now) }
    }
}

/// Refuses a cloud that is not configured.
pub fn known_cloud(config: &Config, cloud: Option<&str>) -> anyhow::Result<()> {
    let Some(cloud) = cloud else { return Ok(()) };
    let known: Vec<&str> = config.clouds.iter().map(|it| it.name.as_str()).collect();
    if known.contains(&cloud) {
        return Ok(());
    }
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Err(usage(format!("no cloud `{cloud}` is configured; there is {known}")))
}

/// The one tenant that a person means: an id, `cloud/name`, or a name that only one has.
pub async fn tenant(context: &Context, subject: &str, cloud: Option<&str>) -> anyhow::Result<Tenant> {
    let mut tenants = candidates(context, subject, cloud).await?;
    if tenants.len() > 1 {
        let each = tenants.iter().map(|it| format!("{} (project {})", it.label(), it.backend_id));
        return Err(usage(format!(
            "`{subject}` may mean {}; name the project id, with --cloud if needed",
            each.collect::<Vec<_>>().join(" or ")
        )));
    }
    let Some(tenant) = tenants.pop() else {
        bail!(
            "no tenant `{subject}` is recorded; `tenantd tenants list` shows those that are, and \
             `tenantd tenants add --cloud CLOUD PROJECT_ID` records another"
        );
    };
    Ok(tenant)
}

/// Everyone whom a person may mean.
pub async fn candidates(context: &Context, subject: &str, cloud: Option<&str>) -> Result<Vec<Tenant>, StoreError> {
    let known = resolve::known(context, subject, cloud).await?;
    if !known.is_empty() {
        return Ok(known);
    }
    context.store().tenants_by_name(subject, cloud).await
}

fn is_empty_database(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(StoreError::Older { found: 0, .. }))
}

/// Reads an id out of an argument.
pub fn id(text: &str) -> anyhow::Result<Uuid> {
    Uuid::parse_str(text).map_err(|_| usage(format!("`{text}` is no id; copy one from the ID column of a listing")))
}
