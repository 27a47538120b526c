//! Security groups, with rules in one canonical form so that two spellings of the same rule are equal.

use std::fmt;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// The group that every project has, and that nobody but OpenStack makes or removes.
pub const DEFAULT: &str = "default";

/// A security group as seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// Neutron's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its description; Neutron's null is the empty text.
    #[serde(default)]
    pub description: String,
    /// Whether replies are let through by themselves.
    #[serde(default = "yes")]
    pub stateful: bool,
    /// Its rules, sorted by meaning.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

const fn yes() -> bool {
    true
}

/// A rule as seen: what it means, and what only accompanies it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rule {
    /// What the rule lets through.
    #[serde(flatten)]
    pub meaning: Meaning,
    /// Neutron's id; another id with the same meaning is the same rule.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Free text; Neutron's null is the empty text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// What a rule means: two rules with equal meaning let the same packets through.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Meaning {
    /// `ingress` or `egress`.
    pub direction: String,
    /// `IPv4` or `IPv6`.
    pub ethertype: String,
    /// Lower-case name where the number has one, else the number; none means any.
    #[serde(default)]
    pub protocol: Option<String>,
    /// First port, or the ICMP type.
    #[serde(default)]
    pub port_min: Option<u16>,
    /// Last port, or the ICMP code.
    #[serde(default)]
    pub port_max: Option<u16>,
    /// The other side as a network without host bits; none means any address, unless a group is named.
    #[serde(default)]
    pub cidr: Option<String>,
    /// The other side as a security group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_group: Option<String>,
    /// The other side as an address group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_address_group: Option<String>,
}

impl Meaning {
    /// Brings every spelling of a field into the canonical one.
    #[must_use]
    pub fn canonical(mut self) -> Self {
        self.direction = self.direction.to_ascii_lowercase();
        let version = if self.ethertype.eq_ignore_ascii_case("ipv6") { "IPv6" } else { "IPv4" };
        version.clone_into(&mut self.ethertype);
        self.protocol = self.protocol.as_deref().and_then(|name| canonical_protocol(name, &self.ethertype));
        self.cidr = self.cidr.as_deref().and_then(canonical_cidr);
        if self.covers_every_port() {
            self.port_min = None;
            self.port_max = None;
        }
        self
    }

    fn covers_every_port(&self) -> bool {
        let has_ports = matches!(self.protocol.as_deref(), Some("tcp" | "udp" | "sctp" | "dccp" | "udplite"));
        has_ports && matches!((self.port_min, self.port_max), (Some(0 | 1), Some(65_535)))
    }

    /// Whether it lets anyone in, whatever their address.
    pub fn is_world_open_ingress(&self) -> bool {
        self.direction == "ingress"
            && self.cidr.is_none()
            && self.remote_group.is_none()
            && self.remote_address_group.is_none()
    }

    /// Whether it lets packets to `port` through (TCP or UDP, or any protocol).
    pub fn covers_port(&self, port: u16) -> bool {
        match self.protocol.as_deref() {
            None => true,
            Some("tcp" | "udp") => {
                self.port_min.is_none_or(|first| first <= port) && self.port_max.is_none_or(|last| port <= last)
            }
            Some(_) => false,
        }
    }

    fn ports(&self) -> String {
        let icmp = self.protocol.as_deref().is_some_and(|name| name.contains("icmp"));
        match (self.port_min, self.port_max) {
            (None, None) => String::new(),
            (Some(kind), None) if icmp => format!(" type {kind}"),
            (Some(kind), Some(code)) if icmp => format!(" type {kind} code {code}"),
            (Some(first), Some(last)) if first == last => format!(" {first}"),
            (first, last) => format!(" {}-{}", first.unwrap_or(0), last.unwrap_or(u16::MAX)),
        }
    }
}

impl fmt::Display for Meaning {
    /// One line that a person reads and that names the rule in a finding: `ingress IPv4 tcp 22 from 0.0.0.0/0`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = self.protocol.as_deref().unwrap_or("any protocol");
        let preposition = if self.direction == "ingress" { "from" } else { "to" };
        write!(formatter, "{} {} {protocol}{} {preposition} ", self.direction, self.ethertype, self.ports())?;
        match (&self.cidr, &self.remote_group, &self.remote_address_group) {
            (Some(cidr), None, None) => write!(formatter, "{cidr}"),
            (_, Some(group), _) => write!(formatter, "group {group}"),
            (_, _, Some(group)) => write!(formatter, "address group {group}"),
            (None, None, None) => formatter.write_str(if self.ethertype == "IPv6" { "::/0" } else { "0.0.0.0/0" }),
        }
    }
}

/// Name of an IP protocol as Neutron knows it (its constants), by number or alias. "any" is any protocol, and so is `0`
/// under each of its names, for its drivers match nothing by it.
pub fn canonical_protocol(written: &str, ethertype: &str) -> Option<String> {
    let lower = written.trim().to_ascii_lowercase();
    let name = match lower.as_str() {
        "" | "any" | "0" | "ip" | "hopopt" => return None,
        "1" | "icmp" if ethertype == "IPv6" => "ipv6-icmp",
        "1" => "icmp",
        "2" => "igmp",
        "4" => "ipip",
        "6" => "tcp",
        "8" => "egp",
        "17" => "udp",
        "33" => "dccp",
        "41" => "ipv6-encap",
        "43" => "ipv6-route",
        "44" => "ipv6-frag",
        "46" => "rsvp",
        "47" => "gre",
        "50" => "esp",
        "51" => "ah",
        "58" | "icmpv6" => "ipv6-icmp",
        "59" => "ipv6-nonxt",
        "60" => "ipv6-opts",
        "89" => "ospf",
        "112" => "vrrp",
        "113" => "pgm",
        "132" => "sctp",
        "136" => "udplite",
        other => other,
    };
    Some(name.to_owned())
}

/// The network without host bits; the whole address space is no restriction, hence none.
fn canonical_cidr(written: &str) -> Option<String> {
    let trimmed = written.trim();
    let network = match trimmed.parse::<IpNet>() {
        Ok(network) => network.trunc(),
        Err(_) => match trimmed.parse::<std::net::IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => return if trimmed.is_empty() { None } else { Some(trimmed.to_owned()) },
        },
    };
    (network.prefix_len() > 0).then(|| network.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(protocol: Option<&str>, ports: (Option<u16>, Option<u16>), cidr: Option<&str>) -> Meaning {
        Meaning {
            direction: "ingress".into(),
            ethertype: "IPv4".into(),
            protocol: protocol.map(Into::into),
            port_min: ports.0,
            port_max: ports.1,
            cidr: cidr.map(Into::into),
            remote_group: None,
            remote_address_group: None,
        }
        .canonical()
    }

    #[test]
    fn spellings_of_the_same_rule_are_equal() {
        let plain = rule(Some("tcp"), (Some(22), Some(22)), Some("10.1.1.0/24"));
        assert_eq!(plain, rule(Some("6"), (Some(22), Some(22)), Some("10.1.1.5/24")));
        assert_eq!(plain, rule(Some("TCP"), (Some(22), Some(22)), Some(" 10.1.1.0/24")));
        assert_eq!(rule(None, (None, None), None), rule(Some("any"), (None, None), Some("0.0.0.0/0")));
        assert_eq!(rule(Some("tcp"), (None, None), None), rule(Some("tcp"), (Some(1), Some(65_535)), None));
        assert_eq!(rule(Some("ipip"), (None, None), None), rule(Some("4"), (None, None), None));
        assert_ne!(rule(Some("ipip"), (None, None), None), rule(Some("94"), (None, None), None));
        assert_eq!(rule(None, (None, None), None), rule(Some("ip"), (None, None), None));
        assert_eq!(rule(None, (None, None), Some("10.0.0.1")), rule(None, (None, None), Some("10.0.0.1/32")));
    }

    #[test]
    fn a_rule_reads_like_a_sentence() {
        let ssh = rule(Some("tcp"), (Some(22), Some(22)), None);
        assert_eq!(ssh.to_string(), "ingress IPv4 tcp 22 from 0.0.0.0/0");
        assert!(ssh.is_world_open_ingress() && ssh.covers_port(22) && !ssh.covers_port(23));
        let ping = rule(Some("icmp"), (Some(8), Some(0)), Some("10.0.0.0/8"));
        assert_eq!(ping.to_string(), "ingress IPv4 icmp type 8 code 0 from 10.0.0.0/8");
        assert!(!ping.is_world_open_ingress());
    }
}
