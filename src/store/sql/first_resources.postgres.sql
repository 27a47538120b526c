-- Seen for the first time.
UPDATE resources
SET snapshot = s.snapshot, observed_at = s.asked_at, answered_at = s.answered_at, settled = s.settled,
    last_success_at = CASE WHEN s.complete THEN $8::TIMESTAMPTZ END
FROM UNNEST($1::UUID[], $2::TEXT[], $3::UUID[], $4::TIMESTAMPTZ[], $5::TIMESTAMPTZ[], $6::BOOLEAN[], $7::TEXT[])
    AS s (tenant, resource_type, snapshot, asked_at, answered_at, complete, settled)
WHERE resources.tenant = s.tenant AND resources.resource_type = s.resource_type
