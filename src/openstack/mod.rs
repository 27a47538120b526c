//! A thin typed client of Keystone, Nova, Neutron, Cinder and Glance.
//!
//! It promises three things that general clients do not: a listing is whole or an error, an error says by its type
//! what to do about it, and nothing that could change the cloud leaves a client that was not made for writing.
//!
//! `http` does one exchange, `send` makes it succeed (token, address, attempts), `paging` makes listings of it, and the
//! files named after the services know the API's paths and fields. What a value *means* is `model`'s.

mod answer;
mod catalog;
pub mod clouds_yaml;
mod collection;
mod compute;
mod count;
mod defaults;
mod error;
mod gate;
mod http;
mod identity;
mod image;
mod login;
mod microversion;
mod network;
mod page;
mod paging;
mod probe;
pub mod profile;
mod quota;
mod refusal;
mod request;
mod sections;
mod send;
mod service;
mod session;
mod sight;
mod text;
mod token;
mod upload;
mod uses;
mod volume;
mod walk;
mod write;
mod writer;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;

use crate::clock::Clock;
use crate::retry::Backoff;

pub use answer::{Answer, Asked, Broken, Listing, PageOf, Which};
pub use catalog::{Catalog, CatalogService, Endpoint};
pub use compute::{AttachedVolume, NamedGroup, Server, ServerAddress, ServerFlavor, ServerGroup, ServerImage};
pub use count::{Countable, Owned};
pub use defaults::Defaults;
pub use error::{Error, Refusal};
pub use gate::Limits;
pub use identity::{KeystoneDomain, Project, ProjectFilter, Role, User};
pub use image::Image;
pub use network::{
    AddressPair, AllocationPool, FixedIp, FloatingIp, Gateway, Network, Port, PortDetails, Route, Router,
    SecurityGroup, SecurityGroupRule, Subnet,
};
pub use probe::Ability;
pub use profile::Profile;
pub use quota::{ComputeQuota, NetworkQuota, QuotaDefaults, QuotaValue, Quotas, VolumeQuota};
pub use sections::{End, OfProject, Section, Sections};
pub use service::Service;
pub use session::Reload;
pub use token::{Identity, TokenScope};
pub use upload::{Pieces, Receipt, Upload};
pub use uses::{GroupedPort, NamingRule};
pub use volume::{Attachment, Volume, VolumeSnapshot};
pub use write::{NetworkObject, NewImage, NewProject, NewRule, NewSubnet};
pub use writer::{Warrant, Writer};

use collection::Collection;
use gate::Gates;
use request::Request;
use session::Session;

/// What is asked for per page; a service may give less.
const PAGE_SIZE: usize = 1_000;

/// How a cloud is talked to.
#[derive(Clone)]
pub struct Options {
    /// The cloud's name in metrics, logs and errors.
    pub name: String,
    /// The kinds of jobs that may change it; nothing but questions and token requests leaves for any other.
    pub write: BTreeSet<String>,
    /// The time-out of one attempt.
    pub request_timeout: Duration,
    /// How often a request is tried.
    pub attempts: u32,
    /// How long to wait between two attempts.
    pub backoff: Backoff,
    /// How many requests a service gets at once, at most.
    pub concurrency: usize,
    /// How few it gets when it refuses, how many a second, and when it is left alone.
    pub limits: Limits,
    /// Objects per page.
    pub page_size: Option<usize>,
    /// The roles that see every project in every service. Services do not refuse a listing to other roles, they list
    /// the caller's own objects; so it is this list that decides whether a listing proves anything.
    pub seeing_roles: Vec<String>,
    /// Reads the credentials again after a refused login.
    pub reload: Option<Reload>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            write: BTreeSet::new(),
            request_timeout: Duration::from_secs(30),
            attempts: 3,
            backoff: Backoff { base: Duration::from_millis(500), max: Duration::from_secs(10) },
            concurrency: 16,
            limits: Limits::default(),
            page_size: None,
            seeing_roles: vec!["admin".to_owned()],
            reload: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("name", &self.name).field("write", &self.write).finish_non_exhaustive()
    }
}

/// One cloud: a login, its catalog, and the calls. Clones share all of it.
#[derive(Clone)]
pub struct Cloud {
    inner: Arc<Inner>,
}

struct Inner {
    options: Arc<Options>,
    clock: Arc<dyn Clock>,
    session: Session,
    /// What each service bears; it is the same whatever project a token is for.
    gates: Arc<Gates>,
    defaults: defaults::Remembered,
}

impl fmt::Debug for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cloud").field(&self.name()).finish()
    }
}

impl Cloud {
    /// Prepares the connections; asks nothing yet.
    ///
    /// # Errors
    /// When the profile's certificates cannot be read.
    pub fn new(profile: Profile, options: Options, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let options = Arc::new(options);
        let session = Session::new(profile, Arc::clone(&options), Arc::clone(&clock))?;
        let gates = Arc::new(Gates::new(&options, &clock));
        let defaults = defaults::Remembered::default();
        Ok(Self { inner: Arc::new(Inner { options, clock, session, gates, defaults }) })
    }

    /// Goes on with what another client has learnt of the services, where it is for the same cloud within the same limits:
    /// who exchanges one for the other must not ask twice as much meanwhile, nor forget a rest that a service asked for.
    pub fn keep_gates_of(&mut self, before: &Self) {
        let (new, old) = (&self.inner, &before.inner);
        let address = |inner: &Inner| inner.session.connection().profile.auth_url.clone();
        let bounds = |inner: &Inner| (inner.options.concurrency, inner.options.limits);
        if bounds(new) != bounds(old) || address(new) != address(old) {
            return;
        }
        // One that others share already is in use as it is.
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.gates = Arc::clone(&before.inner.gates);
        }
    }

    /// The same cloud with a token for another project, for what a service makes only where the token is for.
    ///
    /// # Errors
    /// [`Error::Unauthorised`] where the login has no role there; an application credential has only its own project.
    pub(crate) async fn within(&self, project: &str) -> Result<Self, Error> {
        if self.identity().await?.project_id() == Some(project) {
            return Ok(self.clone());
        }
        let mut profile = self.inner.session.connection().profile.clone();
        profile.scope = profile::Scope::Project(profile::Named::Id(project.to_owned()));
        // What is read again would be for the project of the configuration.
        let options = Arc::new(Options { reload: None, ..Options::clone(&self.inner.options) });
        let clock = Arc::clone(&self.inner.clock);
        let session = Session::new(profile, Arc::clone(&options), Arc::clone(&clock))?;
        let gates = Arc::clone(&self.inner.gates);
        let defaults = defaults::Remembered::default();
        let scoped = Self { inner: Arc::new(Inner { options, clock, session, gates, defaults }) };
        let identity = scoped.identity().await?;
        if identity.project_id() == Some(project) {
            return Ok(scoped);
        }
        let who = identity.user_name;
        Err(Error::Unauthorised {
            auth_url: scoped.inner.session.connection().profile.auth_url.clone(),
            who,
            message: format!("the token is for another project than {project}"),
            check: "an application credential has only its own project",
        })
    }

    /// The version of the compute API that is asked for; none where the service knows no microversions.
    pub(crate) async fn compute_version(&self) -> Result<Option<(u32, u32)>, Error> {
        let grant = self.inner.session.grant().await?;
        let identity = &grant.identity;
        let base = identity.catalog.base(Service::Compute, &grant.connection.profile, identity.project_id())?;
        let version = microversion::negotiated(&grant, &base, self.inner.gates.of(Service::Compute)).await?;
        Ok(version.as_deref().and_then(microversion::parse))
    }

    /// The cloud's name.
    pub fn name(&self) -> &str {
        &self.inner.options.name
    }

    /// Who we are there; logs in if needed.
    pub async fn identity(&self) -> Result<Identity, Error> {
        Ok(self.inner.session.grant().await?.identity.clone())
    }

    /// Makes a new token, and with it reads the catalog again.
    pub async fn renew(&self) -> Result<(), Error> {
        self.inner.session.renew().await.map(drop)
    }

    /// Uses another login from now on; requests in flight end with the old one.
    ///
    /// # Errors
    /// When the profile's certificates cannot be read; the old login stays.
    pub fn replace_profile(&self, profile: Profile) -> Result<(), Error> {
        self.inner.session.replace(profile)
    }

    /// How far our clock is ahead of the cloud's, by the `Date` of Keystone's answer, which counts whole seconds.
    pub async fn clock_skew(&self) -> Result<chrono::Duration, Error> {
        let connection = self.inner.session.connection();
        let request = Request::get(Service::Identity, "version_show", &[]);
        let answer = connection.wire.exchange(&request, login::keystone(&connection)?, HeaderMap::new()).await?;
        let date = answer.header("date").and_then(|date| DateTime::parse_from_rfc2822(date).ok());
        let date = date.ok_or_else(|| answer.unexpected(&request, "no Date header"))?.to_utc();
        // The answer was stamped somewhere in between; half a second evens out the cut-off fraction.
        let between = answer.left_at + (answer.back_at - answer.left_at) / 2;
        Ok(between - date - chrono::Duration::milliseconds(500))
    }

    /// Lists a collection for a login that can see what it asks for.
    async fn objects<T: DeserializeOwned>(
        &self,
        collection: &Collection,
        which: Which<'_>,
    ) -> Result<Listing<T>, Error> {
        let grant = self.inner.session.grant().await?;
        self.must_see(&grant, collection, which)?;
        self.list(collection, &collection.request(which, grant.identity.project_id())).await
    }
}
