-- Every resource type of every tenant.
SELECT tenant, resource_type, last_success_at, error_reason, snapshot
FROM resources
ORDER BY tenant, resource_type
