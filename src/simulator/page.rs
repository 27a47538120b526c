//! Pages as Nova and Cinder cut them: newest first, `limit` and `marker`, one `next` link.

use serde_json::{Value, json};
use uuid::Uuid;

use super::call::{Call, id};
use super::reply::Reply;

/// A page of `rows`, with its `next` link where more follow; the error half names a bad parameter.
pub fn cut<'a, T>(
    call: &Call,
    page_limit: usize,
    rows: Vec<&'a T>,
    id_of: impl Fn(&T) -> Uuid,
    refuse: impl Fn(&str) -> Reply,
) -> Result<(Vec<&'a T>, Option<Value>), Reply> {
    let asked = match call.query("limit") {
        None => None,
        Some(text) => Some(text.parse::<usize>().map_err(|_| {
            refuse(&format!(
                "Invalid input for query parameters limit. Value: {text}. '{text}' does not match '^[0-9]*$'"
            ))
        })?),
    };
    let limit = asked.unwrap_or(page_limit).min(page_limit);
    let offset: usize = call.query("offset").and_then(|text| text.parse().ok()).unwrap_or(0);
    let start = match call.query("marker") {
        None => 0,
        Some(text) => {
            let at = rows.iter().position(|row| id_of(row) == id(text));
            at.ok_or_else(|| refuse(&format!("marker [{text}] not found")))? + 1
        }
    };
    let page: Vec<&T> = rows.into_iter().skip(start + offset).take(limit).collect();
    let more = page.len() == limit;
    let next = page.last().filter(|_| more).map(|last| {
        let href = call.page_url(&["marker", "offset"], &format!("marker={}", id_of(last)));
        json!([{"rel": "next", "href": href}])
    });
    Ok((page, next))
}
