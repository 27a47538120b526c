//! A listing of a whole cloud, project by project: nothing is given out before it is whole, and nothing twice.

use std::collections::BTreeSet;
use std::sync::Mutex;

use serde_json::{Value, json};
use tenantd::clock::Clock;
use tenantd::openstack::{Cloud, End, Error, FloatingIp, Options, Section};

use super::fake::{Fake, Reply, Seen, json_reply, status};

/// Which project has which object.
type Owned = (&'static str, usize);

fn options(page_size: usize) -> Options {
    Options { page_size: Some(page_size), ..Fake::options() }
}

fn floating_ip((project, number): Owned) -> Value {
    json!({"id": format!("{number:04}"), "project_id": project, "floating_ip_address": "192.0.2.1", "floating_network_id": "n"})
}

/// As Neutron pages what is sorted by project and id; a marker that is gone starts over.
fn page(seen: &Seen, all: &BTreeSet<Owned>) -> Reply {
    let limit = seen.number("limit").unwrap();
    let marker = seen.number("marker").and_then(|marker| all.iter().position(|(_, number)| *number == marker));
    let page: Vec<Owned> = all.iter().skip(marker.map_or(0, |at| at + 1)).take(limit).copied().collect();
    let mut body = json!({"floatingips": page.iter().map(|it| floating_ip(*it)).collect::<Vec<_>>()});
    if let (true, Some((_, last))) = (page.len() == limit, page.last()) {
        let sorted = "sort_key=project_id&sort_key=id&sort_dir=asc&sort_dir=asc";
        let href = format!("http://inside.invalid/x?limit={limit}&{sorted}&marker={last:04}");
        body["floatingips_links"] = json!([{"rel": "next", "href": href}]);
    }
    json_reply(&body)
}

/// Everything that comes, and how it ends.
async fn read(cloud: &Cloud) -> (Vec<Section<FloatingIp>>, Result<End, Error>) {
    let mut sections = cloud.floating_ips_by_project().await.unwrap();
    let mut read = Vec::new();
    loop {
        match sections.next().await {
            Ok(Some(section)) => read.push(section),
            Ok(None) => return (read, Ok(sections.end().unwrap().clone())),
            Err(error) => return (read, Err(error)),
        }
    }
}

fn told(sections: &[Section<FloatingIp>]) -> Vec<String> {
    let ids = |it: &Section<FloatingIp>| {
        let ids: Vec<&str> = it.items.iter().map(|it| it.id.trim_start_matches('0')).collect();
        ids.join(" ")
    };
    sections.iter().map(|it| format!("{}: {}", it.project, ids(it))).collect()
}

fn all() -> BTreeSet<Owned> {
    [("a", 7), ("a", 9), ("b", 1), ("b", 4), ("b", 6), ("b", 8), ("d", 2), ("e", 3), ("e", 5)].into()
}

#[tokio::test]
async fn each_project_comes_once_with_all_that_it_has_however_pages_are_cut() {
    for size in [2, 3, 4, 5, 9, 1_000] {
        let fake = Fake::start("admin", move |seen| page(seen, &all())).await;
        let (sections, end) = read(&fake.cloud(options(size))).await;
        assert_eq!(told(&sections), ["a: 7 9", "b: 1 4 6 8", "d: 2", "e: 3 5"], "pages of {size}");
        assert!(!end.unwrap().is_unsure);
        let asked = fake.requests("/v2.0/floatingips");
        let asked_for = |seen: &Seen, key: &str| seen.query.contains_key(key);
        assert!(asked.iter().all(|seen| !asked_for(seen, "tenant_id") && !asked_for(seen, "project_id")));
        assert_eq!(asked[0].query["sort_key"], "id", "after the project, by id");
    }
}

#[tokio::test]
async fn of_nothing_it_is_known_when_it_was_asked_for() {
    let fake = Fake::start("admin", |seen| page(seen, &BTreeSet::new())).await;
    let (sections, end) = read(&fake.cloud(options(5))).await;
    let (end, now) = (end.unwrap(), fake.clock.now());
    assert_eq!((sections.len(), end.asked_at, end.answered_at), (0, now, now));
}

#[tokio::test]
async fn a_listing_that_starts_over_gives_no_project_twice() {
    let left = Mutex::new(all());
    let fake = Fake::start("admin", move |seen| {
        let mut left = left.lock().unwrap();
        if seen.number("marker") == Some(6) {
            left.remove(&("b", 6));
        }
        page(seen, &left)
    })
    .await;
    let (sections, end) = read(&fake.cloud(options(5))).await;
    assert_eq!(told(&sections), ["a: 7 9", "b: 1 4 8", "d: 2", "e: 3 5"]);
    assert!(end.is_ok());
}

#[tokio::test]
async fn a_page_that_started_over_with_a_new_project_ends_no_other() {
    let left = Mutex::new(all());
    let fake = Fake::start("admin", move |seen| {
        let mut left = left.lock().unwrap();
        if seen.number("marker") == Some(4) {
            left.remove(&("b", 4));
            left.extend([("0", 10), ("0", 11), ("0", 12), ("0", 13)]);
        }
        page(seen, &left)
    })
    .await;
    let (sections, end) = read(&fake.cloud(options(4))).await;
    assert_eq!(told(&sections), ["a: 7 9", "0: 10 11 12 13", "b: 1 6 8", "d: 2", "e: 3 5"]);
    assert!(end.is_ok());
}

#[tokio::test]
async fn a_listing_that_does_not_come_to_its_end_proves_what_was_read() {
    let fake = Fake::start("admin", |seen| match seen.number("marker") {
        Some(2) => status(500),
        _ => page(seen, &all()),
    })
    .await;
    let (sections, end) = read(&fake.cloud(options(7))).await;
    assert_eq!(told(&sections), ["a: 7 9", "b: 1 4 6 8"], "of d nobody knows whether that is all");
    assert_eq!(end.unwrap_err().reason(), "unavailable");
}

#[tokio::test]
async fn a_listing_that_is_not_sorted_is_an_error() {
    let fake = Fake::start("admin", |_| {
        json_reply(&json!({"floatingips": [
            floating_ip(("a", 1)), floating_ip(("b", 2)), floating_ip(("a", 3)),
        ]}))
    })
    .await;
    let (sections, end) = read(&fake.cloud(options(5))).await;
    assert_eq!(told(&sections), [""; 0], "of none of them it is known whether that is all");
    assert!(matches!(end, Err(Error::Incomplete { .. })), "{end:?}");
}

#[tokio::test]
async fn an_object_that_is_nobodys_makes_its_neighbours_unsure() {
    let fake = Fake::start("admin", |_| {
        let mut broken = floating_ip(("c", 4));
        broken["floating_ip_address"] = json!(7);
        json_reply(&json!({"floatingips": [
            floating_ip(("a", 1)), floating_ip(("b", 2)), "odd", floating_ip(("c", 3)), broken,
        ]}))
    })
    .await;
    let (sections, end) = read(&fake.cloud(options(9))).await;
    let sure: Vec<_> = sections.iter().map(|it| (it.project.as_str(), it.is_unsure, it.broken.len())).collect();
    assert_eq!(sure, [("a", false, 0), ("b", true, 0), ("c", true, 1)]);
    assert!(end.unwrap().is_unsure);
}

#[tokio::test]
async fn a_role_that_sees_only_its_own_is_refused_before_anything_is_asked() {
    let fake = Fake::start("member", |seen| page(seen, &all())).await;
    let refused = fake.cloud(options(5)).floating_ips_by_project().await.err().unwrap();
    assert!(matches!(refused, Error::OutOfSight { .. }), "{refused}");
    assert!(fake.requests("/v2.0/").is_empty());
}
