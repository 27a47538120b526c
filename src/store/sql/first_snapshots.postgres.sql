-- What was seen for the first time.
INSERT INTO snapshots (id, tenant, resource_type, digest, body, first_seen_at, last_seen_at)
SELECT id, tenant, resource_type, digest, body::JSONB, $6::TIMESTAMPTZ, $6::TIMESTAMPTZ
FROM UNNEST($1::UUID[], $2::UUID[], $3::TEXT[], $4::TEXT[], $5::TEXT[]) AS l (id, tenant, resource_type, digest, body)
