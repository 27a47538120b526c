-- tenantd's ids of a cloud's tenants that can be looked at.
SELECT uuid FROM tenants WHERE cloud = $1 AND enabled AND vanished_at IS NULL ORDER BY uuid
