//! Limits of one project, one request for each service.

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::openstack::error::Error;
use crate::openstack::request::Request;
use crate::openstack::service::Service;
use crate::openstack::writer::Writer;

impl Writer {
    /// Sets limits of a project by the service's own keys; −1 is unlimited. Who asks for less than is used is refused.
    ///
    /// # Errors
    /// [`Error::BadRequest`] in the service's own words when it does not accept one of them: then it took none.
    pub async fn set_quota(&self, service: Service, project: &str, limits: &[(String, i64)]) -> Result<(), Error> {
        let (path, key) = match service {
            Service::Network => (["quotas", project], "quota"),
            _ => (["os-quota-sets", project], "quota_set"),
        };
        let mut request = Request::get(service, "quota_update", &path).about(Some(project));
        request.method = Method::PUT;
        let limits: Map<String, Value> = limits.iter().map(|(key, limit)| (key.clone(), json!(limit))).collect();
        request.body = Some(json!({ key: limits }));
        self.send(request).await.map(drop)
    }
}
