//! One cloud told in two spellings: whatever an API may write differently, nothing differs. And what does differ is
//! seen, so that no spelling is forgiven too much.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{floating_ip, quotas, security_group, server_group};
use crate::drift::compare;
use crate::model::Body;
use crate::openstack;

const NETWORKS: [(&str, &[&str]); 4] = [
    ("10.1.2.0/24", &["10.1.2.0/24", "10.1.2.7/24", " 10.1.2.255/24 "]),
    ("10.1.2.4/32", &["10.1.2.4/32", "10.1.2.4"]),
    ("2001:db8::/32", &["2001:db8::/32", "2001:DB8::/32", "2001:db8:0:0::1/32", "2001:0db8:0000::/32"]),
    ("2001:db8::1/128", &["2001:db8::1/128", "2001:DB8:0:0:0:0:0:1", "2001:db8::0001/128"]),
];
/// Neutron's name for each number, as its constants have them, and its own aliases.
const PROTOCOLS: [(&str, &[&str]); 12] = [
    ("any", &["any", "0", "ip", "hopopt", ""]),
    ("tcp", &["tcp", "TCP", "6"]),
    ("udp", &["udp", "Udp", "17"]),
    ("sctp", &["sctp", "132"]),
    ("icmp", &["icmp", "1", "ICMP"]),
    ("ipv6-icmp", &["ipv6-icmp", "icmpv6", "58", "icmp", "1"]),
    ("ipip", &["ipip", "4"]),
    ("94", &["94"]),
    ("gre", &["gre", "47"]),
    ("ipv6-encap", &["ipv6-encap", "41"]),
    ("vrrp", &["vrrp", "112"]),
    ("200", &["200"]),
];
const TAKES_PORTS: [&str; 3] = ["tcp", "udp", "sctp"];

/// What the spelling of something is drawn from.
struct Whim(Vec<u8>, usize);

impl Whim {
    fn below(&mut self, bound: usize) -> usize {
        self.1 += 1;
        usize::from(self.0[self.1 % self.0.len()]) % bound.max(1)
    }

    fn pick<T: Clone>(&mut self, ways: &[T]) -> T {
        ways[self.below(ways.len())].clone()
    }

    fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            things.swap(last, self.below(last + 1));
        }
    }

    /// A value, or one of the ways of saying that there is none.
    fn put(&mut self, object: &mut Map<String, Value>, key: &str, value: Option<Value>, none: &[Value]) {
        match value {
            Some(value) => drop(object.insert(key.to_owned(), value)),
            None if none.is_empty() || self.below(2) == 0 => {}
            None => drop(object.insert(key.to_owned(), self.pick(none))),
        }
    }

    fn id(&mut self) -> String {
        format!("{:08x}", self.below(256) * 7919 + self.1)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Peer {
    Anyone,
    Network(usize),
    Group(&'static str),
}

/// A rule as a person thinks of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Plain {
    ingress: bool,
    six: bool,
    protocol: usize,
    ports: Option<(u16, u16)>,
    peer: Peer,
}

fn plain() -> impl Strategy<Value = Plain> {
    let peer = prop_oneof![
        Just(Peer::Anyone),
        (0..NETWORKS.len()).prop_map(Peer::Network),
        prop::sample::select(vec!["group-a", "group-b"]).prop_map(Peer::Group),
    ];
    let ports = prop::option::of((1_u16..4, 0_u16..3).prop_map(|(first, more)| (first, first + more)));
    (any::<bool>(), any::<bool>(), 0..PROTOCOLS.len(), ports, peer).prop_map(|(ingress, six, protocol, ports, peer)| {
        let six = match peer {
            Peer::Network(which) => NETWORKS[which].0.contains(':'),
            _ => six,
        };
        // Neutron knows one ICMP for each version of the protocol.
        let (name, icmp) = (PROTOCOLS[protocol].0, |it| PROTOCOLS.iter().position(|(name, _)| *name == it));
        let protocol = match (name, six) {
            ("icmp", true) => icmp("ipv6-icmp").unwrap(),
            ("ipv6-icmp", false) => icmp("icmp").unwrap(),
            _ => protocol,
        };
        let ports = ports.filter(|_| TAKES_PORTS.contains(&name) || name.contains("icmp"));
        Plain { ingress, six, protocol, ports, peer }
    })
}

fn rule(plain: &Plain, whim: &mut Whim) -> Value {
    let mut rule = Map::new();
    let (name, spellings) = PROTOCOLS[plain.protocol];
    rule.insert("id".into(), whim.id().into());
    let direction = if plain.ingress { ["ingress", "Ingress"] } else { ["egress", "EGRESS"] };
    rule.insert("direction".into(), whim.pick(&direction).into());
    let version = if plain.six { ["IPv6", "ipv6"] } else { ["IPv4", "ipv4"] };
    rule.insert("ethertype".into(), whim.pick(&version).into());
    let written = whim.pick(spellings);
    let protocol = match written.parse::<u8>() {
        Ok(number) if whim.below(2) == 0 => json!(number),
        _ => json!(written),
    };
    let protocol = (name != "any" || whim.below(2) == 0).then_some(protocol);
    whim.put(&mut rule, "protocol", protocol, &[Value::Null]);
    match plain.ports {
        None if TAKES_PORTS.contains(&name) && whim.below(3) == 0 => {
            rule.insert("port_range_min".into(), 1.into());
            rule.insert("port_range_max".into(), 65_535.into());
        }
        ports => {
            for (key, port) in [("port_range_min", ports.map(|it| it.0)), ("port_range_max", ports.map(|it| it.1))] {
                whim.put(&mut rule, key, port.map(Into::into), &[Value::Null, json!(-1)]);
            }
        }
    }
    let everywhere = if plain.six { ["::/0", "0::0/0"] } else { ["0.0.0.0/0", "0.0.0.0/0"] };
    let network = match plain.peer {
        Peer::Network(which) => Some(whim.pick(NETWORKS[which].1)),
        Peer::Anyone if whim.below(2) == 0 => Some(whim.pick(&everywhere)),
        _ => None,
    };
    whim.put(&mut rule, "remote_ip_prefix", network.map(Into::into), &[Value::Null, json!("")]);
    let group = if let Peer::Group(id) = plain.peer { Some(json!(id)) } else { None };
    whim.put(&mut rule, "remote_group_id", group, &[Value::Null]);
    whim.put(&mut rule, "remote_address_group_id", None, &[Value::Null]);
    for (key, value) in noise(whim) {
        rule.insert(key, value);
    }
    Value::Object(rule)
}

/// What changes without meaning anything.
fn noise(whim: &mut Whim) -> Map<String, Value> {
    let mut noise = Map::new();
    for (key, value) in [
        ("revision_number", json!(whim.below(9))),
        ("created_at", json!(format!("2026-01-0{}T00:00:00Z", 1 + whim.below(8)))),
        ("updated_at", json!(format!("2026-02-0{}T00:00:00Z", 1 + whim.below(8)))),
        ("a_key_of_a_later_release", json!({"x": whim.below(9)})),
    ] {
        whim.put(&mut noise, key, Some(value).filter(|_| key != "a_key_of_a_later_release"), &[json!([1])]);
    }
    noise
}

fn groups(plains: &[Vec<Plain>], whim: &mut Whim) -> Body {
    let mut groups = Vec::new();
    for (number, plains) in plains.iter().enumerate() {
        let mut rules: Vec<Value> = plains.iter().map(|plain| rule(plain, whim)).collect();
        whim.shuffle(&mut rules);
        let mut group = noise(whim);
        group.insert("id".into(), format!("group-{number}").into());
        group.insert("name".into(), format!("name {number}").into());
        group.insert("project_id".into(), "p".into());
        group.insert("security_group_rules".into(), rules.into());
        let described = (number % 2 == 0).then(|| json!("what it is for"));
        whim.put(&mut group, "description", described, &[Value::Null, json!("")]);
        whim.put(&mut group, "stateful", None, &[Value::Null, json!(true)]);
        whim.put(&mut group, "tags", None, &[Value::Null, json!(["a"])]);
        let group: openstack::SecurityGroup = serde_json::from_value(group.into()).unwrap();
        groups.push(security_group(group).unwrap());
    }
    whim.shuffle(&mut groups);
    Body::SecurityGroups(groups).sorted()
}

fn addresses(count: usize, whim: &mut Whim) -> Body {
    let address = |number: usize, whim: &mut Whim| {
        let mut address = noise(whim);
        for (key, value) in [
            ("id", format!("address-{number}")),
            ("project_id", "p".into()),
            ("floating_ip_address", format!("192.0.2.{number}")),
            ("floating_network_id", "external".into()),
            ("status", whim.pick(&["ACTIVE", "DOWN", "ERROR"]).into()),
        ] {
            address.insert(key.into(), value.into());
        }
        let taken = number.is_multiple_of(2);
        whim.put(&mut address, "port_id", taken.then(|| json!("port")), &[Value::Null]);
        whim.put(&mut address, "fixed_ip_address", taken.then(|| json!("10.0.0.1")), &[Value::Null]);
        let router = whim.pick(&[Value::Null, json!("router"), json!("another")]);
        whim.put(&mut address, "router_id", Some(router), &[]);
        whim.put(&mut address, "description", None, &[Value::Null, json!("")]);
        let address: openstack::FloatingIp = serde_json::from_value(address.into()).unwrap();
        floating_ip(address)
    };
    let mut addresses: Vec<_> = (0..count).map(|number| address(number, whim)).collect();
    whim.shuffle(&mut addresses);
    Body::FloatingIps(addresses).sorted()
}

/// Server groups before and after microversion 2.64, with whatever members.
fn server_groups(count: usize, whim: &mut Whim) -> Body {
    let group = |number: usize, whim: &mut Whim| {
        let policy = ["affinity", "soft-anti-affinity"][number % 2];
        let mut group = if whim.below(2) == 0 {
            json!({"policy": policy, "rules": {}})
        } else {
            json!({"policies": [policy], "metadata": {}})
        };
        let mut members = vec!["a", "b", "c"];
        members.truncate(whim.below(4));
        whim.shuffle(&mut members);
        group["id"] = json!(format!("group-{number}"));
        group["name"] = json!("spread");
        group["members"] = json!(members);
        group["project_id"] = whim.pick(&[Value::Null, json!("p")]);
        server_group(serde_json::from_value(group).unwrap())
    };
    let mut groups: Vec<_> = (0..count).map(|number| group(number, whim)).collect();
    whim.shuffle(&mut groups);
    Body::ServerGroups(groups).sorted()
}

/// Limits of the three services, with whatever usage.
fn limits(limits: &[i64; 3], whim: &mut Whim) -> Body {
    let told = |keys: &[(&str, i64)], whim: &mut Whim| {
        let value = |(key, limit): &(&str, i64), whim: &mut Whim| {
            let used = i64::try_from(whim.below(9)).unwrap();
            (key.to_string(), openstack::QuotaValue { limit: *limit, used, reserved: used / 2 })
        };
        let values = keys.iter().map(|it| value(it, whim)).collect();
        openstack::Quotas { values, broken: Vec::new() }
    };
    let [compute, network, volume] = *limits;
    // A key that means nothing here comes and goes with the release.
    let extra = whim.pick(&["key_pairs", "injected_files"]);
    let compute = told(&[("cores", compute), ("ram", compute), (extra, 100)], whim);
    let network = told(&[("floatingip", network), ("router", 10)], whim);
    let volume = told(&[("gigabytes", volume), ("gigabytes_ssd", volume), ("volumes", volume)], whim);
    Body::Quotas(quotas(&compute, &network, &volume).unwrap())
}

fn whims() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let whim = || prop::collection::vec(any::<u8>(), 1..64);
    (whim(), whim())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn groups_in_another_spelling_do_not_differ(
        plains in prop::collection::vec(prop::collection::vec(plain(), 0..6), 0..4), (one, other) in whims(),
    ) {
        let (one, other) = (groups(&plains, &mut Whim(one, 0)), groups(&plains, &mut Whim(other, 0)));
        prop_assert_eq!(compare(&one, &other), vec![]);
        // What was stored in one spelling and is seen in the other, too.
        let stored = Body::from_json(one.resource_type(), &one.to_json()).unwrap();
        prop_assert_eq!(compare(&stored, &other), vec![]);
    }

    #[test]
    fn rules_that_mean_something_else_differ(left in plain(), right in plain(), (one, other) in whims()) {
        let told = |plain: &Plain, whim| groups(&[vec![plain.clone()]], &mut Whim(whim, 0));
        let differences = compare(&told(&left, one), &told(&right, other));
        prop_assert_eq!(differences.is_empty(), left == right, "{:?}", differences);
    }

    #[test]
    fn addresses_server_groups_and_limits_do_not_differ(
        count in 0_usize..6, said in prop::array::uniform3(-1_i64..50), (one, other) in whims(),
    ) {
        let (mut one, mut other) = (Whim(one, 0), Whim(other, 0));
        prop_assert_eq!(compare(&addresses(count, &mut one), &addresses(count, &mut other)), vec![]);
        prop_assert_eq!(compare(&server_groups(count, &mut one), &server_groups(count, &mut other)), vec![]);
        prop_assert_eq!(compare(&limits(&said, &mut one), &limits(&said, &mut other)), vec![]);
    }
}
