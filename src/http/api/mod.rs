//! `/api/`: the REST interface of the API documents, and beside it jobs, drift, snapshots and schedules.
//!
//! A request is authenticated, its object is found, the caller's role, the object's state and the body are checked in
//! this order; then something recorded is shown, or a job is made. Only what is live by its nature, or asks whether there
//! can be an address at all, talks to a cloud, within a small budget of its own.

mod acknowledge;
mod actions;
mod auth;
mod backend;
mod body;
mod changes;
mod document;
mod drift;
mod filter;
mod gate;
mod groups;
mod history;
mod images;
mod jobs;
mod lifetime;
mod limits;
mod links;
mod marketplace;
mod objects;
mod order;
mod paging;
mod path;
mod query;
mod refusal;
mod schedules;
mod snapshots;
mod tenants;
mod throttle;
mod view;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get, post};

use super::View;
use limits::Budget;
use refusal::Refusal;
use throttle::Throttle;

pub(super) use auth::Peer;
pub(super) use gate::gate;

/// What the handlers share.
#[derive(Debug)]
pub(super) struct Api {
    /// What the other routes read too.
    pub view: Arc<View>,
    /// Who came with a wrong token how often.
    throttle: Throttle,
}

impl Api {
    pub fn new(view: Arc<View>) -> Arc<Self> {
        Arc::new(Self { view, throttle: Throttle::default() })
    }
}

/// Requests that are worked on at once, and how long each may take: fewer than there are connections to the database, so
/// that the daemon's own work always finds one.
const RECORDS: (usize, Duration) = (6, Duration::from_secs(20));
/// The same for requests that wait for a cloud.
const LIVE: (usize, Duration) = (4, Duration::from_secs(50));
/// The same for data of images, which may be long.
const UPLOADS: (usize, Duration) = (2, Duration::from_hours(6));

/// The routes.
pub(super) fn router(api: &Arc<Api>) -> Router {
    let records = records().layer(from_fn_with_state(Budget::new(RECORDS), limits::within));
    let live = live().layer(from_fn_with_state(Budget::new(LIVE), limits::within));
    let uploads = uploads().layer(from_fn_with_state(Budget::new(UPLOADS), limits::within));
    records
        .merge(live)
        .merge(uploads)
        .method_not_allowed_fallback(not_allowed)
        .layer(from_fn_with_state(Arc::clone(api), auth::authenticate))
        .with_state(Arc::clone(api))
}

/// The document and the page that shows it; whoever may see the status page may see them.
pub(super) fn documents(api: &Arc<Api>) -> Router {
    let documents = Router::new().route("/api/schema/", get(document::schema)).route("/api/docs/", get(document::page));
    documents.layer(from_fn_with_state(Arc::clone(api), gate))
}

fn records() -> Router<Arc<Api>> {
    Router::new()
        .route("/api/openstack-tenants/", get(tenants::list).post(lifetime::create))
        .route(
            "/api/openstack-tenants/{uuid}/",
            get(tenants::retrieve).put(changes::update).patch(changes::partial_update).delete(lifetime::destroy),
        )
        .route("/api/openstack-tenants/{uuid}/change_password/", post(changes::change_password))
        .route("/api/openstack-tenants/{uuid}/set_quotas/", post(changes::set_quotas))
        .route("/api/openstack-tenants/{uuid}/create_network/", post(objects::create_network))
        .route("/api/openstack-tenants/{uuid}/create_security_group/", post(groups::create_security_group))
        .route("/api/openstack-tenants/{uuid}/create_server_group/", post(objects::create_server_group))
        .route("/api/openstack-tenants/{uuid}/push_security_groups/", post(groups::push_security_groups))
        .route("/api/openstack-tenants/{uuid}/pull/", post(actions::pull))
        .route("/api/openstack-tenants/{uuid}/pull_quotas/", post(actions::pull_quotas))
        .route("/api/openstack-tenants/{uuid}/pull_security_groups/", post(actions::pull_security_groups))
        .route("/api/openstack-tenants/{uuid}/pull_floating_ips/", post(actions::pull_floating_ips))
        .route("/api/openstack-tenants/{uuid}/pull_server_groups/", post(actions::pull_server_groups))
        .route("/api/openstack-tenants/{uuid}/unlink/", post(actions::unlink))
        .route("/api/openstack-tenants/{uuid}/set_ok/", post(actions::set_ok))
        .route("/api/openstack-tenants/{uuid}/set_erred/", post(actions::set_erred))
        .route("/api/openstack-marketplace-tenants/", get(marketplace::list))
        .route("/api/openstack-marketplace-tenants/{uuid}/", get(marketplace::retrieve))
        .route("/api/jobs/", get(jobs::list))
        .route("/api/jobs/{uuid}/", get(jobs::retrieve))
        .route("/api/jobs/{uuid}/cancel/", post(jobs::cancel))
        .route("/api/drift/", get(drift::list))
        .route("/api/drift/{uuid}/", get(drift::retrieve))
        .route("/api/drift/{uuid}/accept/", post(drift::accept))
        .route("/api/drift/{uuid}/ack/", post(acknowledge::ack))
        .route("/api/drift/{uuid}/note/", post(acknowledge::note))
        .route("/api/snapshots/", get(snapshots::list))
        .route("/api/snapshots/diff/", get(history::diff))
        .route("/api/snapshots/{uuid}/", get(snapshots::retrieve))
        .route("/api/schedules/", get(schedules::list))
        .route("/api/schedules/{name}/", get(schedules::retrieve))
        .route("/api/schedules/{name}/run/", post(schedules::run))
        .route("/api/", any(nothing))
        .route("/api/{*rest}", any(nothing))
}

fn live() -> Router<Arc<Api>> {
    Router::new()
        .route("/api/openstack-tenants/{uuid}/backend_instances/", get(backend::instances))
        .route("/api/openstack-tenants/{uuid}/backend_volumes/", get(backend::volumes))
        .route("/api/openstack-marketplace-tenants/{uuid}/create_image/", post(images::create))
        .route("/api/openstack-tenants/{uuid}/create_floating_ip/", post(objects::create_floating_ip))
}

fn uploads() -> Router<Arc<Api>> {
    let path = "/api/openstack-marketplace-tenants/{uuid}/upload_image_data/{image_id}/";
    Router::new().route(path, post(images::upload))
}

/// Paths that mean nothing.
async fn nothing() -> Refusal {
    Refusal::not_found()
}

/// Methods that a path does not know.
async fn not_allowed(method: Method) -> Refusal {
    Refusal::not_allowed(&method)
}
