//! The nouns of the domain: data with invariants, no I/O. What OpenStack answers is brought into these forms before
//! anything is stored or compared, so nothing above this module knows what an API looks like.

pub mod body;
pub mod expectation;
pub mod finding;
pub mod floating_ip;
pub mod ids;
pub mod instance;
pub mod invalid;
pub mod job;
pub mod life;
pub mod network;
pub mod object;
pub mod observation;
pub mod origin;
pub mod pattern;
pub mod port;
pub mod quota;
pub mod remark;
pub mod request_id;
pub mod resource_type;
pub mod rule_wish;
pub mod security_group;
pub mod server_group;
pub mod tenant;
pub mod token;
pub mod volume;
mod words;

pub use body::Body;
pub use expectation::{Announcement, Expectation};
pub use finding::{Acknowledgement, Change, Finding, FindingState, Flapping, Severity};
pub use invalid::Invalid;
pub use object::Object;
pub use observation::Observation;
pub use origin::Origin;
pub use remark::Remark;
pub use request_id::RequestId;
pub use resource_type::ResourceType;
pub use tenant::{Tenant, TenantState};
