//! Floating IPs that are taken again by their addresses, lead where they are expected to, and are given back.
//!
//! Two cannot lead to the same address of a port: what leads there makes room just before the other one comes. That is
//! the only thing that goes before something comes, and nothing else is possible.

use std::collections::{BTreeMap, BTreeSet};

use super::{Act, Left, NOT_ASKED, Plan, Unexpected, ids, moved, taken};
use crate::model::Body;
use crate::model::floating_ip::FloatingIp;

const NOUN: &str = "floating IP";

/// Where one leads: a port, and which of its addresses.
type End<'a> = Option<(&'a str, Option<&'a str>)>;

pub(super) fn plan(expected: &[FloatingIp], observed: &[FloatingIp], unexpected: Unexpected) -> Plan {
    let alike = |one: &FloatingIp, other: &FloatingIp| one.address == other.address;
    let taken = taken(expected, observed, |it| &it.id, |it| &it.address, alike);
    let mut plan = Plan::default();
    plan.take(NOUN, &taken);
    let Body::FloatingIps(expected) = moved(Body::FloatingIps(expected.to_vec()), &ids(&taken)) else { return plan };
    let mut leading = Leading { unexpected, ..Leading::default() };
    for address in &expected {
        match observed.iter().find(|there| there.id == address.id) {
            Some(there) => plan.compare_floating_ip(address, there),
            None if address.network_id.is_empty() => {
                let why = "it is missing, and nobody knows which network it is of";
                plan.unmendable.push(Left::new(&address.id, &address.address, why));
                continue;
            }
            None => plan.make_floating_ip(address),
        }
        leading.wanted.insert(&address.id, (&address.address, end(address)));
    }
    let is_expected = |there: &&FloatingIp| expected.iter().any(|address| address.id == there.id);
    leading.now = observed.iter().map(|there| (there.id.as_str(), (there.address.as_str(), end(there)))).collect();
    leading.plan(&mut plan);
    for there in observed.iter().filter(|there| !is_expected(there)) {
        if unexpected == Unexpected::Stay {
            plan.left.push(Left::new(&there.id, &there.address, NOT_ASKED));
            continue;
        }
        let line = format!("release floating IP {}", there.address);
        plan.step(Act::ReleaseFloatingIp, (&there.id, &there.address), line);
    }
    plan
}

fn end(address: &FloatingIp) -> End<'_> {
    address.port_id.as_deref().map(|port| (port, address.fixed_ip.as_deref()))
}

/// Whether two cannot both lead there: without an address Neutron takes one of the port's.
fn collide(one: End<'_>, other: End<'_>) -> bool {
    match (one, other) {
        (Some((port, fixed)), Some((other_port, other_fixed))) => {
            port == other_port && (fixed.is_none() || other_fixed.is_none() || fixed == other_fixed)
        }
        _ => false,
    }
}

impl Plan {
    fn compare_floating_ip(&mut self, address: &FloatingIp, there: &FloatingIp) {
        for (what, expected, is) in
            [("address", &address.address, &there.address), ("network", &address.network_id, &there.network_id)]
        {
            if expected != is {
                let why = format!("its {what} is {is}, not {expected}: Neutron changes neither");
                self.unmendable.push(Left::new(&there.id, &there.address, why));
            }
        }
        if address.description != there.description {
            let line = format!("describe floating IP {} as \"{}\"", there.address, address.description);
            let act = Act::DescribeFloatingIp(address.description.clone());
            self.step(act, (&there.id, &there.address), line);
        }
    }

    fn make_floating_ip(&mut self, address: &FloatingIp) {
        let (network, description) = (address.network_id.clone(), address.description.clone());
        let line = format!("take floating IP {} of network {network} again", address.address);
        self.step(Act::MakeFloatingIp { network, description }, (&address.id, &address.address), line);
    }
}

/// What leads where, and where it is to lead; each with its address, for people.
#[derive(Default)]
struct Leading<'a> {
    now: BTreeMap<&'a str, (&'a str, End<'a>)>,
    wanted: BTreeMap<&'a str, (&'a str, End<'a>)>,
    unexpected: Unexpected,
}

impl<'a> Leading<'a> {
    fn end_of(&self, id: &str) -> End<'a> {
        self.now.get(id).and_then(|(_, end)| *end)
    }

    /// Who else leads there now.
    fn holder(&self, id: &str, end: End<'a>) -> Option<(&'a str, &'a str)> {
        let others = self.now.iter().filter(|(other, _)| **other != id);
        others.into_iter().find(|(_, (_, there))| collide(*there, end)).map(|(id, (address, _))| (*id, *address))
    }

    fn plan(mut self, plan: &mut Plan) {
        let differ = |id: &&str| self.wanted[*id].1 != self.end_of(id);
        let mut pending: BTreeSet<&str> = self.wanted.keys().copied().filter(differ).collect();
        while let Some(id) = self.next(&pending) {
            let (address, end) = self.wanted[id];
            pending.remove(id);
            let Some((port, fixed_ip)) = end else { continue };
            let mut has_room = true;
            while let Some(holder) = self.holder(id, end).filter(|_| has_room) {
                has_room = self.make_room(plan, (id, port), holder, &pending);
            }
            if !has_room {
                continue;
            }
            let to = fixed_ip.map(|fixed| format!(" ({fixed})")).unwrap_or_default();
            let line = format!("lead floating IP {address} to port {port}{to}");
            let act = Act::Lead { port: port.to_owned(), fixed_ip: fixed_ip.map(str::to_owned) };
            plan.step(act, (id, address), line);
            self.now.insert(id, (address, end));
        }
        pending.retain(|id| self.end_of(id).is_some());
        for id in pending {
            self.unlead(plan, (id, self.wanted[id].0), false);
        }
    }

    /// The next that is to lead somewhere: one whose place is free, if there is any.
    fn next(&self, pending: &BTreeSet<&'a str>) -> Option<&'a str> {
        let mut leads = pending.iter().copied().filter(|id| self.wanted[id].1.is_some());
        let first = leads.clone().next();
        leads.find(|id| self.holder(id, self.wanted[id].1).is_none()).or(first)
    }

    /// Takes whoever leads there away from it, if that one is not to stay there.
    fn make_room(
        &mut self,
        plan: &mut Plan,
        (id, port): (&str, &str),
        (holder, address): (&'a str, &'a str),
        pending: &BTreeSet<&'a str>,
    ) -> bool {
        let why = match self.wanted.get(holder) {
            Some(_) if pending.contains(holder) => None,
            Some(_) => Some(format!("{address} is expected to lead there too")),
            None if self.unexpected == Unexpected::Go => None,
            None => Some(format!("{address}, which is not expected, leads there; --delete releases it")),
        };
        if let Some(why) = why {
            let why = format!("it does not lead to port {port}: {why}");
            plan.unmendable.push(Left::new(id, self.wanted[id].0, why));
            return false;
        }
        self.unlead(plan, (holder, address), true);
        true
    }

    fn unlead(&mut self, plan: &mut Plan, (id, address): (&'a str, &'a str), makes_room: bool) {
        let port = self.end_of(id).map_or("", |(port, _)| port).to_owned();
        let line = format!("lead floating IP {address} nowhere (is port {port})");
        plan.step(Act::Unlead { makes_room }, (id, address), line);
        self.now.insert(id, (address, None));
    }
}
