//! Limits and usage as the three services tell them: one request per service and project, for none has a bulk call.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Cloud;
use super::answer::{Answer, Broken};
use super::error::Error;
use super::http::Incoming;
use super::request::Request;
use super::service::Service;

/// One quota, raw: a limit of −1 means none, and what a count counts depends on the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QuotaValue {
    /// The limit as the service says it.
    pub limit: i64,
    /// What is used (`in_use` in Nova and Cinder).
    pub used: i64,
    /// What is promised to requests that have not ended.
    pub reserved: i64,
}

/// All quotas of one project in one service, by the service's own keys; keys that we do not know are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Quotas {
    /// By the service's key.
    pub values: BTreeMap<String, QuotaValue>,
    /// Keys whose value cannot be read.
    pub broken: Vec<Broken>,
}

/// Nova's quotas: `cores`, `ram`, `instances`, `server_groups`, `key_pairs`.
pub type ComputeQuota = Quotas;
/// Neutron's quotas: `network`, `port`, `floatingip`, `security_group`, `security_group_rule`.
pub type NetworkQuota = Quotas;
/// Cinder's quotas: `volumes`, `gigabytes`, `snapshots`, and each of them per volume type.
pub type VolumeQuota = Quotas;
/// The limits of a project for which nobody set any.
pub type QuotaDefaults = BTreeMap<String, i64>;

pub(crate) fn compute_request(project: &str) -> Request<'_> {
    Request::get(Service::Compute, "quota_show", &["os-quota-sets", project, "detail"]).about(Some(project))
}

pub(crate) fn network_request(project: &str) -> Request<'_> {
    Request::get(Service::Network, "quota_show", &["quotas", project, "details.json"]).about(Some(project))
}

pub(crate) fn volume_request(project: &str) -> Request<'_> {
    let request = Request::get(Service::Volume, "quota_show", &["os-quota-sets", project]).query("usage", "True");
    request.about(Some(project))
}

impl Cloud {
    /// Nova's limits and usage of a project.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for a project that does not exist (Nova asks Keystone; the other two do not).
    pub async fn compute_quota(&self, project: &str) -> Result<Answer<ComputeQuota>, Error> {
        self.quota(&compute_request(project), "quota_set").await
    }

    /// Neutron's limits and usage of a project; an unknown project has the defaults.
    pub async fn network_quota(&self, project: &str) -> Result<Answer<NetworkQuota>, Error> {
        self.quota(&network_request(project), "quota").await
    }

    /// Cinder's limits and usage of a project; an unknown project has the defaults.
    pub async fn volume_quota(&self, project: &str) -> Result<Answer<VolumeQuota>, Error> {
        self.quota(&volume_request(project), "quota_set").await
    }

    /// The limits that a project has when nobody sets any, to tell an explicit limit from a default one.
    pub async fn quota_defaults(&self, service: Service, project: &str) -> Result<Answer<QuotaDefaults>, Error> {
        let (path, key) = match service {
            Service::Network => (["quotas", project, "default.json"], "quota"),
            _ => (["os-quota-sets", project, "defaults"], "quota_set"),
        };
        let request = Request::get(service, "quota_defaults_show", &path).about(Some(project));
        let answer = self.send(&request).await?;
        let fields = fields(&answer, &request, key)?;
        let limits = fields.into_iter().filter_map(|(key, value)| Some((key, value.as_i64()?)));
        let asked = answer.asked(&request);
        Ok(Answer { asked_at: answer.left_at, answered_at: answer.back_at, asked, value: limits.collect() })
    }

    async fn quota(&self, request: &Request<'_>, key: &str) -> Result<Answer<Quotas>, Error> {
        let answer = self.send(request).await?;
        let mut quotas = Quotas::default();
        for (key, value) in fields(&answer, request, key)? {
            match read(&value) {
                // `id` and `project_id` stand among the quotas.
                _ if value.is_string() => {}
                Some(quota) => {
                    quotas.values.insert(key, quota);
                }
                None => {
                    let error = format!("no limit and usage in {value}");
                    let project = request.project.map(str::to_owned);
                    quotas.broken.push(Broken { id: Some(key), project, error });
                }
            }
        }
        let asked = answer.asked(request);
        Ok(Answer { asked_at: answer.left_at, answered_at: answer.back_at, asked, value: quotas })
    }
}

fn fields(answer: &Incoming, request: &Request<'_>, key: &str) -> Result<Map<String, Value>, Error> {
    let mut body: Value = answer.json(request)?;
    match body.get_mut(key).map(Value::take) {
        Some(Value::Object(fields)) => Ok(fields),
        _ => Err(answer.unexpected(request, &format!("no `{key}` in it"))),
    }
}

fn read(value: &Value) -> Option<QuotaValue> {
    let used = value.get("used").or_else(|| value.get("in_use"))?;
    let reserved = value.get("reserved").map_or(Some(0), Value::as_i64)?;
    Some(QuotaValue { limit: value.get("limit")?.as_i64()?, used: used.as_i64()?, reserved })
}
