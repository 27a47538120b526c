//! A listing is whole or an error, whatever the service does between two pages.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tenantd::clock::Clock;
use tenantd::openstack::{Error, Options, Which};

use super::fake::{Fake, Reply, Seen, json_reply};

fn floating_ip(number: usize) -> Value {
    json!({"id": format!("{number:04}"), "project_id": "p", "floating_ip_address": "192.0.2.1", "floating_network_id": "n"})
}

fn options(page_size: usize) -> Options {
    Options { page_size: Some(page_size), ..Fake::options() }
}

/// As Neutron pages: a link on every full page, to a host that only the service knows; an unknown marker starts over.
fn neutron_page(seen: &Seen, all: &BTreeSet<usize>, cap: usize) -> Reply {
    let limit = seen.number("limit").unwrap().min(cap);
    assert_eq!((seen.query["sort_key"].as_str(), seen.query["sort_dir"].as_str()), ("id", "asc"));
    let after = seen.number("marker").filter(|marker| all.contains(marker));
    let page: Vec<_> = all.iter().filter(|id| after.is_none_or(|after| **id > after)).take(limit).copied().collect();
    let mut body = json!({"floatingips": page.iter().map(|id| floating_ip(*id)).collect::<Vec<_>>()});
    if let (true, Some(last)) = (page.len() == limit, page.last()) {
        let href = format!("http://inside.invalid/x?limit={limit}&sort_key=id&sort_dir=asc&marker={last:04}");
        body["floatingips_links"] = json!([{"rel": "next", "href": href}, {"rel": "previous", "href": "http://x"}]);
    }
    json_reply(&body)
}

#[tokio::test]
async fn pages_are_followed_on_our_own_address_to_the_empty_one() {
    for (count, size, cap, pages) in [(0, 5, 9, 1), (4, 5, 9, 1), (5, 5, 9, 2), (23, 5, 9, 5), (23, 1_000, 7, 4)] {
        let all: BTreeSet<_> = (0..count).collect();
        let fake = Fake::start("admin", move |seen| neutron_page(seen, &all, cap)).await;
        let listing = fake.cloud(options(size)).floating_ips(Which::All).await.unwrap();
        assert_eq!((listing.items.len(), listing.pages.len()), (count, pages));
    }
}

#[tokio::test]
async fn a_deleted_marker_begins_the_listing_again() {
    let all = Mutex::new((0..20).collect::<BTreeSet<_>>());
    let fake = Fake::start("admin", move |seen| {
        let mut all = all.lock().unwrap();
        if seen.number("marker") == Some(9) {
            all.remove(&9);
        }
        neutron_page(seen, &all, 100)
    })
    .await;
    let listing = fake.cloud(options(5)).floating_ips(Which::Project("own")).await.unwrap();
    let ids: BTreeSet<_> = listing.items.iter().map(|it| it.id.clone()).collect();
    assert_eq!((listing.items.len(), ids.len(), ids.contains("0009")), (19, 19, false));
    let asked = fake.requests("/v2.0/floatingips");
    assert!(asked.iter().all(|seen| !seen.query.contains_key("tenant_id")));
    assert_eq!(asked[0].query["project_id"], "own");
}

#[tokio::test]
async fn a_listing_that_always_starts_over_is_an_error() {
    let all: BTreeSet<_> = (0..20).collect();
    let fake = Fake::start("admin", move |seen| {
        let mut seen = seen.clone();
        seen.query.remove("marker");
        neutron_page(&seen, &all, 100)
    })
    .await;
    let error = fake.cloud(options(5)).floating_ips(Which::All).await.unwrap_err();
    assert!(matches!(error, Error::Incomplete { .. }), "{error}");
    assert!(fake.requests("/v2.0/floatingips").len() < 20);
}

#[tokio::test]
async fn an_error_on_the_last_page_is_no_short_listing() {
    let all: BTreeSet<_> = (0..20).collect();
    let fake = Fake::start("admin", move |seen| match seen.number("marker") {
        Some(14) => super::fake::status(500),
        _ => neutron_page(seen, &all, 100),
    })
    .await;
    let error = fake.cloud(options(5)).floating_ips(Which::All).await.unwrap_err();
    assert_eq!(error.reason(), "unavailable");
}

#[tokio::test]
async fn an_unreadable_object_is_named_and_hides_no_other() {
    let fake = Fake::start("admin", |_| {
        let mut broken = floating_ip(2);
        broken["floating_ip_address"] = json!(7);
        json_reply(&json!({"floatingips": [floating_ip(1), broken, floating_ip(1), floating_ip(3), "odd"]}))
    })
    .await;
    let listing = fake.cloud(Fake::options()).floating_ips(Which::All).await.unwrap();
    assert_eq!(listing.items.len(), 2);
    assert_eq!(listing.broken.len(), 2);
    assert_eq!((listing.broken[0].id.as_deref(), listing.broken[0].project.as_deref()), (Some("0002"), Some("p")));
    assert!(listing.broken[0].error.contains("floating_ip_address"), "{}", listing.broken[0].error);
}

fn group_page(seen: &Seen, all: &[usize], cap: usize) -> Reply {
    let limit = seen.number("limit").unwrap().min(cap);
    let page = all.iter().skip(seen.number("offset").unwrap_or(0)).take(limit);
    let groups = page
        .map(|id| json!({"id": format!("{id:04}"), "name": "g", "project_id": if id % 2 == 0 { "p" } else { "q" }}));
    json_reply(&json!({"server_groups": groups.collect::<Vec<_>>()}))
}

#[tokio::test]
async fn offsets_are_paged_whole_and_asked_with_the_version_that_both_know() {
    for (count, size, cap) in [(0, 5, 9), (1, 5, 9), (5, 5, 9), (23, 5, 9), (23, 1_000, 7), (23, 2, 9)] {
        let all: Vec<_> = (0..count).collect();
        let fake = Fake::start("admin", move |seen| group_page(seen, &all, cap)).await;
        let cloud = fake.cloud(options(size));
        let listing = cloud.server_groups(Which::All).await.unwrap();
        let now = fake.clock.now();
        // Also of nothing it is known when it was asked for, or no look at it would ever be the newest.
        assert_eq!((listing.items.len(), listing.asked_at, listing.answered_at), (count, now, now));
        assert_eq!(cloud.server_groups(Which::Project("p")).await.unwrap().items.len(), count.div_ceil(2));
        let asked = fake.requests("/compute/v2.1/os-server-groups");
        assert!(asked.iter().all(|seen| seen.headers["openstack-api-version"] == "compute 2.60"));
        assert!(asked.iter().all(|seen| seen.query["all_projects"] == "true"));
        assert_eq!(fake.requests("/compute/v2.1/").len(), 1);
    }
}

#[tokio::test]
async fn an_offset_that_shifted_is_noticed() {
    let (calls, all) = (AtomicUsize::new(0), Mutex::new((0..20).collect::<Vec<_>>()));
    let fake = Fake::start("admin", move |seen| {
        let mut all = all.lock().unwrap();
        if calls.fetch_add(1, Ordering::SeqCst) == 2 {
            all.remove(0);
        }
        group_page(seen, &all, 100)
    })
    .await;
    let listing = fake.cloud(options(5)).server_groups(Which::All).await.unwrap();
    let ids: Vec<_> = listing.items.iter().map(|it| it.id.clone()).collect();
    assert_eq!(ids, (1..20).map(|id| format!("{id:04}")).collect::<Vec<_>>());
}
