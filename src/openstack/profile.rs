//! How to log in to one cloud: what an entry of `clouds.yaml` means once it is read.
//!
//! Secrets are [`SecretString`]s, so no `Debug` of these types shows one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

/// The credentials and the choices of one cloud entry.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Keystone's address, with or without `/v3`.
    pub auth_url: String,
    /// Who logs in.
    pub auth: Auth,
    /// What the token is asked for.
    pub scope: Scope,
    /// The region whose endpoints are used; `None` takes the catalog's only one.
    pub region: Option<String>,
    /// Which of the catalog's three addresses is used.
    pub interface: Interface,
    /// A bundle of certificates that replaces the system's.
    pub cacert: Option<PathBuf>,
    /// Whether certificates are verified at all.
    pub verify: bool,
    /// Addresses that win over the catalog, by service type with `_` for `-` (`volumev3`, `network`).
    pub endpoint_overrides: BTreeMap<String, String>,
    /// The files that this profile came from; when one changes, read it again.
    pub source_files: Vec<PathBuf>,
}

impl Profile {
    /// A cloud where nobody listens, for tests that must not come so far.
    #[cfg(test)]
    pub(crate) fn nowhere() -> Self {
        Self {
            auth_url: "http://127.0.0.1:1".into(),
            auth: Auth::Token { token: "t".into() },
            scope: Scope::Unscoped,
            region: None,
            interface: Interface::Public,
            cacert: None,
            verify: true,
            endpoint_overrides: BTreeMap::new(),
            source_files: Vec::new(),
        }
    }
}

/// Who logs in, and with what.
#[derive(Debug, Clone)]
pub enum Auth {
    /// A user with a password.
    Password {
        /// The user.
        user: Named,
        /// The password.
        password: SecretString,
    },
    /// An application credential; its project is fixed by Keystone and cannot be changed by a scope.
    ApplicationCredential {
        /// Which one.
        credential: ApplicationCredential,
        /// Its secret.
        secret: SecretString,
    },
    /// A token from elsewhere; it keeps its expiry, so this login ends with it.
    Token {
        /// The token.
        token: SecretString,
    },
}

/// An application credential is named by its id, or by its name and its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplicationCredential {
    /// By id.
    Id(String),
    /// By name, which is unique for a user.
    Name {
        /// The credential's name.
        name: String,
        /// Whose it is.
        user: Named,
    },
}

/// Something of Keystone's that an id names alone, and a name names inside a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// By id.
    Id(String),
    /// By name.
    Name {
        /// The name.
        name: String,
        /// The domain that it is unique in.
        domain: Domain,
    },
}

/// A domain, by id or by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Domain {
    /// By id.
    Id(String),
    /// By name.
    Name(String),
}

/// What the token is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// A project: the only scope in which Nova, Neutron and Cinder answer truthfully.
    Project(Named),
    /// A domain.
    Domain(Domain),
    /// The whole system; a trap for everything but Keystone.
    System,
    /// Nothing asked: an application credential's own project, or a user's default project.
    Unscoped,
}

/// Which of an endpoint's three addresses is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Interface {
    /// The address for everyone.
    #[default]
    Public,
    /// The address inside the cloud's own network.
    Internal,
    /// The address for administrators.
    Admin,
}

impl Interface {
    /// The catalog's word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Admin => "admin",
        }
    }
}

impl Named {
    /// How a person would call it.
    pub fn label(&self) -> &str {
        match self {
            Self::Id(text) | Self::Name { name: text, .. } => text,
        }
    }
}

impl Auth {
    /// Who logs in, for messages.
    pub fn who(&self) -> String {
        match self {
            Self::Password { user, .. } => format!("user {}", user.label()),
            Self::ApplicationCredential { credential: ApplicationCredential::Id(id), .. } => {
                format!("application credential {id}")
            }
            Self::ApplicationCredential { credential: ApplicationCredential::Name { name, user }, .. } => {
                format!("application credential {name} of user {}", user.label())
            }
            Self::Token { .. } => "the given token".to_owned(),
        }
    }

    pub(crate) fn secret(&self) -> &SecretString {
        match self {
            Self::Password { password: secret, .. }
            | Self::ApplicationCredential { secret, .. }
            | Self::Token { token: secret } => secret,
        }
    }

    /// Takes the secret out of a text: Keystone quotes what it was sent when it finds it malformed.
    pub(crate) fn redact(&self, text: &str) -> String {
        match self.secret().expose_secret() {
            "" => text.to_owned(),
            secret => text.replace(secret, "[redacted]"),
        }
    }
}

impl Profile {
    /// Whether a login with `other` would be the same login: then trying it again would only count as one more failure.
    pub fn same_login(&self, other: &Self) -> bool {
        self.auth_url == other.auth_url
            && self.scope == other.scope
            && self.auth.who() == other.auth.who()
            && self.auth.secret().expose_secret() == other.auth.secret().expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_a_secret() {
        let user = Named::Name { name: "ann".into(), domain: Domain::Id("default".into()) };
        for auth in [
            Auth::Password { user, password: "hunter2".into() },
            Auth::ApplicationCredential {
                credential: ApplicationCredential::Id("c1".into()),
                secret: "hunter2".into(),
            },
            Auth::Token { token: "hunter2".into() },
        ] {
            assert!(!format!("{auth:?}").contains("hunter2"));
            assert_eq!(auth.redact("On instance: 'hunter2'"), "On instance: '[redacted]'");
        }
    }
}
