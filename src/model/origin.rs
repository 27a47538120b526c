//! Where an expectation came from.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The source of what was taken over from the cloud.
pub const ACCEPTED: &str = "accepted";
/// The source of what a portal or an operator asked for.
pub const COMMANDED: &str = "commanded";
/// The source of what a file of the operator's says.
pub const DECLARED: &str = "declared";

/// Who said what is expected, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// [`ACCEPTED`], [`COMMANDED`] or [`DECLARED`].
    pub source: String,
    /// Who said so: a portal, a person, a file.
    pub author: String,
    /// When.
    pub set_at: DateTime<Utc>,
}

impl Origin {
    /// Whether somebody said so, rather than the cloud: that is guarded, whatever the mode.
    pub fn is_told(&self) -> bool {
        self.source != ACCEPTED
    }
}
