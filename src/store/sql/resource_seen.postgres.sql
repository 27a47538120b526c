-- Seen as it was before, and nothing to say about it.
UPDATE resources
SET observed_at = s.asked_at, answered_at = s.answered_at, last_attempt_at = $4, last_success_at = $4, failures = 0, error_reason = NULL, error = NULL
FROM UNNEST($1::UUID[], $2::TEXT[], $3::TIMESTAMPTZ[], $5::TIMESTAMPTZ[]) AS s (tenant, resource_type, asked_at, answered_at)
WHERE resources.tenant = s.tenant AND resources.resource_type = s.resource_type
