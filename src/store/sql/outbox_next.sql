SELECT id, exchange, routing_key, content_type, headers, body, created_at
FROM outbox
ORDER BY sequence
LIMIT $1
