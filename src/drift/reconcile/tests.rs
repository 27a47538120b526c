use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::drift::compare;
use crate::model::floating_ip::FloatingIp;
use crate::model::quota::{Quota, Quotas};
use crate::model::security_group::{Meaning, Rule, SecurityGroup};
use crate::model::server_group::ServerGroup;

/// A cloud that does what steps say, and refuses what a genuine one refuses.
struct Cloud {
    body: Body,
    /// What was made, by the id under which it was expected, and what was taken.
    ids: BTreeMap<String, String>,
    next: u32,
}

impl Cloud {
    fn new(body: &Body) -> Self {
        Self { body: body.clone(), ids: BTreeMap::new(), next: 0 }
    }

    fn id(&self, id: &str) -> String {
        self.ids.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }

    fn new_id(&mut self, expected: &str) -> String {
        self.next += 1;
        let id = format!("new-{}", self.next);
        self.ids.insert(expected.to_owned(), id.clone());
        id
    }

    fn take(&mut self, step: &Step) {
        if let Act::Take { expected } = &step.act {
            self.ids.insert(expected.clone(), step.object.clone());
            return;
        }
        let made = step.act.word() == "make";
        let id = if made { self.new_id(&step.object) } else { self.id(&step.object) };
        let ids = self.ids.clone();
        match &mut self.body {
            Body::Quotas(quotas) => set(quotas, step),
            Body::SecurityGroups(groups) => change_groups(groups, step, &id, &ids),
            Body::FloatingIps(addresses) => change_addresses(addresses, step, &id),
            Body::ServerGroups(groups) => match &step.act {
                Act::MakeServerGroup { policy } => {
                    let (name, policy) = (step.object_name.clone(), policy.clone());
                    groups.push(ServerGroup { id, name, policy, members: Vec::new() });
                }
                Act::RemoveServerGroup => groups.retain(|group| group.id != id),
                other => panic!("{other:?}"),
            },
            other => panic!("nothing is done to {other:?}"),
        }
    }
}

fn set(quotas: &mut Quotas, step: &Step) {
    let Act::SetLimit { limit, before } = &step.act else { panic!("{step:?}") };
    let quota = quotas.get_mut(&step.object).unwrap();
    assert_eq!(quota.limit, Some(*before));
    quota.limit = Some(*limit);
}

fn change_groups(groups: &mut Vec<SecurityGroup>, step: &Step, id: &str, ids: &BTreeMap<String, String>) {
    let known: BTreeSet<String> = groups.iter().map(|group| group.id.clone()).collect();
    match &step.act {
        Act::MakeSecurityGroup { description, stateful } => {
            let rules = ["IPv4", "IPv6"].map(|version| rule(id, &everything(version)));
            let (name, description) = (step.object_name.clone(), description.clone());
            groups.push(SecurityGroup {
                id: id.to_owned(),
                name,
                description,
                stateful: *stateful,
                rules: rules.to_vec(),
            });
        }
        Act::RemoveSecurityGroup => {
            assert_ne!(step.object_name, "default");
            groups.retain(|group| group.id != id);
        }
        act => {
            let group = groups.iter_mut().find(|group| group.id == id).unwrap();
            match act {
                Act::SetStateful(stateful) => group.stateful = *stateful,
                Act::ChangeSecurityGroup(Change::Describe { name, description, .. }) => {
                    (group.name, group.description) = (name.clone(), description.clone());
                }
                Act::ChangeSecurityGroup(Change::AddRule { meaning, .. }) => {
                    let mut meaning = meaning.clone();
                    if let Some(peer) = &mut meaning.remote_group {
                        *peer = ids.get(peer).unwrap_or(peer).clone();
                        assert!(known.contains(peer), "404: {peer}");
                    }
                    assert!(group.rules.iter().all(|rule| rule.meaning != meaning), "409: {meaning}");
                    group.rules.push(rule(id, &meaning));
                }
                Act::ChangeSecurityGroup(Change::RemoveRule { rule, meaning, .. }) => {
                    let before = group.rules.len();
                    // The rules of a group that was just made have ids that no plan can know.
                    group.rules.retain(|it| it.id != *rule && !(rule.is_empty() && it.meaning == *meaning));
                    assert_eq!(group.rules.len(), before - 1, "404: {meaning}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

fn change_addresses(addresses: &mut Vec<FloatingIp>, step: &Step, id: &str) {
    if let Act::Lead { port, fixed_ip } = &step.act {
        let is_taken = |it: &FloatingIp| it.id != id && it.port_id.as_ref() == Some(port) && it.fixed_ip == *fixed_ip;
        assert!(!addresses.iter().any(is_taken), "409: {port} has another");
    }
    match &step.act {
        Act::MakeFloatingIp { network, description } => {
            assert!(addresses.iter().all(|it| it.address != step.object_name), "409: {}", step.object_name);
            let new = FloatingIp { network_id: network.clone(), description: description.clone(), ..address(id) };
            addresses.push(FloatingIp { address: step.object_name.clone(), ..new });
        }
        Act::ReleaseFloatingIp => addresses.retain(|it| it.id != id),
        act => {
            let address = addresses.iter_mut().find(|it| it.id == id).unwrap();
            match act {
                Act::DescribeFloatingIp(description) => address.description.clone_from(description),
                Act::Lead { port, fixed_ip } => {
                    (address.port_id, address.fixed_ip) = (Some(port.clone()), fixed_ip.clone());
                }
                Act::Unlead { .. } => (address.port_id, address.fixed_ip) = (None, None),
                other => panic!("{other:?}"),
            }
        }
    }
}

fn rule(group: &str, meaning: &Meaning) -> Rule {
    Rule { meaning: meaning.clone(), id: format!("{group}/{meaning}"), description: String::new() }
}

fn everything(ethertype: &str) -> Meaning {
    Meaning { direction: "egress".to_owned(), ethertype: ethertype.to_owned(), ..ingress(None, None) }
}

fn ingress(port: Option<u16>, peer: Option<&str>) -> Meaning {
    Meaning {
        direction: "ingress".to_owned(),
        ethertype: "IPv4".to_owned(),
        protocol: port.map(|_| "tcp".to_owned()),
        port_min: port,
        port_max: port,
        cidr: None,
        remote_group: peer.map(str::to_owned),
        remote_address_group: None,
    }
}

fn group(id: &str, meanings: impl IntoIterator<Item = Meaning>) -> SecurityGroup {
    let meanings: BTreeSet<Meaning> = meanings.into_iter().collect();
    SecurityGroup {
        id: id.to_owned(),
        name: id.to_owned(),
        description: String::new(),
        stateful: true,
        rules: meanings.iter().map(|meaning| rule(id, meaning)).collect(),
    }
}

fn address(id: &str) -> FloatingIp {
    FloatingIp {
        id: id.to_owned(),
        address: format!("192.0.2.{id}"),
        description: String::new(),
        status: String::new(),
        network_id: "outside".to_owned(),
        port_id: None,
        fixed_ip: None,
        router_id: None,
    }
}

fn some_quotas() -> impl Strategy<Value = Body> {
    let limit = prop_oneof![(0_u64..5).prop_map(Limit::Of), Just(Limit::Unlimited)];
    let quota = limit.prop_map(|limit| Quota { limit: Some(limit), usage: None });
    prop::collection::btree_map("[a-d]", quota, 0..4).prop_map(Body::Quotas)
}

fn some_meaning() -> impl Strategy<Value = Meaning> {
    let peer = prop::option::of("[a-e]");
    prop_oneof![
        (prop::option::of(1_u16..4), peer).prop_map(|(port, peer)| ingress(port, peer.as_deref())),
        Just(everything("IPv4")),
        Just(everything("IPv6")),
    ]
}

/// Groups whose rules name only each other: those that name others are left out.
fn some_groups() -> impl Strategy<Value = Body> {
    let one = ("[a-e]", "[a-eA-C]", "[xy]?", any::<bool>(), prop::collection::vec(some_meaning(), 0..6));
    prop::collection::vec(one, 0..5).prop_map(|all| {
        let mut groups: Vec<SecurityGroup> = Vec::new();
        for (id, name, description, stateful, meanings) in all {
            if groups.iter().all(|it| it.id != id) {
                groups.push(SecurityGroup { name, description, stateful, ..group(&id, meanings) });
            }
        }
        let ids: BTreeSet<String> = groups.iter().map(|it| it.id.clone()).collect();
        for group in &mut groups {
            group.rules.retain(|rule| rule.meaning.remote_group.as_ref().is_none_or(|peer| ids.contains(peer)));
        }
        Body::SecurityGroups(groups).sorted()
    })
}

/// Addresses of which no two lead to the same port; an address may have come back under another id.
fn some_addresses() -> impl Strategy<Value = Body> {
    let one = (1_u8..6, any::<bool>(), "[xy]?", prop::option::of("[p-s]"));
    prop::collection::vec(one, 0..6).prop_map(|all| {
        let mut addresses: Vec<FloatingIp> = Vec::new();
        for (number, again, description, port) in all {
            let id = if again { format!("{number}-again") } else { number.to_string() };
            let port_id = port.filter(|port| addresses.iter().all(|it| it.port_id.as_ref() != Some(port)));
            let fixed_ip = port_id.as_ref().map(|port| format!("10.0.0.{port}"));
            let new = FloatingIp { description, port_id, fixed_ip, ..address(&number.to_string()) };
            if addresses.iter().all(|it| it.address != new.address) {
                addresses.push(FloatingIp { id, ..new });
            }
        }
        Body::FloatingIps(addresses).sorted()
    })
}

fn some_server_groups() -> impl Strategy<Value = Body> {
    prop::collection::btree_map("[a-e]", ("[xyz]", "(anti-)?affinity"), 0..5).prop_map(|all| {
        let group = |(id, (name, policy))| ServerGroup { id, name, policy, members: Vec::new() };
        Body::ServerGroups(all.into_iter().map(group).collect()).sorted()
    })
}

fn two_bodies() -> impl Strategy<Value = (Body, Body)> {
    prop_oneof![
        (some_quotas(), some_quotas()),
        (some_groups(), some_groups()),
        (some_addresses(), some_addresses()),
        (some_server_groups(), some_server_groups()),
    ]
}

/// Whether it is a difference that the plan says that nothing mends.
fn is_told(plan: &Plan, object: &str) -> bool {
    plan.unmendable.iter().chain(&plan.left).any(|left| left.object == object)
}

proptest! {
    #[test]
    fn a_plan_leads_to_what_is_expected((expected, observed) in two_bodies()) {
        let plan = plan(&expected, &observed, Unexpected::Go);
        let mut cloud = Cloud::new(&observed);
        plan.steps.iter().for_each(|step| cloud.take(step));
        let expected = moved(expected, &cloud.ids);
        let mut differences = compare(&expected, &cloud.body.clone().sorted());
        differences.retain(|difference| !is_told(&plan, &difference.object));
        prop_assert_eq!(differences, Vec::new());
        let again = super::plan(&expected, &cloud.body.sorted(), Unexpected::Go);
        prop_assert_eq!(again.steps, Vec::new(), "there is nothing left to do");
    }

    #[test]
    fn what_is_as_expected_needs_no_step((body, _) in two_bodies()) {
        prop_assert_eq!(plan(&body, &body, Unexpected::Go), Plan::default());
    }

    #[test]
    fn without_being_asked_nothing_that_nobody_expects_goes((expected, observed) in two_bodies()) {
        let all = plan(&expected, &observed, Unexpected::Go);
        let careful = plan(&expected, &observed, Unexpected::Stay);
        let removes = |step: &&Step| {
            matches!(step.act, Act::RemoveSecurityGroup | Act::ReleaseFloatingIp | Act::RemoveServerGroup)
        };
        prop_assert_eq!(careful.steps.iter().filter(removes).count(), 0);
        for step in all.steps.iter().filter(removes) {
            prop_assert!(is_told(&careful, &step.object), "{}", step.line);
        }
    }

    #[test]
    fn everything_that_comes_is_there_before_anything_goes((expected, observed) in two_bodies()) {
        let plan = plan(&expected, &observed, Unexpected::Go);
        let phases: Vec<Phase> = plan.steps.iter().map(|step| step.act.phase()).collect();
        prop_assert!(phases.is_sorted());
        let comes = |step: &Step| matches!(step.act.word(), "make" | "add" | "take");
        let goes = |step: &Step| step.act.word() == "remove";
        let last = plan.steps.iter().rposition(comes);
        let first = plan.steps.iter().position(goes);
        prop_assert!(last.is_none_or(|last| first.is_none_or(|first| last < first)));
    }

    /// A group is made before any rule names it, and made after those that its own rules name, as far as that goes.
    #[test]
    fn what_others_name_is_there_first((expected, observed) in (some_groups(), some_groups())) {
        let plan = plan(&expected, &observed, Unexpected::Go);
        let made = |id: &str| plan.steps.iter().position(|step| step.object == id && step.act.word() == "make");
        for (place, step) in plan.steps.iter().enumerate() {
            if let Act::ChangeSecurityGroup(Change::AddRule { meaning, group, .. }) = &step.act {
                let peer = meaning.remote_group.as_deref();
                prop_assert!(peer.and_then(made).is_none_or(|made| made < place));
                prop_assert!(made(group).is_none_or(|made| made < place));
            }
        }
    }

    /// What lets something through before and after never goes, and neither does an end that stays where it is.
    #[test]
    fn what_is_right_is_not_touched((expected, observed) in two_bodies()) {
        let plan = plan(&expected, &observed, Unexpected::Go);
        let (expected, observed) = (facts_of(&expected), facts_of(&observed));
        for step in &plan.steps {
            if let Act::ChangeSecurityGroup(Change::RemoveRule { group, meaning, .. }) = &step.act {
                let fact = (group.clone(), format!("rule {meaning}"));
                prop_assert!(!(expected.contains(&fact) && observed.contains(&fact)), "{}", step.line);
            }
        }
    }
}

fn facts_of(body: &Body) -> BTreeSet<(String, String)> {
    let objects = crate::drift::facts(body).objects;
    let fields = |(id, object): (String, crate::drift::facts::Object)| {
        object.fields.into_keys().map(move |field| (id.clone(), field)).collect::<Vec<_>>()
    };
    objects.into_iter().flat_map(fields).collect()
}

fn lines(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.line.as_str()).collect()
}

#[test]
fn a_plan_reads_like_a_list_of_things_to_do() {
    let web = group("web", [ingress(Some(443), None), everything("IPv4"), everything("IPv6")]);
    let db = group("db", [ingress(Some(5432), Some("web"))]);
    let open = group("web", [ingress(Some(22), None), everything("IPv4"), everything("IPv6")]);
    let stray = group("stray", []);
    let (expected, observed) = (Body::SecurityGroups(vec![web, db]), Body::SecurityGroups(vec![open, stray]));
    let all = plan(&expected.sorted(), &observed.sorted(), Unexpected::Go);
    let expected = [
        "make security group db",
        "add to group web: ingress IPv4 tcp 443 from 0.0.0.0/0",
        "add to group db: ingress IPv4 tcp 5432 from group web",
        "remove from group web: ingress IPv4 tcp 22 from 0.0.0.0/0",
        "remove from group db: egress IPv4 any protocol to 0.0.0.0/0",
        "remove from group db: egress IPv6 any protocol to ::/0",
        "remove security group stray",
    ];
    assert_eq!(lines(&all), expected);
}

#[test]
fn limits_go_up_first_and_down_last_and_what_is_used_beyond_them_is_told() {
    let quotas = |json| Body::from_json(ResourceType::Quotas, &json).unwrap();
    let expected = quotas(serde_json::json!({
        "vcpu": {"limit": 40}, "ram": {"limit": 4096}, "volumes": {"limit": 5}, "gigabytes_floppy": {"limit": 1},
    }));
    let observed = quotas(serde_json::json!({
        "vcpu": {"limit": 100, "usage": 60}, "ram": {"limit": 1024, "usage": 0}, "volumes": {"limit": 5, "usage": 9},
    }));
    let quotas = plan(&expected, &observed, Unexpected::Stay);
    let raised = "set limit ram 4096 MiB (is 1024 MiB)";
    assert_eq!(lines(&quotas), [raised, "set limit vcpu 40 (is 100, and 60 are used)"]);
    assert_eq!(quotas.left[0].why, "9 are used of 5: no limit mends that");
    assert_eq!(quotas.unmendable[0].why, "1 is expected, and the cloud has no such limit");
    let groups = |names: &[&str]| Body::SecurityGroups(names.iter().map(|name| group(name, [])).collect());
    let groups = plan(&groups(&[]), &groups(&["stray"]), Unexpected::Go);
    let plans = [(ResourceType::Quotas, quotas), (ResourceType::SecurityGroups, groups)];
    let turn: Vec<&str> = in_turn(&plans).into_iter().map(|(_, step)| step.line.as_str()).collect();
    assert_eq!(turn, [raised, "remove security group stray", "set limit vcpu 40 (is 100, and 60 are used)"]);
}

#[test]
fn what_came_back_under_another_id_is_taken_for_what_was_expected() {
    let peer = |id: &str| group("web", [ingress(Some(5432), Some(id))]);
    let db = |id: &str| SecurityGroup { name: "db".to_owned(), ..group(id, []) };
    let expected = Body::SecurityGroups(vec![db("old"), peer("old")]);
    let observed = Body::SecurityGroups(vec![db("new"), peer("new")]);
    let plan = plan(&expected.sorted(), &observed.sorted(), Unexpected::Go);
    assert_eq!(lines(&plan), ["take security group db (new) for the one that was expected as old"]);
}

#[test]
fn floating_ips_that_exchange_their_ports_do_so_one_by_one() {
    let leads = |id: &str, port: &str| FloatingIp {
        port_id: Some(port.to_owned()),
        fixed_ip: Some(format!("10.0.0.{port}")),
        ..address(id)
    };
    let expected = Body::FloatingIps(vec![leads("1", "p"), leads("2", "q")]);
    let observed = Body::FloatingIps(vec![leads("1", "q"), leads("2", "p")]);
    let exchange = plan(&expected, &observed, Unexpected::Stay);
    let steps = [
        "lead floating IP 192.0.2.2 nowhere (is port p)",
        "lead floating IP 192.0.2.1 to port p (10.0.0.p)",
        "lead floating IP 192.0.2.2 to port q (10.0.0.q)",
    ];
    assert_eq!(lines(&exchange), steps);
    // Somebody else's is not touched unless that is asked for.
    let observed = Body::FloatingIps(vec![address("1"), leads("9", "p")]);
    let expected = Body::FloatingIps(vec![leads("1", "p")]);
    let careful = plan(&expected, &observed, Unexpected::Stay);
    assert_eq!(lines(&careful), Vec::<&str>::new());
    let why = "it does not lead to port p: 192.0.2.9, which is not expected, leads there; --delete releases it";
    assert_eq!(careful.unmendable[0].why, why);
    let bold = plan(&expected, &observed, Unexpected::Go);
    let steps = [
        "lead floating IP 192.0.2.9 nowhere (is port p)",
        "lead floating IP 192.0.2.1 to port p (10.0.0.p)",
        "release floating IP 192.0.2.9",
    ];
    assert_eq!(lines(&bold), steps);
}

#[test]
fn what_nova_cannot_change_is_told() {
    let spread = |id: &str, policy: &str| ServerGroup {
        id: id.to_owned(),
        name: "spread".to_owned(),
        policy: policy.to_owned(),
        members: Vec::new(),
    };
    let expected = Body::ServerGroups(vec![spread("1", "affinity")]);
    let told = plan(&expected, &Body::ServerGroups(vec![spread("1", "anti-affinity")]), Unexpected::Go);
    assert_eq!(told.unmendable[0].why, "its policy is anti-affinity, not affinity: Nova changes no server group");
    let missing = plan(&expected, &Body::ServerGroups(vec![]), Unexpected::Go);
    assert_eq!(lines(&missing), ["make server group spread (affinity); no instance will be in it"]);
}
