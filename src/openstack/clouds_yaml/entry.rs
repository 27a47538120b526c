//! From the merged keys of one entry to a [`Profile`].

use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

use super::document::Node;
use super::error::ProfileError;
use crate::openstack::profile::{ApplicationCredential, Auth, Domain, Interface, Named, Profile, Scope};

/// The domain of everything that names none, as the command line client has it.
const DEFAULT_DOMAIN: &str = "default";
const OVERRIDE: &str = "_endpoint_override";

/// Reads the entry's keys.
pub(super) fn profile(
    name: &str,
    node: &Node,
    region: Option<&str>,
    source_files: Vec<PathBuf>,
) -> Result<Profile, ProfileError> {
    let mut node = node.clone();
    let region = choose_region(name, &mut node, region)?;
    let entry = Entry { name, node: &node };
    let auth_url = entry.get(&["auth_url"]).ok_or_else(|| entry.missing("auth_url under `auth`"))?;
    if !Url::parse(auth_url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
        return Err(entry.invalid("auth_url", format!("is `{auth_url}`, which is no http or https address")));
    }
    let overrides = node.fields().filter_map(|(key, value)| {
        let service = key.replace('-', "_").strip_suffix(OVERRIDE)?.to_owned();
        Some((service, value.text()?.to_owned()))
    });
    let auth = entry.auth()?;
    let scope = match auth {
        Auth::ApplicationCredential { .. } => Scope::Unscoped,
        _ => entry.scope(),
    };
    Ok(Profile {
        auth_url: auth_url.trim_end_matches('/').to_owned(),
        auth,
        scope,
        region,
        interface: entry.interface()?,
        cacert: entry.get(&["cacert", "ca_cert"]).map(at_home),
        verify: entry.flag("verify")?.unwrap_or(true) && !entry.flag("insecure")?.unwrap_or(false),
        endpoint_overrides: overrides.collect(),
        source_files,
    })
}

struct Entry<'a> {
    name: &'a str,
    node: &'a Node,
}

impl<'a> Entry<'a> {
    /// The first of `keys` that is set, under `auth` before the top level, with `-` as good as `_`.
    fn get(&self, keys: &[&str]) -> Option<&'a str> {
        let places = [self.node.get("auth"), Some(self.node)];
        places.into_iter().flatten().find_map(|place| {
            keys.iter()
                .find_map(|key| place.get(key).or_else(|| place.get(&key.replace('_', "-"))).and_then(Node::text))
        })
    }

    fn auth(&self) -> Result<Auth, ProfileError> {
        let credential = self.get(&["application_credential_secret"]).is_some();
        let kind = match self.get(&["auth_type", "auth_plugin"]) {
            Some(kind) => kind,
            None if credential => "v3applicationcredential",
            None if self.get(&["token"]).is_some() && self.get(&["password"]).is_none() => "token",
            None => "password",
        };
        match kind {
            "password" | "v3password" => Ok(Auth::Password {
                user: self.user().ok_or_else(|| self.missing("username under `auth`"))?,
                password: self.secret(&["password"], "password under `auth` (or in secure.yaml)")?,
            }),
            "v3applicationcredential" | "application_credential" => {
                let secret = self.secret(
                    &["application_credential_secret"],
                    "application_credential_secret under `auth` (or in secure.yaml)",
                )?;
                Ok(Auth::ApplicationCredential { credential: self.application_credential()?, secret })
            }
            "token" | "v3token" => Ok(Auth::Token { token: self.secret(&["token"], "token under `auth`")? }),
            other => Err(self.invalid(
                "auth_type",
                format!("is `{other}`; password, v3applicationcredential and token are possible"),
            )),
        }
    }

    fn application_credential(&self) -> Result<ApplicationCredential, ProfileError> {
        if let Some(id) = self.get(&["application_credential_id"]) {
            return Ok(ApplicationCredential::Id(id.to_owned()));
        }
        let name = self.get(&["application_credential_name"]);
        let name = name.ok_or_else(|| self.missing("application_credential_id under `auth`"))?.to_owned();
        let user = self.user().ok_or_else(|| self.missing("username beside application_credential_name"))?;
        Ok(ApplicationCredential::Name { name, user })
    }

    fn secret(&self, keys: &[&str], wanted: &'static str) -> Result<SecretString, ProfileError> {
        self.get(keys).map(SecretString::from).ok_or_else(|| self.missing(wanted))
    }

    fn user(&self) -> Option<Named> {
        if let Some(id) = self.get(&["user_id"]) {
            return Some(Named::Id(id.to_owned()));
        }
        let name = self.get(&["username", "user_name"])?.to_owned();
        Some(Named::Name { name, domain: self.domain("user") })
    }

    fn project(&self) -> Option<Named> {
        if let Some(id) = self.get(&["project_id", "tenant_id"]) {
            return Some(Named::Id(id.to_owned()));
        }
        let name = self.get(&["project_name", "tenant_name"])?.to_owned();
        Some(Named::Name { name, domain: self.domain("project") })
    }

    /// The domain of a user or a project: its own, else the entry's one for both, else the default.
    fn domain(&self, of: &str) -> Domain {
        let id = |key: &str| self.get(&[key]).map(|id| Domain::Id(id.to_owned()));
        let name = |key: &str| self.get(&[key]).map(|name| Domain::Name(name.to_owned()));
        id(&format!("{of}_domain_id"))
            .or_else(|| name(&format!("{of}_domain_name")))
            .or_else(|| id("domain_id"))
            .or_else(|| name("domain_name"))
            .or_else(|| id("default_domain_id"))
            .or_else(|| name("default_domain_name"))
            .or_else(|| id("default_domain"))
            .unwrap_or_else(|| Domain::Id(DEFAULT_DOMAIN.to_owned()))
    }

    fn scope(&self) -> Scope {
        if self.get(&["system_scope"]).is_some() {
            return Scope::System;
        }
        if let Some(project) = self.project() {
            return Scope::Project(project);
        }
        match (self.get(&["domain_id"]), self.get(&["domain_name"])) {
            (Some(id), _) => Scope::Domain(Domain::Id(id.to_owned())),
            (None, Some(name)) => Scope::Domain(Domain::Name(name.to_owned())),
            (None, None) => Scope::Unscoped,
        }
    }

    fn interface(&self) -> Result<Interface, ProfileError> {
        match self.get(&["interface", "endpoint_type"]).map(|word| word.trim_end_matches("URL")) {
            None | Some("public") => Ok(Interface::Public),
            Some("internal") => Ok(Interface::Internal),
            Some("admin") => Ok(Interface::Admin),
            Some(other) => {
                Err(self.invalid("interface", format!("is `{other}`; public, internal and admin are possible")))
            }
        }
    }

    fn flag(&self, key: &'static str) -> Result<Option<bool>, ProfileError> {
        match self.get(&[key]).map(str::to_lowercase).as_deref() {
            None => Ok(None),
            Some("true" | "yes" | "on" | "1") => Ok(Some(true)),
            Some("false" | "no" | "off" | "0") => Ok(Some(false)),
            Some(other) => Err(self.invalid(key, format!("is `{other}`; true and false are possible"))),
        }
    }

    fn missing(&self, key: &'static str) -> ProfileError {
        ProfileError::Missing { entry: self.name.to_owned(), key }
    }

    fn invalid(&self, key: &'static str, problem: String) -> ProfileError {
        ProfileError::Invalid { entry: self.name.to_owned(), key, problem }
    }
}

/// The region to use, with the values that `regions` has for it laid over the entry.
fn choose_region(name: &str, node: &mut Node, wanted: Option<&str>) -> Result<Option<String>, ProfileError> {
    let wanted = wanted.or_else(|| node.get("region_name").and_then(Node::text)).map(str::to_owned);
    let Some(Node::List(regions)) = node.get("regions").cloned() else { return Ok(wanted) };
    let named = |region: &Node| region.text().or_else(|| region.get("name").and_then(Node::text)).map(str::to_owned);
    let Some(wanted) = wanted.or_else(|| regions.first().and_then(named)) else { return Ok(None) };
    let Some(region) = regions.iter().find(|region| named(region).as_deref() == Some(wanted.as_str())) else {
        let known = regions.iter().filter_map(named).collect::<Vec<_>>().join(", ");
        let problem = format!("have no `{wanted}`; there are: {known}");
        return Err(ProfileError::Invalid { entry: name.to_owned(), key: "regions", problem });
    };
    if let Some(values) = region.get("values") {
        node.merge(values.clone());
    }
    Ok(Some(wanted))
}

fn at_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}
