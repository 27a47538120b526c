//! Neutron's listings: filters, fields, sorting, and its peculiar pages.
//!
//! A page that is full has a `next` link even when nothing follows, the first page has a `previous`
//! one, and an unknown marker starts over: clients must cope, so the simulator does the same.

use std::collections::BTreeMap;
use std::ops::Bound;

use axum::http::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::call::{Call, hex, id};
use super::super::reply::{Answer, Reply};
use super::super::table::{Resource, Table};
use super::refusal;

const CONTROL: [&str; 6] = ["limit", "marker", "sort_key", "sort_dir", "fields", "page_reverse"];

/// What is listed.
pub struct Listing<'a, T> {
    /// The key around the objects.
    pub plural: &'static str,
    /// Where they are.
    pub table: &'a Table<T>,
    /// The caller sees objects of this project only; `None` is all.
    pub owner: Option<Uuid>,
    /// Objects that the caller sees although another project owns them.
    pub shared: Option<fn(&T) -> bool>,
    /// False for a system token: it sees nothing at all.
    pub visible: bool,
    /// The largest page.
    pub page_limit: usize,
}

struct Page {
    limit: Option<usize>,
    marker: Option<Uuid>,
    reverse: bool,
}

/// Answers a listing.
pub fn list<'a, T: Resource, V: Serialize>(
    call: &Call,
    listing: &Listing<'a, T>,
    render: impl Fn(&'a T) -> V,
) -> Answer {
    let page = page(call)?;
    let sorts = sorts(call)?;
    let filters = filters(call);
    let value = |row: &'a T| serde_json::to_value(render(row)).unwrap_or_default();
    let wanted = |row: &&'a T| {
        listing.visible
            && (listing.owner.is_none()
                || row.project() == listing.owner
                || listing.shared.is_some_and(|shared| shared(row)))
            && matches(*row, &filters, || value(row))
    };
    let limit = page.limit.unwrap_or(listing.page_limit).min(listing.page_limit);
    let by_project = sorts.as_slice() == [("project_id", false), ("id", false)];
    let by_id = sorts.is_empty() || sorts.as_slice() == [("id", false)];
    let mut rows: Vec<&T> = if by_id {
        let marker = page.marker.filter(|marker| listing.table.get(*marker).is_some());
        let candidates = candidates(listing, &filters, marker, page.reverse);
        candidates.filter(wanted).take(limit + 1).collect()
    } else if by_project && !page.reverse && listing.owner.is_none() {
        let marker = page.marker.and_then(|marker| listing.table.get(marker));
        listing.table.by_project(marker).filter(wanted).take(limit + 1).collect()
    } else {
        let all: Vec<&T> = candidates(listing, &filters, None, false).filter(wanted).collect();
        let mut keyed: Vec<(Value, &T)> = all.into_iter().map(|row| (value(row), row)).collect();
        keyed.sort_by(|(one, _), (other, _)| order(one, other, &sorts));
        if page.reverse {
            keyed.reverse();
        }
        let at = page.marker.and_then(|marker| keyed.iter().position(|(_, row)| row.id() == marker));
        let after = at.map_or(0, |at| at + 1);
        keyed.into_iter().skip(after).take(limit + 1).map(|(_, row)| row).collect()
    };
    let cut = rows.len() > limit;
    rows.truncate(limit);
    let full = rows.len() == limit;
    if page.reverse {
        rows.reverse();
    }
    let linked = page.limit.is_some() || cut;
    let links = linked.then(|| links(call, &rows, full));
    let fields: Vec<&str> = call.queries("fields").filter(|field| !field.is_empty()).collect();
    Ok(write(listing.plural, &rows, links.as_ref(), |row, to| {
        if fields.is_empty() {
            return serde_json::to_writer(to, &render(row));
        }
        // What is in the fields need not be understood.
        let whole = serde_json::to_string(&render(row))?;
        let mut object: BTreeMap<&str, &RawValue> = serde_json::from_str(&whole)?;
        object.retain(|key, _| fields.contains(key));
        serde_json::to_writer(to, &object)
    }))
}

/// Writes the objects straight into the body: a page may hold tens of thousands of rules.
fn write<'a, T>(
    plural: &str,
    rows: &[&'a T],
    links: Option<&Value>,
    row_to: impl Fn(&'a T, &mut Vec<u8>) -> serde_json::Result<()>,
) -> Reply {
    let mut body = format!("{{\"{plural}\": [").into_bytes();
    for (at, row) in rows.iter().enumerate() {
        if at > 0 {
            body.extend_from_slice(b", ");
        }
        if let Err(error) = row_to(row, &mut body) {
            return Reply::json(StatusCode::INTERNAL_SERVER_ERROR, &json!({"error": error.to_string()}));
        }
    }
    body.push(b']');
    if let Some(links) = links {
        body.extend_from_slice(format!(", \"{plural}_links\": {links}").as_bytes());
    }
    body.push(b'}');
    Reply::bytes(StatusCode::OK, body)
}

fn page(call: &Call) -> Result<Page, Reply> {
    let limit = match call.query("limit") {
        None => None,
        Some(text) => {
            let message = format!("Bad limit request: Limit must be an integer 0 or greater and not '{text}'.");
            let limit: usize = text.parse().map_err(|_| refusal::bad("BadRequest", &message))?;
            (limit > 0).then_some(limit)
        }
    };
    Ok(Page { limit, marker: call.query("marker").map(id), reverse: call.flag("page_reverse") })
}

fn sorts(call: &Call) -> Result<Vec<(&str, bool)>, Reply> {
    let keys: Vec<&str> = call.queries("sort_key").collect();
    let directions: Vec<&str> = call.queries("sort_dir").collect();
    if keys.len() != directions.len() {
        return Err(refusal::invalid("The number of sort_keys and sort_dirs must be same"));
    }
    let pairs = keys.into_iter().zip(directions);
    Ok(pairs.map(|(key, direction)| (key, direction == "desc")).collect())
}

fn filters(call: &Call) -> BTreeMap<&str, Vec<&str>> {
    let mut filters: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (key, value) in &call.query {
        if !CONTROL.contains(&key.as_str()) {
            filters.entry(key).or_default().push(value);
        }
    }
    filters
}

fn candidates<'a, T: Resource>(
    listing: &Listing<'a, T>,
    filters: &BTreeMap<&str, Vec<&str>>,
    marker: Option<Uuid>,
    reverse: bool,
) -> Box<dyn Iterator<Item = &'a T> + 'a> {
    if let Some(ids) = filters.get("id") {
        let mut ids: Vec<Uuid> = ids.iter().map(|text| id(text)).collect();
        ids.sort_unstable();
        let table = listing.table;
        return Box::new(ids.into_iter().filter_map(move |id| table.get(id)));
    }
    let asked = filters.get("project_id").or(filters.get("tenant_id"));
    let project = match asked.map(Vec::as_slice) {
        Some([one]) => Some(id(one)),
        // Where nothing is shared, a member's own project is all there is to look through.
        _ if listing.shared.is_none() => listing.owner,
        _ => None,
    };
    let (from, to) = match (marker, reverse) {
        (None, _) => (Bound::Unbounded, Bound::Unbounded),
        (Some(marker), false) => (Bound::Excluded(marker), Bound::Unbounded),
        (Some(marker), true) => (Bound::Unbounded, Bound::Excluded(marker)),
    };
    let rows = listing.table.between(project, from, to);
    if reverse { Box::new(rows.rev()) } else { rows }
}

/// Cheap filters first; others look into the object as it is shown.
fn matches(row: &impl Resource, filters: &BTreeMap<&str, Vec<&str>>, value: impl Fn() -> Value) -> bool {
    let mut shown: Option<Value> = None;
    filters.iter().all(|(key, wanted)| match *key {
        "id" => wanted.iter().any(|text| id(text) == row.id()),
        "project_id" | "tenant_id" => wanted.iter().any(|text| row.project().map(hex).unwrap_or_default() == **text),
        "name" if !row.name().is_empty() => wanted.contains(&row.name()),
        // Of groups any will do, of tags all must be there.
        "security_groups" => {
            let held = &shown.get_or_insert_with(&value)["security_groups"];
            wanted.iter().any(|text| has(held, &[text]))
        }
        key => has(&shown.get_or_insert_with(&value)[key], wanted),
    })
}

fn has(value: &Value, wanted: &[&str]) -> bool {
    let equal = |value: &Value, text: &str| match value {
        Value::String(held) => held == text,
        Value::Bool(true) => text == "1" || text.eq_ignore_ascii_case("true"),
        Value::Bool(false) => text == "0" || text.eq_ignore_ascii_case("false"),
        Value::Null => text.is_empty(),
        other => serde_json::from_str::<Value>(text).is_ok_and(|asked| asked == *other),
    };
    match value {
        Value::Array(list) => {
            wanted.iter().flat_map(|text| text.split(',')).all(|text| list.iter().any(|held| equal(held, text)))
        }
        value => wanted.iter().any(|text| equal(value, text)),
    }
}

fn order(one: &Value, other: &Value, sorts: &[(&str, bool)]) -> std::cmp::Ordering {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let by_key = sorts.iter().map(|(key, descending)| {
        let ordering = text(&one[*key]).cmp(&text(&other[*key]));
        if *descending { ordering.reverse() } else { ordering }
    });
    let by_id = std::iter::once_with(|| text(&one["id"]).cmp(&text(&other["id"])));
    by_key.chain(by_id).find(|ordering| ordering.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
}

fn links<T: Resource>(call: &Call, rows: &[&T], full: bool) -> Value {
    let link = |rel: &str, extra: &str| json!({"rel": rel, "href": call.page_url(&["marker", "page_reverse"], extra)});
    let mut links = Vec::new();
    if let (Some(last), true) = (rows.last(), full) {
        links.push(link("next", &format!("marker={}", last.id())));
    }
    let before = rows
        .first()
        .map_or_else(|| "page_reverse=True".to_owned(), |first| format!("marker={}&page_reverse=True", first.id()));
    links.push(link("previous", &before));
    Value::Array(links)
}
