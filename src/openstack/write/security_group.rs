//! What changes security groups and their rules. Every object is made for a project that is named, for else it would be
//! the caller's.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::network::change;
use crate::openstack::error::Error;
use crate::openstack::network::SecurityGroup;
use crate::openstack::writer::Writer;

/// A rule that is to be; what it leaves out is any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct NewRule<'a> {
    pub security_group_id: &'a str,
    pub direction: &'a str,
    pub ethertype: &'a str,
    pub protocol: Option<&'a str>,
    pub port_range_min: Option<u16>,
    pub port_range_max: Option<u16>,
    pub remote_ip_prefix: Option<&'a str>,
    pub remote_group_id: Option<&'a str>,
    pub remote_address_group_id: Option<&'a str>,
    pub description: &'a str,
}

#[derive(Deserialize)]
struct GroupAnswer {
    security_group: SecurityGroup,
}

impl Writer {
    /// Makes a security group; Neutron gives it the two rules that let everything out. That it is stateful goes without
    /// saying: not every cloud knows the word.
    pub async fn create_security_group(
        &self,
        project: &str,
        (name, description): (&str, &str),
        stateful: bool,
    ) -> Result<SecurityGroup, Error> {
        let mut group = json!({ "name": name, "description": description, "project_id": project });
        if !stateful {
            group["stateful"] = false.into();
        }
        let body = Some(json!({ "security_group": group }));
        let request = change("security_group_create", Method::POST, &["security-groups"], body).about(Some(project));
        Ok(self.send(request.clone()).await?.json::<GroupAnswer>(&request)?.security_group)
    }

    /// Gives a security group another name and description.
    pub async fn update_security_group(&self, id: &str, name: &str, description: &str) -> Result<(), Error> {
        let body = Some(json!({ "security_group": { "name": name, "description": description } }));
        self.send(change("security_group_update", Method::PUT, &["security-groups", id], body)).await.map(drop)
    }

    /// Says whether a security group lets replies through by itself.
    ///
    /// # Errors
    /// [`Error::Conflict`] when a port is in it.
    pub async fn set_stateful(&self, id: &str, stateful: bool) -> Result<(), Error> {
        let body = Some(json!({ "security_group": { "stateful": stateful } }));
        self.send(change("security_group_update", Method::PUT, &["security-groups", id], body)).await.map(drop)
    }

    /// Gives a security group a rule; one that means the same and is there already is as good.
    pub async fn create_security_group_rule(&self, project: &str, rule: &NewRule<'_>) -> Result<(), Error> {
        let body = Some(json!({ "security_group_rule": rule.to_json(project) }));
        let request = change("security_group_rule_create", Method::POST, &["security-group-rules"], body);
        match self.send(request.about(Some(project))).await {
            Ok(_) => Ok(()),
            Err(Error::Conflict(refusal)) if refusal.message.contains("already exists") => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl NewRule<'_> {
    fn to_json(self, project: &str) -> Value {
        let mut rule = Map::new();
        let mut set = |key: &str, value: Value| drop(rule.insert(key.to_owned(), value));
        set("security_group_id", json!(self.security_group_id));
        set("project_id", json!(project));
        set("direction", json!(self.direction));
        set("ethertype", json!(self.ethertype));
        set("protocol", json!(self.protocol));
        set("port_range_min", json!(self.port_range_min));
        set("port_range_max", json!(self.port_range_max));
        set("remote_ip_prefix", json!(self.remote_ip_prefix));
        set("remote_group_id", json!(self.remote_group_id));
        // Clouds without address groups do not know the word.
        if let Some(group) = self.remote_address_group_id {
            set("remote_address_group_id", json!(group));
        }
        set("description", json!(self.description));
        Value::Object(rule)
    }
}
