-- Seen as it was before, and nothing to say about it. The looks are a list in JSON: tenantd's id in hexadecimal digits,
-- the resource type, when the earliest request left, and when the last answer had arrived.
UPDATE resources
SET observed_at = s.asked_at, answered_at = s.answered_at, last_attempt_at = $2, last_success_at = $2, failures = 0, error_reason = NULL, error = NULL
FROM (
    SELECT unhex(value ->> 0) AS tenant, value ->> 1 AS resource_type, value ->> 2 AS asked_at, value ->> 3 AS answered_at
    FROM json_each($1)
) AS s
WHERE resources.tenant = s.tenant AND resources.resource_type = s.resource_type
