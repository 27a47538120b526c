-- Seen as it was before, and nothing to say about it.
UPDATE resources
SET observed_at = $3, answered_at = $5, last_attempt_at = $4, last_success_at = $4, failures = 0, error_reason = NULL, error = NULL
WHERE tenant = $1 AND resource_type = $2
