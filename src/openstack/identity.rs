//! Keystone: the projects and domains that exist, and whether a project certainly does not.

use serde::{Deserialize, Serialize};

use super::Cloud;
use super::answer::{Listing, Which};
use super::collection::{DOMAINS, PROJECTS, ROLES, USERS};
use super::error::Error;
use super::request::Request;
use super::service::Service;
use super::text::or_default;

/// A project, as Keystone names its fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Its id.
    pub id: String,
    /// Its name, unique in its domain.
    pub name: String,
    /// Its domain; `None` for a project that is a domain.
    #[serde(default)]
    pub domain_id: Option<String>,
    /// A text of whoever made it.
    #[serde(default, deserialize_with = "or_default")]
    pub description: String,
    /// Whether anyone can use it.
    pub enabled: bool,
    /// The project or domain that it stands below.
    #[serde(default)]
    pub parent_id: Option<String>,
    /// Whether it is a domain.
    #[serde(default, deserialize_with = "or_default")]
    pub is_domain: bool,
    /// Its tags.
    #[serde(default, deserialize_with = "or_default")]
    pub tags: Vec<String>,
}

/// A domain, as Keystone names its fields.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct KeystoneDomain {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether anyone can use it.
    pub enabled: bool,
    /// A text of whoever made it.
    #[serde(default, deserialize_with = "or_default")]
    pub description: String,
}

/// Which projects to list; every condition that is set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectFilter {
    /// Only those of this domain.
    pub domain_id: Option<String>,
    /// Only enabled, or only disabled ones.
    pub enabled: Option<bool>,
    /// Only those with all of these tags.
    pub tags: Vec<String>,
    /// Only those of this name.
    pub name: Option<String>,
}

/// A user, as Keystone names its fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its id.
    pub id: String,
    /// Its name, unique in its domain.
    pub name: String,
    /// Its domain.
    #[serde(default)]
    pub domain_id: Option<String>,
    /// The project that it belongs to.
    #[serde(default)]
    pub default_project_id: Option<String>,
}

/// A role, as Keystone names its fields.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Role {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

#[derive(Deserialize)]
pub(crate) struct ProjectAnswer {
    pub project: Project,
}

#[derive(Deserialize)]
pub(crate) struct UserAnswer {
    pub user: User,
}

pub(crate) fn projects_request(filter: &ProjectFilter) -> Request<'static> {
    let mut request = PROJECTS.request(Which::All, None);
    if let Some(domain) = &filter.domain_id {
        request = request.query("domain_id", domain);
    }
    if let Some(enabled) = filter.enabled {
        request = request.query("enabled", enabled.to_string());
    }
    if !filter.tags.is_empty() {
        request = request.query("tags", filter.tags.join(","));
    }
    if let Some(name) = &filter.name {
        request = request.query("name", name);
    }
    request
}

pub(crate) fn project_request(id: &str) -> Request<'_> {
    Request::get(Service::Identity, "project_show", &["projects", id]).about(Some(id))
}

impl Cloud {
    /// The projects that fit `filter`.
    pub async fn projects(&self, filter: &ProjectFilter) -> Result<Listing<Project>, Error> {
        self.list(&PROJECTS, &projects_request(filter)).await
    }

    /// A project, or `None` if Keystone says that there is no such project. Everything else is an error.
    pub async fn project(&self, id: &str) -> Result<Option<Project>, Error> {
        let request = project_request(id);
        match self.send(&request).await {
            Ok(answer) => Ok(Some(answer.json::<ProjectAnswer>(&request)?.project)),
            // A proxy's 404 for a wrong address says nothing about the project.
            Err(Error::NotFound(refusal)) if refusal.message.to_lowercase().contains("could not find project") => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The users of that name in a domain: one at most.
    pub async fn users(&self, name: &str, domain: &str) -> Result<Vec<User>, Error> {
        let request = USERS.request(Which::All, None).query("name", name).query("domain_id", domain);
        Ok(self.list::<User>(&USERS, &request).await?.items)
    }

    /// All roles.
    pub async fn roles(&self) -> Result<Vec<Role>, Error> {
        Ok(self.list::<Role>(&ROLES, &ROLES.request(Which::All, None)).await?.items)
    }

    /// All domains.
    pub async fn domains(&self) -> Result<Listing<KeystoneDomain>, Error> {
        self.list(&DOMAINS, &DOMAINS.request(Which::All, None)).await
    }
}
