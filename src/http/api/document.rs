//! The `OpenAPI` document, made from the handlers themselves, and a page to read it.

use std::collections::BTreeMap;

use askama::Template;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use serde_json::Value;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::refusal::Detail;
use super::{
    acknowledge, actions, backend, changes, drift, groups, history, images, jobs, lifetime, marketplace, objects,
    schedules, snapshots, tenants,
};

#[derive(OpenApi)]
#[openapi(
    info(description = "Tenants of OpenStack clouds as recorded by tenantd, what is done with them, and what drifts."),
    paths(
        tenants::list,
        tenants::retrieve,
        actions::pull,
        actions::pull_quotas,
        actions::pull_security_groups,
        actions::pull_floating_ips,
        actions::pull_server_groups,
        actions::unlink,
        actions::set_ok,
        actions::set_erred,
        objects::create_floating_ip,
        objects::create_network,
        groups::create_security_group,
        objects::create_server_group,
        groups::push_security_groups,
        images::create,
        images::upload,
        lifetime::create,
        lifetime::destroy,
        changes::update,
        changes::partial_update,
        changes::change_password,
        changes::set_quotas,
        backend::instances,
        backend::volumes,
        marketplace::list,
        marketplace::retrieve,
        jobs::list,
        jobs::retrieve,
        jobs::cancel,
        drift::list,
        drift::retrieve,
        drift::accept,
        acknowledge::ack,
        acknowledge::note,
        snapshots::list,
        history::diff,
        snapshots::retrieve,
        schedules::list,
        schedules::retrieve,
        schedules::run,
    ),
    components(schemas(Detail)),
    modifiers(&Everywhere)
)]
struct Document;

/// What holds for every operation.
struct Everywhere;

/// Answers that every operation may give.
const ANSWERS: [(&str, &str); 4] = [
    ("401", "No token came along, or a wrong one"),
    ("403", "The token's role is too small, or there is no token at all"),
    ("429", "Too many wrong tokens came from this address"),
    ("503", "The records cannot be used now, or too much is going on"),
];

/// The answer to a body that nobody reads to its end.
const TOO_LARGE: (&str, &str) = ("413", "The body is too long, or it broke off");

impl Modify for Everywhere {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let about = "The word `Token`, a space, and the token";
        let scheme = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description("Authorization", about)));
        document.components.get_or_insert_default().add_security_scheme("token", scheme);
        document.security = Some(vec![SecurityRequirement::new("token", [""; 0])]);
        leave_out_at_will(document, "TenantView");
        for path in document.paths.paths.values_mut() {
            let operations = [&mut path.get, &mut path.post, &mut path.put, &mut path.patch, &mut path.delete];
            for operation in operations.into_iter().flatten() {
                let too_large = operation.request_body.as_ref().map(|_| TOO_LARGE);
                for (status, about) in ANSWERS.into_iter().chain(too_large) {
                    let responses = &mut operation.responses.responses;
                    responses.entry(status.to_owned()).or_insert_with(|| answer(about).into());
                }
            }
        }
    }
}

/// Whoever asks for some fields of an object gets no others.
fn leave_out_at_will(document: &mut utoipa::openapi::OpenApi, name: &str) {
    use utoipa::openapi::{RefOr, Schema};
    let schema = document.components.as_mut().and_then(|components| components.schemas.get_mut(name));
    let Some(RefOr::T(Schema::AllOf(parts))) = schema else { return };
    for part in &mut parts.items {
        if let RefOr::T(Schema::Object(object)) = part {
            object.required.clear();
        }
    }
}

fn answer(about: &str) -> utoipa::openapi::Response {
    use utoipa::openapi::{Content, Ref, ResponseBuilder};
    let content = Content::new(Some(Ref::from_schema_name("Detail")));
    ResponseBuilder::new().description(about).content("application/json", content).build()
}

/// The document.
pub(super) fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(super) async fn schema() -> Json<utoipa::openapi::OpenApi> {
    Json(document())
}

#[derive(Template)]
#[template(path = "api.html")]
struct Page {
    version: &'static str,
    groups: Vec<Group>,
}

struct Group {
    name: String,
    operations: Vec<Operation>,
}

struct Operation {
    method: String,
    path: String,
    summary: String,
    about: String,
    parameters: Vec<(String, String)>,
    body: String,
    answers: Vec<(String, String)>,
}

pub(super) async fn page() -> Response {
    let document = serde_json::to_value(document()).unwrap_or_default();
    match (Page { version: env!("CARGO_PKG_VERSION"), groups: groups(&document) }).render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

fn groups(document: &Value) -> Vec<Group> {
    let mut groups: BTreeMap<String, Vec<Operation>> = BTreeMap::new();
    let paths = document["paths"].as_object().into_iter().flatten();
    for (path, operations) in paths {
        for (method, operation) in operations.as_object().into_iter().flatten() {
            let tag = text(&operation["tags"][0]);
            groups.entry(tag).or_default().push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                summary: text(&operation["summary"]),
                about: text(&operation["description"]),
                parameters: parameters(operation),
                body: body(document, operation),
                answers: answers(operation),
            });
        }
    }
    groups.into_iter().map(|(name, operations)| Group { name, operations }).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn parameters(operation: &Value) -> Vec<(String, String)> {
    let listed = operation["parameters"].as_array().into_iter().flatten();
    listed.map(|it| (text(&it["name"]), text(&it["description"]))).collect()
}

fn answers(operation: &Value) -> Vec<(String, String)> {
    let listed = operation["responses"].as_object().into_iter().flatten();
    listed.map(|(status, it)| (status.clone(), text(&it["description"]))).collect()
}

/// The schema of what is sent, as it stands in the document.
fn body(document: &Value, operation: &Value) -> String {
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let named = schema["$ref"].as_str().and_then(|name| document.pointer(name.trim_start_matches('#')));
    match named.unwrap_or(schema) {
        Value::Null => String::new(),
        schema => serde_json::to_string_pretty(&schema["properties"]).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_what_it_was() {
        insta::assert_json_snapshot!(document());
    }

    #[test]
    fn the_page_names_every_operation() {
        let document = serde_json::to_value(document()).unwrap();
        let count = document["paths"].as_object().unwrap().values().map(|it| it.as_object().unwrap().len());
        let shown: usize = groups(&document).iter().map(|group| group.operations.len()).sum();
        assert_eq!(shown, count.sum::<usize>());
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    }
}
