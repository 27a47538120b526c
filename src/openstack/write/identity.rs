//! What changes Keystone: projects, users, and what they may do.

use reqwest::Method;
use serde_json::{Value, json};

use crate::openstack::error::Error;
use crate::openstack::identity::{Project, ProjectAnswer, User, UserAnswer};
use crate::openstack::request::Request;
use crate::openstack::service::Service;
use crate::openstack::writer::Writer;

fn change<'a>(operation: &'static str, method: Method, path: &[&'a str], body: Option<Value>) -> Request<'a> {
    let mut request = Request::get(Service::Identity, operation, path);
    (request.method, request.body) = (method, body);
    request
}

/// A project that is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the api's")]
pub struct NewProject<'a> {
    pub name: &'a str,
    pub domain_id: &'a str,
    pub description: &'a str,
    pub tags: &'a [String],
}

impl Writer {
    /// Makes a project.
    ///
    /// # Errors
    /// [`Error::Conflict`] when its name is taken.
    pub async fn create_project(&self, new: &NewProject<'_>) -> Result<Project, Error> {
        let project = json!({
            "name": new.name, "domain_id": new.domain_id, "description": new.description, "tags": new.tags,
            "enabled": true,
        });
        let request = change("project_create", Method::POST, &["projects"], Some(json!({ "project": project })));
        Ok(self.send(request.clone()).await?.json::<ProjectAnswer>(&request)?.project)
    }

    /// Gives a project another name and description.
    pub async fn update_project(&self, id: &str, name: &str, description: &str) -> Result<(), Error> {
        let project = json!({ "name": name, "description": description });
        let body = Some(json!({ "project": project }));
        self.send(change("project_update", Method::PATCH, &["projects", id], body).about(Some(id))).await.map(drop)
    }

    /// Removes a project; one that is gone already is as good.
    pub async fn delete_project(&self, id: &str) -> Result<(), Error> {
        self.send_removal(change("project_delete", Method::DELETE, &["projects", id], None).about(Some(id))).await
    }

    /// Makes a user whose own project is `project`.
    pub async fn create_user(&self, name: &str, domain: &str, project: &str, password: &str) -> Result<User, Error> {
        let user = json!({
            "name": name, "domain_id": domain, "default_project_id": project, "password": password, "enabled": true,
        });
        let request = change("user_create", Method::POST, &["users"], Some(json!({ "user": user })));
        Ok(self.send(request.clone()).await?.json::<UserAnswer>(&request)?.user)
    }

    /// Gives a user another password.
    pub async fn change_password(&self, user: &str, password: &str) -> Result<(), Error> {
        let body = Some(json!({ "user": { "password": password } }));
        self.send(change("user_update", Method::PATCH, &["users", user], body)).await.map(drop)
    }

    /// Removes a user; one that is gone already is as good.
    pub async fn delete_user(&self, user: &str) -> Result<(), Error> {
        self.send_removal(change("user_delete", Method::DELETE, &["users", user], None)).await
    }

    /// Gives a user a role in a project; given already, it stays.
    pub async fn grant_role(&self, project: &str, user: &str, role: &str) -> Result<(), Error> {
        let path = ["projects", project, "users", user, "roles", role];
        self.send(change("role_grant", Method::PUT, &path, None).about(Some(project))).await.map(drop)
    }
}
