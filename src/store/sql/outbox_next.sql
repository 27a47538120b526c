SELECT id, exchange, routing_key, content_type, headers, body, created_at
FROM outbox
ORDER BY created_at, id
LIMIT $1
