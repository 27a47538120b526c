-- Locks the row for the rest of the transaction and tells what is known; nothing, when the tenant is not recorded.
INSERT INTO resources (tenant, resource_type, last_attempt_at)
SELECT uuid, $2, $3 FROM tenants WHERE uuid = $1
ON CONFLICT (tenant, resource_type) DO UPDATE SET last_attempt_at = excluded.last_attempt_at
RETURNING snapshot, observed_at, answered_at, failures, error_reason,
    EXISTS (SELECT 1 FROM tenants WHERE uuid = $1 AND state_job IS NOT NULL) AS changing
