//! What Keystone keeps: projects, people, what they may do, and the tokens that it gave out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::call::hex;

/// Roles, with the lower ones that each brings along.
pub const ROLES: [(&str, &[&str]); 4] = [
    ("admin", &["admin", "manager", "member", "reader"]),
    ("manager", &["manager", "member", "reader"]),
    ("member", &["member", "reader"]),
    ("reader", &["reader"]),
];

/// A domain.
#[derive(Debug)]
pub struct Domain {
    pub id: String,
    pub name: String,
    pub description: String,
}

/// A project.
#[derive(Debug)]
pub struct Project {
    pub id: Uuid,
    pub name: String,
    pub domain_id: String,
    pub description: String,
    pub enabled: bool,
    pub parent_id: String,
    pub tags: BTreeSet<String>,
}

/// A user.
#[derive(Debug)]
pub struct User {
    pub id: Uuid,
    pub name: String,
    pub domain_id: String,
    pub password: String,
    pub default_project: Option<Uuid>,
}

/// What a role or a token reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Nothing: only to ask what could be reached.
    Unscoped,
    /// One project.
    Project(Uuid),
    /// The domain `default`, the only one in which anybody has a role.
    Domain,
    /// The deployment as a whole.
    System,
}

/// An application credential: a password for one project.
#[derive(Debug)]
pub struct ApplicationCredential {
    pub id: Uuid,
    pub name: String,
    pub secret: String,
    pub user: Uuid,
    pub project: Uuid,
    pub roles: Vec<&'static str>,
    pub expires_at: Option<DateTime<Utc>>,
    pub unrestricted: bool,
}

/// A token that was given out.
#[derive(Debug, Clone)]
pub struct Token {
    pub user: Uuid,
    pub scope: Scope,
    pub roles: Vec<&'static str>,
    pub method: &'static str,
    pub audit: String,
    pub issued_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub credential: Option<Uuid>,
}

/// Keystone's state.
#[derive(Debug, Default)]
pub struct Identity {
    pub domains: Vec<Domain>,
    pub projects: BTreeMap<Uuid, Project>,
    /// (domain, name) → project, since logins name projects.
    pub project_names: HashMap<(String, String), Uuid>,
    pub users: BTreeMap<Uuid, User>,
    pub user_names: HashMap<String, Uuid>,
    pub roles: BTreeMap<&'static str, Uuid>,
    pub assignments: BTreeMap<(Uuid, Scope), BTreeSet<&'static str>>,
    pub credentials: BTreeMap<Uuid, ApplicationCredential>,
    pub tokens: HashMap<String, Token>,
    pub services: Vec<CatalogueService>,
}

/// A service in the catalogue.
#[derive(Debug)]
pub struct CatalogueService {
    pub id: Uuid,
    pub kind: &'static str,
    pub name: &'static str,
    /// Path below the base address; `{project}` is filled in from the token.
    pub path: &'static str,
    /// Public, internal, admin.
    pub endpoints: [Uuid; 3],
}

impl Identity {
    /// The roles of a user in a scope, with those implied.
    pub fn roles_of(&self, user: Uuid, scope: Scope) -> Vec<&'static str> {
        let Some(direct) = self.assignments.get(&(user, scope)) else {
            return Vec::new();
        };
        let implied: BTreeSet<&'static str> = ROLES
            .iter()
            .filter(|(name, _)| direct.contains(name))
            .flat_map(|(_, brings)| brings.iter().copied())
            .collect();
        implied.into_iter().collect()
    }

    /// Adds a project under its name.
    pub fn add_project(&mut self, project: Project) {
        self.project_names.insert((project.domain_id.clone(), project.name.clone()), project.id);
        self.projects.insert(project.id, project);
    }

    /// Adds a user under its name.
    pub fn add_user(&mut self, user: User) {
        self.user_names.insert(user.name.clone(), user.id);
        self.users.insert(user.id, user);
    }

    /// Gives a role.
    pub fn assign(&mut self, user: Uuid, scope: Scope, role: &'static str) {
        self.assignments.entry((user, scope)).or_default().insert(role);
    }

    /// The domain with this id or name.
    pub fn domain(&self, id_or_name: &str) -> Option<&Domain> {
        self.domains.iter().find(|domain| domain.id == id_or_name || domain.name == id_or_name)
    }
}

impl Project {
    /// Keystone's form, with a link below `keystone`.
    pub fn view(&self, keystone: &str) -> Value {
        let id = hex(self.id);
        json!({
            "id": id, "name": self.name, "domain_id": self.domain_id, "description": self.description,
            "enabled": self.enabled, "parent_id": self.parent_id, "is_domain": false, "tags": self.tags,
            "options": {}, "links": {"self": format!("{keystone}/projects/{id}")},
        })
    }
}

impl User {
    /// Keystone's form.
    pub fn view(&self, keystone: &str) -> Value {
        let id = hex(self.id);
        let mut view = json!({
            "id": id, "name": self.name, "domain_id": self.domain_id, "enabled": true,
            "password_expires_at": null, "options": {}, "links": {"self": format!("{keystone}/users/{id}")},
        });
        if let Some(project) = self.default_project {
            view["default_project_id"] = json!(hex(project));
        }
        view
    }
}
