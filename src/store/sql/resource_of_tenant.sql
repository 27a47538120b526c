SELECT resource_type, snapshot, observed_at, last_success_at, last_attempt_at, failures, error_reason, error
FROM resources
WHERE tenant = $1
ORDER BY resource_type
