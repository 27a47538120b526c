//! A rule of a security group as somebody wants it, in the words of the API documents, and everything that can be wrong
//! with it by itself.

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::Invalid;
use super::security_group::{Meaning, canonical_protocol};

/// The longest description that Neutron keeps, in characters.
pub const DESCRIPTION: usize = 255;
/// What stands for "any" where a number is expected.
const ANY: i64 = -1;
/// The protocols that have a name in Neutron, besides "any".
const PROTOCOLS: [&str; 25] = [
    "ah",
    "dccp",
    "egp",
    "esp",
    "gre",
    "hopopt",
    "icmp",
    "icmpv6",
    "igmp",
    "ipip",
    "ipv6-encap",
    "ipv6-frag",
    "ipv6-icmp",
    "ipv6-nonxt",
    "ipv6-opts",
    "ipv6-route",
    "ospf",
    "pgm",
    "rsvp",
    "sctp",
    "tcp",
    "udp",
    "udplite",
    "vrrp",
    "any",
];

/// A rule as it is asked for. `-1` is any port.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RuleWish {
    /// Refused: a rule that is there already stays by what it means.
    pub id: Option<Value>,
    /// `IPv4` (the default) or `IPv6`.
    pub ethertype: Option<String>,
    /// `ingress` (the default) or `egress`.
    pub direction: Option<String>,
    /// `tcp`, `udp`, `icmp`, another name that Neutron knows, or a number; empty: any.
    #[schemars(with = "Option<String>")]
    pub protocol: Option<Value>,
    /// First port, or the ICMP type.
    #[schemars(with = "Option<i64>")]
    pub from_port: Option<Value>,
    /// Last port, or the ICMP code.
    #[schemars(with = "Option<i64>")]
    pub to_port: Option<Value>,
    /// The other side as a network.
    pub cidr: Option<String>,
    /// The other side as a security group of the same tenant: its id here or in the cloud, or its address in the API.
    pub remote_group: Option<String>,
    /// The other side as a security group of the same tenant, by its name.
    pub remote_group_name: Option<String>,
    /// Free text.
    pub description: Option<String>,
}

/// How a rule names the group on its other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer<'a> {
    /// By an id.
    Id(&'a str),
    /// By its name.
    Name(&'a str),
}

impl RuleWish {
    /// Everything that is wrong with it by itself.
    pub fn problems(&self) -> Invalid {
        let mut invalid = Invalid::default();
        if self.id.is_some() {
            invalid.field("id").add("a rule has no id of its own here: it is what it says");
        }
        if !matches!(self.ethertype(), "IPv4" | "IPv6") {
            invalid.field("ethertype").add(format!("\"{}\" is not a valid choice.", self.ethertype()));
        }
        if !matches!(self.direction(), "ingress" | "egress") {
            invalid.field("direction").add(format!("\"{}\" is not a valid choice.", self.direction()));
        }
        if let Some(Err(why)) = self.written_cidr().map(|written| network(written, self.ethertype())) {
            invalid.field("cidr").add(why);
        }
        if self.written_cidr().is_some() && self.peer().is_some() {
            invalid.add("cidr and remote_group exclude each other");
        }
        if text(self.remote_group.as_deref()).is_some() && text(self.remote_group_name.as_deref()).is_some() {
            invalid.add("remote_group and remote_group_name exclude each other");
        }
        let description = self.description.as_deref().unwrap_or_default();
        if description.chars().count() > DESCRIPTION {
            let why = format!("Ensure this field has no more than {DESCRIPTION} characters.");
            invalid.field("description").add(why);
        }
        if description.contains('\0') {
            invalid.field("description").add("Null characters are not allowed.");
        }
        self.wrong_ports(&mut invalid);
        invalid
    }

    fn wrong_ports(&self, invalid: &mut Invalid) {
        let protocol = self.protocol();
        if let Err(why) = &protocol {
            invalid.field("protocol").add(why.clone());
        }
        let (from, to) = (port(self.from_port.as_ref()), port(self.to_port.as_ref()));
        for (field, port) in [("from_port", &from), ("to_port", &to)] {
            if let Err(why) = port {
                invalid.field(field).add(why.clone());
            }
        }
        let (Ok(protocol), Ok(from), Ok(to)) = (protocol, from, to) else { return };
        match protocol.as_deref() {
            Some("icmp" | "ipv6-icmp") => {
                for (field, port) in [("from_port", from), ("to_port", to)] {
                    if !(ANY..=255).contains(&port) {
                        invalid.field(field).add("an ICMP type or code is between 0 and 255, or -1 for any");
                    }
                }
                if from == ANY && to != ANY {
                    invalid.field("from_port").add("a code needs its type");
                }
            }
            Some("tcp" | "udp" | "sctp" | "dccp" | "udplite") => {
                if (from, to) == (ANY, ANY) {
                    return;
                }
                for (field, port) in [("from_port", from), ("to_port", to)] {
                    if !(1..=65_535).contains(&port) {
                        invalid.field(field).add("a port is between 1 and 65535, or both are -1 for any");
                    }
                }
                if from > to {
                    invalid.field("from_port").add("the first port is not above the last");
                }
            }
            other => {
                let of = other.map_or_else(|| "any protocol".to_owned(), |name| format!("protocol {name}"));
                for (field, port) in [("from_port", from), ("to_port", to)] {
                    if port != ANY {
                        invalid.field(field).add(format!("a rule for {of} has no ports: write -1"));
                    }
                }
            }
        }
    }

    /// What it lets through, once the group on its other side is known; of a rule without problems.
    pub fn meaning(&self, remote_group: Option<String>) -> Meaning {
        let number = |written: Option<&Value>| port(written).ok().and_then(|port| u16::try_from(port).ok());
        Meaning {
            direction: self.direction().to_owned(),
            ethertype: self.ethertype().to_owned(),
            protocol: self.protocol().ok().flatten(),
            port_min: number(self.from_port.as_ref()),
            port_max: number(self.to_port.as_ref()),
            cidr: self
                .written_cidr()
                .and_then(|written| network(written, self.ethertype()).ok())
                .map(|it| it.to_string()),
            remote_group,
            remote_address_group: None,
        }
        .canonical()
    }

    /// What two rules of a request have in common if they are the same one, before the groups of both are known.
    pub fn likeness(&self) -> Meaning {
        let peer = self.peer().map(|peer| match peer {
            Peer::Id(id) => format!("id {}", reference(id)),
            Peer::Name(name) => format!("name {name}"),
        });
        self.meaning(peer)
    }

    /// How it names the group on its other side, if it names one.
    pub fn peer(&self) -> Option<Peer<'_>> {
        let by_name = || text(self.remote_group_name.as_deref()).map(Peer::Name);
        text(self.remote_group.as_deref()).map(|id| Peer::Id(reference(id))).or_else(by_name)
    }

    fn ethertype(&self) -> &str {
        text(self.ethertype.as_deref()).unwrap_or("IPv4")
    }

    fn direction(&self) -> &str {
        text(self.direction.as_deref()).unwrap_or("ingress")
    }

    fn written_cidr(&self) -> Option<&str> {
        text(self.cidr.as_deref())
    }

    /// Neutron's name of the protocol, or its number where it has none; none is any.
    fn protocol(&self) -> Result<Option<String>, String> {
        let written = match &self.protocol {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(name)) => name.trim().to_ascii_lowercase(),
            Some(other) => other.to_string(),
        };
        let is_known = written.is_empty() || PROTOCOLS.contains(&written.as_str()) || written.parse::<u8>().is_ok();
        if !is_known {
            return Err(format!("\"{written}\" is not a valid choice."));
        }
        Ok(canonical_protocol(&written, self.ethertype()))
    }
}

fn text(written: Option<&str>) -> Option<&str> {
    written.map(str::trim).filter(|text| !text.is_empty())
}

/// The id in an address of the API, or the id itself.
fn reference(written: &str) -> &str {
    written.trim_end_matches('/').rsplit('/').next().unwrap_or(written)
}

fn port(written: Option<&Value>) -> Result<i64, String> {
    let number = match written {
        None | Some(Value::Null) => return Err("This field is required.".to_owned()),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(other) => other.as_i64(),
    };
    number.ok_or_else(|| "A valid integer is required.".to_owned())
}

/// A network as people write it: IPv4 may leave out its last numbers, host bits do not count, a lone address is itself.
fn network(written: &str, ethertype: &str) -> Result<IpNet, String> {
    let is_four = ethertype != "IPv6";
    let (address, mask) = written.split_once('/').map_or((written, None), |(address, mask)| (address, Some(mask)));
    let missing = 4_usize.saturating_sub(address.split('.').count());
    let address = if is_four && mask.is_some() && !address.contains(':') {
        format!("{address}{}", ".0".repeat(missing))
    } else {
        address.to_owned()
    };
    let mask = mask.unwrap_or(if is_four { "32" } else { "128" });
    let network: Option<IpNet> = format!("{address}/{mask}").parse().ok();
    match network {
        Some(network @ IpNet::V4(_)) if is_four => Ok(network.trunc()),
        Some(network @ IpNet::V6(_)) if !is_four => Ok(network.trunc()),
        Some(_) => Err(format!("{written} is no network of {ethertype}")),
        None => Err(format!("{written} is no network")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn wish(rule: Value) -> RuleWish {
        serde_json::from_value(rule).unwrap()
    }

    fn wrong(rule: Value) -> Value {
        serde_json::to_value(wish(rule).problems()).unwrap()
    }

    #[test]
    fn a_rule_means_the_same_however_it_is_written() {
        let meant = |rule| wish(rule).meaning(None).to_string();
        let ssh = json!({"protocol": "tcp", "from_port": 22, "to_port": 22, "cidr": "10.1.1.5/24"});
        assert_eq!(meant(ssh.clone()), "ingress IPv4 tcp 22 from 10.1.1.0/24");
        let same = json!({"protocol": 6, "from_port": "22", "to_port": 22, "cidr": "10.1.1/24", "direction": ""});
        assert_eq!(wish(same).likeness(), wish(ssh).likeness());
        let all = json!({"protocol": "tcp", "from_port": -1, "to_port": -1, "cidr": "0/0"});
        assert_eq!(meant(all), "ingress IPv4 tcp from 0.0.0.0/0");
        let six = json!({"ethertype": "IPv6", "protocol": "1", "from_port": 128, "to_port": -1, "cidr": "FD00::1/8"});
        assert_eq!(meant(six), "ingress IPv6 ipv6-icmp type 128 from fd00::/8");
        let any = json!({"direction": "egress", "protocol": "", "from_port": -1, "to_port": -1, "cidr": null});
        assert_eq!(meant(any), "egress IPv4 any protocol to 0.0.0.0/0");
        let vrrp = json!({"protocol": "112", "from_port": -1, "to_port": -1});
        assert_eq!((meant(vrrp.clone()).as_str(), wrong(vrrp)), ("ingress IPv4 vrrp from 0.0.0.0/0", json!([])));
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let rule = json!({
            "id": 7, "ethertype": "IPv5", "direction": "in", "protocol": "tpc", "to_port": "many", "cidr": "10.0.0.0/33",
            "remote_group": "g", "description": "x".repeat(256),
        });
        let said = wrong(rule);
        let fields: Vec<&String> = said.as_object().unwrap().keys().collect();
        let all = [
            "cidr",
            "description",
            "direction",
            "ethertype",
            "from_port",
            "id",
            "non_field_errors",
            "protocol",
            "to_port",
        ];
        assert_eq!(fields, all);
        assert_eq!(said["from_port"], json!(["This field is required."]));
        assert_eq!(said["to_port"], json!(["A valid integer is required."]));
    }

    #[test]
    fn a_network_is_one_of_its_family() {
        let rule = |ethertype, cidr| {
            wrong(json!({"ethertype": ethertype, "cidr": cidr, "from_port": -1, "to_port": -1}))["cidr"][0].clone()
        };
        assert_eq!(rule("IPv4", "fd00::/8"), json!("fd00::/8 is no network of IPv4"));
        assert_eq!(rule("IPv6", "10.0.0.0/8"), json!("10.0.0.0/8 is no network of IPv6"));
        assert_eq!(rule("IPv6", "10/8"), json!("10/8 is no network"));
        for (ethertype, cidr) in [("IPv4", "10/8"), ("IPv4", "10.0.0.1"), ("IPv6", "fd00::1"), ("IPv6", "::/0")] {
            assert_eq!(rule(ethertype, cidr), Value::Null, "{cidr}");
        }
    }

    #[test]
    fn ports_fit_their_protocol() {
        let said = |protocol: &str, from: i64, to: i64| {
            let said = wish(json!({"protocol": protocol, "from_port": from, "to_port": to})).problems().to_string();
            said.split(';').filter(|it| !it.is_empty()).count()
        };
        for (protocol, from, to) in [
            ("tcp", 1, 65_535),
            ("tcp", -1, -1),
            ("udp", 53, 53),
            ("icmp", -1, -1),
            ("icmp", 8, 0),
            ("icmp", 255, 255),
            ("", -1, -1),
            ("esp", -1, -1),
            ("17", 1, 2),
        ] {
            assert_eq!(said(protocol, from, to), 0, "{protocol} {from} {to}");
        }
        for (protocol, from, to, mistakes) in [
            ("tcp", 0, 0, 2),
            ("tcp", -1, 5, 1),
            ("tcp", 5, -1, 2),
            ("tcp", 10, 9, 1),
            ("udp", 1, 65_536, 1),
            ("icmp", -1, 0, 1),
            ("icmp", 256, 0, 1),
            ("", 1, 1, 2),
            ("esp", -1, 0, 1),
            ("0", 80, 80, 2),
        ] {
            assert_eq!(said(protocol, from, to), mistakes, "{protocol} {from} {to}");
        }
    }

    #[test]
    fn a_group_is_named_by_its_id_or_its_address() {
        let by = |rule| wish(rule).peer().map(|peer| format!("{peer:?}"));
        let address = "https://portal.example/api/openstack-security-groups/0c9e/";
        assert_eq!(by(json!({"remote_group": address})).unwrap(), "Id(\"0c9e\")");
        assert_eq!(by(json!({"remote_group_name": "db"})).unwrap(), "Name(\"db\")");
        assert_eq!(by(json!({"remote_group": null, "remote_group_name": " "})), None);
    }
}
