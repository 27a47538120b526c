//! What counts, and what is too uncertain to be counted.

use chrono::DateTime;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::openstack::Broken;

fn listing<T: DeserializeOwned>(items: &[Value]) -> Listing<T> {
    let items = items.iter().map(|item| serde_json::from_value(item.clone()).unwrap()).collect();
    Listing { asked_at: DateTime::UNIX_EPOCH, answered_at: DateTime::UNIX_EPOCH, items, broken: vec![], pages: vec![] }
}

fn server(status: &str, task: Option<&str>, (vcpus, ram): (i64, i64)) -> Value {
    json!({"id": "s", "tenant_id": "p", "status": status, "OS-EXT-STS:task_state": task, "flavor": {"vcpus": vcpus, "ram": ram}})
}

fn volume(id: &str, status: &str, size: i64, volume_type: &str) -> Value {
    json!({"id": id, "status": status, "size": size, "volume_type": volume_type})
}

fn snapshot(volume: &str, status: &str, size: i64) -> Value {
    json!({"id": "copy", "volume_id": volume, "status": status, "size": size})
}

/// `key all` of each number, and `key least..all` where another may be as right.
fn told(numbers: &Numbers) -> Vec<String> {
    let tell = |(key, it): (&String, &Number)| {
        let or = if it.or == (it.all..=it.all) { String::new() } else { format!(" or {:?}", it.or) };
        format!("{key} {}{or}", it.all)
    };
    numbers.iter().map(tell).collect()
}

fn servers(items: &[Value]) -> Vec<String> {
    told(&of_servers(&listing(items)))
}

fn volumes(items: &[Value], copies: &[Value]) -> Vec<String> {
    told(&of_volumes(&listing(items), &listing(copies), &["hdd", "ssd"]))
}

#[test]
fn instances_count_whatever_became_of_them() {
    let stopped =
        [server("ACTIVE", None, (2, 512)), server("SHUTOFF", None, (1, 512)), server("ERROR", None, (4, 1024))];
    assert_eq!(servers(&stopped), ["cores 7", "instances 3", "ram 2048"]);
    assert_eq!(servers(&[]), ["cores 0", "instances 0", "ram 0"]);
}

#[test]
fn an_instance_in_transition_makes_every_number_uncertain() {
    let settled = server("ACTIVE", None, (2, 512));
    for other in [
        server("BUILD", Some("spawning"), (1, 1)),
        server("BUILD", None, (1, 1)),
        server("ACTIVE", Some("deleting"), (1, 1)),
        server("VERIFY_RESIZE", None, (1, 1)),
        server("UNKNOWN", None, (1, 1)),
    ] {
        assert_eq!(servers(&[settled.clone(), other.clone()]), [""; 0], "{other}");
    }
}

#[test]
fn a_shelved_instance_may_count_or_not() {
    let shelved = [server("ACTIVE", None, (2, 512)), server("SHELVED_OFFLOADED", None, (4, 1024))];
    let numbers = of_servers(&listing(&shelved));
    assert_eq!(told(&numbers), ["cores 6 or 2..=6", "instances 2", "ram 1536 or 512..=1536"]);
    assert_eq!([2, 6, 7, 1].map(|counter| numbers["cores"].beside(counter)), [2, 6, 6, 6]);
    let metal = json!({"id": "s", "tenant_id": "p", "status": "ACTIVE",
        "flavor": {"vcpus": 64, "ram": 9, "extra_specs": {"resources:VCPU": "0"}}});
    assert_eq!(servers(&[metal]), ["cores 64 or 0..=64", "instances 1", "ram 9 or 0..=9"]);
}

#[test]
fn a_flavor_of_which_only_the_id_is_known_has_no_cores() {
    let old = json!({"id": "s", "tenant_id": "p", "status": "ACTIVE", "flavor": {"id": "1"}});
    assert_eq!(servers(&[old]), ["instances 1"]);
}

#[test]
fn snapshots_use_gigabytes_of_their_volumes_type() {
    let items = [volume("a", "in-use", 5, "ssd"), volume("b", "error", 2, "hdd")];
    assert_eq!(
        volumes(&items, &[snapshot("a", "available", 5)]),
        ["gigabytes 12 or 7..=7", "gigabytes_hdd 2", "gigabytes_ssd 10 or 5..=5", "snapshots 1", "volumes 2"]
    );
    assert_eq!(
        volumes(&items, &[snapshot("elsewhere", "available", 5)]),
        ["gigabytes 12 or 7..=7", "snapshots 1", "volumes 2"]
    );
}

#[test]
fn what_cinder_is_at_work_on_is_uncertain() {
    let steady = volume("a", "available", 1, "ssd");
    for status in ["creating", "deleting", "extending", "retyping", "error_managing", "backing-up"] {
        assert_eq!(volumes(&[steady.clone(), volume("b", status, 1, "ssd")], &[]), ["snapshots 0"], "{status}");
    }
    assert_eq!(volumes(std::slice::from_ref(&steady), &[snapshot("a", "creating", 1)]), ["volumes 1"]);
    let mut moving = volume("b", "available", 1, "ssd");
    moving["migration_status"] = json!("migrating");
    assert_eq!(volumes(&[moving], &[]), ["snapshots 0"]);
}

#[test]
fn what_uses_no_quota_is_not_counted() {
    let mut temporary = volume("b", "available", 3, "ssd");
    temporary["consumes_quota"] = json!(false);
    assert_eq!(
        volumes(&[volume("a", "available", 1, "ssd"), temporary], &[]),
        ["gigabytes 1", "gigabytes_hdd 0", "gigabytes_ssd 1", "snapshots 0", "volumes 1"]
    );
}

#[test]
fn an_object_that_cannot_be_read_is_there_and_not_countable() {
    let mut listing: Listing<Owned> = listing(&[json!({"id": "n", "project_id": "p"})]);
    assert_eq!(of_owned(Countable::Networks, &listing), Some(("network".to_owned(), Number::of(1))));
    listing.broken.push(Broken { id: None, project: None, error: String::new() });
    assert_eq!(of_owned(Countable::Networks, &listing), None);
}
