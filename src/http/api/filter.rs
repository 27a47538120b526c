//! The filters of both listings of tenants.

use utoipa::IntoParams;
use uuid::Uuid;

use super::Api;
use super::auth::Caller;
use super::query::Query;
use super::view::cloud_id;
use crate::model::token::Role;
use crate::model::{Invalid, TenantState};
use crate::store::directory::{ORDERS, Wanted};

/// Which tenants, in which order.
#[expect(dead_code, reason = "the document is made from it; the query is read by `wanted`")]
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TenantQuery {
    /// Part of the name, in any case.
    name: Option<String>,
    /// The whole name.
    name_exact: Option<String>,
    /// Part of the description, in any case.
    description: Option<String>,
    /// The project's id in the cloud.
    backend_id: Option<String>,
    /// The tenant's id.
    uuid: Option<Uuid>,
    /// Any of these states.
    #[param(value_type = Option<Vec<StateName>>)]
    state: Option<Vec<String>>,
    /// The customer's id.
    customer: Option<Uuid>,
    /// The customer's id.
    customer_uuid: Option<Uuid>,
    /// Part of the customer's name.
    customer_name: Option<String>,
    /// Part of the customer's name in their own language.
    customer_native_name: Option<String>,
    /// Part of the customer's short name.
    customer_abbreviation: Option<String>,
    /// The project's id in the portal.
    project: Option<Uuid>,
    /// The project's id in the portal.
    project_uuid: Option<Uuid>,
    /// Part of the project's name in the portal.
    project_name: Option<String>,
    /// The cloud's id.
    service_settings_uuid: Option<Uuid>,
    /// Part of the cloud's name.
    service_settings_name: Option<String>,
    /// Only what the caller may change, whatever the value.
    can_manage: Option<bool>,
    /// Tenants have none, so nothing fits.
    external_ip: Option<String>,
    /// What to order by: `name`, `state`, `customer_name`, `customer_native_name`, `customer_abbreviation`,
    /// `project_name`, `service_name` or `created`, with a dash in front to turn it round. The first two count.
    o: Option<Vec<String>>,
}

/// A tenant's state.
#[expect(dead_code, reason = "the document is made from it")]
#[derive(Debug, utoipa::ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum StateName {
    CreationScheduled,
    Creating,
    UpdateScheduled,
    Updating,
    DeletionScheduled,
    Deleting,
    Ok,
    Erred,
}

/// What a query wants; nothing, when no tenant can fit.
pub(super) fn wanted(query: &Query, api: &Api, caller: &Caller) -> Result<Option<Wanted>, Invalid> {
    let mut wrong = Invalid::default();
    let [customer, customer_again] = ["customer", "customer_uuid"].map(|key| query.uuid(key, &mut wrong));
    let [project, project_again] = ["project", "project_uuid"].map(|key| query.uuid(key, &mut wrong));
    let service_settings = query.uuid("service_settings_uuid", &mut wrong);
    let clouds = api.view.context.live();
    let cloud = service_settings.and_then(|id| clouds.names().into_iter().find(|name| cloud_id(name) == id));
    let states: Vec<TenantState> = query.words("state", &mut wrong);
    let wanted = Wanted {
        name: query.text("name"),
        description: query.text("description"),
        name_exact: query.text("name_exact"),
        backend_id: query.text("backend_id"),
        states,
        uuid: query.uuid("uuid", &mut wrong),
        customer: customer.or(customer_again),
        project: project.or(project_again),
        service_settings,
        cloud: cloud.map(str::to_owned),
        customer_name: query.text("customer_name"),
        customer_native_name: query.text("customer_native_name"),
        customer_abbreviation: query.text("customer_abbreviation"),
        project_name: query.text("project_name"),
        service_settings_name: query.text("service_settings_name"),
        order: order(query),
    };
    let manages = query.last("can_manage").is_none_or(|value| !is_boolean(value)) || caller.role >= Role::Operator;
    let contradicts = |one: Option<Uuid>, other| one.zip(other).is_some_and(|(one, other)| one != other);
    let fits = manages
        && query.last("external_ip").is_none()
        && !contradicts(customer, customer_again)
        && !contradicts(project, project_again);
    wrong.or(fits.then_some(wanted))
}

fn is_boolean(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "1" | "0")
}

/// The first two keys that are known; the way round is part of the key.
fn order(query: &Query) -> [Option<&'static str>; 2] {
    let known = |key: &str| match key.strip_prefix('-') {
        Some(key) => ORDERS.iter().position(|it| *it == key).map(|at| REVERSED[at]),
        None => ORDERS.iter().find(|it| **it == key).copied(),
    };
    let mut keys = query.all("o").flat_map(|value| value.split(',')).filter_map(|key| known(key.trim()));
    [keys.next(), keys.next()]
}

/// [`ORDERS`] turned round.
const REVERSED: [&str; ORDERS.len()] = [
    "-name",
    "-state",
    "-customer_name",
    "-customer_native_name",
    "-customer_abbreviation",
    "-project_name",
    "-service_name",
    "-created",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_in_both_directions() {
        let order = |text: &str| order(&Query::parse(text).unwrap());
        assert_eq!(order("o=-created&o=name"), [Some("-created"), Some("name")]);
        assert_eq!(order("o=nonsense,state"), [Some("state"), None]);
        for (there, back) in ORDERS.iter().zip(REVERSED) {
            assert_eq!(back.trim_start_matches('-'), *there);
        }
    }
}
