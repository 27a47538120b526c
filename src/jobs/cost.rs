//! How many requests a pull needs: what a schedule weighs when it looks at some tenants or at all of a cloud.

use super::pulls;
use crate::model::ResourceType;

/// How many tenants' objects are taken to fill a page of a listing.
const TENANTS_OF_A_PAGE: usize = 100;

/// The requests that a kind of pull needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// For a tenant: limits, of which no listing tells.
    limits: usize,
    /// For a tenant by itself, or for a page of everyone's: what is listed.
    listings: usize,
}

impl Cost {
    /// Of one job kind; its parameters may make it dearer, for some tenants as for all.
    pub fn of(kind: &str) -> Self {
        let mut cost = Self::default();
        for resource_type in ResourceType::ALL.into_iter().filter(|it| pulls(kind, *it)) {
            match resource_type {
                ResourceType::Quotas => cost.limits += 3,
                // With subnets and routers.
                ResourceType::Networks => cost.listings += 3,
                _ => cost.listings += 1,
            }
        }
        cost
    }

    /// For so many tenants, each by itself.
    pub const fn of_some(self, tenants: usize) -> usize {
        (self.limits + self.listings) * tenants
    }

    /// For all tenants of a cloud, of whom there are so many.
    pub const fn of_all(self, tenants: usize) -> usize {
        self.limits * tenants + self.listings * (1 + tenants / TENANTS_OF_A_PAGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_of_everyone_is_cheaper_than_some_dozen_tenants_and_limits_are_not() {
        let groups = Cost::of("pull_security_groups");
        assert_eq!((groups.of_some(1), groups.of_all(1), groups.of_all(1000)), (1, 1, 11));
        let quotas = Cost::of("pull_quotas");
        assert_eq!((quotas.of_some(1), quotas.of_all(1000)), (3, 3000));
        let everything = Cost::of("pull");
        assert_eq!((everything.of_some(1), everything.of_all(1000)), (13, 3110));
    }
}
