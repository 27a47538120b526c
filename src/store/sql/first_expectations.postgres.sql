-- What was seen for the first time is expected, unless somebody said otherwise meanwhile.
INSERT INTO expectations (tenant, resource_type, body, source, author, set_at, objects)
SELECT tenant, resource_type, body::JSONB, $4::TEXT, $5::TEXT, $6::TIMESTAMPTZ, '{}'
FROM UNNEST($1::UUID[], $2::TEXT[], $3::TEXT[]) AS l (tenant, resource_type, body)
ORDER BY tenant, resource_type
ON CONFLICT (tenant, resource_type) DO NOTHING
