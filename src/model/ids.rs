//! Identifiers: `UUIDv7` for what tenantd makes, `UUIDv5` for what others name, 32 hex digits for what OpenStack made.

use chrono::{DateTime, Utc};
use uuid::{NoContext, Timestamp, Uuid};

/// The namespace of every name-based id of tenantd: `UUIDv5` of `tenantd` in the OID namespace.
const NAMESPACE: Uuid = Uuid::from_u128(0x7a1e_5d0c_52d4_5c0e_9a63_1f0b_7c9d_4e21);

/// A new id that sorts by the moment it was made.
pub fn new_id(now: DateTime<Utc>) -> Uuid {
    let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos()))
}

/// The id that stands for `name` as `namespace` (a producer, a schedule) uses it: the same words, the same id.
pub fn named_id(namespace: &str, name: &str) -> Uuid {
    let outer = Uuid::new_v5(&NAMESPACE, namespace.as_bytes());
    Uuid::new_v5(&outer, name.as_bytes())
}

/// A producer's job id: its own when it is a UUID, else the name-based one.
pub fn job_id(producer: &str, id: &str) -> Uuid {
    Uuid::parse_str(id).unwrap_or_else(|_| named_id(producer, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_always_gets_the_same_id_and_another_producer_another() {
        assert_eq!(job_id("portal", "order-7"), job_id("portal", "order-7"));
        assert_ne!(job_id("portal", "order-7"), job_id("other", "order-7"));
        let uuid = "01890a5d-ac96-774b-bcce-b302099a8057";
        assert_eq!(job_id("portal", uuid).to_string(), uuid);
    }
}
