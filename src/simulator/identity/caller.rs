//! Who asks: what the other services learn from a token.

use uuid::Uuid;

use super::super::call::Call;
use super::super::clock;
use super::super::reply::Reply;
use super::model::{Identity, Scope, Token};
use super::refusal;

/// The bearer of a valid token.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The user.
    pub user: Uuid,
    /// The scope of the token.
    pub scope: Scope,
    /// Whether it holds the role `admin` in that scope.
    pub admin_role: bool,
    /// Whether it may write in its own project.
    pub member: bool,
}

impl Caller {
    /// The project of the token.
    pub fn project(&self) -> Option<Uuid> {
        match self.scope {
            Scope::Project(project) => Some(project),
            _ => None,
        }
    }

    /// Administrator of all projects, to the services that refuse system tokens.
    pub fn admin(&self) -> bool {
        self.admin_role && self.project().is_some()
    }

    /// Whether the token is scoped to the system.
    pub fn system(&self) -> bool {
        self.scope == Scope::System
    }

    /// Whether a project's own data are open to the caller.
    pub fn reads(&self, project: Uuid) -> bool {
        self.admin() || self.project() == Some(project)
    }
}

impl Identity {
    /// The caller of a request, or Keystone's 401.
    pub fn caller(&self, call: &Call) -> Result<Caller, Reply> {
        let token = call
            .header("x-auth-token")
            .and_then(|secret| self.token(secret))
            .ok_or_else(|| refusal::unauthorised(call))?;
        Ok(Caller {
            user: token.user,
            scope: token.scope,
            admin_role: token.roles.contains(&"admin"),
            member: token.roles.contains(&"member"),
        })
    }

    /// A token that still counts: not expired, its project not disabled since.
    pub fn token(&self, secret: &str) -> Option<&Token> {
        let token = self.tokens.get(secret)?;
        let usable = match token.scope {
            Scope::Project(project) => self.projects.get(&project).is_some_and(|project| project.enabled),
            _ => true,
        };
        (usable && token.expires_at > clock::now()).then_some(token)
    }
}
