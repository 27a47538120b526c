//! Every read of the simulated cloud has the keys and types of the answer that a genuine one gave.
//!
//! `shapes.json` has one line for each recorded exchange: who asked what, the status, and the body with
//! types in place of values. A key that ends in `?` was not in every object of a list.

use serde_json::Value;

use super::Cloud;

/// Keys in which the simulated cloud differs on purpose.
const EXCEPTIONS: [(&str, &str); 8] = [
    ("glance-images", "owner_specified"), // left behind by the client that uploaded the image
    ("nova-servers-detail-all", "addresses"), // keys are network names
    ("neutron-networks", "is_default"),   // only external networks have it; not on each page
    ("keystone-role-assignments-names", "scope"), // of several kinds
    ("neutron-ports", "binding:vif_details"), // free form
    ("neutron-ports", "binding:profile"), // free form
    ("nova-server-groups", "rules"),      // empty or with one key
    ("keystone-users-limit-3", "default_project_id"), // not every user has one
];

#[tokio::test]
async fn answers_have_genuine_shapes() {
    let cloud = Cloud::start().await;
    let admin = cloud.token("admin").await;
    let (member, system) = (cloud.token("member").await, cloud.token("system").await);
    let [tenant, own, home] = [
        cloud.project(&admin, "tenant-002").await,
        cloud.project(&admin, "tenant-001").await,
        cloud.project(&admin, "admin").await,
    ];
    let foreign = cloud.get(&admin, &format!("/network/v2.0/security-groups?project_id={tenant}")).await;
    let foreign = super::ids(&foreign, "security_groups").remove(0);
    let groups = cloud.get(&admin, "/network/v2.0/security-groups").await;
    let group = super::ids(&groups, "security_groups").remove(2);
    let recorded: Vec<Value> = serde_json::from_str(include_str!("shapes.json")).unwrap();
    let mut differences = Vec::new();
    for exchange in &recorded {
        let name = exchange["name"].as_str().unwrap();
        let token = match exchange["caller"].as_str().unwrap() {
            "admin" => Some(admin.as_str()),
            "member" => Some(member.as_str()),
            "system" => Some(system.as_str()),
            "bad" => Some("nonsense"),
            _ => None,
        };
        let path = exchange["path"].as_str().unwrap();
        let path = [
            ("{tenant}", &tenant),
            ("{member}", &own),
            ("{admin}", &home),
            ("{foreign_group}", &foreign),
            ("{group}", &group),
        ]
        .iter()
        .fold(path.to_owned(), |path, (mark, id)| path.replace(mark, id));
        let answer = cloud.send("GET", &path, token, exchange["version"].as_str(), None).await;
        if u64::from(answer.status) != exchange["status"].as_u64().unwrap() {
            differences.push(format!("{name}: status {} of {path}: {}", answer.status, answer.body));
            continue;
        }
        if exchange["shape"] == "page" {
            assert!(answer.body.as_str().is_some_and(|page| page.starts_with("<html>")), "{name}");
            continue;
        }
        compare(name, "", &exchange["shape"], &answer.body, &mut differences);
    }
    assert!(recorded.len() > 90);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn compare(name: &str, at: &str, shape: &Value, body: &Value, differences: &mut Vec<String>) {
    let excepted = |key: &str| EXCEPTIONS.iter().any(|(which, part)| name.starts_with(which) && key.starts_with(part));
    match (shape, body) {
        (Value::Object(shape), body) if shape.contains_key("or null") => {
            if !body.is_null() {
                compare(name, at, &shape["or null"], body, differences);
            }
        }
        (Value::Object(shape), Value::Object(body)) => {
            for (key, expected) in shape {
                let plain = key.trim_end_matches('?');
                match body.get(plain) {
                    _ if excepted(plain) => {}
                    Some(found) => compare(name, &format!("{at}.{plain}"), expected, found, differences),
                    None if key.ends_with('?') => {}
                    None => differences.push(format!("{name}: {at}.{plain} is missing")),
                }
            }
            for key in body.keys() {
                let known = shape.contains_key(key) || shape.contains_key(&format!("{key}?"));
                if !known && !excepted(key) {
                    differences.push(format!("{name}: {at}.{key} is not genuine"));
                }
            }
        }
        (Value::Array(shape), Value::Array(body)) => {
            // What was empty there says nothing about what is here.
            for (expected, found) in shape.iter().flat_map(|shape| body.iter().map(move |found| (shape, found))) {
                compare(name, &format!("{at}[]"), expected, found, differences);
            }
        }
        (Value::String(kinds), found) => {
            let kind = match found {
                Value::Null => "null",
                Value::Bool(_) => "boolean",
                Value::Number(_) => "number",
                Value::String(_) => "string",
                Value::Array(_) => "array",
                Value::Object(_) => "object",
            };
            // A null there leaves open what else it can be.
            if kinds != "null" && !kinds.split('|').any(|known| known == kind) {
                differences.push(format!("{name}: {at} is {kind}, not {kinds}"));
            }
        }
        (_, found) => differences.push(format!("{name}: {at} is {found}")),
    }
}
