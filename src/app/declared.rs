//! From what the operator's files declare to what drift compares with.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::build::mode;
use super::policies::{spellings, whom};
use crate::config::{self, Problem, Problems};
use crate::drift::declared::{Declaration, Declarations, Forbidden};
use crate::drift::policy::Bounds;
use crate::model::origin::DECLARED;
use crate::model::quota::{self, Limit};
use crate::model::rule_wish::RuleWish;
use crate::model::{Origin, ResourceType};

/// Every entry of every file, weakest first.
pub(super) fn declarations(files: &[config::Declared]) -> Declarations {
    let of_file = |file: &config::Declared| {
        let set_at = DateTime::<Utc>::from(file.changed_at);
        let origin = Origin { source: DECLARED.to_owned(), author: file.name.clone(), set_at };
        let read = |entry: &config::Entry| declaration(entry, &origin, &mut |_, _| {});
        file.entries.iter().map(read).collect::<Vec<_>>()
    };
    Declarations::new(files.iter().flat_map(of_file).collect())
}

/// Everything in the files that has no meaning.
pub(super) fn problems(files: &[config::Declared]) -> Vec<Problem> {
    let mut problems = Problems::default();
    for file in files {
        let origin = Origin { source: String::new(), author: String::new(), set_at: DateTime::UNIX_EPOCH };
        for (index, entry) in file.entries.iter().enumerate() {
            declaration(entry, &origin, &mut |path, why| {
                problems.add(format!("{}: expect[{index}].{path}", file.name), why);
            });
        }
    }
    problems.into_sorted()
}

/// An entry as drift knows it, without what has no meaning: that is told to `tell`.
fn declaration(entry: &config::Entry, origin: &Origin, tell: &mut dyn FnMut(String, String)) -> Declaration {
    let mut it = Declaration {
        origin: origin.clone(),
        only: whom(&entry.only),
        except: whom(&entry.except),
        default: entry.default,
        limits: [].into(),
        required: [].into(),
        forbidden: entry.forbid.iter().map(forbidden).collect(),
        counts: [].into(),
        modes: [].into(),
    };
    for (name, limit) in &entry.limits {
        match serde_json::from_value::<Limit>(limit.clone()) {
            _ if !quota::is_name(name) => {
                let known = quota::NAMES.join(", ");
                tell("limits".into(), format!("`{name}` is no quota; there are {known}, and gigabytes_<volume type>"));
            }
            Ok(limit) => drop(it.limits.insert(name.clone(), limit)),
            Err(error) => tell(format!("limits.{name}"), error.to_string()),
        }
    }
    for (name, group) in &entry.groups {
        let path = |index: usize| format!("groups.{name}.require[{index}]");
        let rules = group.require.iter().enumerate();
        let rules = rules.filter_map(|(index, written)| rule(written).map_err(|why| tell(path(index), why)).ok());
        it.required.insert(name.clone(), rules.collect());
    }
    for (index, forbid) in entry.forbid.iter().enumerate() {
        if let Some(why) = wrong(forbid) {
            tell(format!("forbid[{index}]"), why);
        }
    }
    for (named, bounds) in &entry.counts {
        match named.parse::<ResourceType>() {
            Ok(ResourceType::Quotas) => tell("counts".into(), "quotas are not counted".into()),
            Ok(of) => drop(it.counts.insert(of, Bounds { at_least: bounds.at_least, at_most: bounds.at_most })),
            Err(why) => tell("counts".into(), why),
        }
    }
    for (named, written) in &entry.mode {
        match named.parse::<ResourceType>() {
            Ok(of) => drop(it.modes.insert(of, mode(*written))),
            Err(why) => tell("mode".into(), why),
        }
    }
    it
}

fn rule(written: &Value) -> Result<RuleWish, String> {
    let wish: RuleWish = serde_json::from_value(written.clone()).map_err(|error| error.to_string())?;
    wish.problems().or(()).map_err(|invalid| invalid.to_string())?;
    Ok(wish)
}

fn forbidden(written: &config::Forbid) -> Forbidden {
    Forbidden {
        groups: written.groups.clone(),
        direction: written.direction.clone().unwrap_or_else(|| "ingress".to_owned()),
        ethertype: written.ethertype.clone(),
        protocols: written.protocol.iter().flat_map(|it| spellings(it)).collect(),
        port: written.port,
        from_anywhere: written.anywhere,
    }
}

fn wrong(written: &config::Forbid) -> Option<String> {
    let is_one_of = |it: &Option<String>, known: [&str; 2]| it.as_deref().is_none_or(|it| known.contains(&it));
    if !is_one_of(&written.direction, ["ingress", "egress"]) {
        return Some("direction is neither ingress nor egress".to_owned());
    }
    if !is_one_of(&written.ethertype, ["IPv4", "IPv6"]) {
        return Some("ethertype is neither IPv4 nor IPv6".to_owned());
    }
    let protocol = written.protocol.as_ref()?;
    rule(&json!({ "protocol": protocol, "from_port": -1, "to_port": -1 }))
        .err()
        .map(|_| format!("`{protocol}` is no protocol; leave it out for any"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn told(entry: &Value) -> Vec<String> {
        let entry = serde_json::from_value(entry.clone()).unwrap();
        let file = config::Declared { name: "a.toml".into(), changed_at: SystemTime::UNIX_EPOCH, entries: vec![entry] };
        problems(&[file]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_has_no_meaning_is_told_at_its_place() {
        let fine = json!({
            "limits": {"vcpu": 4, "ram": "unlimited"}, "counts": {"floating_ips": {"at_most": 5}},
            "mode": {"quotas": "follow"}, "forbid": [{"protocol": "tcp", "port": 22, "anywhere": true}],
            "groups": {"web": {"require": [{"protocol": "tcp", "from_port": 443, "to_port": 443}]}},
        });
        assert_eq!(told(&fine), Vec::<String>::new());
        let wrong = json!({
            "limits": {"ram": "much"}, "counts": {"quotas": {}, "disks": {}}, "mode": {"routers": "guard"},
            "forbid": [{"direction": "in"}, {"ethertype": "IPv5"}, {"protocol": "nonsense"}],
            "groups": {"web": {"require": [{"protocol": "tcp", "from_port": 0, "to_port": 443}]}},
        });
        let told = told(&wrong);
        let places: Vec<&str> = told.iter().map(|it| it.split(": ").nth(1).unwrap()).collect();
        let expected = [
            "expect[0].counts",
            "expect[0].counts",
            "expect[0].forbid[0]",
            "expect[0].forbid[1]",
            "expect[0].forbid[2]",
            "expect[0].groups.web.require[0]",
            "expect[0].limits.ram",
            "expect[0].mode",
        ];
        assert_eq!(places, expected, "{told:#?}");
    }
}
