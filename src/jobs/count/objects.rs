//! From listings to numbers under the services' own keys, as the services themselves count.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::openstack::{Countable, Listing, Owned, Server, Volume, VolumeSnapshot};

/// Numbers of certain objects, by the service's key; what is in transition is left out.
pub(super) type Numbers = BTreeMap<String, Number>;

/// How many there are. Some services may be set up to count fewer of them, which nobody can ask them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Number {
    /// All of them.
    all: u64,
    /// What a service that counts otherwise may say as rightly.
    or: RangeInclusive<u64>,
}

impl Number {
    pub fn of(all: u64) -> Self {
        Self { all, or: all..=all }
    }

    /// The number to compare with a counter: where it is one that may be, that one.
    pub fn beside(&self, counter: u64) -> u64 {
        if self.or.contains(&counter) { counter } else { self.all }
    }
}

/// Neutron's objects have no states that count: a row is there or not. None where one of them cannot be read.
pub(super) fn of_owned(what: Countable, listing: &Listing<Owned>) -> Option<(String, Number)> {
    let number = u64::try_from(listing.items.len()).ok().filter(|_| listing.broken.is_empty())?;
    Some((what.key().to_owned(), Number::of(number)))
}

/// Instances with their cores and memory. Nova counts every one that is not deleted, failed and stopped ones too; a
/// shelved one that left its host, or a flavor that asks Placement for other amounts, counts by how Nova is set up.
pub(super) fn of_servers(listing: &Listing<Server>) -> Numbers {
    let servers = &listing.items;
    if !listing.broken.is_empty() || !servers.iter().all(is_settled) {
        return Numbers::new();
    }
    let mut numbers = Numbers::from([("instances".to_owned(), Number::of(sum(servers.iter().map(|_| Some(1)))))]);
    numbers.extend(sum_of(servers, |it| it.flavor.vcpus).map(|cores| ("cores".to_owned(), cores)));
    numbers.extend(sum_of(servers, |it| it.flavor.ram).map(|ram| ("ram".to_owned(), ram)));
    numbers
}

/// A size of all instances; a Nova before 2.47 tells only which flavor one is of, and no size.
fn sum_of(servers: &[Server], size: fn(&Server) -> Option<i64>) -> Option<Number> {
    let is_known = servers.iter().all(|server| size(server).is_some());
    let all = sum(servers.iter().map(size));
    let least = sum(servers.iter().filter(|it| !is_loose(it)).map(size));
    is_known.then_some(Number { all, or: least..=all })
}

/// Whether Nova counts it without any doubt: it is not being made, changed, moved, shelved or removed, it waits for
/// nobody to confirm another size, and its cell answers.
fn is_settled(server: &Server) -> bool {
    let in_between = ["BUILD", "DELETED", "SOFT_DELETED", "VERIFY_RESIZE", "UNKNOWN"];
    server.task_state.is_none() && !in_between.contains(&server.status.as_str())
}

fn is_loose(server: &Server) -> bool {
    server.status == "SHELVED_OFFLOADED" || server.flavor.extra_specs.keys().any(|key| key.starts_with("resources:"))
}

/// Volumes and snapshots, and their gigabytes, which both use; and those of each of the volume `types`, also where there
/// is no volume of it.
pub(super) fn of_volumes(volumes: &Listing<Volume>, snapshots: &Listing<VolumeSnapshot>, types: &[&str]) -> Numbers {
    let mut numbers = Numbers::new();
    let volumes_known = volumes.broken.is_empty() && volumes.items.iter().all(is_steady);
    let snapshots_known = snapshots.broken.is_empty()
        && snapshots.items.iter().all(|it| ["available", "error", "error_deleting"].contains(&it.status.as_str()));
    let counting: Vec<&Volume> = volumes.items.iter().filter(|it| it.consumes_quota != Some(false)).collect();
    let copies: Vec<&VolumeSnapshot> = snapshots.items.iter().filter(|it| it.consumes_quota != Some(false)).collect();
    if volumes_known {
        numbers.insert("volumes".to_owned(), Number::of(sum(counting.iter().map(|_| Some(1)))));
    }
    if snapshots_known {
        numbers.insert("snapshots".to_owned(), Number::of(sum(copies.iter().map(|_| Some(1)))));
    }
    if volumes_known && snapshots_known {
        numbers.insert("gigabytes".to_owned(), gigabytes(&counting, &copies));
        let of_volume: BTreeMap<&str, Option<&str>> =
            volumes.items.iter().map(|it| (it.id.as_str(), it.volume_type.as_deref())).collect();
        // A snapshot is of its volume's type; where that cannot be told, the numbers of no type are certain.
        if copies.iter().all(|it| of_volume.contains_key(it.volume_id.as_str())) {
            let of_type = |name: &&str| {
                let (mut counting, mut copies) = (counting.clone(), copies.clone());
                counting.retain(|it| it.volume_type.as_deref() == Some(*name));
                copies.retain(|it| of_volume.get(it.volume_id.as_str()) == Some(&Some(*name)));
                (format!("gigabytes_{name}"), gigabytes(&counting, &copies))
            };
            numbers.extend(types.iter().map(of_type));
        }
    }
    numbers
}

/// The sizes of volumes and snapshots, or of volumes alone, as Cinder is set up (`no_snapshot_gb_quota`).
fn gigabytes(volumes: &[&Volume], snapshots: &[&VolumeSnapshot]) -> Number {
    let alone = sum(volumes.iter().map(|it| Some(it.size)));
    let all = alone.saturating_add(sum(snapshots.iter().map(|it| Some(it.size))));
    Number { all, or: alone..=alone }
}

/// Whether Cinder counts it without any doubt: it is not being made, changed, moved or removed, and was not taken over in
/// vain.
fn is_steady(volume: &Volume) -> bool {
    const STEADY: [&str; 13] = [
        "attaching",
        "available",
        "awaiting-transfer",
        "detaching",
        "error",
        "error_backing-up",
        "error_deleting",
        "error_extending",
        "error_restoring",
        "in-use",
        "maintenance",
        "reserved",
        "uploading",
    ];
    let moves = volume.migration_status.as_deref().is_some_and(|it| !["none", "error", "success"].contains(&it));
    STEADY.contains(&volume.status.as_str()) && !moves
}

/// What they come to; a number below zero has no meaning and counts as none.
fn sum(numbers: impl Iterator<Item = Option<i64>>) -> u64 {
    numbers.flatten().filter_map(|number| u64::try_from(number).ok()).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests;
