//! The JSON schema of a native message: what it refuses, [`super::decode`] refuses, and the other way round.

use serde_json::{Map, Value, json};

use super::native::NativeJob;
use crate::jobs;

/// The kinds of this version, and for each kind the schema of its parameters.
pub fn job() -> Value {
    let mut schema = Value::from(schemars::schema_for!(NativeJob));
    schema["title"] = json!("tenantd job");
    let kinds = jobs::KINDS.iter().map(|kind| json!({ "const": kind.name, "description": kind.about }));
    schema["properties"]["kind"]["enum"] = json!(jobs::kind_names());
    schema["properties"]["kind"]["oneOf"] = kinds.collect();
    // The years that both databases keep.
    schema["properties"]["deadline"]["pattern"] = json!("^(19[7-9][0-9]|[2-9][0-9]{3})-");
    let for_tenant = json!({ "required": ["tenant"], "properties": { "tenant": { "type": "string" } } });
    let for_cloud = json!({ "required": ["cloud"], "properties": { "cloud": { "type": "string" } } });
    let for_all = json!({ "required": ["scope"], "properties": { "scope": { "const": "all" } } });
    schema["anyOf"] = json!([for_tenant, for_cloud, for_all]);
    schema["not"] = json!({ "allOf": [for_tenant, for_all] });
    let mut definitions = schema.get("$defs").and_then(Value::as_object).cloned().unwrap_or_default();
    schema["allOf"] = jobs::KINDS.iter().map(|kind| of_kind(kind, &for_tenant, &mut definitions)).collect();
    schema["$defs"] = Value::Object(definitions);
    schema
}

/// "If the kind is this one, the parameters are those." What the parameters refer to moves up to the document.
fn of_kind(kind: &jobs::Kind, for_tenant: &Value, definitions: &mut Map<String, Value>) -> Value {
    let mut params = Value::from((kind.schema)());
    if let Some(params) = params.as_object_mut() {
        params.remove("$schema");
        if let Some(Value::Object(own)) = params.remove("$defs") {
            definitions.extend(own);
        }
    }
    definitions.insert(format!("params of {}", kind.name), params);
    let mut then = json!({ "properties": { "params": { "$ref": format!("#/$defs/params%20of%20{}", kind.name) } } });
    if !kind.fleet {
        then["allOf"] = json!([for_tenant]);
    }
    json!({ "if": { "properties": { "kind": { "const": kind.name } }, "required": ["kind"] }, "then": then })
}

#[cfg(test)]
mod tests {
    use super::super::Properties;
    use super::super::tests::reason;
    use super::*;

    /// What the other says of a message, both ways. Ids, times and kinds that exist; only the form is in question.
    const EXAMPLES: [(&str, bool); 34] = [
        (r#"{"kind": "pull", "tenant": "t"}"#, true),
        (r#"{"kind": "pull", "tenant": "t", "cloud": "lab", "id": "order-7"}"#, true),
        (r#"{"kind": "pull", "cloud": "lab"}"#, true),
        (r#"{"kind": "pull", "cloud": "lab", "scope": "all"}"#, true),
        (r#"{"kind": "pull", "scope": "all"}"#, true),
        (r#"{"kind": "pull", "scope": "all", "tenant": null, "cloud": null, "id": null, "deadline": null}"#, true),
        (r#"{"kind": "pull", "tenant": "t", "scope": null, "id": ""}"#, true),
        (r#"{"kind": "pull_quotas", "tenant": "t", "params": {"sizes": true}}"#, true),
        (r#"{"kind": "pull_floating_ips", "tenant": "t", "params": {}}"#, true),
        (r#"{"kind": "pull", "tenant": "t", "deadline": "2030-01-01T00:00:00Z"}"#, true),
        (r#"{"kind": "pull", "tenant": "t", "deadline": "2030-01-01T00:00:00.5+02:00"}"#, true),
        (r#"{"kind": "pull"}"#, false),
        (r#"{"kind": "pull", "tenant": null}"#, false),
        (r#"{"kind": "pull", "tenant": ""}"#, false),
        (r#"{"kind": "pull", "tenant": "t", "cloud": ""}"#, false),
        (r#"{"kind": "pull", "tenant": 7}"#, false),
        (r#"{"kind": "pull", "tenant": "t", "scope": "all"}"#, false),
        (r#"{"kind": "pull", "scope": "some"}"#, false),
        (r#"{"kind": "pull", "tenant": "t", "id": 7}"#, false),
        (r#"{"kind": "pull", "tenant": "t", "colour": "red"}"#, false),
        (r#"{"kind": "pull_quotes", "tenant": "t"}"#, false),
        (r#"{"kind": null, "tenant": "t"}"#, false),
        (r#"{"tenant": "t"}"#, false),
        (r#"{"kind": "pull", "tenant": "t", "params": null}"#, false),
        (r#"{"kind": "pull", "tenant": "t", "params": []}"#, false),
        (r#"{"kind": "pull", "tenant": "t", "params": {"depth": 3}}"#, false),
        (r#"{"kind": "pull_quotas", "tenant": "t", "params": {"sizes": "yes"}}"#, false),
        (r#"{"kind": "pull_floating_ips", "tenant": "t", "params": {"sizes": true}}"#, false),
        (r#"{"kind": "pull", "tenant": "t", "deadline": "soon"}"#, false),
        (r#"{"kind": "pull", "tenant": "t", "deadline": 7}"#, false),
        (r#"{"kind": "pull", "tenant": "t", "deadline": "0001-01-01T00:00:00Z"}"#, false),
        (r#"["order-7", "pull", "t", null, null, {}, null]"#, false),
        (r#""pull""#, false),
        ("null", false),
    ];

    #[test]
    fn the_schema_and_the_reader_agree() {
        let schema = jsonschema::options().should_validate_formats(true).build(&job()).unwrap();
        for (message, fine) in EXAMPLES {
            let value = serde_json::from_str(message).unwrap();
            let refused = reason(&Properties::default(), message.as_bytes());
            assert_eq!((schema.is_valid(&value), refused.is_none()), (fine, fine), "{message}: {refused:?}");
        }
    }
}
