//! Networks with their subnets and the routers beside them: three listings that become one look.
//!
//! A subnet belongs to its network, whosever it is: an administrator may have made it in a tenant's network. So networks
//! are listed first, and of each tenant only the subnets of its networks count. What was listed in between is seen at the
//! next look.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use futures::future::try_join_all;

use super::asked;
use super::listed::Listed;
use super::normalise;
use crate::model::network::NetworkPart;
use crate::model::{Body, Observation, RequestId};
use crate::openstack::{Cloud, Error, Listing, Network, Router, Subnet, Which};

/// So many networks are named in one question, for an address must not become too long.
const AT_ONCE: usize = 50;

/// A network with its subnets.
pub(super) struct Whole {
    network: Network,
    subnets: Vec<Subnet>,
    /// Why not all of its subnets are known.
    trouble: Option<String>,
}

/// Subnets by their network, and how they were listed.
#[derive(Default)]
pub(super) struct Subnets {
    of: HashMap<String, Vec<Subnet>>,
    /// Ids of those that cannot be read.
    unreadable: BTreeSet<String>,
    /// Whether there was one without even an id.
    nameless: bool,
    asked_at: Option<DateTime<Utc>>,
    answered_at: Option<DateTime<Utc>>,
    requests: Vec<RequestId>,
}

/// Lists the networks with their subnets, and the routers, of one project or of all.
pub(super) async fn listed(api: &Cloud, which: Which<'_>) -> Result<(Listing<Whole>, Listing<Router>, Subnets), Error> {
    let (networks, routers) = tokio::try_join!(api.networks(which), api.routers(which))?;
    let listings = match which {
        Which::All => vec![api.subnets(which).await?],
        Which::Project(project) => {
            let ids: Vec<String> = networks.items.iter().map(|network| network.id.clone()).collect();
            try_join_all(ids.chunks(AT_ONCE).map(|some| api.subnets_of(project, some))).await?
        }
    };
    let mut subnets = Subnets::default();
    for listing in listings {
        subnets.add(listing);
    }
    Ok((subnets.share_out(networks), routers, subnets))
}

impl Subnets {
    /// The look at one project, from what each of the two other listings has of it.
    pub fn joined(&self, networks: Observation, routers: Observation) -> Observation {
        let mut joined = networks;
        if let (Body::Networks(all), Body::Networks(more)) = (&mut joined.body, routers.body) {
            all.extend(more);
        }
        joined.body = joined.body.sorted();
        joined.unreadable.extend(routers.unreadable);
        joined.absence_unknown |= routers.absence_unknown;
        let asked = [Some(routers.asked_at), self.asked_at].into_iter().flatten();
        let answered = [Some(routers.answered_at), self.answered_at].into_iter().flatten();
        joined.asked_at = asked.fold(joined.asked_at, Ord::min);
        joined.answered_at = answered.fold(joined.answered_at, Ord::max);
        asked::join(&mut joined.requests, routers.requests);
        asked::join(&mut joined.requests, self.requests.iter().cloned());
        joined
    }

    fn add(&mut self, listing: Listing<Subnet>) {
        self.asked_at = Some(self.asked_at.map_or(listing.asked_at, |at| at.min(listing.asked_at)));
        self.answered_at = self.answered_at.max(Some(listing.answered_at));
        asked::note(&mut self.requests, asked::of(&listing.pages).last());
        for broken in listing.broken {
            match broken.id {
                Some(id) => drop(self.unreadable.insert(id)),
                None => self.nameless = true,
            }
        }
        for subnet in listing.items {
            self.of.entry(subnet.network_id.clone()).or_default().push(subnet);
        }
    }

    /// Gives each network its own; the listing stays what it was.
    fn share_out(&mut self, listing: Listing<Network>) -> Listing<Whole> {
        let Listing { asked_at, answered_at, items, broken, pages } = listing;
        let items = items.into_iter().map(|network| {
            let subnets = self.of.remove(&network.id).unwrap_or_default();
            let trouble = self.trouble(&network, &subnets);
            Whole { network, subnets, trouble }
        });
        Listing { asked_at, answered_at, items: items.collect(), broken, pages }
    }

    /// A network names its subnets: one that cannot be read is known by that.
    fn trouble(&self, network: &Network, read: &[Subnet]) -> Option<String> {
        let is_missing = |id: &&String| read.iter().all(|subnet| subnet.id != **id);
        let missing = network.subnets.iter().filter(is_missing);
        let mut unknown = missing.filter(|id| self.nameless || self.unreadable.contains(*id));
        unknown.next().map(|id| format!("its subnet {id} cannot be read"))
    }
}

impl Listed for Whole {
    type Object = NetworkPart;
    fn id(&self) -> &str {
        &self.network.id
    }
    fn project(&self) -> Option<&str> {
        Some(&self.network.project_id)
    }
    fn normalised(self) -> Result<Self::Object, String> {
        match self.trouble {
            Some(why) => Err(why),
            None => Ok(NetworkPart::Network(normalise::network(self.network, self.subnets))),
        }
    }
    fn body(objects: Vec<Self::Object>) -> Body {
        Body::Networks(objects)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn listing<T>(items: Vec<T>, second: i64) -> Listing<T> {
        let at = DateTime::UNIX_EPOCH + chrono::Duration::seconds(second);
        Listing { asked_at: at, answered_at: at, items, broken: Vec::new(), pages: Vec::new() }
    }

    fn network(id: &str, subnets: &[&str]) -> Network {
        let network = json!({ "id": id, "name": id, "project_id": "p", "subnets": subnets });
        serde_json::from_value(network).unwrap()
    }

    fn subnet(id: &str, network: &str, project: &str) -> Subnet {
        let subnet =
            json!({ "id": id, "name": id, "project_id": project, "network_id": network, "cidr": "10.0.0.0/24" });
        serde_json::from_value(subnet).unwrap()
    }

    /// Of each network the ids of its subnets, or why it cannot be read.
    fn said(subnets: Listing<Subnet>, networks: Vec<Network>) -> Vec<Result<String, String>> {
        let mut known = Subnets::default();
        known.add(subnets);
        let wholes = known.share_out(listing(networks, 0)).items;
        let ids = |part: NetworkPart| {
            let network = part.network().unwrap().clone();
            network.subnets.into_iter().map(|it| it.id).collect::<Vec<_>>().join(" ")
        };
        wholes.into_iter().map(|whole| whole.normalised().map(ids)).collect()
    }

    fn broken(id: Option<&str>) -> crate::openstack::Broken {
        crate::openstack::Broken { id: id.map(str::to_owned), project: None, error: "odd".to_owned() }
    }

    #[test]
    fn a_network_has_its_subnets_whosever_they_are() {
        let subnets = vec![subnet("1", "a", "p"), subnet("2", "a", "admin"), subnet("3", "elsewhere", "p")];
        let networks = vec![network("a", &["1", "2"]), network("b", &["late"])];
        assert_eq!(said(listing(subnets, 0), networks), [Ok("1 2".to_owned()), Ok(String::new())]);
    }

    #[test]
    fn a_subnet_that_cannot_be_read_leaves_its_network_as_it_was() {
        let networks = || vec![network("a", &["1"]), network("b", &["2"])];
        let mut named = listing(vec![subnet("1", "a", "p")], 0);
        named.broken.push(broken(Some("2")));
        let unknown = Err("its subnet 2 cannot be read".to_owned());
        assert_eq!(said(named.clone(), networks()), [Ok("1".to_owned()), unknown.clone()]);
        named.broken = vec![broken(None)];
        assert_eq!(said(named, networks()), [Ok("1".to_owned()), unknown]);
    }

    #[test]
    fn a_look_is_as_old_as_its_earliest_question() {
        let looks = |asked: i64, answered: i64| {
            let at = |second| DateTime::UNIX_EPOCH + chrono::Duration::seconds(second);
            let mut look = Observation::clean(at(asked), Body::Networks(Vec::new()));
            look.answered_at = at(answered);
            look
        };
        let mut subnets = Subnets::default();
        let joined = subnets.joined(looks(3, 5), looks(4, 6));
        assert_eq!((joined.asked_at.timestamp(), joined.answered_at.timestamp()), (3, 6), "no subnet was asked for");
        subnets.add(listing(Vec::new(), 7));
        subnets.add(listing(Vec::new(), 2));
        let joined = subnets.joined(looks(3, 5), looks(4, 6));
        assert_eq!((joined.asked_at.timestamp(), joined.answered_at.timestamp()), (2, 7));
    }
}
