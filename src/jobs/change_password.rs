//! `change_password`: give a tenant's user another password. It is kept only until the job is over, and told nobody.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::known::Known;
use super::{Call, Job, JobError, Journal, Report, States};
use crate::model::job::REMOVED;
use crate::model::{Invalid, Tenant};
use crate::openstack::Writer;

/// The longest password, in characters.
const LONGEST: usize = 50;
/// The shortest, in characters.
const SHORTEST: usize = 8;
/// Passwords that everybody tries first.
const COMMON: [&str; 24] = [
    "password",
    "password1",
    "password12",
    "password123",
    "passw0rd",
    "p@ssw0rd",
    "qwertyui",
    "qwertyuiop",
    "qwerty123",
    "1q2w3e4r",
    "1q2w3e4r5t",
    "iloveyou",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "superman",
    "trustno1",
    "welcome1",
    "letmein1",
    "changeme",
    "administrator",
    "openstack",
    "abcd1234",
];

/// The new password of the user that belongs to the tenant.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangePassword {
    /// The password.
    #[serde(deserialize_with = "secret")]
    user_password: String,
    /// The user; default: the one that was made with the tenant.
    #[serde(default)]
    user_name: Option<String>,
}

/// A text, or that it is none: what is there instead may be the secret all the same, and is not told.
fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => Ok(text),
        _ => Err(serde::de::Error::custom("expected a text")),
    }
}

impl Job for ChangePassword {
    const KIND: &'static str = "change_password";
    const ABOUT: &'static str = "give the user of a tenant another password";
    const FLEET: bool = false;
    const WRITES: bool = true;
    const STATES: Option<States> = Some(States::UPDATE);

    fn problems(&self) -> Invalid {
        let (password, mut invalid) = (self.user_password.as_str(), Invalid::default());
        let field = invalid.field("user_password");
        let length = password.chars().count();
        if password == REMOVED {
            field.add("The password was removed when its job was over; ask again with a password.");
            return invalid;
        }
        if length > LONGEST {
            field.add(format!("Ensure this field has no more than {LONGEST} characters."));
        }
        if length < SHORTEST {
            field.add(format!("This password is too short. It must contain at least {SHORTEST} characters."));
        }
        if length > 0 && password.chars().all(|it| it.is_ascii_digit()) {
            field.add("This password is entirely numeric.");
        }
        if COMMON.contains(&password.to_lowercase().as_str()) {
            field.add("This password is too common.");
        }
        if password.contains('\0') {
            field.add("Null characters are not allowed.");
        }
        invalid
    }

    fn conflicts(&self, known: &Known) -> Invalid {
        match &known.tenant {
            Some(tenant) if self.user_name(tenant).is_empty() => Invalid::because(no_user(tenant)),
            _ => Invalid::default(),
        }
    }

    async fn run(self, call: Call) -> Report {
        match self.change(&call).await {
            Ok(()) => Report { did: true, ..Report::default() },
            // Keystone repeats what it does not accept.
            Err(error) => Report::failed(error.without(&self.user_password)),
        }
    }
}

/// A job can name a user that tenantd did not make; the API cannot.
fn no_user(tenant: &Tenant) -> String {
    format!("no user is recorded for {}; a job can say which with `user_name`", tenant.label())
}

impl ChangePassword {
    fn user_name<'a>(&'a self, tenant: &'a Tenant) -> &'a str {
        self.user_name.as_deref().unwrap_or(&tenant.user_name)
    }

    async fn change(&self, call: &Call) -> Result<(), JobError> {
        let (tenant, project) = call.project()?;
        let name = self.user_name(tenant);
        if name.is_empty() {
            return Err(JobError::give_up("no_user", no_user(tenant)));
        }
        let journal = Journal::open(call, Self::KIND, tenant).await?;
        let users = journal.cloud().users(name, &tenant.domain).await?;
        let Some(user) = users.into_iter().next() else {
            let message = format!("there is no user `{name}` in the domain {}", tenant.domain);
            return Err(JobError::give_up("no_user", message));
        };
        // Whoever may change a tenant may not take over anybody else, and least of all whom tenantd logs in as.
        let is_own = journal.cloud().identity().await?.user_id == user.id;
        if is_own || user.default_project_id.as_deref() != Some(project) {
            let message = format!("the user `{name}` is not one of {}", tenant.label());
            return Err(JobError::give_up("no_user", message));
        }
        let change = async |writer: Writer| writer.change_password(&user.id, &self.user_password).await;
        journal.change("password", change).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_password_that_anybody_guesses_is_refused() {
        let said = |password: &str| {
            let job: ChangePassword = serde_json::from_value(json!({"user_password": password})).unwrap();
            job.problems().to_string()
        };
        assert_eq!(said("correct horse"), "");
        assert_eq!(
            said("1234567"),
            "user_password: This password is too short. It must contain at least 8 characters.; user_password: This password is entirely numeric."
        );
        assert_eq!(said("Password123"), "user_password: This password is too common.");
        assert_eq!(said(&"x".repeat(51)), "user_password: Ensure this field has no more than 50 characters.");
        assert!(said("").contains("too short"));
        assert!(said(REMOVED).contains("ask again"));
    }
}
