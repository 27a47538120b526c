//! Keystone's lists: `links` around the objects, `limit` and `marker`, and `truncated` on a cut page.

use serde_json::{Value, json};

use super::super::call::Call;
use super::super::reply::{Answer, Reply};
use super::refusal;

/// Cuts a page out of `rows` (in the order of ids) and answers it.
pub fn page<T>(
    call: &Call,
    plural: &str,
    page_limit: usize,
    rows: impl Iterator<Item = T>,
    id: impl Fn(&T) -> String,
    view: impl Fn(&T) -> Value,
) -> Answer {
    let asked = match call.query("limit") {
        Some(text) => text.parse::<usize>().map_err(|_| {
            refusal::invalid(&format!("Invalid input for field 'limit': '{text}' does not match '^[0-9]+$'"))
        })?,
        None => page_limit,
    };
    let limit = if asked == 0 { page_limit } else { asked.min(page_limit) };
    let marker = call.query("marker");
    let mut page: Vec<T> = rows
        .filter(|row| marker.is_none_or(|marker| id(row).as_str() > marker))
        .take(limit.saturating_add(1))
        .collect();
    let cut = page.len() > limit;
    page.truncate(limit);
    let next = page.last().filter(|_| cut).map(|last| call.page_url(&["marker"], &format!("marker={}", id(last))));
    let views: Vec<Value> = page.iter().map(view).collect();
    let mut body = json!({plural: views, "links": {"next": next, "self": call.url(), "previous": null}});
    if cut {
        body["truncated"] = json!(true);
    }
    Ok(Reply::ok(&body))
}

/// A list that is never cut.
pub fn whole(call: &Call, plural: &str, views: &[Value]) -> Reply {
    Reply::ok(&json!({plural: views, "links": {"next": null, "self": call.url(), "previous": null}}))
}
