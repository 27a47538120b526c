//! `expect`: a portal tells what it changes with its own credentials, before or after it does. While it settles, what
//! was expected before and what is expected then both count; from then on only the new does. No cloud is asked.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Call, Effect, Job, JobError, Report, pull_kind};
use crate::drift::announced::{DEFAULT_EGRESS, fields};
use crate::model::ids::named_id;
use crate::model::job::{PRIORITY_PRODUCER, Request};
use crate::model::quota::{self, Limit};
use crate::model::rule_wish::RuleWish;
use crate::model::{Announcement, Invalid, ResourceType};

/// How long a change settles, where nobody says.
const SETTLE: &str = "10m";
/// The longest time in which two values may both be right.
const LONGEST: Duration = Duration::from_hours(24 * 7);

/// What is to be expected of one resource type.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    /// Of which resource type.
    resource_type: ResourceType,
    /// What each object becomes. Of quotas: the limit by the quota's name, a number or "unlimited". Of the others: by id,
    /// name or address either null, for it goes, or the fields that change ({}: it is new, whatever it is like): `name`,
    /// `description`, `stateful`, `rules` (all of them, as in `push_security_groups`: the two that let everything out stay
    /// beside them, unless `default_egress_rules` is false), `port_id`, `fixed_ip`, `policy`, `size_gib`.
    values: BTreeMap<String, Value>,
    /// How long old and new both count, like "10m" (the default); at most a week.
    settle: Option<String>,
}

impl Job for Expect {
    const KIND: &'static str = "expect";
    const ABOUT: &'static str =
        "announce what a portal changes with its own credentials; old and new count until it settles";
    const FLEET: bool = false;
    const WRITES: bool = true;
    const LOCAL: bool = true;

    fn problems(&self) -> Invalid {
        let mut invalid = Invalid::default();
        if self.values.is_empty() {
            invalid.field("values").add("says nothing: name what changes");
        }
        for (named, change) in &self.values {
            if let Some(why) = self.wrong(named, change) {
                invalid.field("values").field(named).add(why);
            }
        }
        if let Err(why) = self.settle() {
            invalid.field("settle").add(why);
        }
        invalid
    }

    async fn run(self, call: Call) -> Report {
        let Some(tenant) = call.tenant.clone() else {
            return Report::failed(JobError::give_up("invalid_params", "expect needs a tenant"));
        };
        let settle = match self.settle() {
            Ok(settle) => settle,
            Err(why) => return Report::failed(JobError::give_up("invalid_params", format!("params.settle: {why}"))),
        };
        let (now, resource_type) = (call.context.clock().now(), self.resource_type);
        let settles_at = now + settle;
        let announcement = Announcement {
            id: call.request.id,
            tenant: tenant.uuid,
            resource_type,
            changes: self.values,
            author: call.author(),
            announced_at: now,
            settles_at,
        };
        let look = Request {
            cloud: Some(tenant.cloud.clone()),
            subject: Some(tenant.uuid.to_string()),
            not_before: settles_at,
            priority: PRIORITY_PRODUCER,
            ..Request::new(named_id("settled", &call.request.id.to_string()), pull_kind(resource_type), "expect", now)
        };
        let effects =
            vec![Effect::Announced(announcement), Effect::Reconsider { tenant, resource_type }, Effect::Enqueue(look)];
        Report { effects, ..Report::default() }
    }
}

impl Expect {
    fn settle(&self) -> Result<Duration, String> {
        let written = self.settle.as_deref().unwrap_or(SETTLE);
        let settle = humantime::parse_duration(written)
            .map_err(|error| format!("`{written}` is no duration ({error}); write it like \"10m\""))?;
        if settle > LONGEST { Err(format!("`{written}` is more than a week")) } else { Ok(settle) }
    }

    /// What is wrong with one change.
    fn wrong(&self, named: &str, change: &Value) -> Option<String> {
        if self.resource_type == ResourceType::Quotas {
            if !quota::is_name(named) {
                let known = quota::NAMES.join(", ");
                return Some(format!("is no quota; there are {known}, and gigabytes_<volume type>"));
            }
            return serde_json::from_value::<Limit>(change.clone()).err().map(|error| error.to_string());
        }
        let known = fields(self.resource_type);
        let fields = match change {
            Value::Null => return None,
            Value::Object(fields) => fields,
            other => return Some(format!("{other} is neither null nor an object of fields")),
        };
        let is_known = |field: &str| known.contains(&field) || (field == DEFAULT_EGRESS && known.contains(&"rules"));
        if let Some(unknown) = fields.keys().find(|field| !is_known(field)) {
            return Some(format!("`{unknown}` is no field that is compared; there are {}", known.join(", ")));
        }
        if fields.contains_key(DEFAULT_EGRESS) && !fields.contains_key("rules") {
            return Some(format!("{DEFAULT_EGRESS} says something only beside `rules`"));
        }
        fields.iter().find_map(|(field, value)| wrong_value(field, value))
    }
}

fn wrong_value(field: &str, value: &Value) -> Option<String> {
    match field {
        "rules" => {
            let wishes: Vec<RuleWish> = match serde_json::from_value(value.clone()) {
                Ok(wishes) => wishes,
                Err(error) => return Some(format!("rules: {error}")),
            };
            wishes.iter().find_map(|wish| wish.problems().or(()).err()).map(|invalid| format!("rules: {invalid}"))
        }
        "stateful" | DEFAULT_EGRESS if !value.is_boolean() => {
            Some(format!("{field}: {value} is neither true nor false"))
        }
        "port_id" | "fixed_ip" if !value.is_string() && !value.is_null() => {
            Some(format!("{field}: {value} is neither a text nor null"))
        }
        "size_gib" if !value.is_u64() => Some(format!("{field}: {value} is no number")),
        "name" | "description" | "policy" if !value.is_string() => Some(format!("{field}: {value} is no text")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(params: &Value) -> Value {
        let expect: Expect = serde_json::from_value(params.clone()).unwrap();
        serde_json::to_value(expect.problems()).unwrap()
    }

    fn is_fine(params: &Value) -> bool {
        serde_json::from_value::<Expect>(params.clone()).unwrap().problems().or(()).is_ok()
    }

    #[test]
    fn what_is_announced_can_be_compared() {
        let quotas = json!({"resource_type": "quotas", "values": {"vcpu": 40, "ram": "unlimited"}, "settle": "1h"});
        assert!(is_fine(&quotas));
        let groups = json!({"resource_type": "security_groups", "values": {
            "web": {"rules": [{"protocol": "tcp", "from_port": 1, "to_port": 2}]}, "old": null, "new": {},
            "shut": {"rules": [], "default_egress_rules": false},
        }});
        assert!(is_fine(&groups));
    }

    #[test]
    fn what_cannot_be_is_told_at_its_place() {
        let quotas = json!({"resource_type": "quotas", "values": {"cpus": 40, "ram": "much"}, "settle": "8d"});
        let told = said(&quotas);
        assert!(told["values"]["cpus"][0].as_str().unwrap().starts_with("is no quota; there are vcpu"), "{told}");
        assert!(told["values"]["ram"][0].as_str().unwrap().starts_with("`much` is no limit"), "{told}");
        assert_eq!(told["settle"], json!(["`8d` is more than a week"]));
        let groups =
            json!({"resource_type": "server_groups", "values": {"a": {"members": []}, "b": 3, "c": {"policy": 1}}});
        let expected = json!({
            "a": ["`members` is no field that is compared; there are name, policy"],
            "b": ["3 is neither null nor an object of fields"],
            "c": ["policy: 1 is no text"],
        });
        assert_eq!(said(&groups)["values"], expected);
        let egress = json!({"resource_type": "security_groups", "values": {
            "a": {"default_egress_rules": false}, "b": {"rules": [], "default_egress_rules": 0},
        }});
        let expected = json!({
            "a": ["default_egress_rules says something only beside `rules`"],
            "b": ["default_egress_rules: 0 is neither true nor false"],
        });
        assert_eq!(said(&egress)["values"], expected);
    }
}
