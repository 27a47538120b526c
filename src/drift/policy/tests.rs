//! What each condition finds, and whom a policy leaves alone.

use chrono::DateTime;
use uuid::Uuid;

use super::*;
use crate::model::TenantState;
use crate::model::quota::Quota;
use crate::model::security_group::Rule;
use crate::model::server_group::ServerGroup;

fn tenant(cloud: &str, domain: &str, name: &str) -> Tenant {
    Tenant {
        uuid: Uuid::nil(),
        cloud: cloud.to_owned(),
        backend_id: "5f1c".to_owned(),
        name: name.to_owned(),
        domain: domain.to_owned(),
        description: String::new(),
        enabled: true,
        state: TenantState::Ok,
        error_message: String::new(),
        created_at: DateTime::UNIX_EPOCH,
        vanished_at: None,
        version: 0,
        state_job: None,
        modified_at: None,
        availability_zone: String::new(),
        default_volume_type: String::new(),
        internal_network: String::new(),
        external_network: String::new(),
        user_name: String::new(),
        tags: Vec::new(),
        domain_name: String::new(),
    }
}

fn policy(condition: Condition) -> Policy {
    Policy {
        name: "p".to_owned(),
        severity: Severity::Critical,
        only: Whom::default(),
        except: Whom::default(),
        except_objects: Vec::new(),
        condition,
    }
}

/// `tcp 22 from anywhere`, and such.
fn rule(protocol: Option<&str>, ports: Option<(u16, u16)>, cidr: Option<&str>) -> Rule {
    let meaning = Meaning {
        direction: "ingress".to_owned(),
        ethertype: "IPv4".to_owned(),
        protocol: protocol.map(str::to_owned),
        port_min: ports.map(|it| it.0),
        port_max: ports.map(|it| it.1),
        cidr: cidr.map(str::to_owned),
        remote_group: None,
        remote_address_group: None,
    };
    Rule { meaning: meaning.canonical(), id: String::new(), description: String::new() }
}

fn group(name: &str, rules: Vec<Rule>) -> SecurityGroup {
    SecurityGroup { id: format!("id-{name}"), name: name.to_owned(), description: String::new(), stateful: true, rules }
}

/// `object: expected, observed` of each finding.
fn said(policy: &Policy, body: &Body) -> Vec<String> {
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let line = |it: &Difference| format!("{}: {}, {}", it.object_name, text(&it.expected), text(&it.observed));
    policy.violations(body, None).iter().map(line).collect()
}

fn groups() -> Body {
    Body::SecurityGroups(vec![
        group(
            "ssh",
            vec![rule(Some("tcp"), Some((22, 22)), None), rule(Some("tcp"), Some((20, 30)), Some("0.0.0.0/0"))],
        ),
        group("office", vec![rule(Some("tcp"), Some((22, 22)), Some("192.0.2.0/24"))]),
        group("everything", vec![rule(None, None, None)]),
        group("dns", vec![rule(Some("udp"), Some((53, 53)), None)]),
    ])
}

#[test]
fn a_group_that_is_open_to_anywhere_is_found_once_with_all_its_rules_to_blame() {
    let open = |ports: &[u16], protocols: &[&str], ethertypes: &[&str]| {
        let texts = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect();
        let (ports, protocols, ethertypes) = (ports.to_vec(), texts(protocols), texts(ethertypes));
        policy(Condition::WorldOpen { ports, protocols, ethertypes })
    };
    assert_eq!(
        said(&open(&[22, 3389], &[], &[]), &groups()),
        [
            "ssh: not open to anywhere, ingress IPv4 tcp 22 from 0.0.0.0/0; ingress IPv4 tcp 20-30 from 0.0.0.0/0",
            "everything: not open to anywhere, ingress IPv4 any protocol from 0.0.0.0/0",
        ]
    );
    let names =
        |policy: &Policy| policy.violations(&groups(), None).into_iter().map(|it| it.object_name).collect::<Vec<_>>();
    assert_eq!(names(&open(&[], &["udp"], &[])), ["everything", "dns"]);
    assert_eq!(names(&open(&[], &[], &["IPv4"])), ["ssh", "everything", "dns"]);
    assert_eq!(names(&open(&[], &[], &["IPv6"])), Vec::<String>::new());
    let spared = Policy { except_objects: vec!["every*".to_owned(), "id-dns".to_owned()], ..open(&[], &[], &[]) };
    assert_eq!(names(&spared), ["ssh"]);
}

#[test]
fn limits_keep_between_bounds_and_unlimited_is_above_any() {
    let quota = |limit| Quota { limit: Limit::from_api(limit).ok(), usage: Some(0) };
    let quotas = [("vcpu", quota(-1)), ("ram", quota(512)), ("instances", quota(7))];
    let body = Body::Quotas(quotas.into_iter().map(|(name, quota)| (name.to_owned(), quota)).collect());
    let bounds = |at_least, at_most| Bounds { at_least, at_most };
    let all = [
        ("vcpu", bounds(Some(1), Some(100))),
        ("ram", bounds(Some(1024), None)),
        ("instances", bounds(Some(7), Some(7))),
        ("volumes", bounds(Some(1), None)),
    ];
    let limits = Condition::Limits(all.into_iter().map(|(name, bounds)| (name.to_owned(), bounds)).collect());
    assert_eq!(said(&policy(limits), &body), ["ram: at least 1024, 512", "vcpu: at most 100, unlimited"]);
    let unlimited = Condition::Unlimited(vec!["ram".to_owned(), "vcpu".to_owned()]);
    assert_eq!(said(&policy(unlimited), &body), ["vcpu: a limit, unlimited"]);
}

#[test]
fn an_address_that_leads_nowhere_and_too_much_of_anything_are_found() {
    let address = |id: &str, port: Option<&str>| FloatingIp {
        id: id.to_owned(),
        address: format!("192.0.2.{id}"),
        description: String::new(),
        status: "DOWN".to_owned(),
        network_id: String::new(),
        port_id: port.map(str::to_owned),
        fixed_ip: None,
        router_id: None,
    };
    let addresses = Body::FloatingIps(vec![address("1", None), address("2", Some("p"))]);
    let idle = policy(Condition::IdleFloatingIp(Duration::from_hours(168)));
    assert_eq!(said(&idle, &addresses), ["192.0.2.1: leads to a port, leads nowhere"]);
    assert_eq!(idle.patience(), Duration::from_hours(168));
    assert_eq!(said(&policy(Condition::MostRules(1)), &groups()), ["ssh: at most 1 rules, 2 rules"]);
    let most = [(ResourceType::FloatingIps, 1), (ResourceType::SecurityGroups, 4)];
    let most = policy(Condition::Most(most.into()));
    assert_eq!(said(&most, &addresses), ["floating_ips: at most 1, 2 of them"]);
    assert_eq!(said(&most, &groups()), Vec::<String>::new());
    assert_eq!(said(&most, &Body::ServerGroups(Vec::<ServerGroup>::new())), Vec::<String>::new());
}

#[test]
fn a_group_is_unused_where_a_look_knows_that_nothing_uses_it() {
    let unused = policy(Condition::UnusedSecurityGroup(Duration::from_hours(168)));
    let body = Body::SecurityGroups(["default", "web", "db", "new"].map(|name| group(name, Vec::new())).into());
    let in_use = [("id-default", false), ("id-web", true), ("id-db", false), ("id-gone", false)];
    let in_use: InUse = in_use.into_iter().map(|(id, is_used)| (id.to_owned(), is_used)).collect();
    let found = unused.violations(&body, Some(&in_use));
    assert_eq!(found.iter().map(|it| it.object_name.as_str()).collect::<Vec<_>>(), ["db"]);
    assert_eq!(
        (&found[0].expected, &found[0].observed),
        (&json!("a port has it or a rule names it"), &json!("nothing uses it"))
    );
    assert_eq!((unused.patience(), unused.violations(&body, None)), (Duration::from_hours(168), Vec::new()));
    let spared = Policy { except_objects: vec!["d*".to_owned()], ..unused };
    assert_eq!(spared.violations(&body, Some(&in_use)), Vec::new());
}

#[test]
fn whom_a_policy_is_for_is_said_by_patterns() {
    let whom = |clouds: &[&str], domains: &[&str], tenants: &[&str]| {
        let texts = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect();
        Whom { clouds: texts(clouds), domains: texts(domains), tenants: texts(tenants), tags: Vec::new() }
    };
    let all = policy(Condition::MostRules(0));
    let lab = tenant("lab", "customers", "ci-7");
    let is_for = |only: Whom, except: Whom| Policy { only, except, ..all.clone() }.concerns(&lab);
    assert!(is_for(Whom::default(), Whom::default()));
    assert!(is_for(whom(&["lab"], &["customers"], &["ci-*"]), Whom::default()));
    assert!(is_for(whom(&[], &[], &["5f1c"]), whom(&["prod"], &[], &[])));
    assert!(!is_for(whom(&["lab"], &["staff"], &[]), Whom::default()));
    assert!(!is_for(Whom::default(), whom(&[], &[], &["ci-*"])));
    assert!(is_for(Whom::default(), whom(&["lab"], &[], &["prod-*"])), "an exception needs all of its lists");
}
