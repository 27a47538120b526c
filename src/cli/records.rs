//! The records as commands use them: opened beside the daemon, without asking any cloud.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::bail;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::output::{self, Format};
use super::usage;
use crate::app::build;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::jobs::context::{Context, Live};
use crate::jobs::resolve;
use crate::model::Tenant;
use crate::model::ids::new_id;
use crate::model::job::{PRIORITY_PERSON, Request};
use crate::store::pages::Kept;
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

    /// Says so where no tenant is in a domain of this name or id: nothing was found for another reason than it seems.
    pub(super) async fn note_unknown_domain(&self, domain: &str) -> anyhow::Result<()> {
        let tenants = self.store().tenants(None).await?;
        if tenants.iter().any(|it| it.domain == domain || it.domain_name == domain) {
            return Ok(());
        }
        let name = |it: &Tenant| if it.domain_name.is_empty() { it.domain.clone() } else { it.domain_name.clone() };
        let known: BTreeSet<String> = tenants.iter().map(name).collect();
        let known = known.into_iter().collect::<Vec<_>>().join(", ");
        output::note(&format!("no tenant is in a domain `{domain}`; there are: {known}"));
        Ok(())
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

/// An id as a person gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Id {
    /// The whole of it.
    Whole(Uuid),
    /// Its last digits, as narrow tables show them.
    Ending(String),
}

impl FromStr for Id {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(id) = Uuid::parse_str(text) {
            return Ok(Self::Whole(id));
        }
        let digits = text.trim_start_matches('-').to_ascii_lowercase();
        if digits.len() >= 6 && digits.chars().all(|c| c.is_ascii_hexdigit()) {
            return Ok(Self::Ending(digits));
        }
        Err("is no id; copy one from the ID column of a listing, the last six digits are enough".to_owned())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(id) => id.fmt(formatter),
            Self::Ending(digits) => write!(formatter, "…{digits}"),
        }
    }
}

impl Id {
    /// The whole id; the records are looked through only when the ending was given.
    pub async fn whole(&self, store: &Store, kept: Kept) -> anyhow::Result<Option<Uuid>> {
        let digits = match self {
            Self::Whole(id) => return Ok(Some(*id)),
            Self::Ending(digits) => digits,
        };
        match store.ids_ending(kept, digits).await?.as_slice() {
            [_, _, ..] => Err(usage(format!("more than one id ends in {digits}; give more of it"))),
            ids => Ok(ids.first().copied()),
        }
    }
}
