//! Neutron's peculiarities, which a client must survive.

use serde_json::{Value, json};

use super::{Cloud, ids};

const GROUPS: &str = "/network/v2.0/security-groups";
const RULES: &str = "/network/v2.0/security-group-rules";

fn links(answer: &super::Answer, plural: &str) -> Vec<String> {
    let links = answer.body[format!("{plural}_links")].as_array().cloned().unwrap_or_default();
    links.iter().map(|link| link["rel"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_full_last_page_still_has_a_next_link() {
    let cloud = Cloud::start().await;
    let token = cloud.token("admin").await;
    let all = ids(&cloud.get(&token, GROUPS).await, "security_groups");
    let limit = all.len();
    let page = cloud.get(&token, &format!("{GROUPS}?limit={limit}")).await;
    assert_eq!(links(&page, "security_groups"), ["next", "previous"]);
    let last = all.last().unwrap();
    let empty = cloud.get(&token, &format!("{GROUPS}?limit={limit}&marker={last}")).await;
    assert_eq!(ids(&empty, "security_groups"), Vec::<String>::new());
    assert_eq!(links(&empty, "security_groups"), ["previous"]);
}

#[tokio::test]
async fn following_next_links_sees_everything_once() {
    let cloud = Cloud::start().await;
    let token = cloud.token("admin").await;
    let whole = ids(&cloud.get(&token, RULES).await, "security_group_rules");
    let mut seen = Vec::new();
    let mut path = format!("{RULES}?limit=7");
    loop {
        let page = cloud.get(&token, &path).await;
        seen.extend(ids(&page, "security_group_rules"));
        let all = page.body["security_group_rules_links"].as_array().unwrap();
        let Some(next) = all.iter().find(|link| link["rel"] == "next") else { break };
        path = next["href"].as_str().unwrap().replace(&cloud.simulator.url(), "");
    }
    assert_eq!(seen, whole);
}

#[tokio::test]
async fn an_unknown_marker_starts_over() {
    let cloud = Cloud::start().await;
    let token = cloud.token("admin").await;
    let first = cloud.get(&token, &format!("{GROUPS}?limit=2")).await;
    let gone = "11111111-2222-3333-4444-555555555555";
    let again = cloud.get(&token, &format!("{GROUPS}?limit=2&marker={gone}")).await;
    assert_eq!(ids(&first, "security_groups"), ids(&again, "security_groups"));
}

#[tokio::test]
async fn the_default_group_lets_its_own_members_in() {
    let cloud = Cloud::start().await;
    let token = cloud.token("member").await;
    let answer = cloud.get(&token, &format!("{GROUPS}?name=default")).await;
    let group = &answer.body["security_groups"][0];
    let rules: Vec<(&str, &str, bool)> = group["security_group_rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| {
            let own = rule["remote_group_id"] == group["id"];
            (rule["direction"].as_str().unwrap(), rule["ethertype"].as_str().unwrap(), own)
        })
        .collect();
    assert_eq!(
        rules,
        [("egress", "IPv4", false), ("egress", "IPv6", false), ("ingress", "IPv4", true), ("ingress", "IPv6", true),]
    );
}

#[tokio::test]
async fn a_duplicate_rule_names_the_existing_one() {
    let cloud = Cloud::start().await;
    let token = cloud.token("member").await;
    let made = cloud.send("POST", GROUPS, Some(&token), None, Some(json!({"security_group": {"name": "web"}}))).await;
    assert_eq!(made.status, 201);
    let rule = json!({"security_group_rule": {
        "security_group_id": made.body["security_group"]["id"], "direction": "ingress", "protocol": "tcp",
        "port_range_min": 22, "port_range_max": 22, "remote_ip_prefix": "192.0.2.0/24",
    }});
    let first = cloud.send("POST", RULES, Some(&token), None, Some(rule.clone())).await;
    assert_eq!(first.status, 201);
    let second = cloud.send("POST", RULES, Some(&token), None, Some(rule)).await;
    let existing = first.body["security_group_rule"]["id"].as_str().unwrap();
    assert_eq!(
        (second.status, second.body),
        (
            409,
            json!({"NeutronError": {
                "type": "SecurityGroupRuleExists",
                "message": format!("Security group rule already exists. Rule id is {existing}."),
                "detail": "",
            }})
        )
    );
}

#[tokio::test]
async fn rules_are_checked_in_neutrons_words() {
    let cloud = Cloud::start().await;
    let token = cloud.token("member").await;
    let group = ids(&cloud.get(&token, GROUPS).await, "security_groups").remove(0);
    let cases = [
        (json!({"direction": "sideways"}), 400, "HTTPBadRequest"),
        (json!({"protocol": "foo"}), 400, "SecurityGroupRuleInvalidProtocol"),
        (json!({"protocol": "tcp", "port_range_min": 30, "port_range_max": 20}), 400, "SecurityGroupInvalidPortRange"),
        (json!({"port_range_min": 30, "port_range_max": 30}), 400, "SecurityGroupProtocolRequiredWithPorts"),
        (
            json!({"protocol": "tcp", "port_range_min": 1, "port_range_max": 70_000}),
            400,
            "SecurityGroupInvalidPortValue",
        ),
        (json!({"ethertype": "IPv6", "remote_ip_prefix": "10.0.0.0/8"}), 400, "SecurityGroupRuleParameterConflict"),
        (json!({"remote_ip_prefix": "nonsense"}), 400, "InvalidCIDR"),
        (json!({"remote_group_id": "11111111-2222-3333-4444-555555555555"}), 404, "SecurityGroupNotFound"),
    ];
    let before = cloud.get(&token, RULES).await.body;
    for (extra, status, kind) in cases {
        let mut rule = json!({"security_group_id": group, "direction": "ingress"});
        rule.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let answer = cloud.send("POST", RULES, Some(&token), None, Some(json!({"security_group_rule": rule}))).await;
        assert_eq!((answer.status, &answer.body["NeutronError"]["type"]), (status, &json!(kind)), "{extra}");
    }
    assert_eq!(cloud.get(&token, RULES).await.body, before);
}

#[tokio::test]
async fn usage_follows_objects_and_limits_hold() {
    let cloud = Cloud::start().await;
    let (admin, member) = (cloud.token("admin").await, cloud.token("member").await);
    let tenant = cloud.project(&admin, "tenant-001").await;
    let quota = format!("/network/v2.0/quotas/{tenant}");
    let body = |limit: i64, force: bool| Some(json!({"quota": {"floatingip": limit, "force": force}}));
    let below = cloud.send("PUT", &quota, Some(&admin), None, body(1, false)).await;
    assert_eq!(
        (below.status, &below.body["NeutronError"]["message"]),
        (400, &json!("Quota limit 1 for floatingip must be greater than or equal to already used 3"))
    );
    let tight = cloud.send("PUT", &quota, Some(&admin), None, body(4, false)).await;
    assert_eq!((tight.status, &tight.body["quota"]["floatingip"]), (200, &json!(4)));
    let network = ids(&cloud.get(&member, "/network/v2.0/networks?router:external=true").await, "networks").remove(0);
    let address = json!({"floatingip": {"floating_network_id": network}});
    let path = "/network/v2.0/floatingips";
    let fourth = cloud.send("POST", path, Some(&member), None, Some(address.clone())).await;
    assert_eq!(fourth.status, 201);
    let fifth = cloud.send("POST", path, Some(&member), None, Some(address)).await;
    assert_eq!((fifth.status, &fifth.body["NeutronError"]["type"]), (409, &json!("OverQuota")));
    let details = cloud.get(&member, &format!("{quota}/details.json")).await;
    assert_eq!(details.body["quota"]["floatingip"], json!({"limit": 4, "used": 4, "reserved": 0}));
    let forced = cloud.send("PUT", &quota, Some(&admin), None, body(1, true)).await;
    assert_eq!((forced.status, &forced.body["quota"]["floatingip"]), (200, &json!(1)));
    let denied = cloud.send("PUT", &quota, Some(&member), None, body(9, false)).await;
    assert_eq!(denied.status, 403);
    let one = fourth.body["floatingip"]["id"].as_str().unwrap();
    for status in [204, 404] {
        let deleted = cloud.send("DELETE", &format!("{path}/{one}"), Some(&member), None, None).await;
        assert_eq!(deleted.status, status);
    }
}

#[tokio::test]
async fn a_reader_changes_nothing_and_sees_its_project_only() {
    let cloud = Cloud::start().await;
    let token = cloud.token("reader").await;
    let body = json!({"security_group": {"name": "x"}});
    assert_eq!(cloud.send("POST", GROUPS, Some(&token), None, Some(body)).await.status, 403);
    let seen = cloud.get(&token, GROUPS).await;
    let names: Vec<&Value> = seen.body["security_groups"].as_array().unwrap().iter().map(|row| &row["name"]).collect();
    assert_eq!(names, ["default"]);
}
