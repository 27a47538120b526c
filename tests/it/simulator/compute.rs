//! Nova's server groups and quotas.

use serde_json::json;

use super::{Cloud, ids};

const GROUPS: &str = "/compute/v2.1/os-server-groups";
const NEW: Option<&str> = Some("compute 2.96");

#[tokio::test]
async fn server_groups_page_by_offset() {
    let cloud = Cloud::start().await;
    let token = cloud.token("admin").await;
    let all = ids(&cloud.get(&token, &format!("{GROUPS}?all_projects=true")).await, "server_groups");
    let page = cloud.get(&token, &format!("{GROUPS}?all_projects=true&limit=2&offset=3")).await;
    assert_eq!(ids(&page, "server_groups"), all[3..5]);
    assert_eq!(page.body.as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn a_member_never_sees_the_groups_of_others() {
    let cloud = Cloud::start().await;
    let token = cloud.token("member").await;
    let own = ids(&cloud.get(&token, GROUPS).await, "server_groups");
    let all = ids(&cloud.get(&token, &format!("{GROUPS}?all_projects=true")).await, "server_groups");
    assert_eq!((own.len(), &own), (2, &all));
}

#[tokio::test]
async fn a_full_quota_is_forbidden_with_a_reason() {
    let cloud = Cloud::start().await;
    let (admin, member) = (cloud.token("admin").await, cloud.token("member").await);
    let tenant = cloud.project(&admin, "tenant-001").await;
    let quota = format!("/compute/v2.1/os-quota-sets/{tenant}");
    let body = |limit: i64| Some(json!({"quota_set": {"server_groups": limit}}));
    let below = cloud.send("PUT", &quota, Some(&admin), NEW, body(1)).await;
    assert_eq!(
        (below.status, &below.body["badRequest"]["message"]),
        (400, &json!("Quota limit 1 for server_groups must be greater than or equal to already used and reserved 2."))
    );
    assert_eq!(cloud.send("PUT", &quota, Some(&admin), NEW, body(2)).await.status, 200);
    let group = json!({"server_group": {"name": "x", "policy": "affinity"}});
    let refused = cloud.send("POST", GROUPS, Some(&member), NEW, Some(group.clone())).await;
    assert_eq!(
        (refused.status, refused.body),
        (
            403,
            json!({
                "forbidden": {"code": 403, "message": "Quota exceeded, too many server groups."},
            })
        )
    );
    assert_eq!(cloud.send("DELETE", &quota, Some(&admin), NEW, None).await.status, 202);
    let made = cloud.send("POST", GROUPS, Some(&member), NEW, Some(group)).await;
    assert_eq!((made.status, &made.body["server_group"]["rules"]), (200, &json!({})));
    let detail = cloud.send("GET", &format!("{quota}/detail"), Some(&member), NEW, None).await;
    assert_eq!(detail.body["quota_set"]["server_groups"], json!({"limit": 10, "in_use": 3, "reserved": 0}));
}

#[tokio::test]
async fn servers_page_by_marker_without_repeats() {
    let cloud = Cloud::start().await;
    let token = cloud.token("admin").await;
    let mut path = "/compute/v2.1/servers/detail?all_tenants=1&limit=4".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = cloud.send("GET", &path, Some(&token), NEW, None).await;
        seen.extend(ids(&page, "servers"));
        let Some(next) = page.body["servers_links"][0]["href"].as_str() else { break };
        path = next.replace(&cloud.simulator.url(), "");
    }
    let total = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!((seen.len(), total), (6, 6));
}
