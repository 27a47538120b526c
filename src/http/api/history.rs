//! `/api/snapshots/diff/`: what changed between two moments, and of whom; the same as `tenantd snapshots diff`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::Api;
use super::links::{Links, hex};
use super::paging::{Page, PageQuery};
use super::query::Query;
use super::refusal::{Detail, Refusal};
use super::view::stamp;
use crate::jobs::compared::{Change, Found, What, between};
use crate::model::{Invalid, ResourceType};
use crate::store::history::Span;

/// Which moments, and of whom.
#[expect(dead_code, reason = "the document is made from it; the query is read by `Asked`")]
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DiffQuery {
    /// Since then.
    from: DateTime<Utc>,
    /// Until then; default: now.
    to: Option<DateTime<Utc>>,
    /// Of this cloud.
    cloud: Option<String>,
    /// Of the tenants in this domain, by its name or id.
    domain: Option<String>,
    /// Of this tenant, by tenantd's id.
    tenant: Option<Uuid>,
    /// `quotas`, `security_groups`, `floating_ips`, `server_groups`, `networks`, `ports`, `instances`, `volumes` or
    /// `volume_snapshots`.
    resource_type: Option<String>,
    /// `json`, or `unified` for all of it as one text that has no pages.
    #[param(value_type = Option<FormName>)]
    format: Option<String>,
}

/// How it is written.
#[expect(dead_code, reason = "the document is made from it")]
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
pub(super) enum FormName {
    Json,
    Unified,
}

/// Something that changed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangeView {
    cloud: String,
    /// The tenant's address.
    tenant: String,
    #[schema(pattern = "^[0-9a-f]{32}$")]
    tenant_uuid: String,
    tenant_name: String,
    /// The project's id in the cloud.
    backend_id: String,
    /// Whose the tenant is, as a portal says; empty while none was asked.
    customer_name: String,
    /// The portal's project that it belongs to; empty while none was asked.
    project_name: String,
    /// Null when it is the tenant itself.
    resource_type: Option<&'static str>,
    /// A quota's name, or an id in the cloud; null when it is no object.
    object: Option<String>,
    object_name: Option<String>,
    /// What of the object; `existence` for the whole of it.
    field: Option<String>,
    /// `recorded`, `vanished`, `first_seen`, `limit`, `added`, `removed` or `changed`.
    change: &'static str,
    before: Option<Value>,
    after: Option<Value>,
    /// Since when every look shows it.
    #[serde(serialize_with = "stamp")]
    changed_at: DateTime<Utc>,
}

impl ChangeView {
    fn of(change: Change, links: &Links) -> Self {
        let Change { whose, resource_type, what, at } = change;
        let word = what.as_str();
        let difference = match what {
            What::Differs(difference) => Some(difference),
            What::Recorded | What::Vanished | What::FirstSeen => None,
        };
        let (object, object_name) = difference.as_ref().map(|it| (it.object.clone(), it.object_name.clone())).unzip();
        let field = difference.as_ref().map(|it| it.field.clone());
        let (before, after) = difference.map(|it| (it.expected, it.observed)).unzip();
        Self {
            cloud: whose.cloud,
            tenant: links.to("openstack-tenants", &hex(whose.tenant)),
            tenant_uuid: hex(whose.tenant),
            tenant_name: whose.tenant_name,
            backend_id: whose.backend_id,
            customer_name: whose.customer_name,
            project_name: whose.project_name,
            resource_type: resource_type.map(ResourceType::as_str),
            object,
            object_name,
            field,
            change: word,
            before,
            after,
            changed_at: at,
        }
    }
}

/// What changed between two moments
///
/// What is compared is what drift compares, for as long as snapshots are kept: what was replaced before that may be
/// forgotten, and what came after it be called first seen.
#[utoipa::path(
    get,
    path = "/api/snapshots/diff/",
    operation_id = "snapshots_diff",
    tag = "snapshots",
    params(DiffQuery, PageQuery),
    responses(
        (status = 200, content(
            ([ChangeView] = "application/json"),
            (String = "text/plain")
        ), headers(
            ("X-Result-Count" = i64, description = "How many there are on all pages"),
            ("Link" = String, description = "The other pages")
        )),
        (status = 400, description = "A filter makes no sense", body = Value),
        (status = 404, description = "There is no such page", body = Detail)
    )
)]
pub(super) async fn diff(State(api): State<Arc<Api>>, links: Links, query: Query) -> Result<Response, Refusal> {
    let page = Page::of(&query)?;
    let (span, unified) = asked(&query, api.view.context.clock().now())?;
    // Moments the wrong way round have nothing between them.
    let found =
        if span.from <= span.to { between(api.view.context.store(), span, unified).await? } else { Found::default() };
    if unified {
        let mut text = found.unified();
        if !text.is_empty() {
            text.push('\n');
        }
        let kind = (header::CONTENT_TYPE, "text/plain; charset=utf-8");
        return Ok(([kind], text).into_response());
    }
    let total = i64::try_from(found.changes.len()).unwrap_or(i64::MAX);
    let views: Vec<ChangeView> = page.cut(found.changes).into_iter().map(|it| ChangeView::of(it, &links)).collect();
    page.show(&views, total, &links)
}

/// What a query asks for, and whether as a unified diff.
fn asked(query: &Query, now: DateTime<Utc>) -> Result<(Span<'_>, bool), Invalid> {
    let mut wrong = Invalid::default();
    if query.last("from").is_none() {
        wrong.field("from").add("This field is required.");
    }
    let from = query.read("from", &mut wrong).unwrap_or(now);
    let to = query.read("to", &mut wrong).unwrap_or(now);
    let (tenant, resource_type) = (query.uuid("tenant", &mut wrong), query.words("resource_type", &mut wrong).pop());
    let unified = match query.last("format") {
        None | Some("json") => false,
        Some("unified") => true,
        Some(other) => {
            let why = format!("Select a valid choice. {other} is not one of the available choices.");
            wrong.field("format").add(why);
            false
        }
    };
    let (cloud, domain) = (query.last("cloud"), query.last("domain"));
    wrong.or((Span { from, to, cloud, domain, tenant, resource_type }, unified))
}
