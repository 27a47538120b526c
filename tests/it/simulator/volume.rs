//! Cinder's quotas, with its own status for a full one.

use serde_json::json;

use super::Cloud;

#[tokio::test]
async fn a_full_quota_is_too_large_with_nothing_to_wait_for() {
    let cloud = Cloud::start().await;
    let (admin, member) = (cloud.token("admin").await, cloud.token("member").await);
    let tenant = cloud.project(&admin, "tenant-001").await;
    let quota = format!("/volume/v3/os-quota-sets/{tenant}");
    let body = |limit: i64| Some(json!({"quota_set": {"volumes": limit}}));
    assert_eq!(cloud.send("PUT", &quota, Some(&admin), None, body(1)).await.status, 400);
    assert_eq!(cloud.send("PUT", &quota, Some(&admin), None, body(2)).await.status, 200);
    let path = format!("/volume/v3/{tenant}/volumes");
    let volume = Some(json!({"volume": {"size": 1}}));
    let refused = cloud.send("POST", &path, Some(&member), None, volume).await;
    assert_eq!(refused.headers["retry-after"], "0");
    assert_eq!(
        (refused.status, refused.body),
        (
            413,
            json!({"overLimit": {
                "code": 413,
                "message": "VolumeLimitExceeded: Maximum number of volumes allowed (2) exceeded for quota 'volumes'.",
                "retryAfter": "0",
            }})
        )
    );
    let usage = cloud.get(&admin, &format!("{quota}?usage=True")).await;
    assert_eq!(usage.body["quota_set"]["gigabytes"], json!({"limit": 2000, "in_use": 4, "reserved": 0}));
}
