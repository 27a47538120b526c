//! Keystone's token request and answer: who we turned out to be, what we may see, and until when.

use std::fmt;

use chrono::{DateTime, NaiveDateTime, Utc};
use secrecy::ExposeSecret;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::catalog::Catalog;
use super::profile::{ApplicationCredential, Auth, Domain, Named, Profile, Scope};

/// Who a login turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user's id.
    pub user_id: String,
    /// The user's name.
    pub user_name: String,
    /// What the token is good for.
    pub scope: TokenScope,
    /// The names of the roles in that scope.
    pub roles: Vec<String>,
    /// When the token ends, by Keystone's clock.
    pub expires_at: DateTime<Utc>,
    /// When the credential itself ends: the application credential's or the password's end, where Keystone tells.
    pub credential_expires_at: Option<DateTime<Utc>>,
    /// The services and their addresses.
    pub catalog: Catalog,
}

/// What a token is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenScope {
    /// One project, or with an administrator's role what that role sees through it.
    Project {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
    },
    /// A domain.
    Domain {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
    },
    /// The whole system.
    System,
    /// Nothing but identity itself.
    Unscoped,
}

impl TokenScope {
    /// The kind of scope, as a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Project { .. } => "project",
            Self::Domain { .. } => "domain",
            Self::System => "system",
            Self::Unscoped => "unscoped",
        }
    }
}

impl TokenScope {
    pub(super) fn noun(&self) -> &'static str {
        match self {
            Self::Project { .. } => "a project",
            Self::Domain { .. } => "a domain",
            Self::System => "the system",
            Self::Unscoped => "nothing",
        }
    }
}

impl fmt::Display for TokenScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Project { name, .. } | Self::Domain { name, .. } => write!(f, "{} {name}", self.kind()),
            Self::System | Self::Unscoped => f.write_str(self.kind()),
        }
    }
}

impl Identity {
    /// The project of the token, if it has one.
    pub fn project_id(&self) -> Option<&str> {
        match &self.scope {
            TokenScope::Project { id, .. } => Some(id),
            _ => None,
        }
    }
}

/// The body of a token request. It holds the secret, so it is never logged.
pub(super) fn request_body(profile: &Profile) -> Value {
    let secret = profile.auth.secret().expose_secret();
    let identity = match &profile.auth {
        Auth::Password { user, .. } => {
            let mut user = named(user);
            user["password"] = json!(secret);
            json!({"methods": ["password"], "password": {"user": user}})
        }
        Auth::ApplicationCredential { credential, .. } => {
            let mut body = match credential {
                ApplicationCredential::Id(id) => json!({"id": id}),
                ApplicationCredential::Name { name, user } => json!({"name": name, "user": named(user)}),
            };
            body["secret"] = json!(secret);
            json!({"methods": ["application_credential"], "application_credential": body})
        }
        Auth::Token { .. } => json!({"methods": ["token"], "token": {"id": secret}}),
    };
    let mut auth = json!({"identity": identity});
    match &profile.scope {
        Scope::Project(project) => auth["scope"] = json!({"project": named(project)}),
        Scope::Domain(it) => auth["scope"] = json!({"domain": domain(it)}),
        Scope::System => auth["scope"] = json!({"system": {"all": true}}),
        Scope::Unscoped => {}
    }
    json!({"auth": auth})
}

fn named(named: &Named) -> Value {
    match named {
        Named::Id(id) => json!({"id": id}),
        Named::Name { name, domain: inside } => json!({"name": name, "domain": domain(inside)}),
    }
}

fn domain(domain: &Domain) -> Value {
    match domain {
        Domain::Id(id) => json!({"id": id}),
        Domain::Name(name) => json!({"name": name}),
    }
}

/// Keystone's answer to a token request; the token itself comes in a header.
#[derive(Deserialize)]
pub(super) struct TokenAnswer {
    token: TokenBody,
}

#[derive(Deserialize)]
struct TokenBody {
    user: UserBody,
    #[serde(deserialize_with = "moment")]
    expires_at: DateTime<Utc>,
    #[serde(deserialize_with = "moment")]
    issued_at: DateTime<Utc>,
    project: Option<Reference>,
    domain: Option<Reference>,
    system: Option<Value>,
    #[serde(default)]
    roles: Vec<Reference>,
    #[serde(default)]
    catalog: Catalog,
    application_credential: Option<CredentialBody>,
}

#[derive(Deserialize)]
struct UserBody {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default, deserialize_with = "perhaps_moment")]
    password_expires_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct Reference {
    id: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct CredentialBody {
    id: String,
}

impl TokenAnswer {
    /// When Keystone made the token, by its own clock.
    pub(super) fn issued_at(&self) -> DateTime<Utc> {
        self.token.issued_at
    }

    /// The application credential that logged in, where this Keystone tells.
    pub(super) fn credential_id(&self) -> Option<&str> {
        self.token.application_credential.as_ref().map(|credential| credential.id.as_str())
    }

    /// Who we are, by this answer.
    pub(super) fn into_identity(self, auth: &Auth) -> Identity {
        let token = self.token;
        let scope = match (token.project, token.domain, token.system) {
            (Some(project), ..) => TokenScope::Project { id: project.id, name: project.name },
            (None, Some(domain), _) => TokenScope::Domain { id: domain.id, name: domain.name },
            (None, None, Some(_)) => TokenScope::System,
            (None, None, None) => TokenScope::Unscoped,
        };
        let by_password = matches!(auth, Auth::Password { .. });
        Identity {
            user_id: token.user.id,
            user_name: token.user.name,
            scope,
            roles: token.roles.into_iter().map(|role| role.name).collect(),
            expires_at: token.expires_at,
            credential_expires_at: token.user.password_expires_at.filter(|_| by_password),
            catalog: token.catalog,
        }
    }
}

/// Keystone's answer about an application credential.
#[derive(Deserialize)]
pub(super) struct CredentialAnswer {
    application_credential: CredentialEnd,
}

#[derive(Deserialize)]
struct CredentialEnd {
    #[serde(default, deserialize_with = "perhaps_moment")]
    expires_at: Option<DateTime<Utc>>,
}

impl CredentialAnswer {
    pub(super) fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.application_credential.expires_at
    }
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_moment(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no time")))
}

fn perhaps_moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.as_deref().and_then(parse_moment))
}

/// Keystone writes times with and without a zone; without one they are UTC.
fn parse_moment(text: &str) -> Option<DateTime<Utc>> {
    let zoned = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    zoned.or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").map(|time| time.and_utc())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_a_zone_is_utc() {
        let expected = parse_moment("2026-11-21T21:04:40Z");
        assert!(expected.is_some());
        assert_eq!(parse_moment("2026-11-21T21:04:40.000000"), expected);
        assert_eq!(parse_moment("2026-11-21T23:04:40+02:00"), expected);
        assert_eq!(parse_moment("never"), None);
    }
}
