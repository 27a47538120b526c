//! Records as the API shows them: ids of 32 hex digits, times in microseconds, and what is not known left out where the
//! clients read no null.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::filter::StateName;
use super::links::{Links, hex};
use super::query::Query;
use crate::jobs::context::Live;
use crate::model::ids::named_id;
use crate::model::quota::{Limit, Quotas};
use crate::store::directory::{Entry, Portal};

/// The id of a cloud for which no portal has one.
pub(super) fn cloud_id(name: &str) -> Uuid {
    named_id("cloud", name)
}

/// A moment as the API writes it.
pub(super) fn stamp<S: Serializer>(moment: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&moment.to_rfc3339_opts(SecondsFormat::Micros, true))
}

/// The same for one that may not have come.
#[expect(clippy::ref_option, reason = "serde gives it so")]
pub(super) fn stamp_if<S: Serializer>(moment: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
    match moment {
        Some(moment) => stamp(moment, serializer),
        None => serializer.serialize_none(),
    }
}

/// A quota of a tenant.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct QuotaView {
    /// Which.
    name: String,
    /// What is used; sizes in MiB, `gigabytes_…` in GiB.
    usage: u64,
    /// What is allowed; -1: as much as there is.
    limit: i64,
}

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TenantView {
    url: String,
    /// tenantd's id, 32 hex digits.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    uuid: String,
    name: String,
    description: String,
    /// The cloud.
    service_name: String,
    service_settings: String,
    #[schema(pattern = "^[0-9a-f]{32}$")]
    service_settings_uuid: String,
    #[schema(value_type = StateName)]
    service_settings_state: &'static str,
    service_settings_error_message: String,
    #[serde(flatten)]
    owner: OwnerView,
    error_message: String,
    error_traceback: String,
    resource_type: &'static str,
    #[schema(value_type = StateName)]
    state: &'static str,
    #[serde(serialize_with = "stamp")]
    created: DateTime<Utc>,
    #[serde(serialize_with = "stamp")]
    modified: DateTime<Utc>,
    /// The project's id in the cloud.
    backend_id: String,
    availability_zone: String,
    internal_network_id: String,
    external_network_id: String,
    quotas: Vec<QuotaView>,
    default_volume_type_name: String,
    #[serde(flatten)]
    sold: MarketplaceView,
}

/// Whose a tenant is, where a portal was asked; left out where none was.
#[derive(Debug, Default, Serialize, ToSchema)]
struct OwnerView {
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-9a-f]{32}$")]
    project_uuid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-9a-f]{32}$")]
    customer_uuid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_native_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_abbreviation: Option<String>,
}

/// What was sold, as the portal has it; null where it was not asked.
#[derive(Debug, Default, Serialize, serde::Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct MarketplaceView {
    marketplace_offering_uuid: Option<Value>,
    marketplace_offering_name: Option<Value>,
    marketplace_offering_plugin_options: Option<Value>,
    marketplace_category_uuid: Option<Value>,
    marketplace_category_name: Option<Value>,
    marketplace_resource_uuid: Option<Value>,
    marketplace_plan_uuid: Option<Value>,
    marketplace_resource_state: Option<Value>,
    is_usage_based: Option<Value>,
    is_limit_based: Option<Value>,
}

impl OwnerView {
    fn of(portal: &Portal, links: &Links) -> Self {
        Self {
            project: portal.project.map(|id| links.to("projects", &hex(id))),
            project_name: Some(portal.project_name.clone()),
            project_uuid: portal.project.map(hex),
            customer: portal.customer.map(|id| links.to("customers", &hex(id))),
            customer_uuid: portal.customer.map(hex),
            customer_name: Some(portal.customer_name.clone()),
            customer_native_name: Some(portal.customer_native_name.clone()),
            customer_abbreviation: Some(portal.customer_abbreviation.clone()),
        }
    }
}

impl TenantView {
    /// A tenant as the directory has it.
    pub fn of(entry: Entry, links: &Links, live: &Live) -> Self {
        let Entry { tenant, portal, quotas } = entry;
        let settings = portal.as_ref().and_then(|it| it.service_settings).unwrap_or_else(|| cloud_id(&tenant.cloud));
        let settings_name = portal.as_ref().map(|it| it.service_settings_name.clone()).filter(|it| !it.is_empty());
        let unprepared = live.unprepared.get(&tenant.cloud);
        let gone = tenant.vanished_at.filter(|_| tenant.error_message.is_empty());
        let project = tenant.project().unwrap_or_default().to_owned();
        let sold = portal.as_ref().map(|it| it.marketplace.clone());
        Self {
            url: links.to("openstack-tenants", &hex(tenant.uuid)),
            uuid: hex(tenant.uuid),
            service_name: settings_name.unwrap_or_else(|| tenant.cloud.clone()),
            service_settings: links.to("service-settings", &hex(settings)),
            service_settings_uuid: hex(settings),
            service_settings_state: if unprepared.is_some() { "ERRED" } else { "OK" },
            service_settings_error_message: unprepared.cloned().unwrap_or_default(),
            owner: portal.as_ref().map(|portal| OwnerView::of(portal, links)).unwrap_or_default(),
            error_message: gone.map_or(tenant.error_message, |at| {
                format!("The project is gone from the cloud, as seen first at {}.", at.format("%Y-%m-%d %H:%M UTC"))
            }),
            error_traceback: String::new(),
            resource_type: "OpenStack.Tenant",
            state: tenant.state.as_str(),
            created: tenant.created_at,
            modified: tenant.modified_at.unwrap_or(tenant.created_at),
            backend_id: project,
            availability_zone: tenant.availability_zone,
            internal_network_id: tenant.internal_network,
            external_network_id: tenant.external_network,
            quotas: quotas.map(|it| quota_views(&it)).unwrap_or_default(),
            default_volume_type_name: tenant.default_volume_type,
            sold: sold.and_then(|json| serde_json::from_value(json).ok()).unwrap_or_default(),
            name: tenant.name,
            description: tenant.description,
        }
    }
}

fn quota_views(quotas: &Quotas) -> Vec<QuotaView> {
    let view = |(name, quota): (&String, &crate::model::quota::Quota)| QuotaView {
        name: name.clone(),
        usage: quota.usage.unwrap_or_default(),
        limit: quota.limit.unwrap_or(Limit::Unlimited).to_api(),
    };
    quotas.iter().map(view).collect()
}

/// The fields of an object that a query asks for; all of them, when it asks for none that there is.
pub(super) fn sparse<T: Serialize>(view: &T, query: &Query) -> Value {
    let whole = serde_json::to_value(view).unwrap_or_default();
    let Value::Object(object) = &whole else { return whole };
    let asked: Vec<&str> = query.all("field").collect();
    let kept: serde_json::Map<String, Value> = object
        .iter()
        .filter(|(name, _)| asked.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if kept.is_empty() { whole } else { Value::Object(kept) }
}
