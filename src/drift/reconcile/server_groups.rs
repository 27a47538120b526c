//! Server groups that are made again, or go. Nova changes none that is there, and says at the birth of an instance in
//! which group it is: a group that is made again has no members.

use super::{Act, Left, NOT_ASKED, Plan, Unexpected, ids, moved, taken};
use crate::model::Body;
use crate::model::server_group::ServerGroup;

const NOUN: &str = "server group";

pub(super) fn plan(expected: &[ServerGroup], observed: &[ServerGroup], unexpected: Unexpected) -> Plan {
    let alike = |one: &ServerGroup, other: &ServerGroup| one.name == other.name && one.policy == other.policy;
    let taken = taken(expected, observed, |group| &group.id, |group| &group.name, alike);
    let mut plan = Plan::default();
    plan.take(NOUN, &taken);
    let Body::ServerGroups(expected) = moved(Body::ServerGroups(expected.to_vec()), &ids(&taken)) else { return plan };
    for group in &expected {
        match observed.iter().find(|there| there.id == group.id) {
            Some(there) => plan.compare_server_group(group, there),
            None => plan.make_server_group(group),
        }
    }
    for group in observed.iter().filter(|there| !expected.iter().any(|group| group.id == there.id)) {
        if unexpected == Unexpected::Stay {
            plan.left.push(Left::new(&group.id, &group.name, NOT_ASKED));
            continue;
        }
        let members = match group.members.len() {
            0 => String::new(),
            members => format!(", which has {members} members"),
        };
        plan.step(
            Act::RemoveServerGroup,
            (&group.id, &group.name),
            format!("remove server group {}{members}", group.name),
        );
    }
    plan
}

impl Plan {
    fn compare_server_group(&mut self, group: &ServerGroup, there: &ServerGroup) {
        let mut differs = |what: &str, expected: &str, is: &str| {
            if expected != is {
                let why = format!("its {what} is {is}, not {expected}: Nova changes no server group");
                self.unmendable.push(Left::new(&group.id, &there.name, why));
            }
        };
        differs("name", &group.name, &there.name);
        differs("policy", &group.policy, &there.policy);
    }

    fn make_server_group(&mut self, group: &ServerGroup) {
        if group.policy.is_empty() {
            let why = "it is missing, and Nova makes no server group without a policy";
            self.unmendable.push(Left::new(&group.id, &group.name, why));
            return;
        }
        let policy = group.policy.clone();
        let line = format!("make server group {} ({policy}); no instance will be in it", group.name);
        self.step(Act::MakeServerGroup { policy }, (&group.id, &group.name), line);
    }
}
