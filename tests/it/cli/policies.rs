//! `drift policy test`: what a policy would find, and nothing recorded.

use insta::assert_snapshot;
use serde_json::json;
use tenantd::store::findings::Filter;

use super::{PROJECT, Place, furnish};

const POLICIES: &str = r#"
[[drift.policies]]
name = "sizes"
severity = "critical"
enabled = false
limits = { vcpu = { at_most = 30 } }
[[drift.policies]]
name = "idle"
idle_floating_ips = "7d"
[[drift.policies]]
name = "unused"
enabled = false
unused_security_groups = "30d"
[[drift.policies]]
name = "elsewhere"
limits = { vcpu = { at_most = 30 } }
except = { tenants = ["bl*"] }
"#;

#[tokio::test]
async fn a_policy_is_tried_before_it_is_switched_on() {
    let place = Place::new(POLICIES).await;
    furnish(&place.store).await;
    let before = place.store.findings(Filter { ended: true, ..Filter::default() }).await.unwrap();
    let said = place.run(&["drift", "policy", "test"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_snapshot!(said.out.trim_end(), @"
    POLICY  SEVERITY  TENANT    WHAT        EXPECTED    OBSERVED
    sizes   critical  lab/blue  quota vcpu  at most 30  40
    ");
    assert_snapshot!(said.err.trim_end(), @"
    sizes: 1 finding; it is switched off
    idle: 0 findings, once each has lasted for 7d
    unused: cannot be tried: what was seen last does not say what ports use; each pull looks while it is enabled, and finds what lasts for 30d; it is switched off
    elsewhere: 0 findings
    ");
    let json = place.run(&["drift", "policy", "test", "sizes", "--tenant", PROJECT, "-o", "json"]).json();
    let expected = json!([{
        "policy": "sizes", "enabled": false, "severity": "critical", "cloud": "lab", "tenant": PROJECT,
        "tenant_name": "blue", "resource_type": "quotas", "object": "vcpu", "object_name": "vcpu",
        "expected": "at most 30", "observed": "40", "patience_seconds": 0,
    }]);
    assert_eq!(json!(json), expected);
    let none = place.run(&["drift", "policy", "test", "idle"]);
    assert!(none.err.contains("nothing that was seen last is against a policy"), "{none:?}");
    assert_eq!(place.run(&["drift", "policy", "test", "ilde"]).code, 64);
    let wrong = Place::new("[[drift.policies]]\nname = \"x\"\nunlimited = [\"vcpus\"]\n").await;
    let refused = wrong.run(&["config", "check"]);
    assert!(
        refused.code == 64 && refused.err.contains("drift.policies[0].unlimited: `vcpus` is no quota"),
        "{refused:?}"
    );
    assert_eq!(place.store.findings(Filter { ended: true, ..Filter::default() }).await.unwrap(), before);
}

#[tokio::test]
async fn without_a_policy_there_is_none_to_try() {
    let place = Place::new("").await;
    let said = place.run(&["drift", "policy", "test"]);
    assert!(said.code == 64 && said.err.contains("add a [[drift.policies]] section"), "{said:?}");
}
