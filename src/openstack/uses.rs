//! What uses security groups: ports that have them, and rules that name them, whosever those are.
//!
//! A group can be shared with other projects, so nobody says whether it is in use who sees only one of them.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Cloud;
use super::answer::{Listing, Which};
use super::collection::{Collection, PORTS, SECURITY_GROUP_RULES};
use super::error::Error;

/// A port, as far as its security groups.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct GroupedPort {
    pub security_groups: Vec<String>,
}

/// A rule, as far as the group that it is in and the one that it names.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct NamingRule {
    pub security_group_id: String,
    pub remote_group_id: String,
}

impl Cloud {
    /// Ports that have any of these groups; without any named, all ports there are.
    ///
    /// # Errors
    /// [`Error::OutOfSight`] where the role does not see every project's ports.
    pub async fn ports_with(&self, groups: &[String]) -> Result<Listing<GroupedPort>, Error> {
        self.about_groups(&PORTS, ("security_groups", groups), &["security_groups"]).await
    }

    /// Rules that name any of these groups as the other side.
    ///
    /// # Errors
    /// [`Error::OutOfSight`] where the role does not see every project's rules.
    pub async fn rules_naming(&self, groups: &[String]) -> Result<Listing<NamingRule>, Error> {
        let fields = ["security_group_id", "remote_group_id"];
        self.about_groups(&SECURITY_GROUP_RULES, ("remote_group_id", groups), &fields).await
    }

    async fn about_groups<T: DeserializeOwned>(
        &self,
        collection: &Collection,
        (filter, groups): (&str, &[String]),
        fields: &[&str],
    ) -> Result<Listing<T>, Error> {
        let grant = self.inner.session.grant().await?;
        self.must_see(&grant, collection, Which::All)?;
        let request = collection.request(Which::All, grant.identity.project_id()).query("fields", "id");
        let request = fields.iter().fold(request, |request, field| request.query("fields", *field));
        let request = groups.iter().fold(request, |request, group| request.query(filter, group));
        self.list(collection, &request).await
    }
}
