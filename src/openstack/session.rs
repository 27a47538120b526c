//! One token for everyone: made when it is first needed, renewed before it ends or when a service refuses it, by
//! exactly one request however many wait.
//!
//! The rule is a generation: who found the token of generation *n* refused waits for the lock and then looks whether
//! *n* is still the newest. A refused login is remembered for a while, so that a wrong password is tried once and not
//! by every job that waits, which would lock the account.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::HeaderValue;
use tokio::sync::{Mutex, OnceCell};

use crate::clock::Clock;

use super::Options;
use super::error::Error;
use super::http::Wire;
use super::login;
use super::profile::Profile;
use super::token::Identity;

/// How long before its end a token is no longer used: requests that carry it take time, and clocks differ.
const MARGIN: chrono::Duration = chrono::Duration::seconds(60);
/// How long a refused login is the answer to everyone.
const REMEMBER_REFUSAL: chrono::Duration = chrono::Duration::seconds(10);

/// A reader of credentials that may have been rotated since.
pub type Reload = Arc<dyn Fn() -> Option<Profile> + Send + Sync>;

/// A profile with the connections that were made for it; requests in flight keep theirs when it is replaced.
pub(crate) struct Connection {
    pub profile: Profile,
    pub wire: Wire,
    /// The end of the application credential, asked for once per profile.
    pub credential_end: OnceCell<Option<DateTime<Utc>>>,
}

/// A token and what came with it.
pub(crate) struct Grant {
    pub token: HeaderValue,
    pub generation: u64,
    pub identity: Identity,
    pub connection: Arc<Connection>,
    /// The compute API's version, negotiated once per token.
    pub microversion: OnceCell<String>,
    usable_until: DateTime<Utc>,
}

/// The login of one cloud.
pub(crate) struct Session {
    options: Arc<Options>,
    clock: Arc<dyn Clock>,
    state: RwLock<State>,
    login: Mutex<Logins>,
}

struct State {
    connection: Arc<Connection>,
    grant: Option<Arc<Grant>>,
    generation: u64,
    /// Counts failed logins, so that who waited during one can share its outcome.
    failures: u64,
}

#[derive(Default)]
struct Logins {
    failed: Option<Failed>,
}

struct Failed {
    error: Error,
    at: DateTime<Utc>,
    connection: Arc<Connection>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("cloud", &self.options.name).finish_non_exhaustive()
    }
}

impl Connection {
    pub(crate) fn new(profile: Profile, options: &Options, clock: &Arc<dyn Clock>) -> Result<Self, Error> {
        let cloud = Arc::from(options.name.as_str());
        let wire = Wire::new(cloud, &profile, options.request_timeout, Arc::clone(clock))?;
        Ok(Self { profile, wire, credential_end: OnceCell::new() })
    }
}

impl Grant {
    /// `issued_at` and the end are Keystone's; the token is used for as long by our clock, whatever that shows.
    pub(crate) fn new(
        token: HeaderValue,
        identity: Identity,
        issued_at: DateTime<Utc>,
        received_at: DateTime<Utc>,
        connection: Arc<Connection>,
    ) -> Self {
        let lifetime = (identity.expires_at - issued_at).max(chrono::Duration::zero());
        let usable_until = received_at + lifetime - MARGIN.min(lifetime / 2);
        Self { token, generation: 0, identity, connection, microversion: OnceCell::new(), usable_until }
    }
}

impl Session {
    pub(crate) fn new(profile: Profile, options: Arc<Options>, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let connection = Arc::new(Connection::new(profile, &options, &clock)?);
        let state = RwLock::new(State { connection, grant: None, generation: 0, failures: 0 });
        Ok(Self { options, clock, state, login: Mutex::default() })
    }

    /// The connections and profile of this moment.
    pub(crate) fn connection(&self) -> Arc<Connection> {
        self.read(|state| Arc::clone(&state.connection))
    }

    /// A usable token; logs in if there is none.
    pub(crate) async fn grant(&self) -> Result<Arc<Grant>, Error> {
        match self.usable() {
            Some(grant) => Ok(grant),
            None => self.login_past(self.read(|state| state.generation)).await,
        }
    }

    /// A token newer than generation `refused`.
    pub(crate) async fn renew_past(&self, refused: u64) -> Result<Arc<Grant>, Error> {
        self.login_past(refused).await
    }

    /// A token newer than whatever there is; who asks at the same time shares it.
    pub(crate) async fn renew(&self) -> Result<Arc<Grant>, Error> {
        self.login_past(self.read(|state| state.generation)).await
    }

    /// Takes another login from now on. Requests in flight end with the old one.
    pub(crate) fn replace(&self, profile: Profile) -> Result<(), Error> {
        let connection = Arc::new(Connection::new(profile, &self.options, &self.clock)?);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.connection = connection;
        state.grant = None;
        Ok(())
    }

    async fn login_past(&self, generation: u64) -> Result<Arc<Grant>, Error> {
        let failures = self.read(|state| state.failures);
        let mut logins = self.login.lock().await;
        if let Some(grant) = self.usable().filter(|grant| grant.generation > generation) {
            return Ok(grant);
        }
        if let Some(failed) = &logins.failed
            && Arc::ptr_eq(&failed.connection, &self.connection())
        {
            let waited_for_it = self.read(|state| state.failures) != failures;
            if waited_for_it || (is_refusal(&failed.error) && self.clock.now() < failed.at + REMEMBER_REFUSAL) {
                return Err(failed.error.clone());
            }
        }
        match self.login().await {
            Ok(grant) => {
                logins.failed = None;
                Ok(self.keep(grant))
            }
            Err(error) => {
                self.state.write().unwrap_or_else(PoisonError::into_inner).failures += 1;
                let connection = self.connection();
                logins.failed = Some(Failed { error: error.clone(), at: self.clock.now(), connection });
                Err(error)
            }
        }
    }

    /// Logs in, and after a refusal once more if the credentials have changed meanwhile.
    async fn login(&self) -> Result<Grant, Error> {
        let connection = self.connection();
        let error = match login::log_in(&connection, &self.options, &*self.clock).await {
            Err(error) if is_refusal(&error) => error,
            other => return other,
        };
        let reloaded = self.options.reload.as_ref().and_then(|reload| reload());
        let Some(profile) = reloaded.filter(|profile| !profile.same_login(&connection.profile)) else {
            return Err(error);
        };
        tracing::info!(cloud.name = self.options.name, "login refused; trying once with the credentials read again");
        self.replace(profile)?;
        login::log_in(&self.connection(), &self.options, &*self.clock).await
    }

    fn keep(&self, mut grant: Grant) -> Arc<Grant> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.generation += 1;
        grant.generation = state.generation;
        let grant = Arc::new(grant);
        // A profile that was replaced during the login gets its own one at the next request.
        if Arc::ptr_eq(&grant.connection, &state.connection) {
            state.grant = Some(Arc::clone(&grant));
        }
        grant
    }

    /// The token, if there is one that can be used now.
    pub(crate) fn usable(&self) -> Option<Arc<Grant>> {
        let now = self.clock.now();
        self.read(|state| state.grant.clone()).filter(|grant| now < grant.usable_until)
    }

    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::Unauthorised { .. } | Error::CredentialExpired { .. })
}

/// The longest delay that a request waits for by itself; whoever is asked to wait longer gives the error back.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(30);
