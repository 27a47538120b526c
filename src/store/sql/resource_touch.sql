-- Locks the row for the rest of the transaction and tells what is known.
INSERT INTO resources (tenant, resource_type, last_attempt_at)
VALUES ($1, $2, $3)
ON CONFLICT (tenant, resource_type) DO UPDATE SET last_attempt_at = excluded.last_attempt_at
RETURNING snapshot, observed_at, failures, error_reason
