INSERT INTO snapshots (id, tenant, resource_type, digest, body, first_seen_at, last_seen_at)
VALUES ($1, $2, $3, $4, $5, $6, $6)
