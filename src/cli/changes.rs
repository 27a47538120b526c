//! What changed of a tenant, as rows of a listing: a person reads whom it concerns first.

use serde_json::{Value, json};

use super::output::{Columns, Row, stamp};
use super::values;
use crate::drift::{Difference, EXISTENCE};
use crate::jobs::compared::{Change, What};

pub(super) const COLUMNS: Columns = Columns {
    keys: &[
        "cloud",
        "tenant",
        "tenant_name",
        "resource_type",
        "object",
        "object_name",
        "field",
        "change",
        "before",
        "after",
        "changed_at",
        "customer_name",
        "project_name",
    ],
    headings: &["TENANT", "TYPE", "WHAT", "BEFORE", "AFTER", "CHANGED"],
    none: "nothing changed of what is compared",
};

/// The rows of a listing. Cells that say again what the row above says stay empty, which groups them.
pub(super) fn rows(changes: &[Change]) -> Vec<Row> {
    let mut rows: Vec<Row> = changes.iter().map(row).collect();
    for at in (1..rows.len()).rev() {
        let (same_tenant, same_type) = (
            changes[at].whose.tenant == changes[at - 1].whose.tenant,
            changes[at].resource_type == changes[at - 1].resource_type,
        );
        if same_tenant {
            rows[at].cells[0].clear();
        }
        if same_tenant && same_type {
            rows[at].cells[1].clear();
        }
    }
    rows
}

fn row(change: &Change) -> Row {
    let whose = &change.whose;
    let difference = match &change.what {
        What::Differs(difference) => Some(difference),
        _ => None,
    };
    let (what, before, after) = match (difference, change.what.news()) {
        (Some(it), _) => {
            let what = values::what(&it.object_name, &it.object, &it.field);
            (values::printable(&what), said(it, &it.expected), said(it, &it.observed))
        }
        (None, news) => (news.unwrap_or_default().to_owned(), "-".to_owned(), "-".to_owned()),
    };
    Row {
        json: json!({
            "cloud": whose.cloud, "tenant": whose.backend_id, "tenant_name": whose.tenant_name,
            "resource_type": change.resource_type, "object": difference.map(|it| &it.object),
            "object_name": difference.map(|it| &it.object_name), "field": difference.map(|it| &it.field),
            "change": change.what.as_str(), "before": difference.map(|it| &it.expected),
            "after": difference.map(|it| &it.observed), "changed_at": change.at,
            "customer_name": whose.customer_name, "project_name": whose.project_name,
        }),
        cells: vec![
            values::printable(&format!("{}/{}", whose.cloud, whose.tenant_name)),
            change.resource_type.map_or_else(|| "-".to_owned(), |it| it.to_string()),
            what,
            before,
            after,
            stamp(change.at),
        ],
    }
}

/// A value in a table; of a rule, which has been named, and of what is not there, only whether it is there.
fn said(difference: &Difference, value: &Value) -> String {
    let is_rule = difference.field.starts_with("rule ");
    match value {
        Value::Null if is_rule || difference.field == EXISTENCE => "absent".to_owned(),
        _ if is_rule => "present".to_owned(),
        value => values::printable(&values::say(&difference.object, value)),
    }
}
