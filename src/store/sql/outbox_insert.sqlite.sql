INSERT INTO outbox (id, exchange, routing_key, content_type, headers, body, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (id) DO NOTHING
