//! Security group rules: Neutron's checks, in Neutron's words.

use axum::http::StatusCode;
use ipnet::IpNet;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::call::{Call, id};
use super::super::clock;
use super::super::identity::caller::Caller;
use super::super::random::Random;
use super::super::reply::{Answer, Reply};
use super::model::{Direction, Ethertype, Networking, Rule};
use super::{groups, refusal, views};

const PROTOCOLS: [&str; 27] = [
    "any",
    "ah",
    "dccp",
    "egp",
    "esp",
    "gre",
    "hopopt",
    "icmp",
    "igmp",
    "ip",
    "ipip",
    "ipv6-encap",
    "ipv6-frag",
    "ipv6-icmp",
    "icmpv6",
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
    "none",
];

/// `POST /v2.0/security-group-rules`.
pub fn create(networking: &mut Networking, call: &Call, caller: &Caller, random: &mut Random) -> Answer {
    let asked = &call.body["security_group_rule"];
    let group_text = asked["security_group_id"].as_str().unwrap_or_default();
    let direction = match asked["direction"].as_str() {
        Some("ingress") => Direction::Ingress,
        Some("egress") => Direction::Egress,
        other => {
            let shown = other.unwrap_or("None");
            let message = format!("Invalid input for direction. Reason: {shown} is not in valid_values.");
            return Err(refusal::invalid(&message));
        }
    };
    let ethertype = match asked["ethertype"].as_str().unwrap_or("IPv4") {
        text if text.eq_ignore_ascii_case("ipv4") => Ethertype::IPv4,
        text if text.eq_ignore_ascii_case("ipv6") => Ethertype::IPv6,
        other => {
            let message = format!("Invalid input for ethertype. Reason: {other} is not in valid_values.");
            return Err(refusal::invalid(&message));
        }
    };
    let group = groups::find(networking, caller, group_text)?;
    let owner = (group.id, group.project);
    let remote = remote_group(networking, caller, asked)?;
    let at = clock::now();
    let mut rule = networking.blank_rule(owner, direction, ethertype, at, random);
    rule.protocol = protocol(asked)?;
    (rule.port_range_min, rule.port_range_max) = ports(asked, rule.protocol.as_deref())?;
    if let Some(prefix) = asked["remote_ip_prefix"].as_str() {
        if remote.is_some() {
            let message = "Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be provided.";
            return Err(refusal::bad("SecurityGroupMultipleRemoteEntites", message));
        }
        rule.normalized_cidr = Some(network_of(prefix, ethertype)?);
        rule.remote_ip_prefix = Some(prefix.to_owned());
    }
    rule.remote_group_id = remote;
    rule.description = Some(asked["description"].as_str().unwrap_or_default().to_owned());
    if let Some(existing) = duplicate(networking, &rule) {
        let message = format!("Security group rule already exists. Rule id is {existing}.");
        return Err(refusal::conflict("SecurityGroupRuleExists", &message));
    }
    networking.room(owner.1, "security_group_rule", 1)?;
    if let Some(group) = networking.groups.get_mut(owner.0) {
        group.at.touch(at);
    }
    let body = json!({"security_group_rule": views::rule(networking, &rule)});
    networking.attach(rule);
    Ok(Reply::json(StatusCode::CREATED, &body))
}

/// `DELETE /v2.0/security-group-rules/{id}`.
pub fn delete(networking: &mut Networking, caller: &Caller, text: &str) -> Answer {
    let rule = networking.rules.get(id(text)).filter(|rule| caller.reads(rule.project_id));
    let rule = rule.ok_or_else(|| refusal::not_found("security_group_rule", text))?;
    let (found, group) = (rule.id, rule.security_group_id);
    networking.detach(found);
    if let Some(group) = networking.groups.get_mut(group) {
        group.at.touch(clock::now());
    }
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// The rule of the same group that says the same; descriptions do not count.
pub fn duplicate(networking: &Networking, rule: &Rule) -> Option<Uuid> {
    let group = networking.groups.get(rule.security_group_id)?;
    let same = |held: &&Rule| {
        held.direction == rule.direction
            && held.ethertype == rule.ethertype
            && held.protocol == rule.protocol
            && held.port_range_min == rule.port_range_min
            && held.port_range_max == rule.port_range_max
            && held.normalized_cidr == rule.normalized_cidr
            && held.remote_group_id == rule.remote_group_id
    };
    let mut rules = group.rules.iter().filter_map(|held| networking.rules.get(*held));
    rules.find(same).map(|held| held.id)
}

fn remote_group(networking: &Networking, caller: &Caller, asked: &Value) -> Result<Option<Uuid>, Reply> {
    match asked["remote_group_id"].as_str() {
        Some(text) => groups::find(networking, caller, text).map(|group| Some(group.id)),
        None => Ok(None),
    }
}

fn protocol(asked: &Value) -> Result<Option<String>, Reply> {
    let text = match &asked["protocol"] {
        Value::Null => return Ok(None),
        Value::String(text) => text.to_ascii_lowercase(),
        other => other.to_string(),
    };
    let known = PROTOCOLS.contains(&text.as_str()) || text.parse::<u8>().is_ok();
    match (known, text.as_str()) {
        (true, "any" | "none") => Ok(None),
        (true, _) => Ok(Some(text)),
        (false, _) => {
            let names: Vec<String> = PROTOCOLS.iter().take(26).map(|name| format!("'{name}'")).collect();
            let message = format!(
                "Security group rule protocol {text} not supported. Only protocol values (None, {}) and integer representations [0 to 255] are supported.",
                names.join(", ")
            );
            Err(refusal::bad("SecurityGroupRuleInvalidProtocol", &message))
        }
    }
}

fn ports(asked: &Value, protocol: Option<&str>) -> Result<(Option<i64>, Option<i64>), Reply> {
    let number = |value: &Value| value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
    let (low, high) = (number(&asked["port_range_min"]), number(&asked["port_range_max"]));
    let Some(protocol) = protocol else {
        return match (low, high) {
            (None, None) => Ok((None, None)),
            _ => Err(refusal::bad(
                "SecurityGroupProtocolRequiredWithPorts",
                "Must also specify protocol if port range is given.",
            )),
        };
    };
    let highest = if protocol.contains("icmp") { 255 } else { 65_535 };
    for port in [low, high].into_iter().flatten() {
        if !(0..=highest).contains(&port) {
            let message = format!("Invalid value for port {port}");
            return Err(refusal::bad("SecurityGroupInvalidPortValue", &message));
        }
    }
    let ordered = match (low, high) {
        (Some(low), Some(high)) => low <= high || protocol.contains("icmp"),
        (None, None) => true,
        _ => protocol.contains("icmp"),
    };
    if ordered {
        return Ok((low, high));
    }
    let message = "For TCP/UDP protocols, port_range_min must be <= port_range_max";
    Err(refusal::bad("SecurityGroupInvalidPortRange", message))
}

fn network_of(prefix: &str, ethertype: Ethertype) -> Result<String, Reply> {
    let whole = match ethertype {
        Ethertype::IPv4 => format!("{prefix}/32"),
        Ethertype::IPv6 => format!("{prefix}/128"),
    };
    let text = if prefix.contains('/') { prefix } else { &whole };
    let parsed: IpNet =
        text.parse().map_err(|_| refusal::bad("InvalidCIDR", &format!("Invalid CIDR {prefix} given as IP prefix.")))?;
    let fits = matches!((parsed, ethertype), (IpNet::V4(_), Ethertype::IPv4) | (IpNet::V6(_), Ethertype::IPv6));
    if fits {
        return Ok(parsed.trunc().to_string());
    }
    let name = if ethertype == Ethertype::IPv4 { "IPv4" } else { "IPv6" };
    let message = format!("Conflicting value ethertype {name} for CIDR {prefix}");
    Err(refusal::bad("SecurityGroupRuleParameterConflict", &message))
}
