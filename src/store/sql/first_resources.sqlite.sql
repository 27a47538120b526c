-- Seen for the first time. The looks are a list in JSON: tenantd's id of the tenant in hexadecimal digits, the resource
-- type, the snapshot's id likewise, when the earliest request left, when the last answer had arrived, whether the look was
-- complete, and the digest of what was found in order.
UPDATE resources
SET snapshot = s.snapshot, observed_at = s.asked_at, answered_at = s.answered_at, settled = s.settled,
    last_success_at = CASE WHEN s.complete THEN $2 END
FROM (
    SELECT unhex(value ->> 0) AS tenant, value ->> 1 AS resource_type, unhex(value ->> 2) AS snapshot, value ->> 3 AS asked_at,
        value ->> 4 AS answered_at, value ->> 5 AS complete, value ->> 6 AS settled
    FROM json_each($1)
) AS s
WHERE resources.tenant = s.tenant AND resources.resource_type = s.resource_type
