//! Limits that are set to what they are expected to be, each by itself: a service refuses a request as a whole, and one
//! limit that it does not accept is no reason to leave the others.

use super::{Act, Left, Plan};
use crate::model::quota::{Quotas, Unit};

pub(super) fn plan(expected: &Quotas, observed: &Quotas) -> Plan {
    let mut plan = Plan::default();
    for (name, expected) in expected {
        let Some(limit) = expected.limit else { continue };
        let quota = observed.get(name);
        let Some(before) = quota.and_then(|quota| quota.limit) else {
            plan.unmendable.push(Left::new(
                name,
                name,
                format!("{limit} is expected, and the cloud has no such limit"),
            ));
            continue;
        };
        let usage = quota.and_then(|quota| quota.usage).filter(|usage| limit.is_exceeded_by(*usage));
        let unit = Unit::of(name).symbol();
        match usage {
            _ if limit != before => {
                let used = usage.map(|usage| format!(", and {usage} are used")).unwrap_or_default();
                let line = format!("set limit {name} {limit}{unit} (is {before}{unit}{used})");
                plan.step(Act::SetLimit { limit, before }, (name, name), line);
            }
            Some(usage) => {
                let why = format!("{usage}{unit} are used of {limit}{unit}: no limit mends that");
                plan.left.push(Left::new(name, name, why));
            }
            None => {}
        }
    }
    plan
}
