//! What may happen to a cloud's answers while nothing happens to its tenants.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

/// Where each kind of pull asks, and its resource type.
pub const PULLS: [(&str, &str); 7] = [
    ("pull_security_groups", "/network/v2.0/security-groups"),
    ("pull_floating_ips", "/network/v2.0/floatingips"),
    ("pull_server_groups", "/compute/v2.1/os-server-groups"),
    ("pull_quotas", "/compute/v2.1/os-quota-sets"),
    ("pull_networks", "/network/v2.0/subnets"),
    ("pull_instances", "/compute/v2.1/servers"),
    ("pull_volumes", "/volume/v3"),
];
const SERVICES: [Option<&str>; 6] =
    [None, Some("network"), Some("compute"), Some("volume"), Some("volume"), Some("identity")];
/// What services answer and what proxies in front of them do; most of it more than once.
const STATUSES: [u16; 10] = [500, 500, 502, 503, 503, 504, 429, 401, 403, 404];

/// The rules for a while: listings that shift while they are read, and answers that fail.
pub fn draw(random: &mut StdRng) -> Vec<Value> {
    let mut rules = Vec::new();
    if random.random_bool(0.6) {
        rules.push(json!({"kind": "stir", "method": "GET", "every": random.random_range(1..8)}));
    }
    for _ in 0..random.random_range(0..4) {
        rules.push(fault(random));
    }
    // A whole service is away.
    if random.random_bool(0.25) {
        let service = ["network", "compute", "volume", "volume", "identity"].choose(random).unwrap();
        rules.push(json!({"kind": "status", "status": 503, "service": service}));
    }
    rules
}

fn fault(random: &mut StdRng) -> Value {
    let mut rule = match random.random_range(0..100) {
        0..50 => {
            let after = random.random_bool(0.3).then(|| random.random_range(0..30));
            json!({"kind": "status", "status": STATUSES.choose(random), "retry_after": after})
        }
        50..70 => json!({"kind": "truncate"}),
        70..88 => json!({"kind": "reset"}),
        88..99 => json!({"kind": "revoke_tokens"}),
        _ => json!({"kind": "hang"}),
    };
    let is_slow = rule["kind"] == "hang";
    rule["service"] = json!(SERVICES.choose(random));
    rule["every"] = json!(random.random_range(1..9));
    rule["count"] = json!(if is_slow { 1 } else { random.random_range(1..40) });
    rule
}

/// A rule that keeps one answer to this kind of pull back.
pub fn hold(kind: &str, random: &mut StdRng) -> Value {
    let path = PULLS.iter().find(|(pull, _)| *pull == kind).map(|(_, path)| path);
    json!({"kind": "hold", "path_prefix": path, "count": 1, "every": random.random_range(1..5)})
}
