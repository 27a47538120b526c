INSERT INTO outbox (id, exchange, routing_key, content_type, headers, body, created_at)
SELECT id, exchange, routing_key, content_type, headers, body, created_at
FROM UNNEST($1::UUID[], $2::TEXT[], $3::TEXT[], $4::TEXT[], $5::JSONB[], $6::BYTEA[], $7::TIMESTAMPTZ[])
    WITH ORDINALITY AS m (id, exchange, routing_key, content_type, headers, body, created_at, position)
ORDER BY position
ON CONFLICT (id) DO NOTHING
