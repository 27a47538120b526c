//! By what a service knows a request of ours in its own log.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A request whose answer something rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestId {
    /// Whose log to read, by the name that operators know it by.
    pub service: Cow<'static, str>,
    /// The `X-Openstack-Request-Id` that it answered with. One answer may speak of many tenants.
    #[serde(serialize_with = "written", deserialize_with = "read")]
    pub id: Arc<str>,
    /// When the request left.
    pub at: DateTime<Utc>,
}

fn written<S: Serializer>(id: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(id)
}

fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<str>, D::Error> {
    String::deserialize(deserializer).map(Into::into)
}
