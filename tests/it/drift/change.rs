//! Changes behind the portal's back, drawn at random, each with what is to be found of it and with the way back.

use std::collections::BTreeSet;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::cloud::SimulatedCloud;

/// What names one change: tenant, resource type, object, field, and what kind of change it is.
pub type Told = (String, String, String, String, String);

/// A change that was made.
pub struct Change {
    /// What is to be found: one thing for each field, and an address that is led elsewhere has two.
    pub told: Vec<Told>,
    undo: Undo,
}

enum Undo {
    Meddle(Value),
    Call(Method, String, Option<Value>),
}

/// Whose things are changed.
pub struct Victim {
    pub name: String,
    pub project: String,
    /// Objects and fields that a change has touched: no two touch the same.
    touched: BTreeSet<(String, String)>,
}

/// The quotas, by the names of services and of the API documents.
const LIMITS: [(&str, &str, &str); 8] = [
    ("compute", "cores", "vcpu"),
    ("compute", "ram", "ram"),
    ("compute", "instances", "instances"),
    ("network", "floatingip", "floating_ip_count"),
    ("network", "security_group", "security_group_count"),
    ("network", "security_group_rule", "security_group_rule_count"),
    ("volume", "gigabytes", "storage"),
    ("volume", "volumes", "volumes"),
];
const WHOLE: &str = "existence";
const GROUPS: &str = "/network/v2.0/security-groups";
const RULES: &str = "/network/v2.0/security-group-rules";
const ADDRESSES: &str = "/network/v2.0/floatingips";

impl Change {
    /// Takes it back.
    pub async fn undo(&self, cloud: &SimulatedCloud) {
        match &self.undo {
            Undo::Meddle(meddle) => cloud.revert(meddle).await,
            Undo::Call(method, path, body) => drop(cloud.admin(method.clone(), path, body.clone()).await),
        }
    }
}

impl Victim {
    pub fn new(name: String, project: String) -> Self {
        Self { name, project, touched: BTreeSet::new() }
    }

    /// Whether nothing has touched this field of this object, nor the whole; from now on something has.
    fn touch(&mut self, object: &str, field: &str) -> bool {
        let of_it =
            |other: &&(String, String)| other.0 == object && (field == WHOLE || other.1 == field || other.1 == WHOLE);
        let is_free = !self.touched.iter().any(|other| of_it(&other));
        is_free && self.touched.insert((object.to_owned(), field.to_owned()))
    }

    fn told(&self, resource_type: &str, object: &str, field: &str, change: &str) -> Told {
        let text = str::to_owned;
        (self.project.clone(), text(resource_type), text(object), text(field), text(change))
    }

    /// Changes something that was not changed before, if what was drawn can be.
    pub async fn suffer(&mut self, cloud: &SimulatedCloud, random: &mut StdRng) -> Option<Change> {
        match random.random_range(0..28) {
            0..8 => self.limit(cloud, random).await,
            8..10 => self.add_rule(cloud, random).await,
            10..12 => self.remove_rule(cloud, random).await,
            12..14 => self.describe(cloud, random, GROUPS, "security_group", "security_groups", "name").await,
            14..16 => self.describe(cloud, random, GROUPS, "security_group", "security_groups", "description").await,
            16 => self.describe(cloud, random, ADDRESSES, "floatingip", "floating_ips", "description").await,
            17..19 => self.add_group(cloud, random).await,
            19..21 => self.meddle(cloud, "security_group_delete", "security_groups", "removed").await,
            21..23 => self.meddle(cloud, "floating_ip_allocate", "floating_ips", "added").await,
            23 => self.meddle(cloud, "floating_ip_release", "floating_ips", "removed").await,
            24 => self.meddle(cloud, "server_group_create", "server_groups", "added").await,
            25 => self.meddle(cloud, "server_group_delete", "server_groups", "removed").await,
            _ => self.lead(cloud, random).await,
        }
    }

    async fn limit(&mut self, cloud: &SimulatedCloud, random: &mut StdRng) -> Option<Change> {
        let (service, key, name) = *LIMITS.choose(random)?;
        if !self.touch(name, "limit") {
            return None;
        }
        let (path, around) = match service {
            "network" => (format!("/network/v2.0/quotas/{}", self.project), "quota"),
            "compute" => (format!("/compute/v2.1/os-quota-sets/{}", self.project), "quota_set"),
            _ => (format!("/volume/v3/os-quota-sets/{}", self.project), "quota_set"),
        };
        let before = cloud.admin(Method::GET, &path, None).await[around][key].as_i64().unwrap();
        let after = [before * 2, before / 2, before + 1, -1].choose(random).copied()?;
        let put = |limit: i64| json!({around: {key: limit}});
        cloud.admin(Method::PUT, &path, Some(put(after))).await;
        let undo = Undo::Call(Method::PUT, path, Some(put(before)));
        Some(Change { told: vec![self.told("quotas", name, "limit", "limit")], undo })
    }

    /// The tenant's objects of a kind.
    async fn list(&self, cloud: &SimulatedCloud, path: &str) -> Vec<Value> {
        let listing = cloud.admin(Method::GET, &format!("{path}?project_id={}", self.project), None).await;
        let (_, objects) = listing.as_object().unwrap().iter().find(|(_, value)| value.is_array()).unwrap();
        objects.as_array().unwrap().clone()
    }

    async fn add_rule(&mut self, cloud: &SimulatedCloud, random: &mut StdRng) -> Option<Change> {
        let groups = self.list(cloud, GROUPS).await;
        let (group, port) = (groups.choose(random)?["id"].as_str()?, random.random_range(2000..60_000));
        let (version, cidr) = *[("IPv4", "10.7.0.0/16"), ("IPv6", "2001:db8:7::/48")].choose(random)?;
        let field = format!("rule ingress {version} udp {port} from {cidr}");
        if !self.touch(group, &field) {
            return None;
        }
        let rule = json!({"security_group_rule": {
            "security_group_id": group, "project_id": self.project, "direction": "ingress", "ethertype": version,
            "protocol": "udp", "port_range_min": port, "port_range_max": port, "remote_ip_prefix": cidr,
        }});
        let made = cloud.admin(Method::POST, RULES, Some(rule)).await;
        let undo = Undo::Call(Method::DELETE, format!("{RULES}/{}", made["security_group_rule"]["id"].as_str()?), None);
        Some(Change { told: vec![self.told("security_groups", group, &field, "added")], undo })
    }

    /// A rule goes, and comes back as another one in another spelling.
    async fn remove_rule(&mut self, cloud: &SimulatedCloud, random: &mut StdRng) -> Option<Change> {
        let mut rules = self.list(cloud, RULES).await;
        rules.retain(|rule| rule["protocol"] == "tcp" && rule["remote_ip_prefix"].is_string());
        let rule = rules.choose(random)?;
        let text = |key: &str| rule[key].as_str().unwrap();
        let (group, port, cidr) = (text("security_group_id"), &rule["port_range_min"], text("remote_ip_prefix"));
        let field = format!("rule ingress {} tcp {port} from {cidr}", text("ethertype"));
        if !self.touch(group, &field) {
            return None;
        }
        cloud.admin(Method::DELETE, &format!("{RULES}/{}", text("id")), None).await;
        let again = json!({"security_group_rule": {
            "security_group_id": group, "project_id": self.project, "direction": "ingress", "protocol": "6",
            "ethertype": text("ethertype"), "port_range_min": port, "port_range_max": port,
            "remote_ip_prefix": cidr.replacen(".0/", ".99/", 1),
        }});
        let undo = Undo::Call(Method::POST, RULES.to_owned(), Some(again));
        Some(Change { told: vec![self.told("security_groups", group, &field, "removed")], undo })
    }

    /// Gives an object another name or description.
    async fn describe(
        &mut self,
        cloud: &SimulatedCloud,
        random: &mut StdRng,
        path: &str,
        around: &str,
        resource_type: &str,
        field: &str,
    ) -> Option<Change> {
        let mut objects = self.list(cloud, path).await;
        objects.retain(|object| object["name"] != "default");
        let object = objects.choose(random)?;
        let id = object["id"].as_str()?;
        if !self.touch(id, field) {
            return None;
        }
        let put = |value: Value| json!({around: {field: value}});
        let path = format!("{path}/{id}");
        cloud.admin(Method::PUT, &path, Some(put(json!("by hand")))).await;
        let undo = Undo::Call(Method::PUT, path, Some(put(object[field].clone())));
        Some(Change { told: vec![self.told(resource_type, id, field, "changed")], undo })
    }

    async fn add_group(&mut self, cloud: &SimulatedCloud, random: &mut StdRng) -> Option<Change> {
        let name = format!("by-hand-{}", random.random_range(0..1_000_000));
        let group = json!({"security_group": {"name": name, "project_id": self.project}});
        let made = cloud.admin(Method::POST, GROUPS, Some(group)).await;
        let id = made["security_group"]["id"].as_str()?;
        self.touch(id, WHOLE);
        let undo = Undo::Call(Method::DELETE, format!("{GROUPS}/{id}"), None);
        Some(Change { told: vec![self.told("security_groups", id, WHOLE, "added")], undo })
    }

    /// Something whole comes or goes; not what a change has touched already.
    async fn meddle(
        &mut self,
        cloud: &SimulatedCloud,
        kind: &str,
        resource_type: &str,
        change: &str,
    ) -> Option<Change> {
        let meddle = cloud.try_meddle(kind, &self.name).await?;
        let object = meddle["object"].as_str()?;
        if !self.touch(object, WHOLE) {
            cloud.revert(&meddle).await;
            return None;
        }
        let told = vec![self.told(resource_type, object, WHOLE, change)];
        Some(Change { told, undo: Undo::Meddle(meddle) })
    }

    /// An address is led to a port, or away from it: to which port, and to which of the port's addresses.
    async fn lead(&mut self, cloud: &SimulatedCloud, random: &mut StdRng) -> Option<Change> {
        let addresses = self.list(cloud, ADDRESSES).await;
        let address = addresses.choose(random)?;
        let id = address["id"].as_str()?;
        let mut ports = self.list(cloud, "/network/v2.0/ports").await;
        // An address of a port has one floating IP at most.
        ports.retain(|port| addresses.iter().all(|other| other["port_id"] != port["id"]));
        let put = |port: &Value| json!({"floatingip": {"port_id": port}});
        let port = if address["port_id"].is_null() { &ports.choose(random)?["id"] } else { &Value::Null };
        if !(self.touch(id, "port_id") && self.touch(id, "fixed_ip")) {
            return None;
        }
        let path = format!("{ADDRESSES}/{id}");
        cloud.admin(Method::PUT, &path, Some(put(port))).await;
        let told = ["port_id", "fixed_ip"].map(|field| self.told("floating_ips", id, field, "changed"));
        Some(Change { told: told.into(), undo: Undo::Call(Method::PUT, path, Some(put(&address["port_id"]))) })
    }
}
