INSERT INTO findings (id, tenant, resource_type, object, object_name, field, change, expected, observed, severity, state, source, opened_at, last_seen_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'open', $11, $12, $12)
