//! Counts the objects of one tenant that quotas limit, for comparison with the services' own counters.
//!
//! A counter is read before and after the objects are listed. A number is certain only where both readings agree, nothing
//! is promised to requests that have not ended, and no object is on its way into or out of being; what is uncertain is
//! left out, and a look that leaves it out says nothing about it. How objects become numbers is `count/objects.rs`'s.

mod objects;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures::future::try_join_all;

use super::asked;
use super::context::CloudEntry;
use super::normalise;
use crate::openstack::{self, Answer, Asked, Cloud, Countable, Listing, QuotaValue, Which};
use objects::Numbers;

/// What counting came to.
#[derive(Debug, Default)]
pub(super) struct Count {
    /// How many there are, by the quota's name and in its unit; only what is certain.
    pub numbers: BTreeMap<String, u64>,
    /// Why some of it could not be counted.
    pub trouble: Option<String>,
    /// When the last answer had arrived.
    pub answered_at: Option<DateTime<Utc>>,
    /// The requests that brought the listings and the counters.
    pub requests: Vec<Asked>,
}

/// What one service has, and the requests that brought it.
type Told = (Numbers, Vec<Asked>);

/// The counters of one service before, by its own keys; none where it did not say.
pub(super) type Before<'a> = Option<&'a openstack::Quotas>;

/// Counts what one tenant has in each service that told its counters.
pub(super) async fn count(cloud: &CloudEntry, project: &str, [compute, network, volume]: [Before<'_>; 3]) -> Count {
    let api = &cloud.api;
    let of_compute = service(compute, servers(api, project), api.compute_quota(project));
    let of_network = service(network, owned(api, project), api.network_quota(project));
    let of_volume = service(volume, volumes(api, project, volume), api.volume_quota(project));
    let (compute, network, volume) = tokio::join!(of_compute, of_network, of_volume);
    let mut count = Count::default();
    for counted in [compute, network, volume] {
        match counted {
            Ok(Some(counted)) => {
                count.numbers.extend(counted.numbers);
                count.answered_at = count.answered_at.max(counted.answered_at);
                count.requests.extend(counted.requests);
            }
            Ok(None) => {}
            Err(error) => count.trouble = count.trouble.or(Some(error.to_string())),
        }
    }
    count
}

/// Counts what one service has, and reads its counters again.
async fn service(
    before: Before<'_>,
    listed: impl Future<Output = Result<Told, openstack::Error>>,
    again: impl Future<Output = Result<Answer<openstack::Quotas>, openstack::Error>>,
) -> Result<Option<Count>, openstack::Error> {
    let Some(before) = before else { return Ok(None) };
    let (numbers, mut requests) = listed.await?;
    let after = again.await?;
    requests.extend(after.asked);
    let numbers = certain(&before.values, &numbers, &after.value.values);
    Ok(Some(Count { numbers, trouble: None, answered_at: Some(after.answered_at), requests }))
}

/// The numbers whose counter stood still meanwhile, under the names of the records.
fn certain(
    before: &BTreeMap<String, QuotaValue>,
    numbers: &Numbers,
    after: &BTreeMap<String, QuotaValue>,
) -> BTreeMap<String, u64> {
    let number = |(key, number): (&String, &objects::Number)| {
        let (before, after) = (before.get(key)?, after.get(key)?);
        let stood_still = before.used == after.used && before.reserved == 0 && after.reserved == 0;
        let counter = u64::try_from(before.used).ok().filter(|_| stood_still)?;
        let (name, factor) = normalise::name_of(key)?;
        Some((name.to_owned(), number.beside(counter).saturating_mul(factor)))
    };
    numbers.iter().filter_map(number).collect()
}

/// The request that ended a listing: one of each is enough to find the others.
fn ended_by<T>(listing: &Listing<T>) -> Option<Asked> {
    asked::of(&listing.pages).last().cloned()
}

async fn servers(api: &Cloud, project: &str) -> Result<Told, openstack::Error> {
    let servers = api.servers(Which::Project(project)).await?;
    Ok((objects::of_servers(&servers), Vec::from_iter(ended_by(&servers))))
}

async fn owned(api: &Cloud, project: &str) -> Result<Told, openstack::Error> {
    let one = |what: Countable| async move { Ok::<_, openstack::Error>((what, api.owned(what, project).await?)) };
    let listings = try_join_all(Countable::ALL.map(one)).await?;
    let numbers = listings.iter().filter_map(|(what, listing)| objects::of_owned(*what, listing)).collect();
    Ok((numbers, listings.iter().filter_map(|(_, listing)| ended_by(listing)).collect()))
}

async fn volumes(api: &Cloud, project: &str, counters: Before<'_>) -> Result<Told, openstack::Error> {
    let which = Which::Project(project);
    let (volumes, snapshots) = tokio::try_join!(api.volumes(which), api.volume_snapshots(which))?;
    let keys = counters.into_iter().flat_map(|it| it.values.keys());
    let types: Vec<&str> = keys.filter_map(|key| key.strip_prefix("gigabytes_")).collect();
    let requests = ended_by(&volumes).into_iter().chain(ended_by(&snapshots)).collect();
    Ok((objects::of_volumes(&volumes, &snapshots, &types), requests))
}

#[cfg(test)]
mod tests {
    use super::*;
    use objects::Number;

    fn value(used: i64, reserved: i64) -> BTreeMap<String, QuotaValue> {
        BTreeMap::from([("cores".to_owned(), QuotaValue { limit: 20, used, reserved })])
    }

    #[test]
    fn a_number_is_certain_when_its_counter_stands_still() {
        let numbers = Numbers::from([("cores".to_owned(), Number::of(3)), ("unheard_of".to_owned(), Number::of(1))]);
        let said = |before, after| certain(&before, &numbers, &after);
        assert_eq!(said(value(5, 0), value(5, 0)), BTreeMap::from([("vcpu".to_owned(), 3)]));
        assert_eq!(said(value(5, 0), value(6, 0)), BTreeMap::new(), "something was made meanwhile");
        assert_eq!(said(value(5, 1), value(5, 1)), BTreeMap::new(), "something is promised");
        assert_eq!(said(value(5, 0), BTreeMap::new()), BTreeMap::new(), "nobody said it twice");
    }

    #[test]
    fn gigabytes_are_recorded_as_storage() {
        let value = BTreeMap::from([("gigabytes".to_owned(), QuotaValue { limit: -1, used: 7, reserved: 0 })]);
        let numbers = Numbers::from([("gigabytes".to_owned(), Number::of(4))]);
        assert_eq!(certain(&value, &numbers, &value), BTreeMap::from([("storage".to_owned(), 4096)]));
    }
}
