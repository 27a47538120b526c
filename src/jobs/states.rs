//! Which states of a tenant permit a job to be asked for, and which states the tenant walks through meanwhile.

use crate::model::TenantState;

/// What a kind needs of a tenant's state, and does to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct States {
    /// The states in which it may be asked for.
    pub from: &'static [TenantState],
    /// Where the tenant stands until it is done; none for what changes nothing: background reads leave the state alone.
    pub walk: Option<Walk>,
}

/// The states between the wish and its fulfilment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walk {
    /// It is asked for.
    pub scheduled: TenantState,
    /// It goes on.
    pub running: TenantState,
}

impl States {
    /// A look that a portal's user asks for.
    pub const LOOK: Self = Self { from: &[TenantState::Ok], walk: None };
    /// A look that may show why something went wrong.
    pub const RECOVERING_LOOK: Self = Self { from: &[TenantState::Ok, TenantState::Erred], walk: None };
    /// A change of a tenant that is there.
    pub const UPDATE: Self = Self {
        from: &[TenantState::Ok],
        walk: Some(Walk { scheduled: TenantState::UpdateScheduled, running: TenantState::Updating }),
    };
    /// The beginning of a tenant.
    pub const CREATION: Self = Self {
        from: &[],
        walk: Some(Walk { scheduled: TenantState::CreationScheduled, running: TenantState::Creating }),
    };
    /// The end of a tenant.
    pub const DELETION: Self = Self {
        from: &[TenantState::Ok, TenantState::Erred],
        walk: Some(Walk { scheduled: TenantState::DeletionScheduled, running: TenantState::Deleting }),
    };

    /// Whether it makes the tenant that it is for.
    pub const fn creates(&self) -> bool {
        matches!(self.walk, Some(Walk { running: TenantState::Creating, .. }))
    }
}
