UPDATE resources
SET snapshot = $3, observed_at = $4, last_success_at = COALESCE($5, last_success_at), failures = 0, error_reason = NULL, error = NULL, settled = $6, answered_at = $7
WHERE tenant = $1 AND resource_type = $2
