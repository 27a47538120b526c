//! The `clouds.yaml` with which clients find the simulated cloud.

use super::seed::{ADMIN_PASSWORD, MEMBER_PASSWORD, READER_PASSWORD};

/// Entries `sim`, `sim-reader`, `sim-member` and `sim-system`.
pub fn yaml(auth_url: &str) -> String {
    let entry = |name: &str, user: &str, password: &str, scope: &str| {
        format!(
            "  {name}:\n    auth:\n      auth_url: {auth_url}\n      username: {user}\n      password: {password}\n      user_domain_name: Default\n{scope}    region_name: RegionOne\n    identity_api_version: 3\n"
        )
    };
    let project = |name: &str| format!("      project_name: {name}\n      project_domain_name: Default\n");
    [
        "clouds:\n".to_owned(),
        entry("sim", "admin", ADMIN_PASSWORD, &project("admin")),
        entry("sim-reader", "reader", READER_PASSWORD, &project("admin")),
        entry("sim-member", "member", MEMBER_PASSWORD, &project("tenant-001")),
        entry("sim-system", "admin", ADMIN_PASSWORD, "      system_scope: all\n"),
    ]
    .concat()
}
